// SPDX-License-Identifier: Apache-2.0
#include "xfer/engine/model.hpp"

#include "engine/loader.hpp"
#include "engine/runtime.hpp"
#include "xfer/error.hpp"
#include "xfer/hash.hpp"
#include "xfer/rng.hpp"
#include "xfer/run_blocking.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace xfer::engine {

namespace {

Storage storage_of(const ModelOptions& options) {
  if (options.weights == WeightStorage::bf16) return Storage::bf16;
  return options.weights == WeightStorage::bf16_compute ? Storage::bf16_pairs : Storage::f32;
}

}  // namespace

WeightStorage weight_storage(std::string_view name) {
  if (name == "blocks") return WeightStorage::blocks;
  if (name == "f32") return WeightStorage::f32;
  if (name == "bf16") return WeightStorage::bf16;
  if (name == "bf16_compute") return WeightStorage::bf16_compute;
  throw Error(
      Errc::invalid_argument,
      "model: weights must be blocks, f32, bf16 or bf16_compute (got " + std::string(name) + ")");
}

struct Model::State {
  State(text::Tokenizer tokens, int threads) : tokenizer(std::move(tokens)), runtime(threads) {}
  std::shared_ptr<const Network> network;
  text::Tokenizer tokenizer;
  std::string name;
  std::string hash;
  Runtime runtime;
};

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path, ModelOptions options) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    throw Error(Errc::io, "model: no such file or folder: " + path.string());
  const bool folder = fs::is_directory(path, ignored);
  auto state = std::make_unique<State>(text::Tokenizer::load(path), options.threads);
  const Storage storage = storage_of(options);
  LoadedNetwork loaded = folder ? load_folder(state->runtime.pool(), path, storage)
                                : load_gguf(state->runtime.pool(), path, storage,
                                            options.weights == WeightStorage::blocks);
  if (state->tokenizer.vocab_size() > loaded.network->config.vocab_size)
    throw Error(Errc::bad_data, path.string() + ": the tokenizer has " +
                                    std::to_string(state->tokenizer.vocab_size()) +
                                    " tokens, the weights only " +
                                    std::to_string(loaded.network->config.vocab_size));
  auto& ends = loaded.network->config.end_tokens;
  for (const std::int32_t id : state->tokenizer.end_tokens())
    if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
  for (const std::int32_t id : ends)
    if (id < 0 || id >= loaded.network->config.vocab_size)
      throw Error(Errc::bad_data, path.string() + ": end token " + std::to_string(id) +
                                      " is outside the vocabulary");
  state->network = std::move(loaded.network);
  fs::path clean = fs::absolute(path).lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();
  state->name = clean.filename().string();
  state->hash = HashBuilder("model/1")
                    .field("weights", loaded.hash)
                    .field("tokenizer", state->tokenizer.content_hash())
                    .hex();
  return std::shared_ptr<const Model>(new Model(std::move(state)));
}

std::shared_ptr<const Model> Model::random(const ModelConfig& config, text::Tokenizer tokenizer,
                                           std::uint64_t seed, ModelOptions options) {
  config.validate("model");
  if (tokenizer.vocab_size() > config.vocab_size)
    throw Error(Errc::invalid_argument, "model: vocab_size is smaller than the tokenizer's");
  auto state = std::make_unique<State>(std::move(tokenizer), options.threads);
  const Storage storage = storage_of(options);
  require_memory(Network::bytes(config, storage), "a random model");
  auto network = std::make_shared<Network>(config, storage);
  const Rng root(seed, "model-init");
  Floats values;
  for (const auto& [name, slot] : network->slots()) {
    if (slot.vector != nullptr) continue;  // norms stay 1, biases 0
    const bool residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
    const double deviation = residual ? 0.02 / std::sqrt(2.0 * config.layers) : 0.02;
    Rng rng = root.fork(name);
    values.resize(static_cast<std::size_t>(slot.size()));
    for (float& x : values) x = static_cast<float>(deviation * rng.normal());
    Network::write(state->runtime.pool(), slot, values.data());
  }
  state->network = std::move(network);
  state->name = "random";
  HashBuilder hash("random-model/1");
  hash.field("config", write_config(config))
      .field("seed", seed)
      .field("tokenizer", state->tokenizer.content_hash());
  if (storage == Storage::bf16) hash.field("storage", "bf16");
  if (storage == Storage::bf16_pairs) hash.field("storage", "bf16_compute");
  state->hash = hash.hex();
  return std::shared_ptr<const Model>(new Model(std::move(state)));
}

const ModelConfig& Model::config() const noexcept { return state_->network->config; }
const text::Tokenizer& Model::tokenizer() const noexcept { return state_->tokenizer; }
const std::string& Model::name() const noexcept { return state_->name; }
const std::string& Model::content_hash() const noexcept { return state_->hash; }
int Model::threads() const noexcept { return state_->runtime.threads(); }
Profile Model::profile() const noexcept { return state_->runtime.pool().clock().read(); }
double Model::measure_peak_flops() const {
  Runtime& runtime = state_->runtime;
  return run_blocking(on_engine(runtime, [&runtime] { return measure_peak(runtime.pool()); }));
}
const std::shared_ptr<const Network>& Model::network() const noexcept { return state_->network; }
Runtime& Model::runtime() const noexcept { return state_->runtime; }

std::string_view engine_version() noexcept { return "engine/2"; }

}  // namespace xfer::engine
