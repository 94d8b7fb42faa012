// SPDX-License-Identifier: Apache-2.0
// What the losses take and refuse. Their values and gradients are in reference_test.cpp.
#include "engine/losses.hpp"
#include "engine/train_pass.hpp"
#include "tests/engine/support.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"
#include "xfer/rng.hpp"
#include "xfer/run_blocking.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace xfer::engine {
namespace {

std::unique_ptr<Trainer> trainer_of(const std::shared_ptr<const Model>& model) {
  LoraConfig lora;
  lora.rank = 4;
  return make_local_trainer(model, lora, scratch_folder("losses"));
}

Datum sampled_datum() {
  Datum datum({1, 2, 3, 4});
  datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::vector<std::int64_t>{2, 3, 4, 5}));
  datum.loss_fn_inputs.emplace("logprobs", Tensor(std::vector<float>{-3.0F, -4.0F, -3.5F, -3.0F}));
  datum.loss_fn_inputs.emplace("advantages", Tensor(std::vector<float>{0.0F, 1.0F, -2.0F, 1.0F}));
  return datum;
}

ForwardBackwardRequest request_of(Datum datum, const std::string& loss) {
  ForwardBackwardRequest request({sampled_datum(), std::move(datum)});
  request.loss_fn = loss;
  if (loss == "gspo")
    for (Datum& d : request.data)
      if (d.loss_fn_inputs.count("sequence_ratio_mask") == 0)
        d.loss_fn_inputs.emplace("sequence_ratio_mask", Tensor(std::vector<float>(4, 1.0F)));
  return request;
}

std::string refusal(Trainer& trainer, ForwardBackwardRequest request) {
  try {
    run_blocking(trainer.forward_backward(std::move(request)));
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::invalid_argument) << e.what();
    return e.what();
  }
  return "";
}

void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Losses, defaults_are_those_of_the_api) {
  const Loss ppo = Loss::parse("ppo", {});
  EXPECT_EQ(ppo.clip_low, 0.8);
  EXPECT_EQ(ppo.clip_high, 1.2);
  const Loss cispo = Loss::parse("cispo", {{"clip_high_threshold", 2.0}});
  EXPECT_EQ(cispo.clip_low, 0.0);
  EXPECT_EQ(cispo.clip_high, 2.0);
  EXPECT_EQ(Loss::parse("dro", {{"beta", 0.1}}).beta, 0.1);
}

