// SPDX-License-Identifier: Apache-2.0
#include "tinker/wire/server_requests.hpp"

#include "files/in_quotes.hpp"
#include "tinker/wire/base64.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace xfer::tinker {
namespace {

constexpr std::size_t id_size_max = 512;
constexpr std::size_t metadata_max = 64;
constexpr std::int64_t ttl_max = std::int64_t{10} * 366 * 24 * 3600;

int read_number(const Json& body, const char* field, int least, const std::string& what) {
  const int value = required_field<int>(body, field, what);
  if (value < least)
    throw Error(Errc::bad_data, what + ": " + field + " must be at least " + std::to_string(least) +
                                    " (got " + std::to_string(value) + ")");
  return value;
}

const Json* object_field(const Json& body, const char* field, const std::string& what) {
  const auto found = body.find(field);
  if (found == body.end() || found->is_null()) return nullptr;
  if (!found->is_object())
    throw Error(Errc::bad_data, what + ": field '" + field + "' is not an object");
  return &*found;
}

Metadata read_metadata(const Json& body, const std::string& what) {
  Metadata out;
  const Json* all = object_field(body, "user_metadata", what);
  if (all == nullptr) return out;
  if (all->size() > metadata_max)
    throw Error(Errc::bad_data, what + ": user_metadata has " + std::to_string(all->size()) +
                                    " entries, at most " + std::to_string(metadata_max) +
                                    " are allowed");
  for (const auto& [key, value] : all->items())
    out[key] = value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', true);
  return out;
}

std::vector<std::string> read_text_list(const Json& list, const std::string& what) {
  std::vector<std::string> out;
  for (const Json& item : list) {
    if (!item.is_string()) throw Error(Errc::bad_data, what + " must hold texts only");
    out.push_back(item.get<std::string>());
  }
  return out;
}

template <class T>
std::vector<T> read_integers(const Json& list, const std::string& what) {
  if (!list.is_array()) throw Error(Errc::bad_data, what + " is not a list");
  std::vector<T> out;
  out.reserve(list.size());
  for (const Json& item : list) {
    const auto value = as<T>(item);
    if (!value) throw Error(Errc::bad_data, what + " must hold integers in range only");
    out.push_back(*value);
  }
  return out;
}

std::string read_base64(const Json& chunk, const char* field, const std::string& what) {
  auto bytes = base64_decode(required_field<std::string>(chunk, field, what));
  if (!bytes) throw Error(Errc::bad_data, what + ": field '" + field + "' is not base64");
  return std::move(*bytes);
}

Chunk read_chunk(const Json& chunk) {
  const std::string what = "asample, a chunk of the prompt";
  if (!chunk.is_object()) throw Error(Errc::bad_data, what + " is not an object");
  const std::string type =
      optional_field<std::string>(chunk, "type", what).value_or("encoded_text");
  if (type == "encoded_text") {
    const auto tokens = chunk.find("tokens");
    if (tokens == chunk.end()) throw Error(Errc::bad_data, what + ": field 'tokens' is missing");
    return EncodedText(read_integers<std::int32_t>(*tokens, what + ": tokens"));
  }
  if (type == "image") {
    Image image;
    image.data = read_base64(chunk, "data", what);
    image.format = required_field<std::string>(chunk, "format", what);
    image.expected_tokens = optional_field<std::int32_t>(chunk, "expected_tokens", what);
    return image;
  }
  if (type == "image_asset_pointer") {
    ImagePointer pointer;
    pointer.location = required_field<std::string>(chunk, "location", what);
    pointer.format = required_field<std::string>(chunk, "format", what);
    pointer.expected_tokens = optional_field<std::int32_t>(chunk, "expected_tokens", what);
    return pointer;
  }
  if (type != "dmel")
    throw Error(Errc::bad_data, what + ": unknown type " + files::in_quotes(type));
  Dmel dmel;
  dmel.bytes = read_base64(chunk, "dmel", what);
  return dmel;
}

/// int64 values with their shape, perhaps sparse.
TensorData read_integer_tensor(const Json& tensor, const std::string& what) {
  if (!tensor.is_object()) throw Error(Errc::bad_data, what + " is not an object");
  if (required_field<std::string>(tensor, "dtype", what) != "int64")
    throw Error(Errc::bad_data, what + " must have dtype int64");
  const auto list = [&](const char* field) -> std::optional<std::vector<std::int64_t>> {
    const auto found = tensor.find(field);
    if (found == tensor.end() || found->is_null()) return std::nullopt;
    return read_integers<std::int64_t>(*found, what + ", " + field);
  };
  auto data = list("data");
  if (!data) throw Error(Errc::bad_data, what + ": field 'data' is missing");
  TensorData out{Tensor(std::move(*data))};
  out.values.shape = list("shape").value_or(std::vector<std::int64_t>{});
  auto crow = list("sparse_crow_indices");
  auto col = list("sparse_col_indices");
  if (crow.has_value() != col.has_value())
    throw Error(Errc::bad_data, what + ": sparse indices must come in pairs");
  if (crow) {
    out.csr.emplace();
    out.csr->crow = std::move(*crow);
    out.csr->col = std::move(*col);
  }
  return out;
}

void read_stop(const Json& params, SamplingParams& out) {
  const std::string what = "asample: sampling_params.stop";
  const auto stop = params.find("stop");
  if (stop == params.end() || stop->is_null()) return;
  if (stop->is_string())
    out.stop = stop->get<std::string>();
  else if (stop->is_array() && !stop->empty() && stop->front().is_string())
    out.stop = read_text_list(*stop, what);
  else
    out.stop = read_integers<std::int32_t>(*stop, what);
}

/// Any integer of 64 bits; negative ones stand for those of the same bits.
std::optional<std::uint64_t> read_seed(const Json& object, const std::string& what) {
  const auto found = object.find("seed");
  if (found != object.end() && found->is_number_unsigned()) return found->get<std::uint64_t>();
  const auto seed = optional_field<std::int64_t>(object, "seed", what);
  return seed ? std::optional(static_cast<std::uint64_t>(*seed)) : std::nullopt;
}

SamplingParams read_sampling_params(const Json& body) {
  const std::string what = "asample";
  SamplingParams out;
  const Json* params = object_field(body, "sampling_params", what);
  if (params == nullptr) return out;
  out.max_tokens = optional_field<int>(*params, "max_tokens", what);
  out.seed = read_seed(*params, what);
  read_stop(*params, out);
  out.temperature = optional_field<double>(*params, "temperature", what).value_or(1.0);
  out.top_k = optional_field<int>(*params, "top_k", what).value_or(-1);
  out.top_p = optional_field<double>(*params, "top_p", what).value_or(1.0);
  return out;
}

/// A checkpoint's name becomes a folder's.
void check_plain_name(const std::string& name, const std::string& what) {
  constexpr std::string_view allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (name.empty() || name.size() > 128 || name.front() == '.' ||
      name.find_first_not_of(allowed) != std::string::npos)
    throw Error(Errc::invalid_argument,
                what +
                    ": path must be a plain name of 1 to 128 letters, digits, '.', '_' and "
                    "'-', not beginning with '.' (got " +
                    files::in_quotes(name) + ")");
}

}  // namespace

