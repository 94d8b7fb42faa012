// SPDX-License-Identifier: Apache-2.0
// The sampler of the embedded engine.
#pragma once

#include "engine/linear.hpp"
#include "engine/network.hpp"
#include "xfer/sampler.hpp"

#include <memory>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// `network` may be the model's own or a trained copy; `adapter` may be null.
std::shared_ptr<Sampler> make_sampler(std::shared_ptr<const Model> model,
                                      std::shared_ptr<const Network> network,
                                      std::shared_ptr<const Adapter> adapter);

}  // namespace xfer::engine
#pragma GCC visibility pop
