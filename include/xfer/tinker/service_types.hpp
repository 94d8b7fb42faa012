// SPDX-License-Identifier: Apache-2.0
// What a Tinker service tells about itself, its models, runs and checkpoints.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

using Metadata = std::map<std::string, std::string>;

/// What the service asks its clients to do; the defaults are those of a service that says nothing.
struct ClientConfig {
  ClientConfig() = default;
  /// The key is exchanged for a token that expires.
  bool pjwt_auth_enabled = false;
  std::size_t fwdbwd_max_chunk_len = 1024;
  std::size_t fwdbwd_max_chunk_bytes_count = 5'000'000;
  bool proto_compress_fwdbwd = false;
  std::chrono::seconds billing_exception_max_pause_duration{3600};
  int sample_max_concurrent_requests = 2000;
  /// From the dynamic configuration: the service understands cancel_future.
  bool sample_cancel_enabled = false;
  /// The service would like to be asked for many samples at once. The client here does not need
  /// it; the official SDK holds one connection in place of one for each sample.
  bool sample_use_retrieve_futures = false;
  /// The service promises to carry out a training request sent again under its (model_id, seq_id)
  /// only once. Without it such a request is sent again only when it was surely not accepted.
  bool idempotent_steps = false;
  /// The service takes seeds up to 2^64 - 1; others get the lower 63 bits.
  bool unsigned_seeds = false;
};

struct ServerModel {
  ServerModel() = default;
  std::string model_name;
  std::optional<std::int64_t> max_context_length;
  std::optional<bool> trainable;
  std::optional<bool> sampleable;
};

struct ModelInfo {
  ModelInfo() = default;
  std::string model_id;
  std::string model_name;
  std::string arch;
  /// A Hugging Face id or a folder; empty when the service does not say.
  std::string tokenizer_id;
  bool is_lora = true;
  std::optional<int> lora_rank;
};

struct WeightsInfo {
  WeightsInfo() = default;
  std::string base_model;
  bool is_lora = true;
  std::optional<int> lora_rank;
  std::optional<bool> train_unembed;
  std::optional<bool> train_mlp;
  std::optional<bool> train_attn;
};

struct Checkpoint {
  Checkpoint() = default;
  /// E.g. "weights/step-10".
  std::string checkpoint_id;
  /// "training", "sampler" or "external".
  std::string checkpoint_type;
  /// RFC 3339.
  std::string time;
  std::string tinker_path;
  std::optional<std::int64_t> size_bytes;
  bool is_public = false;
  std::optional<std::string> expires_at;
  Metadata user_metadata;
};

struct TrainingRun {
  TrainingRun() = default;
  std::string training_run_id;
  std::string base_model;
  std::string model_owner;
  bool is_lora = true;
  bool corrupted = false;
  std::optional<int> lora_rank;
  std::string last_request_time;
  std::optional<Checkpoint> last_checkpoint;
  std::optional<Checkpoint> last_sampler_checkpoint;
  Metadata user_metadata;
};

struct SessionInfo {
  SessionInfo() = default;
  std::vector<std::string> training_run_ids;
  std::vector<std::string> sampler_ids;
  Metadata user_metadata;
  std::string display_name;
};

struct SamplerInfo {
  SamplerInfo() = default;
  std::string sampler_id;
  std::string base_model;
  std::string model_path;
};

}  // namespace xfer::tinker
#pragma GCC visibility pop
