// SPDX-License-Identifier: Apache-2.0
#include "xfer/engine/local_trainer.hpp"

#include "engine/checkpoint.hpp"
#include "engine/datum_check.hpp"
#include "engine/local_sampler.hpp"
#include "engine/memory.hpp"
#include "engine/runtime.hpp"
#include "engine/train_pass.hpp"
#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::engine {
namespace {

// Rows of one pass: enough to fill the matrix products, few enough to stay in memory.
constexpr int rows_per_pass = 4'096;

// A copy of the model's weights that can be trained, in float32 whatever the model's storage.
std::shared_ptr<Network> own_copy(const Model& model) {
  const Network& frozen = *model.network();
  if (frozen.is_float32()) return std::make_shared<Network>(frozen);
  auto own = std::make_shared<Network>(frozen.config);
  Network source(frozen);
  const auto from = source.slots();
  const auto to = own->slots();
  ThreadPool alone(1);  // the engine's workers may be busy
  Floats values;
  for (std::size_t i = 0; i < from.size(); ++i) {
    values.resize(static_cast<std::size_t>(from[i].second.size()));
    Network::read(from[i].second, values.data());
    Network::write(alone, to[i].second, values.data());
  }
  return own;
}

class LocalTrainer final : public Trainer {
public:
  LocalTrainer(std::shared_ptr<const Model> model, const LoraConfig& lora,
               std::filesystem::path state_folder)
      : model_(std::move(model)), lora_(lora), state_folder_(std::move(state_folder)),
        own_(lora.rank == 0 ? own_copy(*model_) : nullptr),
        parameters_(lora.rank == 0 ? ParameterSet::full(*own_)
                                   : ParameterSet::lora(model_->config(), lora)),
        table_(GradientTable::of(model_->config(), parameters_)), pass_(model_->runtime().pool()) {}

  /// Bytes that such a trainer takes before its first pass.
  static std::int64_t bytes(const Model& model, const LoraConfig& lora) {
    const std::int64_t set = ParameterSet::bytes(model.config(), lora);
    // Full training keeps its own weights, an adapter the packed form of its values.
    return set + (lora.rank == 0 ? Network::bytes(model.config(), Storage::f32) : set / 2);
  }

  TrainerInfo info() const override {
    TrainerInfo info;
    info.base_model = model_->name();
    info.lora = lora_;
    info.trainable_parameters = parameters_.size();
    info.optimizer_steps = parameters_.steps();
    return info;
  }

private:
  task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request,
                                                  bool backward) override {
    auto work = on_engine(model_->runtime(),
                          [this, &request, backward] { return compute(request, backward); });
    auto result = co_await std::move(work);
    co_return result;
  }

  task<OptimStepResult> do_optim_step(AdamParams params) override {
    auto work = on_engine(model_->runtime(), [this, params] {
      const double norm = parameters_.step(pool(), params);
      weights_changed();
      OptimStepResult result;
      result.metrics["grad_norm:mean"] = norm;
      return result;
    });
    auto result = co_await std::move(work);
    co_return result;
  }

  task<std::string> do_save_state(std::string name, bool with_optimizer) override {
    if (name.find('/') != std::string::npos || name == "." || name == "..")
      throw Error(Errc::invalid_argument, "save_state: '" + name + "' is not a plain name");
    auto work = on_engine(model_->runtime(), [this, &name, with_optimizer] {
      const auto folder = state_folder_ / name;
      save_parameters(folder, parameters_, model_->config(), lora_, model_->name(), with_optimizer);
      return folder.string();
    });
    auto path = co_await std::move(work);
    co_return path;
  }

  task<void> do_load_state(std::string path, bool with_optimizer) override {
    auto work = on_engine(model_->runtime(), [this, &path, with_optimizer] {
      if (lora_.rank > 0) {
        const AdapterFileConfig file = read_adapter_config(path);
        if (file.rank != lora_.rank || file.alpha != lora_.alpha)
          throw Error(Errc::run_mismatch,
                      "load_state: " + path + " has rank " + std::to_string(file.rank) +
                          " and alpha " + std::to_string(file.alpha) + ", this trainer " +
                          std::to_string(lora_.rank) + " and " + std::to_string(lora_.alpha));
      }
      load_parameters(path, parameters_, with_optimizer);
      weights_changed();
    });
    co_await std::move(work);
  }

  task<std::shared_ptr<Sampler>> do_snapshot() override {
    auto work = on_engine(model_->runtime(), [this]() -> std::shared_ptr<Sampler> {
      if (own_ != nullptr) {
        require_memory(Network::bytes(model_->config(), Storage::f32), "snapshot");
        return make_sampler(model_, std::make_shared<const Network>(*own_), nullptr);
      }
      return make_sampler(model_, model_->network(), adapter());
    });
    auto sampler = co_await std::move(work);
    co_return sampler;
  }

  ThreadPool& pool() { return model_->runtime().pool(); }