std::string read_text_field(const Json& body, const char* field, const std::string& what) {
  auto text = required_field<std::string>(body, field, what);
  if (text.empty() || text.size() > id_size_max)
    throw Error(Errc::bad_data, what + ": " + field + " must have 1 to " +
                                    std::to_string(id_size_max) + " characters");
  return text;
}

NewSession read_new_session(const Json& body) {
  const std::string what = "create_session";
  NewSession out;
  if (const auto tags = body.find("tags"); tags != body.end() && !tags->is_null()) {
    if (!tags->is_array() || tags->size() > metadata_max)
      throw Error(Errc::bad_data, what + ": tags must be a list of at most " +
                                      std::to_string(metadata_max) + " texts");
    out.tags = read_text_list(*tags, what + ": tags");
  }
  out.user_metadata = read_metadata(body, what);
  out.project_id = optional_field<std::string>(body, "project_id", what).value_or("");
  out.display_name = optional_field<std::string>(body, "display_name", what).value_or("");
  return out;
}

NewModel read_new_model(const Json& body) {
  const std::string what = "create_model";
  NewModel out;
  out.session_id = read_text_field(body, "session_id", what);
  out.model_seq_id = read_number(body, "model_seq_id", 0, what);
  out.base_model = read_text_field(body, "base_model", what);
  out.user_metadata = read_metadata(body, what);
  if (const Json* lora = object_field(body, "lora_config", what)) {
    out.rank = read_number(*lora, "rank", 1, what);
    out.seed = read_seed(*lora, what);
    out.train_unembed = optional_field<bool>(*lora, "train_unembed", what).value_or(true);
    out.train_mlp = optional_field<bool>(*lora, "train_mlp", what).value_or(true);
    out.train_attn = optional_field<bool>(*lora, "train_attn", what).value_or(true);
  }
  if (const Json* optimizer = object_field(body, "optimizer_config", what)) {
    const auto type = optional_field<std::string>(*optimizer, "type", what).value_or("adamw");
    if (type != "adamw")
      throw Error(Errc::invalid_argument, what + ": the optimizer " + files::in_quotes(type) +
                                              " is not offered; allowed: adamw");
  }
  return out;
}

