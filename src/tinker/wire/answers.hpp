// SPDX-License-Identifier: Apache-2.0
// The JSON bodies a service answers with. Unknown fields are ignored, null counts as absent; what
// is missing or has the wrong type throws `bad_data` naming the answer and the field.
#pragma once

#include "xfer/tinker/service_types.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::tinker {

ClientConfig read_client_config(std::string_view body);
/// Takes over what the dynamic configuration says.
void read_dynamic_config(std::string_view body, ClientConfig& config);
std::vector<ServerModel> read_capabilities(std::string_view body);

/// The id of a session, in `create_session`'s answer.
std::string read_session_id(std::string_view body);
/// The id of a future.
std::string read_request_id(std::string_view body);
/// The names of the sequences to come, in the answer to a request for samples; may be none.
std::vector<std::string> read_sample_sequence_ids(std::string_view body);
/// Results of futures.
std::string read_model_id(std::string_view body);
std::string read_path(std::string_view body);
std::string read_sampling_session_id(std::string_view body);
std::map<std::string, double> read_metrics(std::string_view body);

ModelInfo read_model_info(std::string_view body);
WeightsInfo read_weights_info(std::string_view body);
SamplerInfo read_sampler(std::string_view body);
std::vector<TrainingRun> read_training_runs(std::string_view body);
TrainingRun read_training_run(std::string_view body);
std::vector<Checkpoint> read_checkpoints(std::string_view body);
std::vector<std::string> read_sessions(std::string_view body);
SessionInfo read_session(std::string_view body);
std::map<std::string, std::string> read_urls(std::string_view body);
std::string read_jwt(std::string_view body);

/// What a 200 of retrieve_future says when it is JSON.
struct FutureState {
  enum class Kind { result, try_again, metadata, failed };
  FutureState() = default;
  Kind kind = Kind::result;
  /// Of a failure: the service's words, and whose fault it is ("user", "server", "unknown").
  std::string error;
  std::string category;
};
FutureState read_future_state(std::string_view body);

/// The service's words in the body of an error, shortened and made printable; empty when there are
/// none.
std::string read_error_text(std::string_view body);

}  // namespace xfer::tinker
