// SPDX-License-Identifier: Apache-2.0
// config.json in Hugging Face's layout.
#include "engine/loader.hpp"
#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace xfer::engine {
namespace {

using Json = nlohmann::json;

class ConfigReader {
public:
  ConfigReader(const Json& json, std::string origin) : json_(json), origin_(std::move(origin)) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& why) const {
    throw Error(Errc::bad_data, origin_ + ": " + key + " " + why);
  }
  const Json* find(const std::string& key) const {
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }
  int integer(const std::string& key) const {
    const Json* value = find(key);
    if (value == nullptr) refuse(key, "is missing");
    return as_int(key, *value);
  }
  int integer_or(const std::string& key, int otherwise) const {
    return find(key) != nullptr ? integer(key) : otherwise;
  }
  double number_or(const std::string& key, double otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) refuse(key, "must be a number");
    return value->get<double>();
  }
  bool flag_or(const std::string& key, bool otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) refuse(key, "must be true or false");
    return value->get<bool>();
  }
  std::string text_or(const std::string& key, const std::string& otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_string()) refuse(key, "must be a text");
    return value->get<std::string>();
  }
  int as_int(const std::string& key, const Json& value) const {
    if (!value.is_number_integer()) refuse(key, "must be a whole number");
    const auto wide = value.get<std::int64_t>();
    if (wide < -1'000'000'000 || wide > 1'000'000'000) refuse(key, "is out of range");
    return static_cast<int>(wide);
  }

private:
  const Json& json_;
  std::string origin_;
};

// One set of rotary parameters: base and scaling.
void read_rope_parameters(const ConfigReader& reader, const std::string& where, double& theta,
                          RopeScaling& scaling) {
  theta = reader.number_or("rope_theta", theta);
  const std::string type = reader.text_or("rope_type", reader.text_or("type", "default"));
  if (type == "default") return;
  if (type != "llama3" && type != "linear")
    throw Error(Errc::not_available,
                where + ": rope_type '" + type + "' is not known; known: default, linear, llama3");
  scaling.linear = type == "linear";
  scaling.factor = reader.number_or("factor", scaling.linear ? 1.0 : 8.0);
  if (scaling.linear) return;
  scaling.low_freq_factor = reader.number_or("low_freq_factor", 1.0);
  scaling.high_freq_factor = reader.number_or("high_freq_factor", 4.0);
  scaling.original_positions = reader.number_or("original_max_position_embeddings", 8192);
  if (!(scaling.low_freq_factor > 0.0) || !(scaling.high_freq_factor > scaling.low_freq_factor) ||
      !(scaling.original_positions > 0.0))
    reader.refuse("low_freq_factor, high_freq_factor", "must be positive and ascending");
}

// Old files: "rope_theta" and "rope_scaling" at the top; new ones: "rope_parameters", for Gemma 3
// one set for each kind of layer.
void read_rope(const ConfigReader& top, const std::string& origin, ModelConfig& c) {
  c.rope_theta = top.number_or("rope_theta", c.is_gemma() ? 1e6 : c.rope_theta);
  if (c.is_gemma()) c.sliding_rope_theta = top.number_or("rope_local_base_freq", 1e4);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Json* rope = top.find(key);
    if (rope == nullptr) continue;
    if (!rope->is_object()) top.refuse(key, "must be an object");
    const std::string where = origin + ": " + key;
    const ConfigReader reader(*rope, where);
    const Json* full = reader.find("full_attention");
    const Json* sliding = reader.find("sliding_attention");
    if (full == nullptr && sliding == nullptr) {
      read_rope_parameters(reader, where, c.rope_theta, c.rope_scaling);
      continue;
    }
    if (full == nullptr || sliding == nullptr || !full->is_object() || !sliding->is_object())
      top.refuse(key, "must have the objects full_attention and sliding_attention");
    RopeScaling none;
    read_rope_parameters(ConfigReader(*full, where), where, c.rope_theta, c.rope_scaling);
    read_rope_parameters(ConfigReader(*sliding, where), where, c.sliding_rope_theta, none);
    if (none.factor != 1.0) top.refuse(key, "scales sliding_attention, which is not supported");
  }
}

