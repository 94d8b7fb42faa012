// config.json in Hugging Face's layout.
#include "engine/loader.hpp"
#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

namespace xfer::engine {
namespace {

using Json = nlohmann::json;

class Reader {
public:
  Reader(const Json& json, std::string origin) : json_(json), origin_(std::move(origin)) {}

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

// Old files: "rope_theta" and "rope_scaling" at the top; new ones: "rope_parameters".
void read_rope(const Json& json, const std::string& origin, ModelConfig& c) {
  const Reader top(json, origin);
  c.rope_theta = top.number_or("rope_theta", c.rope_theta);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Json* rope = top.find(key);
    if (rope == nullptr) continue;
    if (!rope->is_object()) top.refuse(key, "must be an object");
    const Reader reader(*rope, origin + ": " + key);
    c.rope_theta = reader.number_or("rope_theta", c.rope_theta);
    const std::string type = reader.text_or("rope_type", reader.text_or("type", "default"));
    if (type == "default") continue;
    if (type != "llama3")
      throw Error(Errc::not_available, origin + ": " + key + ": rope_type '" + type +
                                           "' is not known; known: default, llama3");
    c.rope_scaling.factor = reader.number_or("factor", 8.0);
    c.rope_scaling.low_freq_factor = reader.number_or("low_freq_factor", 1.0);
    c.rope_scaling.high_freq_factor = reader.number_or("high_freq_factor", 4.0);
    c.rope_scaling.original_positions = reader.number_or("original_max_position_embeddings", 8192);
    if (!(c.rope_scaling.low_freq_factor > 0.0) ||
        !(c.rope_scaling.high_freq_factor > c.rope_scaling.low_freq_factor) ||
        !(c.rope_scaling.original_positions > 0.0))
      reader.refuse("low_freq_factor, high_freq_factor", "must be positive and ascending");
  }
}

}  // namespace

ModelConfig parse_config(const std::string& text, const std::string& origin) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw Error(Errc::bad_data, origin + ": not a JSON object");
  const Reader reader(json, origin);
  const std::string type = reader.text_or("model_type", "");
  if (type != "llama")
    throw Error(Errc::not_available,
                origin + ": unknown architecture '" + type + "'; known: llama");
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (reader.flag_or(key, false))
      throw Error(Errc::not_available, origin + ": " + key + " is not supported");
  if (const std::string act = reader.text_or("hidden_act", "silu"); act != "silu")
    throw Error(Errc::not_available, origin + ": hidden_act '" + act + "' is not known; known: silu");
  ModelConfig c;
  c.vocab_size = reader.integer("vocab_size");
  c.hidden_size = reader.integer("hidden_size");
  c.layers = reader.integer("num_hidden_layers");
  c.heads = reader.integer("num_attention_heads");
  c.kv_heads = reader.integer_or("num_key_value_heads", c.heads);
  c.head_dim = reader.integer_or("head_dim", c.heads > 0 ? c.hidden_size / c.heads : 0);
  c.intermediate_size = reader.integer("intermediate_size");
  c.max_positions = reader.integer_or("max_position_embeddings", c.max_positions);
  c.rms_eps = reader.number_or("rms_norm_eps", 1e-6);
  c.tied_head = reader.flag_or("tie_word_embeddings", false);
  read_rope(json, origin, c);
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
  nlohmann::ordered_json json;
  json["architectures"] = {"LlamaForCausalLM"};
  json["model_type"] = "llama";
  json["vocab_size"] = c.vocab_size;
  json["hidden_size"] = c.hidden_size;
  json["num_hidden_layers"] = c.layers;
  json["num_attention_heads"] = c.heads;
  json["num_key_value_heads"] = c.kv_heads;
  json["head_dim"] = c.head_dim;
  json["intermediate_size"] = c.intermediate_size;
  json["max_position_embeddings"] = c.max_positions;
  json["rms_norm_eps"] = c.rms_eps;
  json["rope_theta"] = c.rope_theta;
  if (c.rope_scaling.factor != 1.0)
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", c.rope_scaling.factor},
                            {"low_freq_factor", c.rope_scaling.low_freq_factor},
                            {"high_freq_factor", c.rope_scaling.high_freq_factor},
                            {"original_max_position_embeddings",
                             c.rope_scaling.original_positions}};
  json["tie_word_embeddings"] = c.tied_head;
  json["hidden_act"] = "silu";
  json["attention_bias"] = false;
  json["mlp_bias"] = false;
  if (c.end_tokens.size() == 1)
    json["eos_token_id"] = c.end_tokens.front();
  else if (!c.end_tokens.empty())
    json["eos_token_id"] = c.end_tokens;
  return json.dump(2) + "\n";
}

}  // namespace xfer::engine
