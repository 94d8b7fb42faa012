#include "tests/engine/support.hpp"

#include "engine/datum_check.hpp"
#include "engine/infer_pass.hpp"
#include "engine/train_pass.hpp"
#include "xfer/rng.hpp"

#include <cstdlib>
#include <unistd.h>

namespace xfer::engine {

std::filesystem::path shared_folder() {
  const char* set = std::getenv("XFER_SHARED");
  return set != nullptr ? std::filesystem::path(set)
                        : std::filesystem::path(XFER_SOURCE_DIR) / ".." / "shared";
}

std::filesystem::path scratch_folder(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("xfer-" + name + "-" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::vector<std::vector<float>> all_logits(const Model& model,
                                           const std::vector<std::int32_t>& ids) {
  ThreadPool pool(2);
  InferPass pass(pool);
  KvCache cache(model.config());
  std::vector<std::vector<float>> all;
  for (const std::int32_t& id : ids) {
    const float* row = pass.run(*model.network(), nullptr, {{&cache, std::span(&id, 1)}});
    all.emplace_back(row, row + model.config().vocab_size);
  }
  return all;
}

double lora_gradients(const Model& model, ParameterSet& parameters,
                      const ForwardBackwardRequest& request) {
  ThreadPool pool(2);
  TrainPass pass(pool);
  GradientTable table = GradientTable::of(model.config(), parameters);
  const auto adapter = pack_adapter(pool, model.config(), parameters, true);
  PassBatch batch;
  std::vector<float> weights;
  for (const CheckedDatum& d : check_request(request, model.config(), 1024)) {
    for (std::size_t t = 0; t < d.tokens->size(); ++t) {
      batch.scored_rows.push_back(batch.rows());
      batch.targets.push_back(static_cast<std::int32_t>((*d.targets)[t]));
      weights.push_back((*d.weights)[t]);
      batch.tokens.push_back((*d.tokens)[t]);
    }
    batch.starts.push_back(batch.rows());
  }
  const auto logprobs =
      pass.run(*model.network(), adapter.get(), batch, &table,
               [&](std::size_t first, std::span<const float> chunk, std::span<float> gradient) {
                 for (std::size_t i = 0; i < chunk.size(); ++i) gradient[i] = -weights[first + i];
               });
  double loss = 0.0;
  for (std::size_t i = 0; i < logprobs.size(); ++i)
    loss -= static_cast<double>(weights[i]) * static_cast<double>(logprobs[i]);
  return loss;
}

std::shared_ptr<const Model> tiny_model(int threads, bool tied) {
  // A byte-level vocabulary without merges.
  std::string vocab;
  int id = 0;
  const auto add = [&](const std::string& token) {
    vocab += (id ? ", " : "") + std::string("\"") + token + "\": " + std::to_string(id);
    ++id;
  };
  for (char c = 'a'; c <= 'z'; ++c) add(std::string(1, c));
  for (char c = '0'; c <= '9'; ++c) add(std::string(1, c));
  for (const char* other : {"\\u0120", "\\u010a", ".", "=", "+", "#"}) add(other);
  const std::string json =
      R"({"version": "1.0", "added_tokens": [{"id": )" + std::to_string(id) +
      R"(, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,)"
      R"( "normalized": false, "special": true}], "normalizer": null,)"
      R"( "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,)"
      R"( "use_regex": true}, "post_processor": null, "decoder": {"type": "ByteLevel"},)"
      R"( "model": {"type": "BPE", "vocab": {)" +
      vocab + R"(}, "merges": []}})";
  ModelConfig config;
  config.vocab_size = id + 1;
  config.hidden_size = 40;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 12;
  config.intermediate_size = 56;
  config.tied_head = tied;
  config.max_positions = 512;
  config.end_tokens = {id};
  ModelOptions options;
  options.threads = threads;
  return Model::random(config, text::Tokenizer::from_huggingface(json, "tiny"), 5, options);
}

ForwardBackwardRequest tiny_batch(int vocab, std::uint64_t seed) {
  Rng rng(seed, "batch");
  std::vector<Datum> data;
  for (const int length : {3, 70, 17}) {
    std::vector<std::int32_t> tokens;
    for (int i = 0; i <= length; ++i)
      tokens.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(vocab))));
    const std::vector<std::int32_t> prompt(tokens.begin(), tokens.begin() + 1 + length / 2);
    const std::vector<std::int32_t> answer(tokens.begin() + 1 + length / 2, tokens.end());
    data.push_back(supervised_datum(prompt, answer));
  }
  return ForwardBackwardRequest(std::move(data));
}

}  // namespace xfer::engine
