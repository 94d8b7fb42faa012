// SPDX-License-Identifier: Apache-2.0
// serve_load MODEL_FOLDER [MINUTES [CLIENTS]]: serves the model in this process to many clients and
// says what they saw. Ends with 1 when there was an error.
#include "bench/serve_load.hpp"

#include "xfer/serve/server.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

namespace {

void print(const xfer::bench::LoadReport& report) {
  std::printf(
      "%lld steps, %lld samples, %zu errors; heartbeats: %d, p50 %.1f ms, p99 %.1f ms, max "
      "%.1f ms; memory %.0f MB, at first %.0f MB\n",
      static_cast<long long>(report.steps), static_cast<long long>(report.samples),
      report.errors.size(), report.heartbeats, report.heartbeat_p50_ms, report.heartbeat_p99_ms,
      report.heartbeat_max_ms, report.memory_end_mb, report.memory_start_mb);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: serve_load MODEL_FOLDER [MINUTES [CLIENTS]]\n");
    return 2;
  }
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("serve-load-" + std::to_string(getpid()));
  try {
    xfer::serve::ServeOptions served;
    served.model_name = "model";
    served.folder = folder;
    xfer::serve::Server server(xfer::engine::Model::load(arguments[1], {}), served);
    xfer::bench::LoadOptions options;
    options.client.transport.base_url = server.url();
    options.client.api_key = "tml-load";
    options.base_model = "model";
    const double minutes = count > 2 ? std::atof(arguments[2]) : 10.0;
    options.time = std::chrono::milliseconds(static_cast<std::int64_t>(minutes * 60e3));
    if (count > 3) options.clients = std::atoi(arguments[3]);
    const auto report = xfer::bench::run_load(options, print);
    server.stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    print(report);
    for (const std::string& error : report.errors) std::printf("%s\n", error.c_str());
    return report.errors.empty() ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "serve_load: %s\n", e.what());
    return 1;
  }
}
