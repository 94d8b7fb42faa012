// SPDX-License-Identifier: Apache-2.0
#include "engine/parameters.hpp"

#include "xfer/rng.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::engine {
namespace {

constexpr std::int64_t update_elements = 16'384;

struct Piece {
  std::size_t parameter;
  std::int64_t first;
  std::int64_t count;
};

std::vector<Piece> cut(const std::vector<Parameter>& parameters) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    for (std::int64_t at = 0; at < parameters[i].size(); at += update_elements)
      pieces.push_back({i, at, std::min(update_elements, parameters[i].size() - at)});
  return pieces;
}

// Calls work(module, layer, expert) for everything that gets a pair, in the order of the set.
template <class Work>
void for_adapted(const ModelConfig& model, const LoraConfig& config, const Work& work) {
  for (int layer = 0; layer < model.layers; ++layer) {
    if (config.train_attn)
      for (const Module module : {Module::q, Module::k, Module::v, Module::o})
        work(module, layer, -1);
    const int first = model.is_sparse(layer) ? 0 : -1;
    const int last = model.is_sparse(layer) ? model.experts.count : 0;
    for (int expert = first; config.train_mlp && expert < last; ++expert)
      for (const Module module : {Module::gate, Module::up, Module::down})
        work(module, layer, expert);
  }
  if (config.train_unembed) work(Module::head, 0, -1);
}

}  // namespace

Parameter::Parameter(std::string parameter_name, int row_count, int col_count)
    : name(std::move(parameter_name)), rows(row_count), cols(col_count) {
  const auto n = static_cast<std::size_t>(size());
  value.assign(n, 0.0F);
  grad.assign(n, 0.0F);
  m.assign(n, 0.0F);
  v.assign(n, 0.0F);
}

ParameterSet ParameterSet::lora(const ModelConfig& model, const LoraConfig& config) {
  ParameterSet set;
  set.rank_ = config.rank;
  set.scale_ = static_cast<float>(config.alpha / config.rank);
  const Rng root(config.seed, "lora-init");
  for_adapted(model, config, [&](Module module, int layer, int expert) {
    const int in = module_inputs(model, module, expert);
    const int out = module_outputs(model, module, expert);
    const std::string at = "base_model.model." + module_name(module, layer, expert);
    LoraPair pair{module, layer, expert, static_cast<int>(set.parameters_.size()), 0};
    Parameter a(at + ".lora_A.weight", config.rank, in);
    Rng rng = root.fork(a.name);
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    for (float& x : a.value) x = static_cast<float>((2.0 * rng.uniform() - 1.0) * bound);
    set.parameters_.push_back(std::move(a));
    pair.b = static_cast<int>(set.parameters_.size());
    set.parameters_.emplace_back(at + ".lora_B.weight", out, config.rank);
    set.pair_index_.emplace(std::tuple(module, layer, expert), set.pairs_.size());
    set.pairs_.push_back(pair);
  });
  return set;
}

std::int64_t ParameterSet::bytes(const ModelConfig& model, const LoraConfig& config) {
  constexpr std::int64_t per_value = 4 * sizeof(float);  // value, gradient, two moments
  if (config.rank == 0) return per_value * model.parameters();
  std::int64_t values = 0;
  for_adapted(model, config, [&](Module module, int, int expert) {
    values += std::int64_t{config.rank} *
              (module_inputs(model, module, expert) + module_outputs(model, module, expert));
  });
  return per_value * values;
}

ParameterSet ParameterSet::full(Network& network) {
  ParameterSet set;
  for (auto& [name, slot] : network.slots()) {
    Parameter p(name, slot.rows, slot.cols);
    Network::read(slot, p.value.data());
    set.parameters_.push_back(std::move(p));
  }
  return set;
}

const LoraPair* ParameterSet::pair(Module module, int layer, int expert) const {
  const auto it = pair_index_.find({module, layer, expert});
  return it == pair_index_.end() ? nullptr : &pairs_[it->second];
}

std::int64_t ParameterSet::size() const noexcept {
  std::int64_t n = 0;
  for (const Parameter& p : parameters_) n += p.size();
  return n;
}

void ParameterSet::clear_gradients(ThreadPool& pool) {
  const auto pieces = cut(parameters_);
  pool.run(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t i, int) {
    const Piece& piece = pieces[static_cast<std::size_t>(i)];
    float* g = parameters_[piece.parameter].grad.data() + piece.first;
    std::fill(g, g + piece.count, 0.0F);
  });
}

void ParameterSet::clear_moments() {
  for (Parameter& p : parameters_) {
    std::fill(p.m.begin(), p.m.end(), 0.0F);
    std::fill(p.v.begin(), p.v.end(), 0.0F);
  }
  steps_ = 0;
}

double ParameterSet::step(ThreadPool& pool, const AdamParams& params,
                          const std::function<bool(const Parameter&)>& only) {
  const Timed timed(pool.clock(), WorkKind::optimizer);
  const Kernels& kernel = kernels();
  auto pieces = cut(parameters_);
  if (only)
    std::erase_if(pieces, [&](const Piece& piece) { return !only(parameters_[piece.parameter]); });
  const auto count = static_cast<std::int64_t>(pieces.size());
  std::vector<double> squares(pieces.size());
  pool.run(count, [&](std::int64_t i, int) {
    const Piece& piece = pieces[static_cast<std::size_t>(i)];
    squares[static_cast<std::size_t>(i)] =
        kernel.sum_squares(parameters_[piece.parameter].grad.data() + piece.first, piece.count);
  });
  double total = 0.0;
  for (const double s : squares) total += s;
  const double norm = std::sqrt(total);

  ++steps_;
  const auto t = static_cast<double>(steps_);
  AdamWStep step{};
  step.beta1 = static_cast<float>(params.beta1);
  step.beta2 = static_cast<float>(params.beta2);
  step.eps = static_cast<float>(params.eps);
  step.step_size = static_cast<float>(params.learning_rate / (1.0 - std::pow(params.beta1, t)));
  step.inv_sqrt_bias2 = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(params.beta2, t)));
  step.decay = static_cast<float>(1.0 - params.learning_rate * params.weight_decay);
  const bool clip = params.grad_clip_norm > 0.0 && norm > params.grad_clip_norm;
  // torch.nn.utils.clip_grad_norm_ adds 1e-6 to the norm.
  step.grad_scale = clip ? static_cast<float>(params.grad_clip_norm / (norm + 1e-6)) : 1.0F;
  pool.run(count, [&](std::int64_t i, int) {
    const Piece& piece = pieces[static_cast<std::size_t>(i)];
    Parameter& p = parameters_[piece.parameter];
    float* g = p.grad.data() + piece.first;
    kernel.adamw(step, g, piece.count, p.value.data() + piece.first, p.m.data() + piece.first,
                 p.v.data() + piece.first);
    std::fill(g, g + piece.count, 0.0F);
  });
  return norm;
}

}  // namespace xfer::engine
