// SPDX-License-Identifier: Apache-2.0
// What a service reads out of the JSON bodies it gets: the counterparts of requests.hpp. Unknown
// fields are ignored, null counts as absent; what is missing, has the wrong type or is out of
// range throws `bad_data` naming the request and the field.
#pragma once

#include "tinker/wire/json_fields.hpp"
#include "tinker/wire/requests.hpp"
#include "xfer/tinker/service_types.hpp"
#include "xfer/tinker/wire.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// Which model a training request is for, and its place in that model's order.
struct Turn {
  Turn() = default;
  std::string model_id;
  /// At least 1.
  int seq_id = 0;
};

struct LoadWeights {
  LoadWeights() = default;
  std::string path;
  bool optimizer = false;
};

/// A new model of a session from a checkpoint.
struct LoadNewModel {
  LoadNewModel() = default;
  std::string session_id;
  int model_seq_id = 0;
  LoadWeights load;
  Metadata user_metadata;
};

struct SaveForSampler {
  SaveForSampler() = default;
  /// Without a name: for one sampling session only, of this number.
  SaveWeights save;
  int sampling_session_seq_id = 0;
};

struct NewSampler {
  NewSampler() = default;
  std::string session_id;
  int sampling_session_seq_id = 0;
  /// One of these is set.
  std::string base_model;
  std::string model_path;
};

struct SampleSubmission {
  SampleSubmission() = default;
  std::string sampling_session_id;
  std::int64_t seq_id = 0;
  SampleCall call;
};

/// Which of a sampling session's futures have settled?
struct FuturesQuery {
  FuturesQuery() = default;
  std::string sampling_session_id;
  /// Which clone of the client asks; 0 is the client itself.
  std::int64_t clone = 0;
  /// Where the last answer ended; 0 at first.
  std::int64_t cursor = 0;
  /// How long the answer may take while there is none; as long as the server likes when not said.
  std::optional<std::chrono::milliseconds> wait;
};

NewSession read_new_session(const Json& body);
NewModel read_new_model(const Json& body);
Turn read_turn(const Json& body);
/// The same of a forward_backward message whose data may not make sense; nothing when the message
/// is malformed or names no model.
std::optional<Turn> read_binary_turn(std::string_view bytes);
/// Throws `invalid_argument` for another optimizer than AdamW.
AdamParams read_adam(const Json& body);
/// Names are plain: 1 to 128 letters, digits, '.', '_' and '-', not beginning with '.'.
SaveWeights read_save_weights(const Json& body);
SaveForSampler read_save_for_sampler(const Json& body);
/// Whether a load_weights request makes a new model.
bool loads_new_model(const Json& body);
LoadWeights read_load_weights(const Json& body);
LoadNewModel read_load_new_model(const Json& body);
NewSampler read_new_sampler(const Json& body);
SampleSubmission read_sample(const Json& body);
FuturesQuery read_futures_query(const Json& body);
/// One text field, such as "model_id"; not empty.
std::string read_text_field(const Json& body, const char* field, const std::string& what);
/// Nothing: keep for good.
std::optional<std::chrono::seconds> read_ttl(const Json& body);

}  // namespace xfer::tinker
#pragma GCC visibility pop
