// SPDX-License-Identifier: Apache-2.0
// The engine's workers: runs numbered pieces of work, in any order, on all threads.
#pragma once

#include "engine/kernels/work_clock.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// A fixed set of workers. One caller at a time: `run` is called from the engine's own thread and
/// takes part in the work. How work is cut into pieces must not depend on the number of threads,
/// so that results do not either.
class ThreadPool {
public:
  /// `threads` workers in all, the caller of `run` included; 0 means one per core.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }
  /// Where the caller of `run` says what its time was for.
  WorkClock& clock() noexcept { return clock_; }

  /// Calls work(piece, thread) for every piece in [0, pieces); thread < threads(). Returns when
  /// all are done. `work` must not throw.
  template <class Work>
  void run(std::int64_t pieces, const Work& work) {
    if (pieces <= 0) return;
    if (pieces == 1 || workers_.empty()) {
      for (std::int64_t i = 0; i < pieces; ++i) work(i, 0);
      return;
    }
    start(
        pieces,
        [](const void* context, std::int64_t piece, int thread) {
          (*static_cast<const Work*>(context))(piece, thread);
        },
        &work);
  }

private:
  using Call = void (*)(const void*, std::int64_t, int);
  void start(std::int64_t pieces, Call call, const void* context);
  void take(int thread);
  void loop(int thread);

  WorkClock clock_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> busy_{0};
  bool stop_ = false;

  Call call_ = nullptr;
  const void* context_ = nullptr;
  std::int64_t pieces_ = 0;
  std::atomic<std::int64_t> next_{0};
};

/// Calls work(row, thread) for every row in [0, rows), `rows_per_piece` rows to a piece.
template <class Work>
void for_rows(ThreadPool& pool, std::int64_t rows, std::int64_t rows_per_piece, const Work& work) {
  pool.run((rows + rows_per_piece - 1) / rows_per_piece, [&](std::int64_t piece, int thread) {
    const std::int64_t last = std::min(rows, (piece + 1) * rows_per_piece);
    for (std::int64_t row = piece * rows_per_piece; row < last; ++row) work(row, thread);
  });
}

}  // namespace xfer::engine
#pragma GCC visibility pop
