// SPDX-License-Identifier: Apache-2.0
// Results that clients ask for later, and again.
#pragma once

#include "xfer/task.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace xfer::serve {

/// What a future comes to: the body of an answer.
struct Result {
  Result() = default;
  Result(bool is_binary, std::string bytes) : binary(is_binary), body(std::move(bytes)) {}
  bool binary = false;
  std::string body;
};

struct FutureLimits {
  std::size_t bytes_max;
  std::chrono::milliseconds keep_delivered;
  std::chrono::milliseconds keep;
};

/// Only on one thread.
class Futures {
public:
  using Clock = std::chrono::steady_clock;

  Futures(boost::asio::any_io_executor executor, FutureLimits limits);

  bool contains(const std::string& id) const { return all_.count(id) != 0; }
  /// A result to come. Ids are unique. Those of one group can be waited for together.
  void add(const std::string& id, std::string account, std::string group = {});
  /// Does nothing when the future is not there or has its result.
  void settle(const std::string& id, Result result);

  struct Answer {
    enum class Kind { unknown, pending, done };
    Answer() = default;
    Kind kind = Kind::unknown;
    std::shared_ptr<const Result> result;
  };
  /// Waits until the result is there, the time is up, or `wake` was called. Another account's
  /// futures are unknown.
  task<Answer> wait(std::string id, std::string account, std::chrono::milliseconds budget);

  struct Settled {
    Settled() = default;
    std::string id;
    std::shared_ptr<const Result> result;
  };
  struct Batch {
    Batch() = default;
    std::vector<Settled> settled;
    /// For the next call.
    std::int64_t cursor = 0;
  };
  /// The futures of a group that have settled since `cursor` (0: the beginning), the oldest first;
  /// waits as `wait` does while there are none. Nothing when the cursor is of another life of the
  /// server.
  task<std::optional<Batch>> wait_for_any(std::string group, std::int64_t cursor,
                                          std::chrono::milliseconds budget);

  /// Ends all waiting, now and from now on.
  void wake();
  /// Forgets results that were kept long enough.
  void sweep(Clock::time_point now);

  std::size_t pending() const noexcept { return all_.size() - settled_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

private:
  struct Future {
    std::string id;
    std::string account;
    std::string group;
    std::shared_ptr<const Result> result;
    /// Its place in the order of settling.
    std::int64_t number = 0;
    Clock::time_point settled;
    Clock::time_point delivered = Clock::time_point::max();
    std::list<boost::asio::steady_timer*> waiting;
  };
  void forget(const Future& future);

  boost::asio::any_io_executor executor_;
  FutureLimits limits_;
  std::unordered_map<std::string, std::shared_ptr<Future>> all_;
  std::deque<std::shared_ptr<Future>> settled_;  ///< oldest first
  std::multimap<std::string, boost::asio::steady_timer*> group_waiting_;
  std::size_t bytes_ = 0;
  /// Begins at the time, so that cursors of an earlier life are known by being smaller.
  std::int64_t first_number_;
  std::int64_t last_number_;
  bool awake_ = false;
};

}  // namespace xfer::serve
