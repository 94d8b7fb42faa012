// SPDX-License-Identifier: Apache-2.0
// Trainer and Sampler over the wire keep the promises of the local ones.
#include "xfer/tinker/remote.hpp"
#include "tests/support/sampler_conformance.hpp"
#include "tests/support/trainer_conformance.hpp"
#include "tests/tinker/client_testing.hpp"

namespace xfer {
namespace {

using tinker::testing::ScriptedServer;
using tinker::testing::TestService;

/// One service for all conformance tests.
tinker::ServiceClient conformance_client() {
  static TestService service;
  static ScriptedServer server(service.handler());
  return tinker::ServiceClient(tinker::testing::quick_options(server.url()));
}

TrainerUnderTest remote_trainer() {
  LoraConfig lora;
  lora.rank = 4;
  return {run_blocking(tinker::make_remote_trainer(conformance_client(), "tiny", lora)), 67};
}

SamplerUnderTest remote_sampler() {
  return {run_blocking(tinker::make_remote_sampler(conformance_client(), "tiny")), 67};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Tinker, TrainerConformance, ::testing::Values(&remote_trainer),
                         [](const auto&) { return "remote_trainer"; });
INSTANTIATE_TEST_SUITE_P(Tinker, SamplerConformance, ::testing::Values(&remote_sampler),
                         [](const auto&) { return "remote_sampler"; });

namespace tinker {
namespace {

using namespace testing;

TEST(RemoteTrainer, what_the_service_cannot_do_is_refused) {
  LoraConfig full;
  full.rank = 0;
  EXPECT_EQ(code_of([&] { run_blocking(make_remote_trainer(conformance_client(), "tiny", full)); }),
            Errc::not_available);
  LoraConfig alpha;
  alpha.alpha = 16.0;
  EXPECT_EQ(
      code_of([&] { run_blocking(make_remote_trainer(conformance_client(), "tiny", alpha)); }),
      Errc::not_available);
  auto sampler = remote_sampler();
  SampleRequest both({1});
  both.stop_tokens = std::vector<std::int32_t>{3};
  both.stop_strings = {"x"};
  EXPECT_EQ(code_of([&] { run_blocking(sampler.sampler->sample(both)); }), Errc::not_available);
}

TEST(RemoteTrainer, paths_tell_what_they_hold) {
  auto t = remote_trainer();
  run_blocking(t.trainer->optim_step(large_step()));
  const auto full = run_blocking(t.trainer->save_state("a", true));
  const auto weights = run_blocking(t.trainer->save_state("b", false));
  EXPECT_TRUE(full.ends_with("/weights/a#steps=1")) << full;
  EXPECT_TRUE(weights.ends_with("/weights/b#weights")) << weights;
  for (const char* bad : {"", "tinker://x", "tinker://r/weights/a#steps=", "tinker://r/weights/a#x",
                          "tinker://r/weights/a#steps=-1", "tinker://r/other/a"})
    EXPECT_EQ(code_of([&] { run_blocking(t.trainer->load_state(bad, true)); }),
              Errc::invalid_argument)
        << bad;
  LoraConfig other_rank;
  other_rank.rank = 2;
  const auto other = run_blocking(make_remote_trainer(conformance_client(), "tiny", other_rank));
  EXPECT_EQ(code_of([&] { run_blocking(other->load_state(full, true)); }), Errc::run_mismatch);
}

}  // namespace
}  // namespace tinker
}  // namespace xfer
