// SPDX-License-Identifier: Apache-2.0
// The server under many clients for a short while; the long form is bench/serve_load.
#include "bench/serve_load.hpp"
#include "tests/serve/serve_testing.hpp"

namespace xfer::serve {
namespace {

using namespace testing;

// Sanitizers take most of the time and keep freed memory: the numbers would be theirs.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool measured = false;
#else
constexpr bool measured = true;
#endif

TEST(Load, many_clients_train_and_sample_without_an_error) {
  const TemporaryFolder folder;
  ServeOptions options;
  options.model_name = "small";
  options.folder = folder.path();
  Server server(small_model(), options);
  bench::LoadOptions load;
  load.client = quick_options(server.url());
  load.client.retry.outage_max = 300s;
  load.client.retry.total = 300s;
  load.base_model = "small";
  load.time = 20s;
  const bench::LoadReport report = bench::run_load(load);
  EXPECT_TRUE(report.errors.empty()) << report.errors.front();
  EXPECT_GT(report.steps + report.samples, 0);
  if (!measured) return;
  EXPECT_GT(report.steps, 64);
  EXPECT_GT(report.samples, 0);
  EXPECT_GT(report.heartbeats, 10);
  // Far above what a quiet machine shows: a busy one must not fail the test.
  EXPECT_LT(report.heartbeat_p99_ms, 5000.0);
  EXPECT_LT(report.memory_end_mb, report.memory_start_mb + 200.0);
}

}  // namespace
}  // namespace xfer::serve
