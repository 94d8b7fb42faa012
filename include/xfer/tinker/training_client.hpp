// SPDX-License-Identifier: Apache-2.0
// One model being trained at a service.
#pragma once

#include "xfer/task.hpp"
#include "xfer/tinker/sampling_client.hpp"
#include "xfer/tinker/service_types.hpp"
#include "xfer/tinker/wire.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

class CoreThread;
class TrainingState;

struct LossCallOptions {
  LossCallOptions() = default;
  std::string loss_fn = "cross_entropy";
  LossConfig config;
};

struct SaveOptions {
  SaveOptions() = default;
  std::optional<std::chrono::seconds> ttl;
  /// Replace a checkpoint of the same name; else the service refuses.
  bool overwrite = false;
  Metadata user_metadata;
};

/// Calls are carried out in the order in which their tasks start; the next may start before the
/// last one's result is there (submitting waits, results do not). Cheap to copy: copies are the
/// same model. Safe to use from several threads.
///
/// A training request is never carried out twice: when it is not certain that the service did not
/// get one, it is not sent again (unless the service promises to ignore repetitions), the call
/// throws `unavailable`, and so does every later call, as the model's state is uncertain then. Load
/// the last checkpoint into a new client. The same holds when a training call is cancelled.
class TrainingClient {
public:
  TrainingClient() = default;
  explicit TrainingClient(std::shared_ptr<TrainingState> state) : state_(std::move(state)) {}

  const ModelInfo& info() const;
  const std::string& session_id() const;

  /// Large batches are sent in several requests and their results joined.
  task<ForwardBackwardOutput> forward(std::vector<Datum> data, LossCallOptions options) const;
  task<ForwardBackwardOutput> forward_backward(std::vector<Datum> data,
                                               LossCallOptions options) const;
  /// Applies and clears the gradients. Returns the service's metrics.
  task<std::map<std::string, double>> optim_step(AdamParams params) const;
  /// Returns "tinker://run/weights/name". A save that was carried out although its answer got lost
  /// is found and taken over.
  task<std::string> save_state(std::string name, SaveOptions options) const;
  /// Returns "tinker://run/sampler_weights/name".
  task<std::string> save_weights_for_sampler(std::string name, SaveOptions options) const;
  /// Samples from the weights as they are now, for as long as the session lasts.
  task<SamplingClient> snapshot() const;
  /// Into this very model; services may allow that before anything else only.
  task<void> load_state(std::string path, bool with_optimizer) const;

private:
  std::shared_ptr<TrainingState> state_;
};

}  // namespace xfer::tinker
#pragma GCC visibility pop
