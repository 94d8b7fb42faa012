// SPDX-License-Identifier: Apache-2.0
#include "tinker/wire/requests.hpp"

#include "tinker/wire/base64.hpp"
#include "tinker/wire/json_fields.hpp"

namespace xfer::tinker {
namespace {

Json chunk_json(const Chunk& chunk) {
  Json out;
  if (const auto* text = std::get_if<EncodedText>(&chunk)) {
    out = {{"type", "encoded_text"}, {"tokens", text->tokens}};
  } else if (const auto* image = std::get_if<Image>(&chunk)) {
    out = {{"type", "image"}, {"data", base64_encode(image->data)}, {"format", image->format}};
    if (image->expected_tokens) out["expected_tokens"] = *image->expected_tokens;
  } else if (const auto* pointer = std::get_if<ImagePointer>(&chunk)) {
    out = {{"type", "image_asset_pointer"},
           {"location", pointer->location},
           {"format", pointer->format}};
    if (pointer->expected_tokens) out["expected_tokens"] = *pointer->expected_tokens;
  } else {
    out = {{"type", "dmel"}, {"dmel", base64_encode(std::get<Dmel>(chunk).bytes)}};
  }
  return out;
}

Json tensor_json(const TensorData& tensor) {
  Json out;
  std::visit([&](const auto& values) { out["data"] = values; }, tensor.values.data);
  out["dtype"] = tensor.values.data.index() == 0 ? "float32" : "int64";
  if (!tensor.values.shape.empty()) out["shape"] = tensor.values.shape;
  if (tensor.csr) {
    out["sparse_crow_indices"] = tensor.csr->crow;
    out["sparse_col_indices"] = tensor.csr->col;
  }
  return out;
}

Json sampling_params_json(const SamplingParams& params) {
  Json out = {
      {"temperature", params.temperature}, {"top_k", params.top_k}, {"top_p", params.top_p}};
  if (params.max_tokens) out["max_tokens"] = *params.max_tokens;
  if (params.seed) out["seed"] = *params.seed;
  if (const auto* one = std::get_if<std::string>(&params.stop)) out["stop"] = *one;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&params.stop)) out["stop"] = *texts;
  if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&params.stop)) out["stop"] = *ids;
  return out;
}

}  // namespace

std::string client_config_body() {
  return dump_json({{"sdk_version", wire_version}}, "client config");
}

std::string create_session_body(const NewSession& session) {
  Json out = {{"tags", session.tags},
              {"user_metadata", session.user_metadata},
              {"sdk_version", wire_version},
              {"type", "create_session"}};
  if (!session.project_id.empty()) out["project_id"] = session.project_id;
  if (!session.display_name.empty()) out["display_name"] = session.display_name;
  return dump_json(out, "create_session");
}

std::string heartbeat_body(const std::string& session_id) {
  return dump_json({{"session_id", session_id}, {"type", "session_heartbeat"}}, "heartbeat");
}

std::string finish_session_body(const std::string& reason, const std::string& detail) {
  Json out = {{"reason", {{"type", reason}}}, {"detail", nullptr}};
  if (!detail.empty()) out["detail"] = detail;
  return dump_json(out, "finish session");
}

std::string create_model_body(const NewModel& model) {
  Json lora = {{"rank", model.rank},
               {"train_unembed", model.train_unembed},
               {"train_mlp", model.train_mlp},
               {"train_attn", model.train_attn}};
  if (model.seed) lora["seed"] = *model.seed;
  Json out = {{"session_id", model.session_id},          {"model_seq_id", model.model_seq_id},
              {"base_model", model.base_model},          {"lora_config", std::move(lora)},
              {"optimizer_config", {{"type", "adamw"}}}, {"type", "create_model"}};
  if (!model.user_metadata.empty()) out["user_metadata"] = model.user_metadata;
  return dump_json(out, "create_model");
}

std::string get_info_body(const std::string& model_id) {
  return dump_json({{"model_id", model_id}, {"type", "get_info"}}, "get_info");
}

std::string optim_step_body(const std::string& model_id, int seq_id, const AdamParams& adam) {
  return dump_json({{"model_id", model_id},
                    {"seq_id", seq_id},
                    {"type", "optim_step"},
                    {"adam_params",
                     {{"learning_rate", adam.learning_rate},
                      {"beta1", adam.beta1},
                      {"beta2", adam.beta2},
                      {"eps", adam.eps},
                      {"weight_decay", adam.weight_decay},
                      {"grad_clip_norm", adam.grad_clip_norm}}}},
                   "optim_step");
}

