// SPDX-License-Identifier: Apache-2.0
// A conformance card: how far a service keeps to the Tinker protocol, item by item.
#pragma once

#include "xfer/tinker/client_options.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// One item of the card.
struct Finding {
  enum class Verdict { pass, fail, not_offered };
  Finding() = default;
  std::string item;
  Verdict verdict = Verdict::fail;
  /// What was measured, or what went wrong.
  std::string value;
};

struct DoctorOptions {
  DoctorOptions() = default;
  ClientOptions client;
  /// Empty: the first that the service lists.
  std::string base_model;
  int samples_at_once = 512;
  /// Longest wait for one result.
  std::chrono::milliseconds patience{120'000};
};

/// Examines a service with small adapters and token ids below 60, in sessions of its own, and
/// removes what it saved. Takes seconds to minutes; trains a few steps. A service that does not
/// give its configuration gets a card of failures at once. `on_finding`, when set, is told each
/// item as it is known.
std::vector<Finding> examine_service(const DoctorOptions& options,
                                     const std::function<void(const Finding&)>& on_finding = {});

}  // namespace xfer::tinker
#pragma GCC visibility pop
