// SPDX-License-Identifier: Apache-2.0
// Interface 3 of 5: trainable weights behind Tinker's low-level verbs.
#pragma once

#include "xfer/error.hpp"
#include "xfer/sampler.hpp"
#include "xfer/task.hpp"

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer {

/// A dense float32 or int64 array in row-major order. An empty shape means 1-D.
struct Tensor {
  Tensor() = default;
  explicit Tensor(std::vector<float> values) : data(std::move(values)) {}
  explicit Tensor(std::vector<std::int64_t> values) : data(std::move(values)) {}
  std::variant<std::vector<float>, std::vector<std::int64_t>> data;
  std::vector<std::int64_t> shape;

  std::size_t size() const noexcept {
    return std::visit([](const auto& v) { return v.size(); }, data);
  }
};

/// One training sequence of N input tokens. Position t of `tokens` predicts `target_tokens[t]`.
/// cross_entropy takes `target_tokens` (int64) and `weights` (float32), both of shape (N), or of
/// (N, K) for K targets at each position. The others take `target_tokens`, `logprobs` (those the
/// targets were sampled with) and `advantages`, all (N), gspo also `sequence_ratio_mask`; a factor
/// for each position may be given as `weights`.
struct Datum {
  Datum() = default;
  explicit Datum(std::vector<std::int32_t> input_tokens) : tokens(std::move(input_tokens)) {}
  std::vector<std::int32_t> tokens;
  std::map<std::string, Tensor> loss_fn_inputs;
};

/// A prompt and the answer to learn, as a cross_entropy datum: weight 0 on the prompt, 1 on every
/// answer token. Throws `invalid_argument` when either is empty.
inline Datum supervised_datum(const std::vector<std::int32_t>& prompt,
                              const std::vector<std::int32_t>& answer) {
  if (prompt.empty() || answer.empty())
    throw Error(Errc::invalid_argument, "supervised_datum: prompt and answer must not be empty");
  std::vector<std::int32_t> all = prompt;
  all.insert(all.end(), answer.begin(), answer.end());
  std::vector<std::int64_t> targets(all.begin() + 1, all.end());
  std::vector<float> weights(targets.size(), 0.0F);
  for (std::size_t t = prompt.size() - 1; t < weights.size(); ++t) weights[t] = 1.0F;
  all.pop_back();
  Datum datum(std::move(all));
  datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::move(targets)));
  datum.loss_fn_inputs.emplace("weights", Tensor(std::move(weights)));
  return datum;
}

struct ForwardBackwardRequest {
  explicit ForwardBackwardRequest(std::vector<Datum> batch) : data(std::move(batch)) {}
  std::vector<Datum> data;
  /// cross_entropy, importance_sampling, ppo, cispo, dro or gspo.
  std::string loss_fn = "cross_entropy";
  /// ppo, cispo, gspo: clip_low_threshold and clip_high_threshold, bounds of the ratio itself (0.8
  /// and 1.2; cispo 0 and 4). dro: beta (0.05).
  std::map<std::string, double> loss_fn_config;
  /// False leaves the log-probabilities of positions that change nothing (weight or advantage 0;
  /// not in dro and gspo) at 0 and saves their work.
  bool all_logprobs = true;
};

struct ForwardBackwardResult {
  ForwardBackwardResult() = default;
  /// Per datum, in order; "logprobs" has the shape of `target_tokens`.
  std::vector<std::map<std::string, Tensor>> loss_fn_outputs;
  /// Keys have the form `name:reduction`; "loss:sum" is always there: the plain sum over all
  /// tokens and datums, no mean.
  std::map<std::string, double> metrics;
};

/// What a caller's own loss gives back.
struct CustomLossResult {
  CustomLossResult() = default;
  double loss = 0.0;
  /// dL/d(log-probability): for each datum as many values as it has targets.
  std::vector<std::vector<float>> gradients;
  /// Passed on, with keys of the form `name:reduction`.
  std::map<std::string, double> metrics;
};

/// A loss as a function of the data and of the log-probabilities of each datum's targets.
using CustomLoss = std::function<CustomLossResult(const std::vector<Datum>& data,
                                                  const std::vector<std::vector<float>>& logprobs)>;

