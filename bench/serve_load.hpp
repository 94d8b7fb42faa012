// SPDX-License-Identifier: Apache-2.0
// Many clients at one Tinker server: does it bear them?
#pragma once

#include "xfer/tinker/client_options.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace xfer::bench {

struct LoadOptions {
  LoadOptions() = default;
  tinker::ClientOptions client;
  std::string base_model;
  int clients = 64;
  std::chrono::milliseconds time{20'000};
  std::chrono::milliseconds heartbeat_every{50};
};

struct LoadReport {
  LoadReport() = default;
  std::int64_t steps = 0;
  std::int64_t samples = 0;
  std::vector<std::string> errors;
  double heartbeat_p50_ms = 0.0;
  double heartbeat_p99_ms = 0.0;
  double heartbeat_max_ms = 0.0;
  int heartbeats = 0;
  /// Resident memory of this process, once each client has done its first round, and at the end.
  double memory_start_mb = 0.0;
  double memory_end_mb = 0.0;
};

/// Each client trains an adapter of its own and samples from it, over and over, while heartbeats of
/// another session are timed. `tell`, when set, hears of each minute.
LoadReport run_load(const LoadOptions& options,
                    const std::function<void(const LoadReport&)>& tell = {});

}  // namespace xfer::bench
