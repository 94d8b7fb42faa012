// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/support.hpp"

#include "engine/datum_check.hpp"
#include "engine/infer_pass.hpp"
#include "engine/train_pass.hpp"
#include "xfer/rng.hpp"

#include <unistd.h>
#include <cstdlib>

namespace xfer::engine {

std::filesystem::path shared_folder() {
  const char* set = std::getenv("XFER_SHARED");
  return set != nullptr ? std::filesystem::path(set)
                        : std::filesystem::path(XFER_SOURCE_DIR) / ".." / "shared";
}

std::filesystem::path scratch_folder(const std::string& name) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("xfer-" + name + "-" + std::to_string(::getpid()));
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
    const float* row = pass.run(*model.network(), {{&cache, std::span(&id, 1)}});
    all.emplace_back(row, row + model.config().vocab_size);
  }
  return all;
}

double gradients_of(const Network& network, ParameterSet& parameters,
                    const ForwardBackwardRequest& request) {
  ThreadPool pool(2);
  TrainPass pass(pool);
  GradientTable table = GradientTable::of(network.config, parameters);
  const auto adapter = table.full ? nullptr : pack_adapter(pool, network, parameters, true);
  const Loss loss = Loss::parse(request.loss_fn, request.loss_fn_config);
  const auto data = check_data(request.data, loss, network.config, 1024);
  const LossBatch batch = make_batch(loss, data, request.all_logprobs);
  LossCall call;
  call.all_at_once = loss.needs_whole_sequences();
  call.gradient = [&](std::size_t first, std::span<const float> logprobs,
                      std::span<float> gradient) {
    evaluate(loss, batch.inputs, first, logprobs, gradient);
  };
  const auto logprobs = pass.run(network, adapter.get(), batch.pass, &table, call);
  return evaluate(loss, batch.inputs, 0, logprobs, {});
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
