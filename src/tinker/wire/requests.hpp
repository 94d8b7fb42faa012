// SPDX-License-Identifier: Apache-2.0
// The JSON bodies a client sends. Fields that are not set are left out; invalid UTF-8 in a text
// throws `invalid_argument`.
#pragma once

#include "xfer/tinker/service_types.hpp"
#include "xfer/tinker/wire.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::tinker {

/// The version of the wire that this client speaks, which it gives as its own.
inline constexpr std::string_view wire_version = "0.38.0";

struct NewSession {
  NewSession() = default;
  std::vector<std::string> tags;
  Metadata user_metadata;
  std::string project_id;
  std::string display_name;
};

struct NewModel {
  NewModel() = default;
  std::string session_id;
  int model_seq_id = 0;
  std::string base_model;
  int rank = 32;
  std::optional<std::uint64_t> seed;
  bool train_unembed = true;
  bool train_mlp = true;
  bool train_attn = true;
  Metadata user_metadata;
};

struct SaveWeights {
  SaveWeights() = default;
  std::string model_id;
  std::string name;
  int seq_id = 0;
  std::optional<std::chrono::seconds> ttl;
  bool overwrite = false;
  Metadata user_metadata;
};

std::string client_config_body();
std::string create_session_body(const NewSession& session);
std::string heartbeat_body(const std::string& session_id);
std::string finish_session_body(const std::string& reason, const std::string& detail);
std::string create_model_body(const NewModel& model);
std::string get_info_body(const std::string& model_id);
std::string optim_step_body(const std::string& model_id, int seq_id, const AdamParams& adam);
std::string save_weights_body(const SaveWeights& save);
std::string save_for_sampler_body(const SaveWeights& save);
/// Without a name: a snapshot that lives as long as the session.
std::string save_ephemeral_body(const std::string& model_id, int sampling_session_seq_id,
                                int seq_id);
/// A new model of the session, from a checkpoint.
std::string load_new_model_body(const std::string& session_id, int model_seq_id,
                                const std::string& path, bool optimizer,
                                const Metadata& user_metadata = {});
/// Into a model that has not been used yet.
std::string load_weights_body(const std::string& model_id, int seq_id, const std::string& path,
                              bool optimizer);
std::string create_sampling_session_body(const std::string& session_id, int sampling_session_seq_id,
                                         const std::string& base_model,
                                         const std::string& model_path);
std::string sample_body(const std::string& sampling_session_id, int seq_id, const SampleCall& call);
std::string retrieve_future_body(const std::string& request_id);
std::string cancel_future_body(const std::string& request_id);
std::string weights_info_body(const std::string& path);
std::string ttl_body(std::optional<std::chrono::seconds> ttl);

}  // namespace xfer::tinker
