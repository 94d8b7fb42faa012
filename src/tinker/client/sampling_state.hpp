// SPDX-License-Identifier: Apache-2.0
// One fixed set of weights at a service.
#pragma once

#include "tinker/client/core.hpp"
#include "xfer/tinker/sampling_client.hpp"

#include <memory>
#include <string>
#include <vector>

namespace xfer::tinker {

/// Methods run on the core's thread.
class SamplingState {
public:
  SamplingState(std::shared_ptr<CoreThread> owner, std::shared_ptr<Session> session, std::string id)
      : owner_(std::move(owner)), session_(std::move(session)), id_(std::move(id)) {}

  Core& core() noexcept { return owner_->core(); }
  boost::asio::any_io_executor executor() const { return owner_->executor(); }
  const std::string& id() const noexcept { return id_; }

  task<SampleResponse> sample(SampleCall call);

private:
  /// The id of the future, and those of its sequences; asks again, under the same number, while the
  /// service is too busy.
  task<std::string> submit(const SampleCall& call, int seq_id,
                           std::vector<std::string>& sequence_ids);
  task<bool> result(std::string request_id, std::size_t num_samples, SampleResponse& out);

  std::shared_ptr<CoreThread> owner_;
  std::shared_ptr<Session> session_;
  std::string id_;
  int next_seq_ = 0;
};

/// Of a base model, or of saved weights; one of the two is empty.
task<SamplingClient> create_sampler(std::shared_ptr<CoreThread> owner, std::string base_model,
                                    std::string model_path);

}  // namespace xfer::tinker
