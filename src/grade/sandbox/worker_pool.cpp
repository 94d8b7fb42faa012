// SPDX-License-Identifier: Apache-2.0
#include "grade/sandbox/worker_pool.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace xfer::grade {

WorkerPool::WorkerPool(CageTools tools, std::string filter)
    : tools_(std::move(tools)), filter_(std::move(filter)), starter_([this] { start_workers(); }) {
  starter_.detach();
}

WorkerOutcome WorkerPool::run(const WorkerRequest& request) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto worker = attempt == 0 ? take() : start();
    auto outcome = worker->run(request);
    if (!outcome) continue;
    if (worker->usable()) give_back(std::move(worker));
    return std::move(*outcome);
  }
  throw Error(Errc::not_available,
              "sandbox: the cage was ended from outside, twice (is the machine out of memory?)");
}

std::unique_ptr<Worker> WorkerPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto worker = std::move(idle_.back());
      idle_.pop_back();
      return worker;
    }
  }
  return start();
}

std::unique_ptr<Worker> WorkerPool::start() {
  std::future<std::unique_ptr<Worker>> started;
  {
    const std::lock_guard lock(mutex_);
    started = orders_.emplace_back().get_future();
  }
  wanted_.notify_one();
  return started.get();
}

void WorkerPool::give_back(std::unique_ptr<Worker> worker) {
  const std::size_t idle_max = std::max(2U, std::thread::hardware_concurrency());
  const std::lock_guard lock(mutex_);
  if (idle_.size() < idle_max) idle_.push_back(std::move(worker));
}

void WorkerPool::start_workers() {
  for (;;) {
    std::promise<std::unique_ptr<Worker>> order;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return !orders_.empty(); });
      order = std::move(orders_.front());
      orders_.pop_front();
    }
    try {
      order.set_value(std::make_unique<Worker>(tools_, filter_));
    } catch (...) {
      order.set_exception(std::current_exception());
    }
  }
}

}  // namespace xfer::grade
