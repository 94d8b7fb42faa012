// SPDX-License-Identifier: Apache-2.0
#include "tinker/wire/server_answers.hpp"

#include "tinker/wire/json_fields.hpp"

#include <cmath>
#include <optional>

namespace xfer::tinker {
namespace {

/// Null, which clients take as absent, when there is none.
template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json cursor(const PageOf& page) {
  return {{"offset", page.offset}, {"limit", page.limit}, {"total_count", page.total}};
}

Json checkpoint_json(const Checkpoint& c) {
  return {{"checkpoint_id", c.checkpoint_id},
          {"checkpoint_type", c.checkpoint_type},
          {"time", c.time},
          {"tinker_path", c.tinker_path},
          {"size_bytes", or_null(c.size_bytes)},
          {"public", c.is_public},
          {"expires_at", or_null(c.expires_at)},
          {"user_metadata", c.user_metadata}};
}

Json run_json(const TrainingRun& run) {
  Json out = {{"training_run_id", run.training_run_id},
              {"base_model", run.base_model},
              {"model_owner", run.model_owner},
              {"is_lora", run.is_lora},
              {"corrupted", run.corrupted},
              {"lora_rank", or_null(run.lora_rank)},
              {"last_request_time", run.last_request_time},
              {"last_checkpoint", nullptr},
              {"last_sampler_checkpoint", nullptr},
              {"user_metadata", run.user_metadata}};
  if (run.last_checkpoint) out["last_checkpoint"] = checkpoint_json(*run.last_checkpoint);
  if (run.last_sampler_checkpoint)
    out["last_sampler_checkpoint"] = checkpoint_json(*run.last_sampler_checkpoint);
  return out;
}

std::string text_of(const Json& answer) { return dump_json(answer, "answer"); }

}  // namespace

std::string client_config_answer(const ClientConfig& config) {
  return text_of({{"pjwt_auth_enabled", config.pjwt_auth_enabled},
                  {"parallel_fwdbwd_chunks", true},
                  {"proto_compress_fwdbwd", config.proto_compress_fwdbwd},
                  {"fwdbwd_max_chunk_len", config.fwdbwd_max_chunk_len},
                  {"fwdbwd_max_chunk_bytes_count", config.fwdbwd_max_chunk_bytes_count},
                  {"sample_max_concurrent_requests", config.sample_max_concurrent_requests},
                  {"sample_use_retrieve_futures", config.sample_use_retrieve_futures},
                  {"idempotent_steps", config.idempotent_steps},
                  {"unsigned_seeds", config.unsigned_seeds}});
}

std::string dynamic_config_answer(const ClientConfig& config) {
  return text_of({{"sample_cancel_enabled", config.sample_cancel_enabled}});
}

std::string capabilities_answer(const std::vector<ServerModel>& models) {
  Json list = Json::array();
  for (const ServerModel& m : models)
    list.push_back({{"model_name", m.model_name},
                    {"max_context_length", or_null(m.max_context_length)},
                    {"trainable", or_null(m.trainable)},
                    {"sampleable", or_null(m.sampleable)}});
  return text_of({{"supported_models", std::move(list)}});
}

std::string new_session_answer(const std::string& session_id) {
  return text_of({{"type", "create_session"}, {"session_id", session_id}});
}

std::string plain_answer(const std::string& type) { return text_of({{"type", type}}); }

std::string accepted_answer(const std::string& request_id) {
  return text_of({{"request_id", request_id}});
}

std::string sample_accepted_answer(const std::string& request_id,
                                   const std::vector<std::string>& sample_sequence_ids) {
  return text_of({{"request_id", request_id}, {"sample_sequence_ids", sample_sequence_ids}});
}

std::string try_again_answer(const std::string& request_id) {
  return text_of({{"type", "try_again"}, {"request_id", request_id}, {"queue_state", "active"}});
}

std::string settled_futures_answer(const std::vector<SettledFuture>& settled, std::int64_t cursor) {
  Json completions = Json::array();
  for (const SettledFuture& one : settled) {
    Json item = {{"state", one.finished ? "finished" : "failed"}, {"request_id", one.request_id}};
    if (one.finished) item["response_payload_uncompressed_size"] = one.bytes;
    completions.push_back(std::move(item));
  }
  return text_of({{"completions", std::move(completions)}, {"cursor", cursor}});
}

std::string failure_answer(const std::string& message, const std::string& category) {
  const Json out = {{"error", message}, {"category", category}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string new_model_result(const std::string& model_id) {
  return text_of({{"model_id", model_id}, {"type", "create_model"}});
}

std::string metrics_result(const std::map<std::string, double>& metrics) {
  Json out = Json::object();
  // JSON has no number for what is not finite.
  for (const auto& [name, value] : metrics)
    if (std::isfinite(value)) out[name] = value;
  return text_of({{"metrics", std::move(out)}, {"type", "optim_step"}});
}

std::string saved_result(const std::string& path, const std::string& type) {
  return text_of({{"path", path}, {"type", type}});
}

std::string sampling_session_result(const std::string& sampling_session_id,
                                    const std::string& type) {
  return text_of({{"sampling_session_id", sampling_session_id}, {"type", type}});
}

std::string loaded_result(const std::string& path, const std::string& model_id) {
  return text_of({{"path", path}, {"model_id", model_id}, {"type", "load_weights"}});
}

std::string model_info_answer(const ModelInfo& info) {
  return text_of({{"type", "get_info"},
                  {"model_id", info.model_id},
                  {"model_name", info.model_name},
                  {"is_lora", info.is_lora},
                  {"lora_rank", or_null(info.lora_rank)},
                  {"model_data",
                   {{"arch", or_null(info.arch)},
                    {"model_name", info.model_name},
                    {"tokenizer_id", or_null(info.tokenizer_id)}}}});
}

std::string weights_info_answer(const WeightsInfo& info) {
  return text_of({{"base_model", info.base_model},
                  {"is_lora", info.is_lora},
                  {"lora_rank", or_null(info.lora_rank)},
                  {"train_unembed", or_null(info.train_unembed)},
                  {"train_mlp", or_null(info.train_mlp)},
                  {"train_attn", or_null(info.train_attn)},
                  {"optimizer_config", {{"type", "adamw"}}}});
}

std::string sampler_answer(const SamplerInfo& sampler) {
  return text_of({{"sampler_id", sampler.sampler_id},
                  {"base_model", sampler.base_model},
                  {"model_path", or_null(sampler.model_path)}});
}

std::string training_runs_answer(const std::vector<TrainingRun>& runs, const PageOf& page) {
  Json list = Json::array();
  for (const TrainingRun& run : runs) list.push_back(run_json(run));
  return text_of({{"training_runs", std::move(list)}, {"cursor", cursor(page)}});
}

std::string training_run_answer(const TrainingRun& run) { return text_of(run_json(run)); }

std::string checkpoints_answer(const std::vector<Checkpoint>& checkpoints, const PageOf& page) {
  Json list = Json::array();
  for (const Checkpoint& c : checkpoints) list.push_back(checkpoint_json(c));
  return text_of({{"checkpoints", std::move(list)}, {"cursor", cursor(page)}});
}

std::string sessions_answer(const std::vector<std::string>& session_ids) {
  return text_of({{"sessions", session_ids}});
}

std::string session_info_answer(const SessionInfo& session) {
  return text_of({{"training_run_ids", session.training_run_ids},
                  {"sampler_ids", session.sampler_ids},
                  {"user_metadata", session.user_metadata},
                  {"display_name", or_null(session.display_name)}});
}

}  // namespace xfer::tinker