/// AdamW with decoupled weight decay, defaults as on Tinker's wire.
struct AdamParams {
  AdamParams() = default;
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-12;
  double weight_decay = 0.0;
  /// Largest global gradient norm; 0 or less means no clipping.
  double grad_clip_norm = 0.0;
};

struct OptimStepResult {
  OptimStepResult() = default;
  /// "grad_norm:mean" (before clipping) where the backend knows it.
  std::map<std::string, double> metrics;
};

/// Low-rank adapters on a frozen model (Hu et al. 2021, arXiv 2106.09685): W + (alpha / rank) B A,
/// B = 0 at the start.
struct LoraConfig {
  LoraConfig() = default;
  /// 0 trains every weight of the model instead.
  int rank = 32;
  double alpha = 32.0;
  bool train_attn = true;
  bool train_mlp = true;
  bool train_unembed = true;
  /// Seeds the A matrices.
  std::uint64_t seed = 0;
};

struct TrainerInfo {
  TrainerInfo() = default;
  std::string base_model;
  /// rank 0: full-parameter training.
  LoraConfig lora;
  std::int64_t trainable_parameters = 0;
  std::int64_t optimizer_steps = 0;
};

/// One model being trained. Calls on one trainer are executed strictly in the order in which they
/// are awaited or spawned; do not call one from several threads at once. Gradients add up over
/// `forward_backward` calls until `optim_step` applies and clears them.
class Trainer {
public:
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;
  virtual ~Trainer() = default;

  virtual TrainerInfo info() const = 0;

  /// Loss and log-probabilities without gradients.
  task<ForwardBackwardResult> forward(ForwardBackwardRequest request) {
    check(request);
    auto work = do_forward_backward(std::move(request), false);
    auto result = co_await std::move(work);
    co_return result;
  }
  /// Loss and log-probabilities; adds to the gradients. Throws `diverged` when the loss is not
  /// finite; the gradients gathered so far are then cleared.
  task<ForwardBackwardResult> forward_backward(ForwardBackwardRequest request) {
    check(request);
    auto work = do_forward_backward(std::move(request), true);
    auto result = co_await std::move(work);
    co_return result;
  }
  /// The same with a loss of the caller's own, which is called once: a pass for the
  /// log-probabilities, then one whose cross_entropy weights are -dL/d(log-probability). Only
  /// `target_tokens` of the data is used by the trainer; the loss sees all of them. Metrics are the
  /// loss's own and "loss:sum", what it returned. Throws `invalid_argument` naming the datum when a
  /// gradient has another size or is not finite, and what `loss` throws.
  task<ForwardBackwardResult> forward_backward_custom(std::vector<Datum> data, CustomLoss loss) {
    auto plain = without_other_inputs(data);
    ForwardBackwardRequest first(plain);
    check(first);
    auto scoring = do_forward_backward(std::move(first), false);
    auto scored = co_await std::move(scoring);
    std::vector<std::vector<float>> logprobs;
    for (const auto& outputs : scored.loss_fn_outputs)
      logprobs.push_back(std::get<std::vector<float>>(outputs.at("logprobs").data));
    CustomLossResult own = loss(data, logprobs);
    check_gradients(own, logprobs);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      auto& weights = std::get<std::vector<float>>(plain[i].loss_fn_inputs.at("weights").data);
      for (std::size_t t = 0; t < weights.size(); ++t) weights[t] = -own.gradients[i][t];
    }
    ForwardBackwardRequest second(std::move(plain));
    second.all_logprobs = false;
    auto work = do_forward_backward(std::move(second), true);
    co_await std::move(work);
    scored.metrics = std::move(own.metrics);
    scored.metrics["loss:sum"] = own.loss;
    co_return scored;
  }
  /// One optimizer step on the gradients gathered so far.
  task<OptimStepResult> optim_step(AdamParams params) {
    const auto bad = [](double x) { return !std::isfinite(x) || x < 0.0; };
    if (bad(params.learning_rate) || bad(params.eps) || bad(params.weight_decay) ||
        bad(params.beta1) || params.beta1 >= 1.0 || bad(params.beta2) || params.beta2 >= 1.0 ||
        std::isnan(params.grad_clip_norm))
      throw Error(Errc::invalid_argument,
                  "optim_step: learning_rate, eps and weight_decay must be finite and at least 0, "
                  "beta1 and beta2 in [0, 1)");
    auto work = do_optim_step(params);
    auto result = co_await std::move(work);
    co_return result;
  }
  /// Writes weights, and the optimizer's state when asked, under `name`; returns the path to load
  /// it by. The state is durable when the task ends.
  task<std::string> save_state(std::string name, bool with_optimizer) {
    if (name.empty()) throw Error(Errc::invalid_argument, "save_state: name is empty");
    auto work = do_save_state(std::move(name), with_optimizer);
    auto path = co_await std::move(work);
    co_return path;
  }
  /// Replaces the weights by a saved state; without its optimizer the moments start from zero.
  /// Clears gathered gradients. Throws `run_mismatch` when the state belongs to another shape.
  task<void> load_state(std::string path, bool with_optimizer) {
    auto work = do_load_state(std::move(path), with_optimizer);
    co_await std::move(work);
  }
  /// A sampler over a copy of the current weights: later steps do not change it.
  task<std::shared_ptr<Sampler>> snapshot() {
    auto work = do_snapshot();
    auto sampler = co_await std::move(work);
    co_return sampler;
  }

