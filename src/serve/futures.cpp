// SPDX-License-Identifier: Apache-2.0
#include "serve/futures.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace xfer::serve {
namespace {

namespace asio = boost::asio;

/// What a kept result takes besides its body.
constexpr std::size_t overhead = 512;

}  // namespace

Futures::Futures(asio::any_io_executor executor, FutureLimits limits)
    : executor_(std::move(executor)), limits_(limits),
      first_number_(std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count()),
      last_number_(first_number_) {}

void Futures::add(const std::string& id, std::string account, std::string group) {
  auto future = std::make_shared<Future>();
  future->id = id;
  future->account = std::move(account);
  future->group = std::move(group);
  all_.emplace(id, std::move(future));
}

void Futures::forget(const Future& future) {
  bytes_ -= future.result->body.size() + overhead;
  all_.erase(future.id);
}

void Futures::settle(const std::string& id, Result result) {
  const auto found = all_.find(id);
  if (found == all_.end() || found->second->result) return;
  const std::shared_ptr<Future> future = found->second;
  bytes_ += result.body.size() + overhead;
  future->result = std::make_shared<const Result>(std::move(result));
  future->settled = Clock::now();
  future->number = ++last_number_;
  for (asio::steady_timer* timer : future->waiting) timer->cancel();
  const auto [begin, end] = group_waiting_.equal_range(future->group);
  for (auto waiting = begin; waiting != end; ++waiting) waiting->second->cancel();
  settled_.push_back(future);
  // When there are too many, those that reached their client go first.
  const auto drop = [this](bool only_delivered) {
    std::erase_if(settled_, [&](const std::shared_ptr<Future>& old) {
      if (bytes_ <= limits_.bytes_max || old == settled_.back() ||
          (only_delivered && old->delivered == Clock::time_point::max()))
        return false;
      forget(*old);
      return true;
    });
  };
  if (bytes_ > limits_.bytes_max) drop(true);
  if (bytes_ > limits_.bytes_max) drop(false);
}

task<Futures::Answer> Futures::wait(std::string id, std::string account,
                                    std::chrono::milliseconds budget) {
  Answer answer;
  const auto found = all_.find(id);
  if (found == all_.end() || found->second->account != account) co_return answer;
  const std::shared_ptr<Future> future = found->second;
  if (!future->result && !awake_) {
    asio::steady_timer timer(executor_, budget);
    const auto place = future->waiting.insert(future->waiting.end(), &timer);
    boost::system::error_code woken;
    auto waiting = timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    try {
      co_await std::move(waiting);
    } catch (...) {
      future->waiting.erase(place);
      throw;
    }
    future->waiting.erase(place);
  }
  answer.kind = future->result ? Answer::Kind::done : Answer::Kind::pending;
  answer.result = future->result;
  if (future->result && future->delivered == Clock::time_point::max())
    future->delivered = Clock::now();
  co_return answer;
}

task<std::optional<Futures::Batch>> Futures::wait_for_any(std::string group, std::int64_t cursor,
                                                          std::chrono::milliseconds budget) {
  if (cursor != 0 && (cursor < first_number_ || cursor > last_number_)) co_return std::nullopt;
  Batch batch;
  const auto collect = [&] {
    for (auto at = settled_.rbegin(); at != settled_.rend() && (*at)->number > cursor; ++at) {
      if ((*at)->group != group) continue;
      Settled& one = batch.settled.emplace_back();
      one.id = (*at)->id;
      one.result = (*at)->result;
    }
    std::reverse(batch.settled.begin(), batch.settled.end());
    batch.cursor = last_number_;
  };
  collect();
  if (!batch.settled.empty() || awake_ || budget <= std::chrono::milliseconds(0)) co_return batch;
  asio::steady_timer timer(executor_, budget);
  const auto place = group_waiting_.emplace(group, &timer);
  boost::system::error_code woken;
  auto waiting = timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  try {
    co_await std::move(waiting);
  } catch (...) {
    group_waiting_.erase(place);
    throw;
  }
  group_waiting_.erase(place);
  collect();
  co_return batch;
}

void Futures::wake() {
  awake_ = true;
  for (const auto& [group, timer] : group_waiting_) timer->cancel();
  for (const auto& [id, future] : all_)
    for (asio::steady_timer* timer : future->waiting) timer->cancel();
}

void Futures::sweep(Clock::time_point now) {
  std::erase_if(settled_, [&](const std::shared_ptr<Future>& old) {
    const bool delivered = old->delivered != Clock::time_point::max();
    if (now - old->settled < limits_.keep &&
        !(delivered && now - old->delivered >= limits_.keep_delivered))
      return false;
    forget(*old);
    return true;
  });
}

}  // namespace xfer::serve