Turn read_turn(const Json& body) {
  const std::string what = "training request";
  Turn out;
  out.model_id = read_text_field(body, "model_id", what);
  out.seq_id = read_number(body, "seq_id", 1, what);
  return out;
}

AdamParams read_adam(const Json& body) {
  const std::string what = "optim_step";
  const Json* params = object_field(body, "adam_params", what);
  if (params == nullptr)
    throw Error(Errc::invalid_argument, what +
                                            ": adam_params is missing; the only optimizer "
                                            "offered is AdamW");
  const auto number = [&](const char* name, double fallback) {
    return optional_field<double>(*params, name, what).value_or(fallback);
  };
  AdamParams out;
  out.learning_rate = number("learning_rate", out.learning_rate);
  out.beta1 = number("beta1", out.beta1);
  out.beta2 = number("beta2", out.beta2);
  out.eps = number("eps", out.eps);
  out.weight_decay = number("weight_decay", out.weight_decay);
  out.grad_clip_norm = number("grad_clip_norm", out.grad_clip_norm);
  return out;
}

std::optional<std::chrono::seconds> read_ttl(const Json& body) {
  const auto seconds = optional_field<std::int64_t>(body, "ttl_seconds", "ttl");
  if (!seconds) return std::nullopt;
  if (*seconds < 1 || *seconds > ttl_max)
    throw Error(Errc::invalid_argument, "ttl_seconds must be in 1.." + std::to_string(ttl_max) +
                                            " (got " + std::to_string(*seconds) + ")");
  return std::chrono::seconds(*seconds);
}

SaveWeights read_save_weights(const Json& body) {
  const std::string what = "save_weights";
  SaveWeights out;
  out.name = required_field<std::string>(body, "path", what);
  check_plain_name(out.name, what);
  out.ttl = read_ttl(body);
  out.overwrite = optional_field<bool>(body, "overwrite", what).value_or(false);
  out.user_metadata = read_metadata(body, what);
  return out;
}

SaveForSampler read_save_for_sampler(const Json& body) {
  const std::string what = "save_weights_for_sampler";
  SaveForSampler out;
  out.save.name = optional_field<std::string>(body, "path", what).value_or("");
  if (out.save.name.empty()) {
    out.sampling_session_seq_id = read_number(body, "sampling_session_seq_id", 0, what);
  } else {
    check_plain_name(out.save.name, what);
    out.save.ttl = read_ttl(body);
    out.save.user_metadata = read_metadata(body, what);
  }
  return out;
}

bool loads_new_model(const Json& body) {
  return !optional_field<std::string>(body, "model_id", "load_weights").has_value();
}