protected:
  Trainer() = default;

private:
  static void check(const ForwardBackwardRequest& request) {
    if (request.data.empty()) throw Error(Errc::invalid_argument, "forward_backward: no data");
    for (std::size_t i = 0; i < request.data.size(); ++i)
      if (request.data[i].tokens.empty())
        throw Error(Errc::invalid_argument,
                    "forward_backward: datum " + std::to_string(i) + " has no tokens");
  }

  static std::vector<Datum> without_other_inputs(const std::vector<Datum>& data) {
    std::vector<Datum> plain;
    for (std::size_t i = 0; i < data.size(); ++i) {
      const auto targets = data[i].loss_fn_inputs.find("target_tokens");
      if (targets == data[i].loss_fn_inputs.end())
        throw Error(Errc::invalid_argument, "forward_backward_custom: datum " + std::to_string(i) +
                                                ": target_tokens is missing");
      Tensor weights(std::vector<float>(targets->second.size(), 0.0F));
      weights.shape = targets->second.shape;
      plain.emplace_back(data[i].tokens);
      plain.back().loss_fn_inputs.emplace("target_tokens", targets->second);
      plain.back().loss_fn_inputs.emplace("weights", std::move(weights));
    }
    return plain;
  }

  static void check_gradients(const CustomLossResult& own,
                              const std::vector<std::vector<float>>& logprobs) {
    const auto refuse = [](const std::string& what) {
      throw Error(Errc::invalid_argument, "forward_backward_custom: " + what);
    };
    if (!std::isfinite(own.loss))
      throw Error(Errc::diverged, "forward_backward_custom: the loss is not finite");
    if (own.gradients.size() != logprobs.size())
      refuse("the loss must give a gradient for each of the " + std::to_string(logprobs.size()) +
             " data (got " + std::to_string(own.gradients.size()) + ")");
    for (std::size_t i = 0; i < logprobs.size(); ++i) {
      if (own.gradients[i].size() != logprobs[i].size())
        refuse("datum " + std::to_string(i) + ": the gradient must have " +
               std::to_string(logprobs[i].size()) + " values (got " +
               std::to_string(own.gradients[i].size()) + ")");
      for (const float g : own.gradients[i])
        if (!std::isfinite(g))
          refuse("datum " + std::to_string(i) + ": the gradient must be finite");
    }
  }

  virtual task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request,
                                                          bool backward) = 0;
  virtual task<OptimStepResult> do_optim_step(AdamParams params) = 0;
  virtual task<std::string> do_save_state(std::string name, bool with_optimizer) = 0;
  virtual task<void> do_load_state(std::string path, bool with_optimizer) = 0;
  virtual task<std::shared_ptr<Sampler>> do_snapshot() = 0;
};

}  // namespace xfer
#pragma GCC visibility pop
