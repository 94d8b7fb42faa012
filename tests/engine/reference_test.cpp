// SPDX-License-Identifier: Apache-2.0
// The engine against the same models and losses in double precision: values, and gradients against
// differences.
#include "tests/engine/reference.hpp"
#include "engine/infer_pass.hpp"
#include "engine/train_pass.hpp"
#include "tests/engine/support.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace xfer::engine {
namespace {

struct Case {
  std::string name;
  ModelConfig config;
};

ModelConfig small(const std::string& architecture) {
  ModelConfig c;
  c.architecture = architecture;
  c.vocab_size = 23;
  c.hidden_size = 20;
  c.layers = 2;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 6;
  c.intermediate_size = 28;
  c.max_positions = 256;
  return c;
}

std::vector<Case> cases() {
  std::vector<Case> all = {{"llama", small("llama")},      {"mistral", small("mistral")},
                           {"qwen2", small("qwen2")},      {"qwen3", small("qwen3")},
                           {"moe", small("qwen3_moe")},    {"moe_as_it_is", small("qwen3_moe")},
                           {"gemma", small("gemma3_text")}};
  all[0].config.tied_head = true;
  all[1].config.sliding_window = 5;
  all[1].config.sliding_layers = {true, true};
  all[2].config.sliding_window = 3;
  all[2].config.sliding_layers = {false, true};
  for (Case& c : all) {
    if (c.config.architecture != "qwen3_moe") continue;
    c.config.experts.count = 5;
    c.config.experts.per_token = 2;
    c.config.experts.intermediate_size = 12;
  }
  all[5].config.experts.normalised = false;
  all[5].config.experts.dense_layers = {1};
  ModelConfig& gemma = all[6].config;
  gemma.layers = 3;
  gemma.tied_head = true;
  gemma.query_scale = 0.5;
  gemma.attention_soft_cap = 2.0;
  gemma.logit_soft_cap = 3.0;
  gemma.sliding_window = 4;
  gemma.sliding_layers = {true, false, true};
  gemma.sliding_rope_theta = 1000.0;
  gemma.rope_scaling.linear = true;
  gemma.rope_scaling.factor = 4.0;
  return all;
}

// Norms are not 1 and biases not 0, so that one which is left out is noticed.
Network random_network(const ModelConfig& config) {
  Network network(config);
  ThreadPool pool(1);
  Rng rng(11, "reference");
  for (const auto& [name, slot] : network.slots()) {
    Floats values(static_cast<std::size_t>(slot.size()));
    const double middle = slot.vector != nullptr && !name.ends_with("bias")
                              ? 1.0 - static_cast<double>(slot.offset)
                              : 0.0;
    for (float& x : values) x = static_cast<float>(middle + 0.3 * rng.normal());
    Network::write(pool, slot, values.data());
  }
  return network;
}

std::vector<std::int32_t> random_tokens(Rng& rng, int length, int vocab) {
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < length; ++i)
    tokens.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(vocab))));
  return tokens;
}

// Two targets for each position, with weights of both signs.
ForwardBackwardRequest two_columns(int vocab) {
  Rng rng(5, "columns");
  std::vector<Datum> data;
  for (const int length : {9, 1, 14}) {
    Datum datum(random_tokens(rng, length, vocab));
    std::vector<std::int64_t> targets;
    std::vector<float> weights;
    for (const std::int32_t token : random_tokens(rng, 2 * length, vocab)) {
      targets.push_back(token);
      weights.push_back(static_cast<float>(rng.normal()));
    }
    Tensor target_tensor(std::move(targets));
    Tensor weight_tensor(std::move(weights));
    target_tensor.shape = weight_tensor.shape = {length, 2};
    datum.loss_fn_inputs.emplace("target_tokens", std::move(target_tensor));
    datum.loss_fn_inputs.emplace("weights", std::move(weight_tensor));
    data.push_back(std::move(datum));
  }
  return ForwardBackwardRequest(std::move(data));
}

ParameterSet random_adapter(const ModelConfig& config) {
  LoraConfig lora;
  lora.rank = 2;
  lora.alpha = 3.0;
  ParameterSet parameters = ParameterSet::lora(config, lora);
  Rng rng(6, "adapter");
  for (Parameter& p : parameters.all())
    for (float& x : p.value) x = static_cast<float>(0.2 * rng.normal());
  return parameters;
}

// Compares each parameter's gradient with differences along a random direction.
template <class Moved>
void expect_gradients(const ParameterSet& parameters, const ForwardBackwardRequest& request,
                      const std::vector<std::vector<double>>& frozen, const Moved& moved,
                      const std::string& what) {
  Rng rng(7, "directions");
  for (const Parameter& p : parameters.all()) {
    std::vector<double> direction(p.value.size());
    double size = 0.0;
    for (double& d : direction) {
      d = rng.normal();
      size += d * d;
    }
    double slope = 0.0;
    double length = 0.0;
    for (std::size_t i = 0; i < direction.size(); ++i) {
      direction[i] /= std::sqrt(size);
      slope += direction[i] * static_cast<double>(p.grad[i]);
      length += static_cast<double>(p.grad[i]) * static_cast<double>(p.grad[i]);
    }
    const double h = 1e-5;
    double difference = 0.0;
    for (const double sign : {1.0, -1.0}) {
      Reference::Move move{p.name, direction};
      for (double& d : move.by) d *= sign * h;
      difference += sign * moved(move).loss(request, frozen) / (2.0 * h);
    }
    EXPECT_NEAR(difference, slope, 1e-3 * std::sqrt(length) + 2e-6) << what << " " << p.name;
  }
}

