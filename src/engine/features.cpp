// SPDX-License-Identifier: Apache-2.0
#include "xfer/engine/features.hpp"

#include "engine/checkpoint.hpp"
#include "engine/datum_check.hpp"
#include "engine/memory.hpp"
#include "engine/runtime.hpp"
#include "engine/train_pass.hpp"
#include "xfer/error.hpp"

#include <cmath>
#include <span>
#include <string>
#include <utility>

namespace xfer::engine {
namespace {

// Rows of one pass; a longer sequence is a pass of its own.
constexpr int rows_per_pass = 2'048;

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what); }

void check_sequences(const Model& model, const std::vector<std::vector<std::int32_t>>& sequences) {
  const auto limit = static_cast<std::size_t>(model.network()->positions());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const std::string where = "mean_hidden_states: sequence " + std::to_string(i);
    if (sequences[i].empty() || sequences[i].size() > limit)
      refuse(where + " must have 1 to " + std::to_string(limit) + " tokens (got " +
             std::to_string(sequences[i].size()) + ")");
    for (const std::int32_t token : sequences[i])
      if (token < 0 || token >= model.config().vocab_size)
        refuse(where + ": token " + std::to_string(token) + " is outside the vocabulary of " +
               std::to_string(model.config().vocab_size));
  }
}

/// The means of one batch's sequences, appended.
void append_means(const Network& network, const PassBatch& batch, const Floats& residual,
                  std::vector<double>& out) {
  const int h = network.config.hidden_size;
  const auto eps = static_cast<float>(network.config.rms_eps);
  std::vector<float> normed(static_cast<std::size_t>(h));
  for (std::size_t s = 0; s + 1 < batch.starts.size(); ++s) {
    std::vector<double> sum(normed.size());
    for (int row = batch.starts[s]; row < batch.starts[s + 1]; ++row) {
      kernels().rms_norm(residual.data() + std::int64_t{row} * h, network.final_norm.data(), eps, h,
                         normed.data());
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(normed[i]);
    }
    const double rows = batch.starts[s + 1] - batch.starts[s];
    for (const double value : sum) out.push_back(value / rows);
  }
}

FeatureRows hidden_states(const Model& model,
                          const std::vector<std::vector<std::int32_t>>& sequences) {
  const Network& network = *model.network();
  FeatureRows result;
  result.rows = sequences.size();
  result.columns = static_cast<std::size_t>(network.config.hidden_size);
  TrainPass pass(model.runtime().pool());
  for (std::size_t next = 0; next < sequences.size();) {
    PassBatch batch;
    do {
      batch.tokens.insert(batch.tokens.end(), sequences[next].begin(), sequences[next].end());
      batch.starts.push_back(batch.rows());
      ++next;
    } while (next < sequences.size() &&
             batch.tokens.size() + sequences[next].size() <= rows_per_pass);
    require_memory(TrainPass::activation_bytes(network.config, 0, batch.rows(), false),
                   "hidden states of " + std::to_string(batch.rows()) + " tokens");
    pass.run(network, nullptr, batch, nullptr, LossCall{});
    append_means(network, batch, pass.last_rows(), result.values);
  }
  return result;
}

/// sum over i, j of (B1^T B2)_ij (A1 A2^T)_ij: the Frobenius product of B1 A1 and B2 A2.
double pair_product(const ParameterSet& first, const LoraPair& p, const ParameterSet& second,
                    const LoraPair& q) {
  const auto parameter = [](const ParameterSet& set, int index) -> const Parameter& {
    return set.all()[static_cast<std::size_t>(index)];
  };
  const Parameter& a1 = parameter(first, p.a);
  const Parameter& a2 = parameter(second, q.a);
  const Parameter& b1 = parameter(first, p.b);
  const Parameter& b2 = parameter(second, q.b);
  const auto r1 = static_cast<std::size_t>(a1.rows);
  const auto r2 = static_cast<std::size_t>(a2.rows);
  std::vector<double> inner(r1 * r2);  // B1^T B2
  for (std::size_t row = 0; row < static_cast<std::size_t>(b1.rows); ++row)
    for (std::size_t i = 0; i < r1; ++i)
      for (std::size_t j = 0; j < r2; ++j)
        inner[i * r2 + j] += static_cast<double>(b1.value[row * r1 + i]) *
                             static_cast<double>(b2.value[row * r2 + j]);
  double sum = 0.0;
  const auto inputs = static_cast<std::size_t>(a1.cols);
  for (std::size_t i = 0; i < r1; ++i)
    for (std::size_t j = 0; j < r2; ++j) {
      double dot = 0.0;
      for (std::size_t k = 0; k < inputs; ++k)
        dot += static_cast<double>(a1.value[i * inputs + k]) *
               static_cast<double>(a2.value[j * inputs + k]);
      sum += inner[i * r2 + j] * dot;
    }
  return sum;
}

}  // namespace

