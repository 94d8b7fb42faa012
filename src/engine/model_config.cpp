// SPDX-License-Identifier: Apache-2.0
#include "xfer/engine/model.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::engine {
namespace {

class Checker {
public:
  explicit Checker(const std::string& origin) : origin_(origin) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Errc::bad_data, origin_ + ": " + what);
  }
  void in(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) const {
    if (value < low || value > high)
      refuse(std::string(field) + " must be in " + std::to_string(low) + ".." +
             std::to_string(high) + " (got " + std::to_string(value) + ")");
  }
  void positive(const char* field, double value) const {
    if (!(value > 0.0) || !std::isfinite(value))
      refuse(std::string(field) + " must be positive (got " + std::to_string(value) + ")");
  }
  void positive_or_zero(const char* field, double value) const {
    if (value != 0.0) positive(field, value);
  }

private:
  const std::string& origin_;
};

void check_experts(const Checker& check, const ModelConfig& c) {
  const ExpertConfig& e = c.experts;
  if (e.count == 0) return;
  check.in("num_experts", e.count, 1, 4'096);
  check.in("num_experts_per_tok", e.per_token, 1, e.count);
  check.in("moe_intermediate_size", e.intermediate_size, 1, 1'000'000);
  check.in("decoder_sparse_step", e.layer_step, 1, 1'000);
  for (const int layer : e.dense_layers) check.in("mlp_only_layers", layer, 0, c.layers - 1);
}

}  // namespace

const std::vector<std::string>& known_architectures() {
  static const std::vector<std::string> names = {"gemma3_text", "llama", "mistral",
                                                 "qwen2",       "qwen3", "qwen3_moe"};
  return names;
}

bool ModelConfig::has_qk_norm() const noexcept {
  return architecture == "qwen3" || architecture == "qwen3_moe" || is_gemma();
}

bool ModelConfig::is_sparse(int layer) const noexcept {
  const auto& dense = experts.dense_layers;
  return experts.count > 0 && (layer + 1) % experts.layer_step == 0 &&
         std::find(dense.begin(), dense.end(), layer) == dense.end();
}

std::int64_t ModelConfig::parameters() const noexcept {
  const std::int64_t h = hidden_size;
  const std::int64_t q = std::int64_t{heads} * head_dim;
  const std::int64_t kv = std::int64_t{kv_heads} * head_dim;
  std::int64_t total = h + (tied_head ? 1 : 2) * h * std::int64_t{vocab_size};
  for (int layer = 0; layer < layers; ++layer) {
    total += h * (2 * q + 2 * kv) + (is_gemma() ? 4 : 2) * h;
    if (has_qkv_bias()) total += q + 2 * kv;
    if (has_qk_norm()) total += 2 * std::int64_t{head_dim};
    total += is_sparse(layer)
                 ? std::int64_t{experts.count} * (3 * h * experts.intermediate_size + h)
                 : 3 * h * intermediate_size;
  }
  return total;
}

void ModelConfig::validate(const std::string& origin) const {
  const Checker check(origin);
  const auto& known = known_architectures();
  if (std::find(known.begin(), known.end(), architecture) == known.end())
    check.refuse("unknown architecture '" + architecture + "'");
  check.in("vocab_size", vocab_size, 1, 4'000'000);
  check.in("hidden_size", hidden_size, 1, 65'536);
  check.in("num_hidden_layers", layers, 1, 1'000);
  check.in("num_attention_heads", heads, 1, 1'024);
  check.in("num_key_value_heads", kv_heads, 1, heads);
  check.in("head_dim", head_dim, 2, 1'024);
  check.in("intermediate_size", intermediate_size, 1, 1'000'000);
  check.in("max_position_embeddings", max_positions, 1, 100'000'000);
  if (head_dim % 2 != 0)
    check.refuse("head_dim must be even (got " + std::to_string(head_dim) + ")");
  if (heads % kv_heads != 0)
    check.refuse("num_attention_heads must be a multiple of num_key_value_heads (got " +
                 std::to_string(heads) + " and " + std::to_string(kv_heads) + ")");
  check.positive("rms_norm_eps", rms_eps);
  check.positive("rope_theta", rope_theta);
  check.positive("rope_scaling factor", rope_scaling.factor);
  check.positive_or_zero("rope_theta of sliding_attention", sliding_rope_theta);
  check.positive_or_zero("query_pre_attn_scalar", query_scale);
  check.positive_or_zero("attn_logit_softcapping", attention_soft_cap);
  check.positive_or_zero("final_logit_softcapping", logit_soft_cap);
  if (!rope_divisors.empty() && rope_divisors.size() != static_cast<std::size_t>(head_dim / 2))
    check.refuse("rope_freqs must have head_dim / 2 values (got " +
                 std::to_string(rope_divisors.size()) + ")");
  for (const float divisor : rope_divisors) check.positive("rope_freqs", divisor);
  if (!sliding_layers.empty()) {
    if (sliding_layers.size() != static_cast<std::size_t>(layers))
      check.refuse("layer_types must name each of the " + std::to_string(layers) + " layers (got " +
                   std::to_string(sliding_layers.size()) + ")");
    check.in("sliding_window", sliding_window, 1, 100'000'000);
  }
  check_experts(check, *this);
}

}  // namespace xfer::engine