TEST(Reference, every_family_has_the_same_logits) {
  Rng rng(3, "tokens");
  for (const Case& c : cases()) {
    Network network = random_network(c.config);
    const Reference reference(network);
    const auto tokens = random_tokens(rng, 17, c.config.vocab_size);
    const auto want = reference.logits(tokens);
    ThreadPool pool(2);
    InferPass pass(pool);
    KvCache cache(c.config);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const float* got = pass.run(network, {{&cache, std::span(&tokens[t], 1)}});
      for (std::size_t j = 0; j < want[t].size(); ++j)
        ASSERT_NEAR(static_cast<double>(got[j]), want[t][j], 2e-4) << c.name << " " << t;
    }
  }
}

TEST(Reference, every_family_has_the_gradients_of_an_adapter) {
  for (const Case& c : cases()) {
    Network network = random_network(c.config);
    const Reference reference(network);
    ParameterSet parameters = random_adapter(c.config);
    const auto request = two_columns(c.config.vocab_size);
    const double loss = gradients_of(network, parameters, request);
    const Reference now = reference.with_adapter(parameters);
    const auto frozen = now.logprobs(request);
    EXPECT_NEAR(loss, now.loss(request, frozen), 1e-3) << c.name;
    expect_gradients(
        parameters, request, frozen,
        [&](const Reference::Move& move) { return reference.with_adapter(parameters, move); },
        c.name);
  }
}

TEST(Reference, every_family_has_the_gradients_of_all_weights) {
  for (const Case& c : cases()) {
    Network network = random_network(c.config);
    const Reference reference(network);
    ParameterSet parameters = ParameterSet::full(network);
    const auto request = two_columns(c.config.vocab_size);
    gradients_of(network, parameters, request);
    expect_gradients(
        parameters, request, reference.logprobs(request),
        [&](const Reference::Move& move) { return reference.with_weights(parameters, move); },
        c.name);
  }
}

// Ratios on both sides of every bound, none near it; advantages of both signs and zero.
ForwardBackwardRequest reinforcement(const Reference& now, const std::string& loss) {
  Rng rng(8, "reinforcement");
  std::vector<Datum> data;
  for (const int length : {8, 13}) {
    Datum datum(random_tokens(rng, length, now.config().vocab_size));
    std::vector<std::int64_t> targets;
    for (const std::int32_t token : random_tokens(rng, length, now.config().vocab_size))
      targets.push_back(token);
    datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::move(targets)));
    data.push_back(std::move(datum));
  }
  ForwardBackwardRequest request(std::move(data));
  request.loss_fn = loss;
  const auto lp = now.logprobs(request);
  const double steps[] = {0.05, -0.5, 0.5, -0.1, 1.8, -1.6};
  for (std::size_t i = 0; i < request.data.size(); ++i) {
    std::vector<float> q, a, w, mask;
    for (std::size_t t = 0; t < lp[i].size(); ++t) {
      q.push_back(static_cast<float>(lp[i][t] - steps[t % 6] - (i == 0 ? 0.6 : 0.0)));
      a.push_back(t % 5 == 4 ? 0.0F : static_cast<float>(rng.normal()));
      w.push_back(static_cast<float>(1 + t % 2));
      mask.push_back(t < 3 ? 0.0F : 1.0F);
    }
    auto& inputs = request.data[i].loss_fn_inputs;
    inputs.emplace("logprobs", Tensor(std::move(q)));
    inputs.emplace("advantages", Tensor(std::move(a)));
    inputs.emplace("weights", Tensor(std::move(w)));
    if (loss == "gspo") inputs.emplace("sequence_ratio_mask", Tensor(std::move(mask)));
  }
  return request;
}

TEST(Reference, every_loss_has_its_value_and_gradients) {
  const ModelConfig config = small("llama");
  Network network = random_network(config);
  const Reference reference(network);
  for (const char* loss : {"importance_sampling", "ppo", "cispo", "dro", "gspo"}) {
    ParameterSet parameters = random_adapter(config);
    const Reference now = reference.with_adapter(parameters);
    auto request = reinforcement(now, loss);
    for (const bool own_settings : {false, true}) {
      if (own_settings && std::string(loss) == "importance_sampling") continue;
      if (own_settings && std::string(loss) == "dro") request.loss_fn_config = {{"beta", 0.7}};
      if (own_settings && std::string(loss) != "dro")
        request.loss_fn_config = {{"clip_low_threshold", 0.5}, {"clip_high_threshold", 2.0}};
      for (Parameter& p : parameters.all()) std::fill(p.grad.begin(), p.grad.end(), 0.0F);
      const auto frozen = now.logprobs(request);
      const double want = now.loss(request, frozen);
      EXPECT_NEAR(gradients_of(network, parameters, request), want, 1e-4 * std::abs(want) + 1e-4)
          << loss;
      expect_gradients(
          parameters, request, frozen,
          [&](const Reference::Move& move) { return reference.with_adapter(parameters, move); },
          loss);
    }
  }
}

}  // namespace
}  // namespace xfer::engine
