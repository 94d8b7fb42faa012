// SPDX-License-Identifier: Apache-2.0
// A language model held in memory: its frozen weights, its tokenizer, its workers.
#pragma once

#include "xfer/engine/profile.hpp"
#include "xfer/text/tokenizer.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// Frequency scaling of rotary embeddings; factor 1 means none. Llama-3's rule, or with `linear`
/// every frequency divided by `factor`.
struct RopeScaling {
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double original_positions = 8192.0;
  bool linear = false;
};

/// Feed-forward parts among which a router chooses for each token (Qwen3-MoE). 0 experts: none.
struct ExpertConfig {
  int count = 0;
  /// How many work on a token.
  int per_token = 0;
  int intermediate_size = 0;
  /// The chosen experts' probabilities are divided by their sum.
  bool normalised = true;
  /// Layer i (from 0) has experts when (i + 1) % layer_step is 0 and it is not in `dense_layers`.
  int layer_step = 1;
  std::vector<int> dense_layers;
};

/// The shape of a model: Llama's, and how its relatives differ from it.
struct ModelConfig {
  /// As `model_type` in config.json; one of `known_architectures()`.
  std::string architecture = "llama";
  int vocab_size = 0;
  int hidden_size = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int intermediate_size = 0;
  int max_positions = 2048;
  double rms_eps = 1e-5;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  /// Divides each rotary frequency (GGUF's rope_freqs tensor); empty or head_dim / 2 values.
  std::vector<float> rope_divisors;
  bool tied_head = false;
  std::vector<std::int32_t> end_tokens;

  /// Multiplies q . k; 0 means 1 / sqrt(head_dim).
  double query_scale = 0.0;
  /// Scores, and logits, become cap * tanh(x / cap); 0 means as they are.
  double attention_soft_cap = 0.0;
  double logit_soft_cap = 0.0;
  /// In the layers of `sliding_layers` a position sees itself and the window - 1 before it.
  int sliding_window = 0;
  /// One flag a layer, or empty: no layer.
  std::vector<bool> sliding_layers;
  /// The rotary base of sliding layers, unscaled; 0 means as in the others.
  double sliding_rope_theta = 0.0;
  ExpertConfig experts;

  /// Bias on q, k and v (Qwen2).
  bool has_qkv_bias() const noexcept { return architecture == "qwen2"; }
  /// RMS norm on each head's q and k (Qwen3, Gemma 3).
  bool has_qk_norm() const noexcept;
  /// Gemma 3: norms after attention and MLP too, all with weights stored less 1, GeGLU, embeddings
  /// times sqrt(hidden_size).
  bool is_gemma() const noexcept { return architecture == "gemma3_text"; }
  bool is_sparse(int layer) const noexcept;
  bool is_sliding(int layer) const noexcept {
    return !sliding_layers.empty() && sliding_layers[static_cast<std::size_t>(layer)];
  }

  /// Weights of such a model, embeddings included once.
  std::int64_t parameters() const noexcept;
  /// Throws `bad_data` naming `origin` and the field that is out of range.
  void validate(const std::string& origin) const;
};

/// What `ModelConfig::architecture` may be, in alphabetical order.
const std::vector<std::string>& known_architectures();

/// How frozen weights are kept in memory.
enum class WeightStorage {
  /// The blocks of a GGUF file where they are Q8_0, Q4_0 or Q4_1, float32 for the rest: a quarter
  /// of
  /// the memory, and the same bits in every result.
  blocks,
  f32,
  bf16,  ///< half the memory, and less to read when decoding; rounds what is not bf16 already
  /// As bf16, and what is multiplied with them is rounded to bf16 as well (sums, norms, attention,
  /// gradients of weights and the adapters' own values stay in float32), as mixed-precision
  /// training
  /// does: faster on processors with AVX512_BF16 (bench/README.md), emulated on others. Results
  /// agree
  /// with the others' to a few percent, and exactly with themselves, whatever the batch or the
  /// number
  /// of threads.
  bf16_compute
};

/// By its name here. Throws `invalid_argument` naming those there are.
WeightStorage weight_storage(std::string_view name);

struct ModelOptions {
  /// Worker threads; 0 means one per core. Never changes a result.
  int threads = 0;
  WeightStorage weights = WeightStorage::blocks;
};

class Runtime;  // threads and scheduler, shared by everything that uses the model
struct Network;

/// Immutable but for its workers; shared by trainers and samplers. Safe to use concurrently: work
/// on one model is queued and done piece by piece on its threads.
class Model {
public:
  /// A folder in Hugging Face's layout (config.json, safetensors, tokenizer.json) or a GGUF file.
  /// Throws `io`, `bad_data` or `not_available` naming the file and the field, `out_of_memory`
  /// before anything large is allocated that would not fit.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           ModelOptions options = {});
  /// A model with random weights (normal, 0.02; residual projections scaled by depth), to train
  /// from nothing.
  static std::shared_ptr<const Model> random(const ModelConfig& config, text::Tokenizer tokenizer,
                                             std::uint64_t seed, ModelOptions options = {});

  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const noexcept;
  const text::Tokenizer& tokenizer() const noexcept;
  /// The folder's or file's name.
  const std::string& name() const noexcept;
  /// Hash over configuration, weights and tokenizer.
  const std::string& content_hash() const noexcept;
  std::int64_t parameters() const noexcept { return config().parameters(); }
  int threads() const noexcept;

  /// What training and sampling on this model took so far. Any thread.
  Profile profile() const noexcept;
  /// Floating-point operations per second that matrix products can reach here at most, measured
  /// now (0.2 s) while no other work of this model runs.
  double measure_peak_flops() const;

  const std::shared_ptr<const Network>& network() const noexcept;
  Runtime& runtime() const noexcept;

private:
  struct State;
  explicit Model(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Changes whenever a result of the engine could.
std::string_view engine_version() noexcept;

}  // namespace xfer::engine
#pragma GCC visibility pop
