// SPDX-License-Identifier: Apache-2.0
// The engine against recorded runs of transformers and PEFT.
#include "engine/checkpoint.hpp"
#include "engine/loader.hpp"
#include "tests/engine/support.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/files/safetensors.hpp"
#include "xfer/run_blocking.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace xfer::engine {
namespace {

using Json = nlohmann::json;

// Recorded by goldens/make_goldens.py; those called tiny-... are kept outside the repository.
std::filesystem::path golden_folder(const std::string& name) {
  if (name.starts_with("tiny-")) return shared_folder() / "golden" / name;
  return std::filesystem::path(XFER_SOURCE_DIR) / "tests" / "engine" / "goldens" / name;
}

class Golden : public ::testing::TestWithParam<const char*> {
protected:
  void SetUp() override {
    folder_ = golden_folder(GetParam());
    if (!std::filesystem::exists(folder_ / "golden.json"))
      GTEST_SKIP() << "no golden model at " << folder_;
    golden_ = Json::parse(std::ifstream(folder_ / "golden.json"));
    model_ = Model::load(folder_);
  }

  // The recorded batch: rows cut to their real length, prompt tokens with weight 0. The recorded
  // loss is the mean over labelled tokens, so every weight is 1 / their number.
  ForwardBackwardRequest batch() const {
    const Json& train = golden_["train"];
    int labelled = 0;
    for (const Json& row : train["labels"])
      for (const Json& label : row) labelled += label.get<int>() != -100;
    std::vector<Datum> data;
    for (std::size_t i = 0; i < train["input_ids"].size(); ++i) {
      std::vector<std::int32_t> ids;
      for (std::size_t t = 0; t < train["input_ids"][i].size(); ++t)
        if (train["attention_mask"][i][t].get<int>() == 1)
          ids.push_back(train["input_ids"][i][t].get<std::int32_t>());
      std::vector<std::int64_t> targets(ids.begin() + 1, ids.end());
      std::vector<float> weights;
      for (std::size_t t = 1; t < ids.size(); ++t)
        weights.push_back(
            train["labels"][i][t].get<int>() == -100 ? 0.0F : 1.0F / static_cast<float>(labelled));
      ids.pop_back();
      Datum datum(std::move(ids));
      datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::move(targets)));
      datum.loss_fn_inputs.emplace("weights", Tensor(std::move(weights)));
      data.push_back(std::move(datum));
    }
    return ForwardBackwardRequest(std::move(data));
  }

  LoraConfig lora() const {
    const AdapterFileConfig file = read_adapter_config(folder_ / "adapter_init");
    LoraConfig config;
    config.rank = file.rank;
    config.alpha = file.alpha;
    config.train_attn = file.attn;
    config.train_mlp = file.mlp;
    config.train_unembed = file.unembed;
    return config;
  }

  AdamParams adam() const {
    AdamParams params;
    params.learning_rate = 1e-2;
    params.beta2 = 0.999;
    params.eps = 1e-8;
    params.weight_decay = 0.01;
    params.grad_clip_norm = 1.0;
    return params;
  }

  std::filesystem::path folder_;
  Json golden_;
  std::shared_ptr<const Model> model_;
};

double relative_error(const std::vector<float>& got, const Json& want) {
  double worst = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i].get<double>()));
    size = std::max(size, std::abs(want[i].get<double>()));
  }
  return worst / size;
}

TEST_P(Golden, tokenizer_gives_the_recorded_ids) {
  for (const Json& p : golden_["prompts"]) {
    const auto ids = p["ids"].get<std::vector<std::int32_t>>();
    EXPECT_EQ(model_->tokenizer().encode(p["text"].get<std::string>()), ids);
    EXPECT_EQ(model_->tokenizer().decode(ids), p["decode"].get<std::string>());
  }
}

TEST_P(Golden, logits_agree) {
  for (const Json& p : golden_["prompts"]) {
    const auto ids = p["ids"].get<std::vector<std::int32_t>>();
    const auto logits = all_logits(*model_, ids);
    EXPECT_LT(relative_error(logits.front(), p["logits_first_pos"]), 1e-4);
    EXPECT_LT(relative_error(logits.back(), p["logits_last_pos"]), 1e-4);
    double square = 0.0;
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const auto& row = logits[t];
      EXPECT_EQ(std::max_element(row.begin(), row.end()) - row.begin(),
                p["argmax_per_pos"][t].get<std::ptrdiff_t>());
      for (const float x : row) square += static_cast<double>(x) * static_cast<double>(x);
    }
    EXPECT_NEAR(square / p["logits_sqsum"].get<double>(), 1.0, 1e-4);
  }
}

TEST_P(Golden, greedy_tokens_are_equal) {
  const auto sampler = make_local_sampler(model_);
  for (const Json& p : golden_["prompts"]) {
    SampleRequest request(p["ids"].get<std::vector<std::int32_t>>());
    request.temperature = 0.0;
    request.max_tokens = 12;
    request.stop_tokens.emplace();
    const auto completions = run_blocking(sampler->sample(std::move(request)));
    EXPECT_EQ(completions[0].tokens, p["greedy_12"].get<std::vector<std::int32_t>>());
    EXPECT_EQ(completions[0].stop_reason, StopReason::length);
  }
}

