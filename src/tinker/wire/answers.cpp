// SPDX-License-Identifier: Apache-2.0
#include "tinker/wire/answers.hpp"

#include "tinker/wire/json_fields.hpp"

namespace xfer::tinker {
namespace {

Metadata read_metadata(const Json& object, const std::string& what) {
  Metadata out;
  const auto found = object.find("user_metadata");
  if (found == object.end() || found->is_null()) return out;
  if (!found->is_object()) throw Error(Errc::bad_data, what + ": user_metadata is not an object");
  for (const auto& [key, value] : found->items())
    out[key] = value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', true);
  return out;
}

/// The array `name` of objects, each read by `read`.
template <class Read>
auto read_list(const Json& object, const char* name, const std::string& what, const Read& read) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array())
    throw Error(Errc::bad_data, what + ": field '" + name + "' is missing or not a list");
  std::vector<decltype(read(*found))> out;
  for (const Json& item : *found) out.push_back(read(item));
  return out;
}

std::vector<std::string> read_texts(const Json& object, const char* name, const std::string& what) {
  return read_list(object, name, what, [&](const Json& item) {
    if (!item.is_string()) throw Error(Errc::bad_data, what + ": '" + name + "' holds no texts");
    return item.get<std::string>();
  });
}

void must_be_object(const Json& item, const std::string& what) {
  if (!item.is_object()) throw Error(Errc::bad_data, what + ": an entry is not an object");
}

Checkpoint checkpoint_of(const Json& item) {
  const std::string what = "checkpoint";
  must_be_object(item, what);
  Checkpoint out;
  out.checkpoint_id = required_field<std::string>(item, "checkpoint_id", what);
  out.checkpoint_type = required_field<std::string>(item, "checkpoint_type", what);
  out.time = optional_field<std::string>(item, "time", what).value_or("");
  out.tinker_path = required_field<std::string>(item, "tinker_path", what);
  out.size_bytes = optional_field<std::int64_t>(item, "size_bytes", what);
  out.is_public = optional_field<bool>(item, "public", what).value_or(false);
  out.expires_at = optional_field<std::string>(item, "expires_at", what);
  out.user_metadata = read_metadata(item, what);
  return out;
}

TrainingRun run_of(const Json& item) {
  const std::string what = "training run";
  must_be_object(item, what);
  const auto checkpoint = [&](const char* name) -> std::optional<Checkpoint> {
    const auto found = item.find(name);
    if (found == item.end() || found->is_null()) return std::nullopt;
    return checkpoint_of(*found);
  };
  TrainingRun out;
  out.training_run_id = required_field<std::string>(item, "training_run_id", what);
  out.base_model = required_field<std::string>(item, "base_model", what);
  out.model_owner = optional_field<std::string>(item, "model_owner", what).value_or("");
  out.is_lora = optional_field<bool>(item, "is_lora", what).value_or(true);
  out.corrupted = optional_field<bool>(item, "corrupted", what).value_or(false);
  out.lora_rank = optional_field<int>(item, "lora_rank", what);
  out.last_request_time = optional_field<std::string>(item, "last_request_time", what).value_or("");
  out.last_checkpoint = checkpoint("last_checkpoint");
  out.last_sampler_checkpoint = checkpoint("last_sampler_checkpoint");
  out.user_metadata = read_metadata(item, what);
  return out;
}

/// One text field of an answer.
std::string read_text(std::string_view body, const char* field, const std::string& what) {
  return required_field<std::string>(parse_object(body, what), field, what);
}

}  // namespace