  const std::shared_ptr<const Adapter>& adapter() {
    if (adapter_ == nullptr && lora_.rank > 0)
      adapter_ = pack_adapter(pool(), *model_->network(), parameters_, true);
    return adapter_;
  }

  void weights_changed() {
    adapter_ = nullptr;
    if (own_ == nullptr) return;
    const auto slots = own_->slots();
    for (std::size_t i = 0; i < slots.size(); ++i)
      Network::write(pool(), slots[i].second, parameters_.all()[i].value.data());
  }

  ForwardBackwardResult compute(const ForwardBackwardRequest& request, bool backward) {
    const Network& network = own_ != nullptr ? *own_ : *model_->network();
    const Loss loss = Loss::parse(request.loss_fn, request.loss_fn_config);
    const auto data = check_data(request.data, loss, model_->config(), network.positions());
    ForwardBackwardResult result;
    double total = 0.0;
    for (std::size_t first = 0; first < data.size();) {
      std::size_t last = first;
      std::size_t rows = 0;
      while (last < data.size() &&
             (last == first || rows + data[last].tokens.size() <= rows_per_pass))
        rows += data[last++].tokens.size();
      require_activations(static_cast<std::int64_t>(rows), backward);
      total += compute_part(network, loss, std::span(data).subspan(first, last - first),
                            request.all_logprobs, backward, result);
      first = last;
    }
    if (!std::isfinite(total)) {
      if (backward) parameters_.clear_gradients(pool());
      throw Error(Errc::diverged, "forward_backward: the loss is not finite");
    }
    result.metrics["loss:sum"] = total;
    return result;
  }

  void require_activations(std::int64_t rows, bool backward) {
    const std::int64_t bytes =
        TrainPass::activation_bytes(model_->config(), lora_.rank, rows, backward);
    if (bytes <= activations_held_) return;
    require_memory(bytes - activations_held_,
                   "forward_backward on " + std::to_string(rows) + " tokens");
    activations_held_ = bytes;
  }

  double compute_part(const Network& network, const Loss& loss, std::span<const CheckedDatum> data,
                      bool all_logprobs, bool backward, ForwardBackwardResult& result) {
    const LossBatch batch = make_batch(loss, data, all_logprobs);
    LossCall call;
    call.gradient = [&](std::size_t first, std::span<const float> logprobs,
                        std::span<float> gradient) {
      evaluate(loss, batch.inputs, first, logprobs, gradient);
    };
    call.all_at_once = loss.needs_whole_sequences();
    const auto logprobs =
        pass_.run(network, adapter().get(), batch.pass, backward ? &table_ : nullptr, call);
    std::size_t scored = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
      const CheckedDatum& d = data[i];
      std::vector<float> values(d.targets.size(), 0.0F);
      for (; scored < batch.pass.scored_rows.size() &&
             batch.pass.scored_rows[scored] < batch.pass.starts[i + 1];
           ++scored) {
        const auto position =
            static_cast<std::size_t>(batch.pass.scored_rows[scored] - batch.pass.starts[i]);
        const std::size_t from = batch.pass.first_target(scored);
        std::copy_n(logprobs.begin() + static_cast<std::ptrdiff_t>(from), d.columns,
                    values.begin() + static_cast<std::ptrdiff_t>(position * d.columns));
      }
      Tensor tensor(std::move(values));
      tensor.shape = *d.shape;
      result.loss_fn_outputs.emplace_back().emplace("logprobs", std::move(tensor));
    }
    return evaluate(loss, batch.inputs, 0, logprobs, {});
  }

  std::shared_ptr<const Model> model_;
  LoraConfig lora_;
  std::filesystem::path state_folder_;
  std::shared_ptr<Network> own_;  // full training only
  ParameterSet parameters_;
  GradientTable table_;
  TrainPass pass_;
  std::shared_ptr<const Adapter> adapter_;  // packed current values; null when they changed
  std::int64_t activations_held_ = 0;
};

}  // namespace

std::unique_ptr<Trainer> make_local_trainer(std::shared_ptr<const Model> model, LoraConfig lora,
                                            std::filesystem::path state_folder) {
  if (lora.rank < 0 || lora.rank > 4'096)
    throw Error(Errc::invalid_argument,
                "trainer: rank must be in 0..4096 (got " + std::to_string(lora.rank) + ")");
  if (lora.rank > 0 && (!(lora.alpha > 0.0) || !std::isfinite(lora.alpha)))
    throw Error(Errc::invalid_argument, "trainer: alpha must be positive");
  if (lora.rank > 0 && !lora.train_attn && !lora.train_mlp && !lora.train_unembed)
    throw Error(Errc::invalid_argument,
                "trainer: one of train_attn, train_mlp and train_unembed must be true");
  require_memory(LocalTrainer::bytes(*model, lora), "a trainer of " + model->name());
  return std::make_unique<LocalTrainer>(std::move(model), lora, std::move(state_folder));
}

}  // namespace xfer::engine