TEST_P(Golden, loss_and_log_probabilities_agree) {
  const auto trainer = make_local_trainer(model_, lora(), scratch_folder("golden-loss"));
  run_blocking(trainer->load_state((folder_ / "adapter_init").string(), false));
  const auto result = run_blocking(trainer->forward(batch()));
  EXPECT_NEAR(result.metrics.at("loss:sum") / golden_["train"]["loss"].get<double>(), 1.0, 1e-5);
  const auto request = batch();
  for (std::size_t i = 0; i < request.data.size(); ++i) {
    const auto& all = std::get<std::vector<float>>(result.loss_fn_outputs[i].at("logprobs").data);
    const auto& weights =
        std::get<std::vector<float>>(request.data[i].loss_fn_inputs.at("weights").data);
    std::vector<float> labelled;
    for (std::size_t t = 0; t < all.size(); ++t)
      if (weights[t] != 0.0F) labelled.push_back(all[t]);
    EXPECT_LT(relative_error(labelled, golden_["train"]["token_logprobs_where_label"][i]), 1e-5);
  }
}

TEST_P(Golden, every_lora_gradient_agrees) {
  ParameterSet parameters = load_adapter(folder_ / "adapter_init", model_->config());
  gradients_of(*model_->network(), parameters, batch());
  const Json& grads = golden_["train"]["grads"];
  ASSERT_EQ(parameters.all().size(), grads.size());
  for (const Parameter& p : parameters.all()) {
    ASSERT_TRUE(grads.contains(p.name)) << p.name;
    const Json& want = grads[p.name];
    const double norm = want["norm"].get<double>();
    double squares = 0.0;
    double sum = 0.0;
    for (const float g : p.grad) {
      squares += static_cast<double>(g) * static_cast<double>(g);
      sum += static_cast<double>(g);
    }
    EXPECT_NEAR(std::sqrt(squares) / norm, 1.0, 1e-3) << p.name;
    EXPECT_NEAR(sum, want["sum"].get<double>(), 1e-3 * norm) << p.name;
    for (std::size_t i = 0; i < 8; ++i)
      EXPECT_NEAR(static_cast<double>(p.grad[i]), want["first8"][i].get<double>(), 1e-3 * norm)
          << p.name;
  }
}

TEST_P(Golden, three_adamw_steps_agree) {
  const auto trainer = make_local_trainer(model_, lora(), scratch_folder("golden-adamw"));
  run_blocking(trainer->load_state((folder_ / "adapter_init").string(), false));
  for (std::size_t step = 0; step < 3; ++step) {
    const auto result = run_blocking(trainer->forward_backward(batch()));
    EXPECT_NEAR(result.metrics.at("loss:sum") / golden_["train"]["losses"][step].get<double>(), 1.0,
                1e-5);
    const auto stepped = run_blocking(trainer->optim_step(adam()));
    EXPECT_NEAR(stepped.metrics.at("grad_norm:mean") /
                    golden_["train"]["grad_norm_before_clip"][step].get<double>(),
                1.0, 1e-3);
  }
  const auto after = run_blocking(trainer->forward(batch()));
  EXPECT_NEAR(after.metrics.at("loss:sum") / golden_["train"]["loss_after_3"].get<double>(), 1.0,
              1e-4);
  const auto saved = run_blocking(trainer->save_state("after3", true));
  const auto ours =
      files::Safetensors::open(std::filesystem::path(saved) / "adapter_model.safetensors");
  const auto theirs =
      files::Safetensors::open(folder_ / "adapter_after3" / "adapter_model.safetensors");
  ASSERT_EQ(ours.tensors().size(), theirs.tensors().size());
  for (const auto& [name, tensor] : theirs.tensors()) {
    const files::StoredTensor* mine = ours.find(name);
    ASSERT_NE(mine, nullptr) << name;
    EXPECT_EQ(mine->shape, tensor.shape);
    std::vector<float> a(mine->bytes.size() / sizeof(float));
    std::vector<float> b(tensor.bytes.size() / sizeof(float));
    files::to_float(*mine, a);
    files::to_float(tensor, b);
    for (std::size_t i = 0; i < b.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4) << name << " " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Golden,
                         ::testing::Values("tiny-llama", "tiny-qwen3", "tiny-qwen3_moe", "mistral",
                                           "qwen2", "qwen3_moe", "gemma3_text"),
                         [](const auto& family) {
                           std::string name = family.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// The same weights in both layouts give the same network.
TEST(GgufGolden, holds_what_the_folder_holds) {
  for (const char* name : {"qwen2", "qwen3_moe_sparse", "gemma3_text"}) {
    ThreadPool pool(1);
    const auto folder = load_folder(pool, golden_folder(name));
    const auto file = load_gguf(pool, golden_folder(name) / "model.gguf");
    const ModelConfig& a = folder.network->config;
    const ModelConfig& b = file.network->config;
    EXPECT_EQ(a.architecture, b.architecture);
    EXPECT_EQ(a.head_dim, b.head_dim);
    EXPECT_EQ(a.rope_theta, b.rope_theta);
    EXPECT_EQ(a.experts.per_token, b.experts.per_token);
    auto want = folder.network->slots();
    auto got = file.network->slots();
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(got[i].first, want[i].first);
      Floats x(static_cast<std::size_t>(want[i].second.size()));
      Floats y(static_cast<std::size_t>(got[i].second.size()));
      Network::read(want[i].second, x.data());
      Network::read(got[i].second, y.data());
      ASSERT_EQ(x.size(), y.size());
      for (std::size_t k = 0; k < x.size(); ++k)  // a norm less 1 plus 1 is rounded
        ASSERT_NEAR(x[k], y[k], want[i].second.offset == 0.0F ? 0.0 : 1e-6) << want[i].first;
    }
  }
}

}  // namespace
}  // namespace xfer::engine
