// SPDX-License-Identifier: Apache-2.0
// Warm cages, as many as are in use at a time.
#pragma once

#include "grade/sandbox/worker.hpp"

#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace xfer::grade {

/// Safe to call concurrently: each program has a cage to itself while it runs. Lives as long as the
/// process, since its cages end with the thread that starts them.
class WorkerPool {
public:
  WorkerPool(CageTools tools, std::string filter);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// As `Worker::run`. A cage that has ended by itself (something else on the machine may kill it)
  /// is replaced once; throws `not_available` when that happens to its successor too.
  WorkerOutcome run(const WorkerRequest& request);

private:
  std::unique_ptr<Worker> take();
  std::unique_ptr<Worker> start();
  void give_back(std::unique_ptr<Worker> worker);
  [[noreturn]] void start_workers();

  const CageTools tools_;
  const std::string filter_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;
  std::condition_variable wanted_;
  std::deque<std::promise<std::unique_ptr<Worker>>> orders_;
  std::thread starter_;
};

}  // namespace xfer::grade
