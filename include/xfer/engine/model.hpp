// A language model held in memory: its frozen weights, its tokenizer, its workers.
#pragma once

#include "xfer/text/tokenizer.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::engine {

/// Llama-3's frequency scaling of rotary embeddings; factor 1 means none.
struct RopeScaling {
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double original_positions = 8192.0;
};

/// The shape of a Llama-architecture model.
struct ModelConfig {
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

  /// Weights of such a model, embeddings included once.
  std::int64_t parameters() const noexcept;
  /// Throws `bad_data` naming `origin` and the field that is out of range.
  void validate(const std::string& origin) const;
};

struct ModelOptions {
  /// Worker threads; 0 means one per core. Never changes a result.
  int threads = 0;
};

class Runtime;  // threads and scheduler, shared by everything that uses the model
struct Network;

/// Immutable but for its workers; shared by trainers and samplers. Safe to use concurrently: work
/// on one model is queued and done piece by piece on its threads.
class Model {
public:
  /// A folder in Hugging Face's layout (config.json, safetensors, tokenizer.json) or a GGUF file.
  /// Throws `io`, `bad_data` or `not_available` naming the file and the field.
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
