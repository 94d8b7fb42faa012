// SPDX-License-Identifier: Apache-2.0
// What one training run uses of a Tinker service.
#pragma once

#include "xfer/sampler.hpp"
#include "xfer/task.hpp"
#include "xfer/text/tokenizer.hpp"
#include "xfer/tinker/service_client.hpp"
#include "xfer/trainer.hpp"

#include <functional>
#include <future>
#include <list>
#include <memory>
#include <string>

namespace xfer::study {

/// Ends sessions in the background, so that services free what they hold for them. Waits a few
/// seconds for that at its own end, and gives up then. Used on one thread.
class Farewells {
public:
  Farewells();
  Farewells(const Farewells&) = delete;
  Farewells& operator=(const Farewells&) = delete;
  ~Farewells();

  void finish(tinker::ServiceClient service);

private:
  struct Farewell;
  std::list<Farewell> under_way_;
};

/// A sampler that opens another by `renew` when its own is gone, such as after a service's restart,
/// and stops at tokens and at texts alike, which services do not offer at once.
std::shared_ptr<Sampler> make_lasting_sampler(
    std::shared_ptr<Sampler> first, text::Tokenizer tokenizer,
    std::function<task<std::shared_ptr<Sampler>>()> renew);

/// Makes its model when it is first used: a new adapter, or from the state that is loaded first.
/// `service` must be its own; its session ends when trainer and snapshots have gone.
std::unique_ptr<Trainer> make_leg_trainer(tinker::ServiceClient service, std::string model,
                                          LoraConfig lora, text::Tokenizer tokenizer,
                                          std::shared_ptr<Farewells> farewells);

}  // namespace xfer::study
