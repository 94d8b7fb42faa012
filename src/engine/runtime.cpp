// SPDX-License-Identifier: Apache-2.0
#include "engine/runtime.hpp"

#include "engine/sample_scheduler.hpp"

namespace xfer::engine {

Runtime::Runtime(int threads) : pool_(threads), thread_(1) {}
Runtime::~Runtime() { thread_.join(); }

std::shared_ptr<SampleScheduler> Runtime::base_scheduler(
    const std::shared_ptr<const Network>& network, const text::Tokenizer& tokenizer) {
  const std::lock_guard lock(mutex_);
  auto scheduler = base_scheduler_.lock();
  if (scheduler == nullptr) {
    scheduler = std::make_shared<SampleScheduler>(*this, network, tokenizer);
    base_scheduler_ = scheduler;
  }
  return scheduler;
}

}  // namespace xfer::engine
