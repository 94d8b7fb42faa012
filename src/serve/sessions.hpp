// SPDX-License-Identifier: Apache-2.0
// Sessions that go on.
#pragma once

#include "serve/store.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace xfer::serve {

/// Only on one thread.
class Sessions {
public:
  using Clock = std::chrono::steady_clock;

  /// Those of the last time go on; the models they were training are lost.
  Sessions(Store& store, std::size_t sessions_max, std::chrono::milliseconds idle_max);

  /// Its id. Throws a refusal (429) when there are too many.
  std::string begin(SessionRow wanted);
  /// Notes a sign of life. Throws a refusal: 404 for an unknown or another account's session, 410
  /// for one that is over.
  void use(const std::string& id, const std::string& account);
  /// As `use`, and throws 410 when models of this session were lost, so that its client begins a
  /// new one.
  void heartbeat(const std::string& id, const std::string& account);
  void end(const std::string& id);
  /// Those without a sign of life for too long.
  std::vector<std::string> idle(Clock::time_point now) const;

private:
  struct Session {
    std::string account;
    Clock::time_point seen;
    bool models_lost = false;
  };

  Store& store_;
  std::size_t sessions_max_;
  std::chrono::milliseconds idle_max_;
  std::unordered_map<std::string, Session> going_on_;
};

}  // namespace xfer::serve
