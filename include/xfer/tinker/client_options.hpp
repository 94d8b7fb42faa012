// SPDX-License-Identifier: Apache-2.0
// How a client reaches its service and how patient it is.
#pragma once

#include "xfer/tinker/service_types.hpp"
#include "xfer/tinker/transport.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// Waiting times between attempts, as in the service's own SDK.
struct RetryTiming {
  RetryTiming() = default;
  std::chrono::milliseconds base{500};
  std::chrono::milliseconds delay_max{10'000};
  /// Longest time over which one request is tried.
  std::chrono::milliseconds total{300'000};
  /// Answers of 402 (payment required) are waited out in steps of this length.
  std::chrono::milliseconds billing_wait{5'000};
  std::chrono::milliseconds billing_total{3'600'000};
  /// Longest time without any contact while waiting for a result.
  std::chrono::milliseconds outage_max{1'800'000};
  /// First pause of all sampling after the service asked to slow down.
  std::chrono::milliseconds slow_down{1'000};
};

struct ClientOptions {
  ClientOptions() = default;
  TransportOptions transport;
  /// Sent as X-API-Key; empty: none. Never printed or stored.
  std::string api_key;
  std::string project_id;
  std::vector<std::string> tags;
  Metadata user_metadata;
  std::string display_name;
  RetryTiming retry;
  std::chrono::milliseconds heartbeat{10'000};
  /// One long poll.
  std::chrono::milliseconds poll_timeout{45'000};
  /// Longest wait for the result of one call; unset: none, as slow is normal there.
  std::optional<std::chrono::milliseconds> deadline;
  /// Most samples in flight; the service may ask for fewer.
  int samples_in_flight_max = 2'000;
  /// Largest result that is accepted.
  std::size_t result_bytes_max = std::size_t{64} << 20U;
  /// Writes every exchange to this file, without secrets; empty: nowhere.
  std::filesystem::path record_file;

  /// TINKER_BASE_URL, TINKER_API_KEY, TINKER_PROJECT_ID, TINKER_TAGS (comma-separated) and the
  /// proxies. Without TINKER_BASE_URL: the hosted service.
  static ClientOptions from_environment();
};

/// The hosted service's address.
inline constexpr const char* hosted_base_url =
    "https://tinker.thinkingmachines.dev/services/tinker-prod";

}  // namespace xfer::tinker
#pragma GCC visibility pop