ClientConfig read_client_config(std::string_view body) {
  const std::string what = "client/config";
  const Json in = parse_object(body, what);
  ClientConfig out;
  const auto positive = [&](const char* name, auto fallback) {
    const auto value = optional_field<decltype(fallback)>(in, name, what).value_or(fallback);
    if (value < 1) throw Error(Errc::bad_data, what + ": " + name + " must be at least 1");
    return value;
  };
  out.pjwt_auth_enabled = optional_field<bool>(in, "pjwt_auth_enabled", what).value_or(false);
  out.fwdbwd_max_chunk_len = positive("fwdbwd_max_chunk_len", out.fwdbwd_max_chunk_len);
  out.fwdbwd_max_chunk_bytes_count =
      positive("fwdbwd_max_chunk_bytes_count", out.fwdbwd_max_chunk_bytes_count);
  out.proto_compress_fwdbwd =
      optional_field<bool>(in, "proto_compress_fwdbwd", what).value_or(false);
  out.sample_max_concurrent_requests =
      positive("sample_max_concurrent_requests", out.sample_max_concurrent_requests);
  if (const auto pause =
          optional_field<double>(in, "billing_exception_max_pause_duration_sec", what))
    out.billing_exception_max_pause_duration =
        std::chrono::seconds(static_cast<int>(std::min(std::max(*pause, 0.0), 1e6)));
  out.idempotent_steps = optional_field<bool>(in, "idempotent_steps", what).value_or(false);
  out.unsigned_seeds = optional_field<bool>(in, "unsigned_seeds", what).value_or(false);
  return out;
}

void read_dynamic_config(std::string_view body, ClientConfig& config) {
  const std::string what = "client/dynamic_config";
  const Json in = parse_object(body, what);
  config.sample_cancel_enabled =
      optional_field<bool>(in, "sample_cancel_enabled", what).value_or(false);
}

std::vector<ServerModel> read_capabilities(std::string_view body) {
  const std::string what = "get_server_capabilities";
  return read_list(parse_object(body, what), "supported_models", what, [&](const Json& item) {
    must_be_object(item, what);
    ServerModel model;
    model.model_name = optional_field<std::string>(item, "model_name", what).value_or("");
    model.max_context_length = optional_field<std::int64_t>(item, "max_context_length", what);
    model.trainable = optional_field<bool>(item, "trainable", what);
    model.sampleable = optional_field<bool>(item, "sampleable", what);
    return model;
  });
}

std::string read_session_id(std::string_view body) {
  return read_text(body, "session_id", "create_session");
}
std::string read_request_id(std::string_view body) {
  return read_text(body, "request_id", "answer to a request");
}
std::vector<std::string> read_sample_sequence_ids(std::string_view body) {
  const std::string what = "answer to asample";
  const Json in = parse_object(body, what);
  const auto found = in.find("sample_sequence_ids");
  if (found == in.end() || found->is_null()) return {};
  return read_texts(in, "sample_sequence_ids", what);
}
std::string read_model_id(std::string_view body) {
  return read_text(body, "model_id", "create_model result");
}
std::string read_path(std::string_view body) { return read_text(body, "path", "save result"); }
std::string read_sampling_session_id(std::string_view body) {
  return read_text(body, "sampling_session_id", "sampling session");
}
std::string read_jwt(std::string_view body) { return read_text(body, "jwt", "auth/token"); }

std::map<std::string, double> read_metrics(std::string_view body) {
  const std::string what = "optim_step result";
  const Json in = parse_object(body, what);
  std::map<std::string, double> out;
  const auto found = in.find("metrics");
  if (found == in.end() || found->is_null()) return out;
  if (!found->is_object()) throw Error(Errc::bad_data, what + ": metrics is not an object");
  for (const auto& [key, value] : found->items())
    if (value.is_number()) out[key] = value.get<double>();
  return out;
}

ModelInfo read_model_info(std::string_view body) {
  const std::string what = "get_info";
  const Json in = parse_object(body, what);
  ModelInfo out;
  out.model_id = required_field<std::string>(in, "model_id", what);
  const auto data = in.find("model_data");
  if (data == in.end()) throw Error(Errc::bad_data, what + ": field 'model_data' is missing");
  must_be_object(*data, what);
  out.arch = optional_field<std::string>(*data, "arch", what).value_or("");
  out.model_name = optional_field<std::string>(*data, "model_name", what).value_or("");
  if (out.model_name.empty())
    out.model_name = optional_field<std::string>(in, "model_name", what).value_or("");
  out.tokenizer_id = optional_field<std::string>(*data, "tokenizer_id", what).value_or("");
  out.is_lora = optional_field<bool>(in, "is_lora", what).value_or(true);
  out.lora_rank = optional_field<int>(in, "lora_rank", what);
  return out;
}