std::string save_weights_body(const SaveWeights& save) {
  Json out = {{"model_id", save.model_id},
              {"path", save.name},
              {"seq_id", save.seq_id},
              {"overwrite", save.overwrite},
              {"type", "save_weights"}};
  if (save.ttl) out["ttl_seconds"] = save.ttl->count();
  if (!save.user_metadata.empty()) out["user_metadata"] = save.user_metadata;
  return dump_json(out, "save_weights");
}

std::string save_for_sampler_body(const SaveWeights& save) {
  Json out = {{"model_id", save.model_id},
              {"path", save.name},
              {"kind", "snapshot"},
              {"seq_id", save.seq_id},
              {"type", "save_weights_for_sampler"}};
  if (save.ttl) out["ttl_seconds"] = save.ttl->count();
  if (!save.user_metadata.empty()) out["user_metadata"] = save.user_metadata;
  return dump_json(out, "save_weights_for_sampler");
}

std::string save_ephemeral_body(const std::string& model_id, int sampling_session_seq_id,
                                int seq_id) {
  return dump_json({{"model_id", model_id},
                    {"sampling_session_seq_id", sampling_session_seq_id},
                    {"kind", "snapshot"},
                    {"seq_id", seq_id},
                    {"type", "save_weights_for_sampler"}},
                   "save_weights_for_sampler");
}

std::string load_new_model_body(const std::string& session_id, int model_seq_id,
                                const std::string& path, bool optimizer,
                                const Metadata& user_metadata) {
  Json out = {{"session_id", session_id},
              {"model_seq_id", model_seq_id},
              {"path", path},
              {"optimizer", optimizer},
              {"type", "load_weights"}};
  if (!user_metadata.empty()) out["user_metadata"] = user_metadata;
  return dump_json(out, "load_weights");
}

std::string load_weights_body(const std::string& model_id, int seq_id, const std::string& path,
                              bool optimizer) {
  return dump_json({{"model_id", model_id},
                    {"seq_id", seq_id},
                    {"path", path},
                    {"optimizer", optimizer},
                    {"type", "load_weights"}},
                   "load_weights");
}

std::string create_sampling_session_body(const std::string& session_id, int sampling_session_seq_id,
                                         const std::string& base_model,
                                         const std::string& model_path) {
  Json out = {{"session_id", session_id},
              {"sampling_session_seq_id", sampling_session_seq_id},
              {"type", "create_sampling_session"}};
  if (!base_model.empty()) out["base_model"] = base_model;
  if (!model_path.empty()) out["model_path"] = model_path;
  return dump_json(out, "create_sampling_session");
}

std::string sample_body(const std::string& sampling_session_id, int seq_id,
                        const SampleCall& call) {
  Json chunks = Json::array();
  for (const Chunk& chunk : call.prompt.chunks) chunks.push_back(chunk_json(chunk));
  Json out = {{"sampling_session_id", sampling_session_id},
              {"seq_id", seq_id},
              {"num_samples", call.num_samples},
              {"prompt", {{"chunks", std::move(chunks)}}},
              {"sampling_params", sampling_params_json(call.params)},
              {"prompt_logprobs", call.prompt_logprobs},
              {"topk_prompt_logprobs", call.topk_prompt_logprobs},
              {"topk_sample_logprobs", call.topk_sample_logprobs},
              {"prompt_alt_tokens_k", call.prompt_alt_tokens_k},
              {"record_stability_info", false},
              {"type", "sample"}};
  if (call.target_prompt_logprobs)
    out["target_prompt_logprobs"] = tensor_json(*call.target_prompt_logprobs);
  if (call.prompt_logprobs_last_n) out["prompt_logprobs_last_n"] = *call.prompt_logprobs_last_n;
  return dump_json(out, "sample");
}

std::string retrieve_future_body(const std::string& request_id) {
  // Asking for the size first would only cost another exchange: answers are limited anyway.
  return dump_json({{"request_id", request_id}, {"allow_metadata_only", false}}, "retrieve_future");
}

std::string cancel_future_body(const std::string& request_id) {
  return dump_json({{"request_id", request_id}}, "cancel_future");
}

std::string weights_info_body(const std::string& path) {
  return dump_json({{"tinker_path", path}}, "weights_info");
}

std::string ttl_body(std::optional<std::chrono::seconds> ttl) {
  Json out = {{"ttl_seconds", nullptr}};
  if (ttl) out["ttl_seconds"] = ttl->count();
  return dump_json(out, "ttl");
}

}  // namespace xfer::tinker