LoadWeights read_load_weights(const Json& body) {
  const std::string what = "load_weights";
  LoadWeights out;
  out.path = read_text_field(body, "path", what);
  out.optimizer = optional_field<bool>(body, "optimizer", what).value_or(false);
  return out;
}

LoadNewModel read_load_new_model(const Json& body) {
  const std::string what = "load_weights";
  LoadNewModel out;
  out.session_id = read_text_field(body, "session_id", what);
  out.model_seq_id = read_number(body, "model_seq_id", 0, what);
  out.load = read_load_weights(body);
  out.user_metadata = read_metadata(body, what);
  return out;
}

NewSampler read_new_sampler(const Json& body) {
  const std::string what = "create_sampling_session";
  NewSampler out;
  out.session_id = read_text_field(body, "session_id", what);
  out.sampling_session_seq_id = read_number(body, "sampling_session_seq_id", 0, what);
  out.base_model = optional_field<std::string>(body, "base_model", what).value_or("");
  out.model_path = optional_field<std::string>(body, "model_path", what).value_or("");
  if (out.base_model.empty() && out.model_path.empty())
    throw Error(Errc::bad_data, what + ": base_model or model_path must be given");
  return out;
}

SampleSubmission read_sample(const Json& body) {
  const std::string what = "asample";
  SampleSubmission out;
  out.sampling_session_id = read_text_field(body, "sampling_session_id", what);
  out.seq_id = required_field<std::int64_t>(body, "seq_id", what);
  const Json* prompt = object_field(body, "prompt", what);
  if (prompt == nullptr) throw Error(Errc::bad_data, what + ": field 'prompt' is missing");
  const auto chunks = prompt->find("chunks");
  if (chunks == prompt->end() || !chunks->is_array())
    throw Error(Errc::bad_data, what + ": field 'prompt.chunks' is missing or not a list");
  SampleCall& call = out.call;
  for (const Json& chunk : *chunks) call.prompt.chunks.push_back(read_chunk(chunk));
  call.params = read_sampling_params(body);
  const auto number = [&](const char* name, int fallback) {
    return optional_field<int>(body, name, what).value_or(fallback);
  };
  call.num_samples = number("num_samples", 1);
  call.prompt_logprobs = optional_field<bool>(body, "prompt_logprobs", what).value_or(false);
  call.topk_prompt_logprobs = number("topk_prompt_logprobs", 0);
  call.topk_sample_logprobs = number("topk_sample_logprobs", 0);
  call.prompt_alt_tokens_k = number("prompt_alt_tokens_k", 0);
  call.prompt_logprobs_last_n = optional_field<int>(body, "prompt_logprobs_last_n", what);
  if (const auto target = body.find("target_prompt_logprobs");
      target != body.end() && !target->is_null())
    call.target_prompt_logprobs = read_integer_tensor(*target, what + ": target_prompt_logprobs");
  return out;
}

FuturesQuery read_futures_query(const Json& body) {
  const std::string what = "retrieve_futures";
  const Json* target = object_field(body, "target", what);
  if (target == nullptr) throw Error(Errc::bad_data, what + ": target is missing");
  const auto type = optional_field<std::string>(*target, "type", what).value_or("");
  if (type != "sampling_session")
    throw Error(Errc::invalid_argument, what + ": the target " + files::in_quotes(type) +
                                            " is not offered; allowed: sampling_session");
  FuturesQuery out;
  out.sampling_session_id = read_text_field(*target, "sampling_session_id", what);
  out.clone = optional_field<std::int64_t>(*target, "cloned_sampler_id", what).value_or(0);
  out.cursor = optional_field<std::int64_t>(body, "prev_cursor", what).value_or(0);
  if (const auto seconds = optional_field<double>(body, "timeout", what))
    out.wait = std::chrono::milliseconds(
        static_cast<std::int64_t>(std::clamp(*seconds, 0.0, 3'600.0) * 1e3));
  return out;
}

}  // namespace xfer::tinker