// Which layers see a window only. Older files do not list them: Gemma 3's every sixth layer sees
// all; Qwen's first max_window_layers do; all of Mistral's and Qwen3-MoE's slide if any does.
void read_window(const ConfigReader& reader, ModelConfig& c) {
  const bool qwen = c.architecture.starts_with("qwen");
  if (c.architecture == "llama" || (qwen && !reader.flag_or("use_sliding_window", false))) return;
  c.sliding_window = reader.integer_or("sliding_window", 0);
  if (c.sliding_window == 0) return;
  const auto layers = static_cast<std::size_t>(std::clamp(c.layers, 0, 1'000));
  const bool by_layer = c.is_gemma() || c.architecture == "qwen2" || c.architecture == "qwen3";
  const Json* types = by_layer ? reader.find("layer_types") : nullptr;
  if (types != nullptr) {
    if (!types->is_array() || types->empty()) reader.refuse("layer_types", "must be a list");
    for (const Json& type : *types) {
      if (type != "sliding_attention" && type != "full_attention")
        reader.refuse("layer_types", "must hold sliding_attention or full_attention");
      c.sliding_layers.push_back(type == "sliding_attention");
    }
    return;
  }
  const int pattern = c.is_gemma() ? reader.integer_or("sliding_window_pattern", 6) : 1;
  if (pattern < 1) reader.refuse("sliding_window_pattern", "must be at least 1");
  const int full = by_layer && !c.is_gemma() ? reader.integer_or("max_window_layers", 28) : 0;
  for (std::size_t i = 0; i < layers; ++i)
    c.sliding_layers.push_back(c.is_gemma() ? (i + 1) % static_cast<std::size_t>(pattern) != 0
                                            : static_cast<int>(i) >= full);
}

void read_experts(const ConfigReader& reader, ModelConfig& c) {
  ExpertConfig& e = c.experts;
  e.count = reader.integer(reader.find("num_local_experts") ? "num_local_experts" : "num_experts");
  if (e.count < 1) reader.refuse("num_experts", "must be at least 1");
  e.per_token = reader.integer("num_experts_per_tok");
  e.intermediate_size = reader.integer("moe_intermediate_size");
  e.normalised = reader.flag_or("norm_topk_prob", false);
  e.layer_step = reader.integer_or("decoder_sparse_step", 1);
  if (const Json* dense = reader.find("mlp_only_layers")) {
    if (!dense->is_array()) reader.refuse("mlp_only_layers", "must be a list");
    for (const Json& layer : *dense)
      e.dense_layers.push_back(reader.as_int("mlp_only_layers", layer));
  }
}

void read_gemma(const ConfigReader& reader, ModelConfig& c) {
  const double scalar = reader.number_or("query_pre_attn_scalar", 256.0);
  if (!(scalar > 0.0)) reader.refuse("query_pre_attn_scalar", "must be positive");
  c.query_scale = 1.0 / std::sqrt(scalar);
  c.attention_soft_cap = reader.number_or("attn_logit_softcapping", 0.0);
  c.logit_soft_cap = reader.number_or("final_logit_softcapping", 0.0);
  if (reader.flag_or("use_bidirectional_attention", false))
    reader.refuse("use_bidirectional_attention", "is not supported");
}

void refuse_what_is_not_supported(const ConfigReader& reader, const std::string& origin,
                                  const ModelConfig& c) {
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (reader.flag_or(key, false))
      throw Error(Errc::not_available, origin + ": " + key + " is not supported");
  const std::string want = c.is_gemma() ? "gelu_pytorch_tanh" : "silu";
  const std::string act = reader.text_or("hidden_activation", reader.text_or("hidden_act", want));
  if (act != want)
    throw Error(Errc::not_available, origin + ": hidden_act '" + act +
                                         "' is not known for this architecture; known: " + want);
}

// Readers of the Hugging Face layout call a model by its class.
std::string class_of(const std::string& architecture) {
  static const std::map<std::string, std::string> classes = {
      {"gemma3_text", "Gemma3ForCausalLM"}, {"llama", "LlamaForCausalLM"},
      {"mistral", "MistralForCausalLM"},    {"qwen2", "Qwen2ForCausalLM"},
      {"qwen3", "Qwen3ForCausalLM"},        {"qwen3_moe", "Qwen3MoeForCausalLM"}};
  return classes.at(architecture);
}

using OrderedJson = nlohmann::ordered_json;

OrderedJson rope_json(double theta, const RopeScaling& s) {
  OrderedJson json = {{"rope_type", "default"}, {"rope_theta", theta}};
  if (s.factor == 1.0) return json;
  json["rope_type"] = s.linear ? "linear" : "llama3";
  json["factor"] = s.factor;
  if (s.linear) return json;
  json["low_freq_factor"] = s.low_freq_factor;
  json["high_freq_factor"] = s.high_freq_factor;
  json["original_max_position_embeddings"] = s.original_positions;
  return json;
}

void write_rope(const ModelConfig& c, OrderedJson& json) {
  if (c.is_gemma()) {
    json["rope_parameters"] = {{"full_attention", rope_json(c.rope_theta, c.rope_scaling)},
                               {"sliding_attention", rope_json(c.sliding_rope_theta, {})}};
    return;
  }
  json["rope_theta"] = c.rope_theta;
  if (c.rope_scaling.factor == 1.0) return;
  json["rope_scaling"] = rope_json(c.rope_theta, c.rope_scaling);
  json["rope_scaling"].erase("rope_theta");
}

void write_family(const ModelConfig& c, OrderedJson& json) {
  if (!c.sliding_layers.empty()) {
    if (!c.is_gemma() && c.architecture != "mistral") json["use_sliding_window"] = true;
    json["sliding_window"] = c.sliding_window;
    auto types = OrderedJson::array();
    for (const bool sliding : c.sliding_layers)
      types.push_back(sliding ? "sliding_attention" : "full_attention");
    if (c.architecture != "mistral") json["layer_types"] = std::move(types);
  } else if (c.architecture == "mistral") {
    json["sliding_window"] = nullptr;
  }
  if (c.is_gemma()) {
    json["query_pre_attn_scalar"] = 1.0 / (c.query_scale * c.query_scale);
    if (c.attention_soft_cap > 0.0) json["attn_logit_softcapping"] = c.attention_soft_cap;
    if (c.logit_soft_cap > 0.0) json["final_logit_softcapping"] = c.logit_soft_cap;
  }
  if (c.experts.count > 0) {
    json["num_experts"] = c.experts.count;
    json["num_experts_per_tok"] = c.experts.per_token;
    json["moe_intermediate_size"] = c.experts.intermediate_size;
    json["norm_topk_prob"] = c.experts.normalised;
    json["decoder_sparse_step"] = c.experts.layer_step;
    json["mlp_only_layers"] = c.experts.dense_layers;
  }
}

}  // namespace

ModelConfig parse_config(const std::string& text, const std::string& origin) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw Error(Errc::bad_data, origin + ": not a JSON object");
  const ConfigReader reader(json, origin);
  ModelConfig c;
  c.architecture = reader.text_or("model_type", "");
  require_known_architecture(c.architecture, origin);
  refuse_what_is_not_supported(reader, origin, c);
  c.vocab_size = reader.integer("vocab_size");
  c.hidden_size = reader.integer("hidden_size");
  c.layers = reader.integer("num_hidden_layers");
  c.heads = reader.integer("num_attention_heads");
  c.kv_heads = reader.integer_or("num_key_value_heads", c.heads);
  // What transformers assumes where the file does not say.
  const int usual_dim = c.architecture == "qwen3" ? 128
                        : c.is_gemma()            ? 256
                        : c.heads > 0             ? c.hidden_size / c.heads
                                                  : 0;
  c.head_dim = reader.integer_or("head_dim", usual_dim);
  c.intermediate_size = reader.integer("intermediate_size");
  c.max_positions = reader.integer_or("max_position_embeddings", c.max_positions);
  c.rms_eps = reader.number_or("rms_norm_eps", 1e-6);
  c.tied_head = reader.flag_or("tie_word_embeddings", c.is_gemma());
  read_rope(reader, origin, c);
  read_window(reader, c);
  if (c.architecture == "qwen3_moe") read_experts(reader, c);
  if (c.is_gemma()) read_gemma(reader, c);
  if (const Json* eos = reader.find("eos_token_id")) {
    if (eos->is_array()) {
      for (const Json& id : *eos) c.end_tokens.push_back(reader.as_int("eos_token_id", id));
    } else {
      c.end_tokens.push_back(reader.as_int("eos_token_id", *eos));
    }
  }
  c.validate(origin);
  return c;
}

std::string write_config(const ModelConfig& c) {
  OrderedJson json;
  json["architectures"] = {class_of(c.architecture)};
  json["model_type"] = c.architecture;
  json["vocab_size"] = c.vocab_size;
  json["hidden_size"] = c.hidden_size;
  json["num_hidden_layers"] = c.layers;
  json["num_attention_heads"] = c.heads;
  json["num_key_value_heads"] = c.kv_heads;
  json["head_dim"] = c.head_dim;
  json["intermediate_size"] = c.intermediate_size;
  json["max_position_embeddings"] = c.max_positions;
  json["rms_norm_eps"] = c.rms_eps;
  write_rope(c, json);
  write_family(c, json);
  json["tie_word_embeddings"] = c.tied_head;
  json[c.is_gemma() ? "hidden_activation" : "hidden_act"] =
      c.is_gemma() ? "gelu_pytorch_tanh" : "silu";
  json["attention_bias"] = false;
  if (c.architecture == "llama") json["mlp_bias"] = false;
  if (c.end_tokens.size() == 1)
    json["eos_token_id"] = c.end_tokens.front();
  else if (!c.end_tokens.empty())
    json["eos_token_id"] = c.end_tokens;
  return json.dump(2) + "\n";
}

}  // namespace xfer::engine