task<FeatureRows> mean_hidden_states(std::shared_ptr<const Model> model,
                                     std::vector<std::vector<std::int32_t>> sequences) {
  check_sequences(*model, sequences);
  auto work = on_engine(model->runtime(),
                        [&model, &sequences] { return hidden_states(*model, sequences); });
  auto result = co_await std::move(work);
  co_return result;
}

struct GradientMeter::State {
  State(std::shared_ptr<const Model> of, const LoraConfig& lora)
      : model(std::move(of)), parameters(ParameterSet::lora(model->config(), lora)),
        table(GradientTable::of(model->config(), parameters)), pass(model->runtime().pool()) {
    std::size_t size = 0;
    for (const LoraPair& pair : parameters.pairs()) size += gradient_of_b(pair).size();
    sum.resize(size);
    squares.resize(size);
  }

  const Floats& gradient_of_b(const LoraPair& pair) const {
    return parameters.all()[static_cast<std::size_t>(pair.b)].grad;
  }

  /// On the engine's thread.
  void add(const std::vector<Datum>& data) {
    ThreadPool& pool = model->runtime().pool();
    const Network& network = *model->network();
    if (adapter == nullptr) adapter = pack_adapter(pool, *model->network(), parameters, true);
    const Loss loss = Loss::parse("cross_entropy", {});
    const auto checked = check_data(data, loss, model->config(), network.positions());
    for (const CheckedDatum& datum : checked) {
      require_memory(TrainPass::activation_bytes(model->config(), parameters.rank(),
                                                 std::ssize(datum.tokens), true),
                     "the gradients of " + std::to_string(datum.tokens.size()) + " tokens");
      const LossBatch batch = make_batch(loss, std::span(&datum, 1), false);
      LossCall call;
      call.gradient = [&](std::size_t first, std::span<const float> logprobs,
                          std::span<float> gradient) {
        evaluate(loss, batch.inputs, first, logprobs, gradient);
      };
      const auto logprobs = pass.run(network, adapter.get(), batch.pass, &table, call);
      const double value = evaluate(loss, batch.inputs, 0, logprobs, {});
      if (std::isfinite(value)) take_gradients();
      parameters.clear_gradients(pool);
      if (!std::isfinite(value))
        throw Error(Errc::diverged, "gradients: the loss of a datum is not finite");
    }
  }

  void take_gradients() {
    std::size_t at = 0;
    for (const LoraPair& pair : parameters.pairs())
      for (const float g : gradient_of_b(pair)) {
        const auto value = static_cast<double>(g);
        sum[at] += value;
        squares[at++] += value * value;
      }
    ++count;
  }

  std::shared_ptr<const Model> model;
  ParameterSet parameters;
  GradientTable table;
  TrainPass pass;
  std::shared_ptr<const Adapter> adapter;
  std::vector<double> sum;
  std::vector<double> squares;
  std::int64_t count = 0;
};

GradientMeter::GradientMeter(std::shared_ptr<const Model> model, LoraConfig lora) {
  if (lora.rank < 1 || lora.rank > 4'096)
    refuse("gradients: rank must be in 1..4096 (got " + std::to_string(lora.rank) + ")");
  require_memory(3 * ParameterSet::bytes(model->config(), lora) / 2,
                 "the gradients of " + model->name());
  state_ = std::make_unique<State>(std::move(model), lora);
}

GradientMeter::~GradientMeter() = default;

task<void> GradientMeter::add(std::vector<Datum> data) {
  for (std::size_t i = 0; i < data.size(); ++i)
    if (data[i].tokens.empty()) refuse("gradients: datum " + std::to_string(i) + " has no tokens");
  auto work = on_engine(state_->model->runtime(), [this, &data] { state_->add(data); });
  co_await std::move(work);
}

GradientMoments GradientMeter::moments() const {
  if (state_->count == 0) refuse("gradients: no data");
  GradientMoments result;
  result.data = state_->count;
  result.mean = state_->sum;
  result.mean_square = state_->squares;
  const auto n = static_cast<double>(state_->count);
  for (double& value : result.mean) value /= n;
  for (double& value : result.mean_square) value /= n;
  return result;
}

std::vector<double> adapter_products(const Model& model,
                                     const std::vector<std::filesystem::path>& folders) {
  std::vector<ParameterSet> sets;
  for (const std::filesystem::path& folder : folders)
    sets.push_back(load_adapter(folder, model.config()));
  const std::size_t n = sets.size();
  std::vector<double> products(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < n; ++j) {
      double sum = 0.0;
      for (const LoraPair& p : sets[i].pairs())
        if (const LoraPair* q = sets[j].pair(p.module, p.layer, p.expert))
          sum += pair_product(sets[i], p, sets[j], *q);
      sum *= static_cast<double>(sets[i].scale()) * static_cast<double>(sets[j].scale());
      products[i * n + j] = products[j * n + i] = sum;
    }
  return products;
}

}  // namespace xfer::engine
