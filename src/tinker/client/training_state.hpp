// SPDX-License-Identifier: Apache-2.0
// One model being trained: order of requests, numbers, certainty.
#pragma once

#include "tinker/client/core.hpp"
#include "xfer/tinker/training_client.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace xfer::tinker {

/// Methods run on the core's thread.
class TrainingState {
public:
  TrainingState(std::shared_ptr<CoreThread> owner, std::shared_ptr<Session> session,
                ModelInfo info);

  Core& core() noexcept { return owner_->core(); }
  boost::asio::any_io_executor executor() const { return owner_->executor(); }
  const std::shared_ptr<CoreThread>& owner() const noexcept { return owner_; }
  const ModelInfo& info() const noexcept { return info_; }
  const Session& session() const noexcept { return *session_; }

  task<ForwardBackwardOutput> pass(std::vector<Datum> data, LossCallOptions options,
                                   bool forward_only);
  task<std::map<std::string, double>> optim_step(AdamParams params);
  task<std::string> save(std::string name, SaveOptions options, bool for_sampler);
  /// The id of a new sampling session.
  task<std::string> snapshot();
  task<void> load(std::string path, bool with_optimizer);
  const std::shared_ptr<Session>& shared_session() const noexcept { return session_; }

private:
  /// Throws when the model cannot be used any more.
  void check_usable() const;
  /// How far a request got.
  enum class Stage { waiting, sending, sent };
  /// Marks the model's state as uncertain unless the service itself refused the request.
  void note_failure(const std::string& operation, Stage stage, const std::exception_ptr& failure);
  Repeat step_repeat(const ClientConfig& config) const;
  task<std::string> submit(HttpRequest request, Repeat repeat, bool* maybe_done);
  task<std::vector<std::string>> submit_chunks(const std::vector<Datum>& data,
                                               const LossCallOptions& options, bool forward_only);
  task<ForwardBackwardOutput> collect(std::vector<std::string> requests, bool forward_only);
  task<std::string> save_once(std::string name, SaveOptions options, bool for_sampler,
                              bool* maybe_done);
  /// The path of a checkpoint of this run when there is one of that kind and name, else empty.
  task<std::string> find_checkpoint(std::string checkpoint_id);

  std::shared_ptr<CoreThread> owner_;
  std::shared_ptr<Session> session_;
  ModelInfo info_;
  /// One request at a time is submitted.
  Gate order_;
  int last_seq_ = 0;
  /// Why the state is uncertain; empty: it is not.
  std::string uncertain_;
  std::set<std::string> saved_;
};

/// Opens a session when needed, then a model in it.
task<TrainingClient> create_model(std::shared_ptr<CoreThread> owner, std::string base_model,
                                  TrainingOptions options);
task<TrainingClient> create_model_from_state(std::shared_ptr<CoreThread> owner, std::string path,
                                             bool with_optimizer, Metadata user_metadata);

}  // namespace xfer::tinker
