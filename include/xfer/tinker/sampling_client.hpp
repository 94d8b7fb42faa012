// SPDX-License-Identifier: Apache-2.0
// One fixed set of weights at a service.
#pragma once

#include "xfer/task.hpp"
#include "xfer/tinker/wire.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

class SamplingState;

/// Cheap to copy, safe to use from several threads, any number of samples at once: the client
/// keeps the service from being flooded and slows down when asked to. A cancelled sample is given
/// up at the service too, where that is offered.
class SamplingClient {
public:
  SamplingClient() = default;
  explicit SamplingClient(std::shared_ptr<SamplingState> state) : state_(std::move(state)) {}

  const std::string& sampling_session_id() const;
  /// Returns `call.num_samples` sequences. Whether log-probabilities follow the temperature is up
  /// to the service.
  task<SampleResponse> sample(SampleCall call) const;
  /// One for each prompt token, the first NaN.
  task<std::vector<float>> compute_logprobs(ModelInput prompt) const;

private:
  std::shared_ptr<SamplingState> state_;
};

}  // namespace xfer::tinker
#pragma GCC visibility pop
