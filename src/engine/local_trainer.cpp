#include "xfer/engine/local_trainer.hpp"

#include "engine/checkpoint.hpp"
#include "engine/datum_check.hpp"
#include "engine/loader.hpp"
#include "engine/local_sampler.hpp"
#include "engine/runtime.hpp"
#include "engine/train_pass.hpp"
#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::engine {
namespace {

// Rows of one pass: enough to fill the matrix products, few enough to stay in memory.
constexpr int rows_per_pass = 4'096;

class LocalTrainer final : public Trainer {
public:
  LocalTrainer(std::shared_ptr<const Model> model, const LoraConfig& lora,
               std::filesystem::path state_folder)
      : model_(std::move(model)), lora_(lora), state_folder_(std::move(state_folder)),
        own_(lora.rank == 0 ? std::make_shared<Network>(*model_->network()) : nullptr),
        parameters_(lora.rank == 0 ? ParameterSet::full(*own_)
                                   : ParameterSet::lora(model_->config(), lora)),
        table_(GradientTable::of(model_->config(), parameters_)), pass_(model_->runtime().pool()) {}

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
      save_parameters(folder, parameters_, model_->config(), lora_, model_->name(),
                      with_optimizer);
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
      if (own_ != nullptr)
        return make_sampler(model_, std::make_shared<const Network>(*own_), nullptr);
      return make_sampler(model_, model_->network(), adapter());
    });
    auto sampler = co_await std::move(work);
    co_return sampler;
  }

  ThreadPool& pool() { return model_->runtime().pool(); }

  const std::shared_ptr<const Adapter>& adapter() {
    if (adapter_ == nullptr && lora_.rank > 0)
      adapter_ = pack_adapter(pool(), model_->config(), parameters_, true);
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
    const int half = std::max(1, model_->config().head_dim / 2);
    const auto positions = static_cast<int>(network.rope_cos.size()) / half;
    const auto data = check_request(request, model_->config(), positions);
    ForwardBackwardResult result;
    result.loss_fn_outputs.resize(data.size());
    double loss = 0.0;
    for (std::size_t first = 0; first < data.size();) {
      std::size_t last = first;
      std::size_t rows = 0;
      while (last < data.size() &&
             (last == first || rows + data[last].tokens->size() <= rows_per_pass))
        rows += data[last++].tokens->size();
      require_memory(TrainPass::activation_bytes(model_->config(), lora_.rank,
                                                 static_cast<std::int64_t>(rows)) -
                         activations_held_,
                     "forward_backward on " + std::to_string(rows) + " tokens");
      activations_held_ = std::max(
          activations_held_, TrainPass::activation_bytes(model_->config(), lora_.rank,
                                                         static_cast<std::int64_t>(rows)));
      loss += compute_part(network, request, data, first, last, backward, result);
      first = last;
    }
    if (!std::isfinite(loss)) {
      if (backward) parameters_.clear_gradients(pool());
      throw Error(Errc::diverged, "forward_backward: the loss is not finite");
    }
    result.metrics["loss:sum"] = loss;
    return result;
  }

  double compute_part(const Network& network, const ForwardBackwardRequest& request,
                      const std::vector<CheckedDatum>& data, std::size_t first, std::size_t last,
                      bool backward, ForwardBackwardResult& result) {
    PassBatch batch;
    std::vector<float> weights;
    for (std::size_t i = first; i < last; ++i) {
      const CheckedDatum& d = data[i];
      for (std::size_t t = 0; t < d.tokens->size(); ++t) {
        if (request.all_logprobs || (*d.weights)[t] != 0.0F) {
          batch.scored_rows.push_back(batch.rows());
          batch.targets.push_back(static_cast<std::int32_t>((*d.targets)[t]));
          weights.push_back((*d.weights)[t]);
        }
        batch.tokens.push_back((*d.tokens)[t]);
      }
      batch.starts.push_back(batch.rows());
    }
    const auto logprobs = pass_.run(
        network, adapter().get(), batch, backward ? &table_ : nullptr,
        [&weights](std::size_t at, std::span<const float> chunk, std::span<float> gradient) {
          for (std::size_t i = 0; i < chunk.size(); ++i) gradient[i] = -weights[at + i];
        });
    double loss = 0.0;
    std::size_t at = 0;
    for (std::size_t i = first; i < last; ++i) {
      std::vector<float> values(data[i].tokens->size(), 0.0F);
      const auto end = batch.starts[i - first + 1];
      for (; at < batch.scored_rows.size() && batch.scored_rows[at] < end; ++at) {
        const auto position = static_cast<std::size_t>(batch.scored_rows[at] -
                                                       batch.starts[i - first]);
        values[position] = logprobs[at];
        loss -= static_cast<double>(weights[at]) * static_cast<double>(logprobs[at]);
      }
      result.loss_fn_outputs[i].emplace("logprobs", Tensor(std::move(values)));
    }
    return loss;
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
  return std::make_unique<LocalTrainer>(std::move(model), lora, std::move(state_folder));
}

}  // namespace xfer::engine
