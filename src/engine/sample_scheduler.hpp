// SPDX-License-Identifier: Apache-2.0
// Shares one network among all who sample from it: requests join and leave a running batch.
#pragma once

#include "engine/prefix_cache.hpp"
#include "engine/runtime.hpp"
#include "engine/sample_job.hpp"
#include "engine/train_pass.hpp"
#include "xfer/rng.hpp"
#include "xfer/text/tokenizer.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace xfer::engine {

/// Requests are admitted in the order in which they came, while there is room for their sequences;
/// each running sequence gets one token a round, whatever adapter it uses. What a request yields
/// does not depend on the others. Safe to call concurrently.
class SampleScheduler : public std::enable_shared_from_this<SampleScheduler> {
public:
  /// `runtime` and `tokenizer` must outlive all work given to this.
  SampleScheduler(Runtime& runtime, std::shared_ptr<const Network> network,
                  const text::Tokenizer& tokenizer, std::size_t waiting_max = 65'536);

  /// Both throw `rate_limited` when `waiting_max` requests wait already.
  task<std::vector<Completion>> sample(SampleRequest request,
                                       std::shared_ptr<const Adapter> adapter);
  task<std::vector<float>> score(ScoreRequest request, std::shared_ptr<const Adapter> adapter);

  const Network& network() const noexcept { return *network_; }

private:
  struct Sequence {
    Sequence(std::shared_ptr<SampleJob> owner, int number, KvCache prefilled);
    std::shared_ptr<SampleJob> job;
    std::size_t index;
    KvCache cache;
    Rng rng;
    std::string text;  ///< kept only while stop strings are looked for
    std::int32_t last = 0;
    bool done = false;
  };

  void take_place();
  void schedule();
  void pump();
  void fail_all(const std::exception_ptr& failure);
  void score_some();
  std::vector<std::shared_ptr<SampleJob>> next_jobs();
  void admit();
  void decode();
  void advance(const std::vector<Sequence*>& sequences, const std::vector<const float*>& logits);
  bool is_over(Sequence& s, Completion& completion) const;
  void release();
  std::int64_t cache_bytes(const SampleRequest& request) const;

  Runtime& runtime_;
  std::shared_ptr<const Network> network_;
  const text::Tokenizer& tokenizer_;
  const std::size_t waiting_max_;

  std::mutex mutex_;
  bool scheduled_ = false;
  std::size_t waiting_ = 0;
  std::deque<std::shared_ptr<SampleJob>> sample_queue_;
  std::deque<std::shared_ptr<ScoreJob>> score_queue_;

  // Only on the engine's thread.
  std::int64_t held_bytes_ = 0;
  std::vector<std::unique_ptr<Sequence>> active_;  ///< those of one adapter next to each other
  InferPass infer_;
  TrainPass score_pass_;
  PrefixCache prefixes_;
};

}  // namespace xfer::engine
