// SPDX-License-Identifier: Apache-2.0
// The JSON bodies a service answers with: the counterparts of answers.hpp.
#pragma once

#include "xfer/tinker/service_types.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

std::string client_config_answer(const ClientConfig& config);
std::string dynamic_config_answer(const ClientConfig& config);
std::string capabilities_answer(const std::vector<ServerModel>& models);
std::string new_session_answer(const std::string& session_id);
/// An object with nothing but its type, such as a heartbeat's answer.
std::string plain_answer(const std::string& type);

/// A request was accepted; its result is to be asked for under this id.
std::string accepted_answer(const std::string& request_id);
/// `sample_sequence_ids` names each of the samples to come.
std::string sample_accepted_answer(const std::string& request_id,
                                   const std::vector<std::string>& sample_sequence_ids);
/// The result is not there yet.
std::string try_again_answer(const std::string& request_id);
struct SettledFuture {
  SettledFuture(std::string request, bool good, std::size_t size)
      : request_id(std::move(request)), finished(good), bytes(size) {}
  std::string request_id;
  /// It has a result; otherwise it failed.
  bool finished;
  /// Of the result.
  std::size_t bytes;
};
std::string settled_futures_answer(const std::vector<SettledFuture>& settled, std::int64_t cursor);
/// A final failure; `category` says whose it is: "user", "server" or "unknown". Any bytes may be
/// in the message.
std::string failure_answer(const std::string& message, const std::string& category);

// Results of futures.
std::string new_model_result(const std::string& model_id);
std::string metrics_result(const std::map<std::string, double>& metrics);
/// `type` is the request's: "save_weights", "save_weights_for_sampler".
std::string saved_result(const std::string& path, const std::string& type);
std::string sampling_session_result(const std::string& sampling_session_id,
                                    const std::string& type);
std::string loaded_result(const std::string& path, const std::string& model_id);

std::string model_info_answer(const ModelInfo& info);
std::string weights_info_answer(const WeightsInfo& info);
std::string sampler_answer(const SamplerInfo& sampler);

/// One page of a list that has `total` entries.
struct PageOf {
  PageOf() = default;
  std::int64_t limit = 20;
  std::int64_t offset = 0;
  std::int64_t total = 0;
};
std::string training_runs_answer(const std::vector<TrainingRun>& runs, const PageOf& page);
std::string training_run_answer(const TrainingRun& run);
std::string checkpoints_answer(const std::vector<Checkpoint>& checkpoints, const PageOf& page);
std::string sessions_answer(const std::vector<std::string>& session_ids);
std::string session_info_answer(const SessionInfo& session);

}  // namespace xfer::tinker
#pragma GCC visibility pop