TEST(Losses, a_loss_or_setting_that_does_not_exist_is_named) {
  const auto says = [](const std::string& name, const std::map<std::string, double>& config) {
    try {
      Loss::parse(name, config);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  expect_says(says("crossentropy", {}),
              "'crossentropy'; known: cross_entropy, importance_sampling, ppo, cispo, dro, gspo");
  expect_says(says("ppo", {{"beta", 0.1}}), "ppo has no setting 'beta'");
  expect_says(says("ppo", {{"clip_low_threshold", -0.1}}), "clip_low_threshold");
  expect_says(says("ppo", {{"clip_low_threshold", 1.5}}), "must not be above");
  expect_says(says("dro", {{"beta", std::nan("")}}), "beta must be finite");
  expect_says(says("cross_entropy", {{"x", 1.0}}), "'x'");
}

TEST(Losses, bad_inputs_are_refused_by_datum_and_field) {
  const auto model = tiny_model(1);
  const auto trainer = trainer_of(model);
  const auto with = [](const char* name, Tensor tensor) {
    Datum datum = sampled_datum();
    datum.loss_fn_inputs[name] = std::move(tensor);
    return datum;
  };
  const auto says = [&](Datum datum, const std::string& loss = "ppo") {
    return refusal(*trainer, request_of(std::move(datum), loss));
  };
  Datum missing = sampled_datum();
  missing.loss_fn_inputs.erase("advantages");
  expect_says(says(missing), "datum 1: advantages is missing");
  expect_says(says(with("logprobs", Tensor(std::vector<float>(3)))),
              "datum 1: logprobs must have the shape of target_tokens, [4] (got [3])");
  expect_says(says(with("logprobs", Tensor(std::vector<std::int64_t>(4)))),
              "logprobs must be float32");
  expect_says(says(with("advantages", Tensor(std::vector<float>{
                                          0, 0, std::numeric_limits<float>::infinity(), 0}))),
              "datum 1: advantages must be finite");
  expect_says(says(with("mask", Tensor(std::vector<float>(4)))), "ppo has no input 'mask'");
  expect_says(says(with("sequence_ratio_mask", Tensor(std::vector<float>(4, 0.0F))), "gspo"),
              "datum 1: sequence_ratio_mask is 0 everywhere");
  expect_says(says(with("target_tokens", Tensor(std::vector<std::int64_t>{1, 2, 3, 999}))),
              "datum 1: target_tokens: 999");
  Tensor columns(std::vector<std::int64_t>(8, 1));
  columns.shape = {4, 2};
  expect_says(says(with("target_tokens", columns)), "one dimension");
}

TEST(Losses, shapes_of_several_targets_are_checked) {
  const auto model = tiny_model(1);
  const auto trainer = trainer_of(model);
  const auto says = [&](std::vector<std::int64_t> shape, std::size_t size,
                        std::vector<std::int64_t> weight_shape) {
    Datum datum({1, 2, 3});
    Tensor targets(std::vector<std::int64_t>(size, 1));
    Tensor weights(std::vector<float>(size, 1.0F));
    targets.shape = std::move(shape);
    weights.shape = std::move(weight_shape);
    datum.loss_fn_inputs.emplace("target_tokens", std::move(targets));
    datum.loss_fn_inputs.emplace("weights", std::move(weights));
    return refusal(*trainer, ForwardBackwardRequest({std::move(datum)}));
  };
  EXPECT_EQ(says({3, 2}, 6, {3, 2}), "");
  EXPECT_EQ(says({3, 1}, 3, {3, 1}), "");
  expect_says(says({3, 2}, 6, {2, 3}), "weights must have the shape of target_tokens, [3, 2]");
  expect_says(says({3, 2}, 6, {}), "weights must have the shape");
  expect_says(says({2, 3}, 6, {2, 3}), "datum 0: target_tokens must have one row for each");
  expect_says(says({3, 0}, 0, {3, 0}), "does not fit");
  expect_says(says({3, 4}, 6, {3, 4}), "does not fit");
  expect_says(says({3, -2}, 6, {3, -2}), "does not fit");
  expect_says(says({3, 2, 1}, 6, {3, 2, 1}), "target_tokens must have one row");
  expect_says(says({}, 6, {}), "target_tokens must have one row");
}

TEST(Losses, two_targets_cost_what_each_costs) {
  const auto model = tiny_model(1);
  const auto trainer = trainer_of(model);
  const auto loss_of = [&](std::vector<std::int64_t> targets, std::vector<float> weights,
                           std::vector<std::int64_t> shape) {
    Datum datum({7, 8, 9});
    Tensor t(std::move(targets));
    Tensor w(std::move(weights));
    t.shape = w.shape = std::move(shape);
    datum.loss_fn_inputs.emplace("target_tokens", std::move(t));
    datum.loss_fn_inputs.emplace("weights", std::move(w));
    return run_blocking(trainer->forward(ForwardBackwardRequest({std::move(datum)})));
  };
  const auto both = loss_of({1, 4, 2, 5, 3, 6}, {.5F, 1, 2, -1, 0, 3}, {3, 2});
  const auto first = loss_of({1, 2, 3}, {.5F, 2, 0}, {});
  const auto second = loss_of({4, 5, 6}, {1, -1, 3}, {});
  EXPECT_NEAR(both.metrics.at("loss:sum"),
              first.metrics.at("loss:sum") + second.metrics.at("loss:sum"), 1e-5);
  const Tensor& logprobs = both.loss_fn_outputs[0].at("logprobs");
  EXPECT_EQ(logprobs.shape, (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(std::get<std::vector<float>>(logprobs.data)[3],
            std::get<std::vector<float>>(second.loss_fn_outputs[0].at("logprobs").data)[1]);
}

TEST(Losses, positions_that_change_nothing_can_be_left_out) {
  const auto model = tiny_model(1);
  for (const char* loss : {"importance_sampling", "ppo", "cispo", "dro", "gspo"}) {
    const auto trainer = trainer_of(model);
    const auto full = run_blocking(trainer->forward(request_of(sampled_datum(), loss)));
    auto request = request_of(sampled_datum(), loss);
    request.all_logprobs = false;
    const auto part = run_blocking(trainer->forward(std::move(request)));
    EXPECT_EQ(part.metrics.at("loss:sum"), full.metrics.at("loss:sum")) << loss;
    const bool skips = Loss::parse(loss, {}).skips_zeros();
    EXPECT_EQ(std::get<std::vector<float>>(part.loss_fn_outputs[0].at("logprobs").data)[0] == 0.0F,
              skips)
        << loss;
  }
}

// So many words that the logits of one batch are computed in several parts, a second time for a
// loss that needs whole sequences.
TEST(Losses, a_sequence_may_be_cut_by_the_memory_for_logits) {
  ModelConfig config;
  config.vocab_size = 300'000;
  config.hidden_size = 8;
  config.layers = 1;
  config.heads = config.kv_heads = 2;
  config.head_dim = 4;
  config.intermediate_size = 8;
  config.tied_head = true;
  Network network(config);
  ThreadPool pool(2);
  Rng rng(3, "wide");
  for (const auto& [name, slot] : network.slots()) {
    if (slot.vector != nullptr) continue;
    Floats values(static_cast<std::size_t>(slot.size()));
    for (float& x : values) x = static_cast<float>(rng.uniform() - 0.5);
    Network::write(pool, slot, values.data());
  }
  const auto request_for = [&](const std::vector<int>& which) {
    std::vector<Datum> data;
    for (const int number : which) {
      Rng own(static_cast<std::uint64_t>(number), "wide-data");
      Datum datum;
      std::vector<std::int64_t> targets;
      std::vector<float> q, a;
      for (int t = 0; t < 30; ++t) {
        datum.tokens.push_back(static_cast<std::int32_t>(own.below(300'000)));
        targets.push_back(static_cast<std::int64_t>(own.below(300'000)));
        q.push_back(static_cast<float>(-12.6 + 0.2 * own.normal()));
        a.push_back(static_cast<float>(own.normal()));
      }
      datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::move(targets)));
      datum.loss_fn_inputs.emplace("logprobs", Tensor(std::move(q)));
      datum.loss_fn_inputs.emplace("advantages", Tensor(std::move(a)));
      datum.loss_fn_inputs.emplace("sequence_ratio_mask", Tensor(std::vector<float>(30, 1.0F)));
      data.push_back(std::move(datum));
    }
    ForwardBackwardRequest request(std::move(data));
    request.loss_fn = "gspo";
    return request;
  };
  LoraConfig lora;
  lora.rank = 2;
  lora.train_unembed = false;
  ParameterSet together = ParameterSet::lora(config, lora);
  for (Parameter& p : together.all())
    for (float& x : p.value) x = static_cast<float>(0.3 * rng.normal());
  ParameterSet apart = together;
  const double all = gradients_of(network, together, request_for({0, 1, 2}));
  double sum = 0.0;
  for (const int i : {0, 1, 2}) sum += gradients_of(network, apart, request_for({i}));
  EXPECT_NEAR(all, sum, 1e-5);
  for (std::size_t i = 0; i < together.all().size(); ++i)
    for (std::size_t k = 0; k < together.all()[i].grad.size(); ++k)
      ASSERT_NEAR(together.all()[i].grad[k], apart.all()[i].grad[k],
                  1e-5F * (1.0F + std::abs(apart.all()[i].grad[k])));
}

CustomLossResult squared(const std::vector<Datum>& data,
                         const std::vector<std::vector<float>>& logprobs) {
  CustomLossResult result;
  for (std::size_t i = 0; i < data.size(); ++i) {
    result.gradients.emplace_back();
    for (const float lp : logprobs[i]) {
      result.loss += 0.5 * static_cast<double>(lp) * static_cast<double>(lp);
      result.gradients.back().push_back(lp);
    }
  }
  result.metrics["data:sum"] = static_cast<double>(data.size());
  return result;
}

TEST(CustomLoss, its_gradients_are_those_of_its_weights) {
  const auto model = tiny_model(1);
  const auto custom = trainer_of(model);
  const auto weighted = trainer_of(model);
  const std::vector<Datum> data = {sampled_datum()};
  const auto result = run_blocking(custom->forward_backward_custom(data, squared));
  const auto& lp = std::get<std::vector<float>>(result.loss_fn_outputs[0].at("logprobs").data);
  Datum datum({1, 2, 3, 4});
  datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::vector<std::int64_t>{2, 3, 4, 5}));
  std::vector<float> weights;
  double loss = 0.0;
  for (const float x : lp) {
    weights.push_back(-x);
    loss += 0.5 * static_cast<double>(x) * static_cast<double>(x);
  }
  datum.loss_fn_inputs.emplace("weights", Tensor(std::move(weights)));
  run_blocking(weighted->forward_backward(ForwardBackwardRequest({std::move(datum)})));
  EXPECT_EQ(result.metrics.at("loss:sum"), loss);
  EXPECT_EQ(result.metrics.at("data:sum"), 1.0);
  const auto a = run_blocking(custom->optim_step({}));
  const auto b = run_blocking(weighted->optim_step({}));
  EXPECT_EQ(a.metrics.at("grad_norm:mean"), b.metrics.at("grad_norm:mean"));
  EXPECT_GT(a.metrics.at("grad_norm:mean"), 0.0);
}

TEST(CustomLoss, what_does_not_fit_is_refused) {
  const auto model = tiny_model(1);
  const auto trainer = trainer_of(model);
  const auto says = [&](CustomLoss loss, std::vector<Datum> data = {sampled_datum()}) {
    try {
      run_blocking(trainer->forward_backward_custom(std::move(data), std::move(loss)));
    } catch (const std::exception& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const auto giving = [](std::vector<std::vector<float>> gradients, double loss = 1.0) {
    return [=](const std::vector<Datum>&, const std::vector<std::vector<float>>&) {
      CustomLossResult result;
      result.loss = loss;
      result.gradients = gradients;
      return result;
    };
  };
  expect_says(says(giving({})), "a gradient for each of the 1 data");
  expect_says(says(giving({{1.0F}})), "datum 0: the gradient must have 4 values (got 1)");
  expect_says(says(giving({{1.0F, 2.0F, std::nanf(""), 0.0F}})),
              "datum 0: the gradient must be finite");
  expect_says(says(giving({{1, 2, 3, 4}}, std::nan(""))), "not finite");
  expect_says(says([](const auto&, const auto&) -> CustomLossResult {
                throw std::runtime_error("own failure");
              }),
              "own failure");
  expect_says(says(giving({{1.0F}}), {Datum({1, 2})}), "datum 0: target_tokens is missing");
  EXPECT_EQ(run_blocking(trainer->optim_step({})).metrics.at("grad_norm:mean"), 0.0);
}

}  // namespace
}  // namespace xfer::engine
