// SPDX-License-Identifier: Apache-2.0
// A model's shape from GGUF metadata (ggml-org/ggml, docs/gguf.md; names as ggml-org/llama.cpp
// writes them).
#include "engine/loader.hpp"
#include "xfer/error.hpp"

#include <cmath>
#include <map>

namespace xfer::engine {
namespace {

// GGUF's names of what config.json calls otherwise; Mistral's files say "llama".
const std::map<std::string, std::string>& architectures() {
  static const std::map<std::string, std::string> names = {{"llama", "llama"},
                                                           {"qwen2", "qwen2"},
                                                           {"qwen3", "qwen3"},
                                                           {"qwen3moe", "qwen3_moe"},
                                                           {"gemma3", "gemma3_text"}};
  return names;
}

class GgufConfigReader {
public:
  explicit GgufConfigReader(const files::Gguf& file)
      : file_(file), origin_(file.path().string()), prefix_(file.string("general.architecture")) {}

  ModelConfig run() {
    const auto known = architectures().find(prefix_);
    if (known == architectures().end()) {
      std::string names;
      for (const auto& [name, ignored] : architectures())
        names += (names.empty() ? "" : ", ") + name;
      throw Error(Errc::not_available,
                  origin_ + ": unknown architecture '" + prefix_ + "'; known: " + names);
    }
    ModelConfig c;
    c.architecture = known->second;
    c.layers = integer("block_count");
    c.hidden_size = integer("embedding_length");
    c.intermediate_size = integer("feed_forward_length");
    c.heads = integer("attention.head_count");
    c.kv_heads = integer_or("attention.head_count_kv", c.heads);
    c.max_positions = integer("context_length");
    c.rms_eps = number("attention.layer_norm_rms_epsilon");
    const int even = c.heads > 0 ? c.hidden_size / c.heads : 0;
    c.head_dim = integer_or("attention.key_length", integer_or("rope.dimension_count", even));
    if (integer_or("attention.value_length", c.head_dim) != c.head_dim ||
        integer_or("rope.dimension_count", c.head_dim) != c.head_dim)
      refuse("attention.value_length and rope.dimension_count",
             "must be attention.key_length, " + std::to_string(c.head_dim));
    read_rope(c);
    read_window(c);
    read_experts(c);
    read_tensors(c);
    if (file_.has("tokenizer.ggml.eos_token_id"))
      c.end_tokens.push_back(static_cast<std::int32_t>(int_of("tokenizer.ggml.eos_token_id")));
    c.validate(origin_);
    return c;
  }

private:
  [[noreturn]] void refuse(const std::string& key, const std::string& why) const {
    throw Error(Errc::bad_data, origin_ + ": " + prefix_ + "." + key + " " + why);
  }
  std::string key(const std::string& name) const { return prefix_ + "." + name; }
  bool has(const std::string& name) const { return file_.has(key(name)); }
  double number(const std::string& name) const { return file_.number(key(name)); }
  int int_of(const std::string& full) const {
    const std::int64_t value = file_.integer(full);
    if (value < 0 || value > 1'000'000'000)
      throw Error(Errc::bad_data,
                  origin_ + ": " + full + " is out of range (got " + std::to_string(value) + ")");
    return static_cast<int>(value);
  }
  int integer(const std::string& name) const { return int_of(key(name)); }
  int integer_or(const std::string& name, int otherwise) const {
    return has(name) ? integer(name) : otherwise;
  }

  void read_rope(ModelConfig& c) const {
    if (has("rope.freq_base")) c.rope_theta = number("rope.freq_base");
    if (has("rope.scaling.type")) {
      const std::string& type = file_.string(key("rope.scaling.type"));
      if (type != "none" && type != "linear")
        throw Error(Errc::not_available, origin_ + ": " + key("rope.scaling.type") + " '" + type +
                                             "' is not known; known: linear, none");
      c.rope_scaling.linear = type == "linear";
      if (type == "linear") c.rope_scaling.factor = number("rope.scaling.factor");
    }
  }

  // Gemma 3's files do not say which layers slide, their rotary base, and the scale of queries:
  // every sixth layer sees all, 10,000, and 1/sqrt of head_dim, in the 27B model of
  // hidden_size / heads (google-deepmind/gemma, gemma/gm/nn/_gemma.py).
  void read_window(ModelConfig& c) const {
    if (!c.is_gemma()) return;
    c.sliding_rope_theta = has("rope.freq_base_swa") ? number("rope.freq_base_swa") : 1e4;
    c.sliding_window = integer_or("attention.sliding_window", 0);
    if (c.sliding_window > 0)
      for (int i = 0; i < c.layers && i < 1'000; ++i) c.sliding_layers.push_back((i + 1) % 6 != 0);
    const bool largest = c.layers == 62 && c.heads > 0;
    c.query_scale =
        1.0 / std::sqrt(static_cast<double>(largest ? c.hidden_size / c.heads : c.head_dim));
    if (has("final_logit_softcapping")) c.logit_soft_cap = number("final_logit_softcapping");
    if (has("attn_logit_softcapping")) c.attention_soft_cap = number("attn_logit_softcapping");
  }

  void read_experts(ModelConfig& c) const {
    const int count = integer_or("expert_count", 0);
    if (c.architecture != "qwen3_moe") {
      if (count > 0)
        throw Error(Errc::not_available, origin_ + ": " + key("expert_count") +
                                             " above 0 is not supported for this architecture");
      return;
    }
    c.experts.count = count;
    if (count < 1) refuse("expert_count", "must be at least 1");
    c.experts.per_token = integer("expert_used_count");
    c.experts.intermediate_size = integer("expert_feed_forward_length");
  }

  void read_tensors(ModelConfig& c) const {
    const auto& tensors = file_.tensors();
    const auto embedding = tensors.find("token_embd.weight");
    if (embedding == tensors.end() || embedding->second.shape.size() != 2)
      throw Error(Errc::bad_data, origin_ + ": tensor token_embd.weight is missing");
    if (embedding->second.shape[0] > 4'000'000)
      throw Error(Errc::bad_data, origin_ + ": tensor token_embd.weight has too many rows");
    c.vocab_size = static_cast<int>(embedding->second.shape[0]);
    c.tied_head = tensors.count("output.weight") == 0;
    const auto divisors = tensors.find("rope_freqs.weight");
    if (divisors == tensors.end()) return;
    const files::GgufTensor& t = divisors->second;
    if (t.type != files::GgmlType::f32 || t.shape.size() != 1 || t.shape[0] > 4096)
      throw Error(Errc::bad_data, origin_ + ": tensor rope_freqs.weight has a wrong type or shape");
    c.rope_divisors.resize(static_cast<std::size_t>(t.shape[0]));
    files::dequantize(t.type, t.bytes, c.rope_divisors);
  }

  const files::Gguf& file_;
  std::string origin_;
  std::string prefix_;
};

}  // namespace

ModelConfig gguf_config(const files::Gguf& file) { return GgufConfigReader(file).run(); }

}  // namespace xfer::engine
