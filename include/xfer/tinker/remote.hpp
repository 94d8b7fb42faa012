// SPDX-License-Identifier: Apache-2.0
// Trainer and Sampler at a Tinker service.
#pragma once

#include "xfer/sampler.hpp"
#include "xfer/task.hpp"
#include "xfer/tinker/lora_alpha.hpp"
#include "xfer/tinker/service_client.hpp"
#include "xfer/trainer.hpp"

#include <memory>
#include <string>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// A new adapter on `base_model`. Throws `not_available` for rank 0 (all weights) and for another
/// alpha than the service's.
///
/// What happened since the last saved or loaded state is remembered (up to 256 MiB). When the
/// session ends, or a request gets lost so that nobody knows whether it was carried out, a new
/// model is made from that state, the rest is done again on it, and the call goes on; this is tried
/// a few times, then the call throws.
///
/// `save_state` returns the checkpoint's path with "#steps=<optimizer steps>" after it, or
/// "#weights" when the optimizer is not to be loaded again (the service saves it anyway).
/// `info().trainable_parameters` is 0, as services do not say.
task<std::unique_ptr<Trainer>> make_remote_trainer(ServiceClient service, std::string base_model,
                                                   LoraConfig lora);

/// The same, begun from a saved state in place of a new adapter; `path` is what `save_state`
/// returned.
task<std::unique_ptr<Trainer>> make_remote_trainer_of_state(ServiceClient service,
                                                            std::string base_model, LoraConfig lora,
                                                            std::string path, bool with_optimizer);

/// Samples from the untrained model, or from saved sampler weights.
task<std::shared_ptr<Sampler>> make_remote_sampler(ServiceClient service, std::string base_model);
task<std::shared_ptr<Sampler>> make_remote_sampler_of_path(ServiceClient service, std::string path);

/// A `Sampler` over a sampling client.
std::shared_ptr<Sampler> make_remote_sampler(SamplingClient client);

}  // namespace xfer::tinker
#pragma GCC visibility pop