WeightsInfo read_weights_info(std::string_view body) {
  const std::string what = "weights_info";
  const Json in = parse_object(body, what);
  WeightsInfo out;
  out.base_model = required_field<std::string>(in, "base_model", what);
  out.is_lora = optional_field<bool>(in, "is_lora", what).value_or(true);
  out.lora_rank = optional_field<int>(in, "lora_rank", what);
  out.train_unembed = optional_field<bool>(in, "train_unembed", what);
  out.train_mlp = optional_field<bool>(in, "train_mlp", what);
  out.train_attn = optional_field<bool>(in, "train_attn", what);
  return out;
}

SamplerInfo read_sampler(std::string_view body) {
  const std::string what = "sampler";
  const Json in = parse_object(body, what);
  SamplerInfo out;
  out.sampler_id = required_field<std::string>(in, "sampler_id", what);
  out.base_model = required_field<std::string>(in, "base_model", what);
  out.model_path = optional_field<std::string>(in, "model_path", what).value_or("");
  return out;
}

std::vector<TrainingRun> read_training_runs(std::string_view body) {
  return read_list(parse_object(body, "training_runs"), "training_runs", "training_runs", run_of);
}
TrainingRun read_training_run(std::string_view body) {
  return run_of(parse_object(body, "training run"));
}
std::vector<Checkpoint> read_checkpoints(std::string_view body) {
  return read_list(parse_object(body, "checkpoints"), "checkpoints", "checkpoints", checkpoint_of);
}
std::vector<std::string> read_sessions(std::string_view body) {
  return read_texts(parse_object(body, "sessions"), "sessions", "sessions");
}

SessionInfo read_session(std::string_view body) {
  const std::string what = "session";
  const Json in = parse_object(body, what);
  SessionInfo out;
  out.training_run_ids = read_texts(in, "training_run_ids", what);
  out.sampler_ids = read_texts(in, "sampler_ids", what);
  out.user_metadata = read_metadata(in, what);
  out.display_name = optional_field<std::string>(in, "display_name", what).value_or("");
  return out;
}

std::map<std::string, std::string> read_urls(std::string_view body) {
  const std::string what = "external_weights_urls";
  const Json in = parse_object(body, what);
  const auto found = in.find("urls");
  if (found == in.end() || !found->is_object())
    throw Error(Errc::bad_data, what + ": field 'urls' is missing or not an object");
  std::map<std::string, std::string> out;
  for (const auto& [file, url] : found->items()) {
    if (!url.is_string()) throw Error(Errc::bad_data, what + ": an address is not a text");
    out[file] = url.get<std::string>();
  }
  return out;
}

FutureState read_future_state(std::string_view body) {
  const std::string what = "retrieve_future";
  const Json in = parse_object(body, what);
  const auto is = [&](const char* field, const char* value) {
    const auto found = in.find(field);
    return found != in.end() && *found == value;
  };
  FutureState out;
  if (is("type", "try_again")) {
    out.kind = FutureState::Kind::try_again;
  } else if (is("status", "complete_metadata")) {
    out.kind = FutureState::Kind::metadata;
  } else if (const auto error = in.find("error"); error != in.end() && error->is_string()) {
    out.kind = FutureState::Kind::failed;
    out.error = read_error_text(body);
    out.category = optional_field<std::string>(in, "category", what).value_or("unknown");
  }
  return out;
}

std::string read_error_text(std::string_view body) {
  constexpr std::size_t bytes_max = 500;
  std::string text;
  if (body.size() <= std::size_t{1} << 20U) {
    try {
      const Json in = parse_json(body, "error");
      for (const char* field : {"error", "detail", "message"}) {
        const auto found = in.is_object() ? in.find(field) : in.end();
        if (found == in.end() || found->is_null()) continue;
        text = found->is_string() ? found->get<std::string>()
                                  : found->dump(-1, ' ', true, Json::error_handler_t::replace);
        break;
      }
    } catch (const Error&) {
      text.assign(body.substr(0, bytes_max));
    }
  }
  const bool cut = text.size() > bytes_max;
  if (cut) text.resize(bytes_max);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) c = ' ';
  return cut ? text + "..." : text;
}

}  // namespace xfer::tinker
