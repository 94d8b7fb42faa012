// Interface 3 of 5: trainable weights behind Tinker's low-level verbs.
#pragma once

#include "xfer/error.hpp"
#include "xfer/sampler.hpp"
#include "xfer/task.hpp"

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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
/// cross_entropy takes `target_tokens` (int64, N) and `weights` (float32, N).
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
  /// "cross_entropy"; the engine names the others it knows in its error for an unknown one.
  std::string loss_fn = "cross_entropy";
  std::map<std::string, double> loss_fn_config;
  /// False leaves the log-probabilities of positions with weight 0 at 0 and saves their work.
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
    if (request.data.empty())
      throw Error(Errc::invalid_argument, "forward_backward: no data");
    for (std::size_t i = 0; i < request.data.size(); ++i)
      if (request.data[i].tokens.empty())
        throw Error(Errc::invalid_argument,
                    "forward_backward: datum " + std::to_string(i) + " has no tokens");
  }

  virtual task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request,
                                                          bool backward) = 0;
  virtual task<OptimStepResult> do_optim_step(AdamParams params) = 0;
  virtual task<std::string> do_save_state(std::string name, bool with_optimizer) = 0;
  virtual task<void> do_load_state(std::string path, bool with_optimizer) = 0;
  virtual task<std::shared_ptr<Sampler>> do_snapshot() = 0;
};

}  // namespace xfer
