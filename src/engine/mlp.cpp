// SPDX-License-Identifier: Apache-2.0
#include "engine/mlp.hpp"

#include <algorithm>
#include <cstring>

namespace xfer::engine {
namespace {

constexpr std::int64_t mlp_row_chunk = 16;

float* sized(Floats& memory, std::int64_t rows, std::int64_t columns) {
  memory.resize(static_cast<std::size_t>(rows * columns));
  return memory.data();
}

// out[i] = x[rows[i]]
void gather(ThreadPool& pool, const std::vector<int>& rows, const float* x, int width, float* out) {
  for_rows(pool, static_cast<std::int64_t>(rows.size()), mlp_row_chunk, [&](std::int64_t i, int) {
    const std::int64_t row = rows[static_cast<std::size_t>(i)];
    std::memcpy(out + i * width, x + row * width, static_cast<std::size_t>(width) * sizeof(float));
  });
}

}  // namespace

struct MlpPass::At {
  const Network& network;
  int layer;
  int expert = 0;  ///< index among the layer's MLPs

  const LayerWeights& weights() const { return network.layers[static_cast<std::size_t>(layer)]; }
  template <class T>
  auto& mlp(T& maps) const {
    return maps.mlps[static_cast<std::size_t>(expert)];
  }
  const auto& matrices() const { return mlp(weights().maps); }
  const auto& adapter(const Adapter& a) const {
    return mlp(a.layers[static_cast<std::size_t>(layer)]);
  }
  int hidden() const { return network.config.hidden_size; }
  int wide() const { return matrices().down.k(); }
};

// act = silu(gate) * up, or Gemma's gelu.
static void activate(ThreadPool& pool, bool gelu, int rows, int wide, const float* gate_up,
                     float* act) {
  const Timed timed(pool.clock(), WorkKind::elementwise);
  const auto kernel = gelu ? kernels().geglu : kernels().swiglu;
  for_rows(pool, rows, mlp_row_chunk, [&](std::int64_t row, int) {
    const float* gate = gate_up + row * 2 * wide;
    kernel(gate, gate + wide, wide, act + row * wide);
  });
}

void MlpPass::one_forward(const At& at, const AdapterRuns& runs, int rows, const float* x,
                          float* out, MlpState::Expert& state) {
  const int h = at.hidden();
  const std::int64_t f = at.wide();
  sized(state.gate_up, rows, 2 * f);
  sized(act_, rows, f);
  linear_forward(
      pool_, rows, x, h, at.matrices().gate_up,
      runs, [&](const Adapter& a) -> auto& { return at.adapter(a).gate_up; }, state.gate_up.data(),
      2 * f, state.z_gate_up);
  activate(pool_, at.network.config.is_gemma(), rows, at.wide(), state.gate_up.data(), act_.data());
  linear_forward(
      pool_, rows, act_.data(), f, at.matrices().down,
      runs, [&](const Adapter& a) -> auto& { return at.adapter(a).down; }, out, h, state.z_down);
}

// Softmax over the experts, then for each row the most probable ones; of equal ones the first.
void MlpPass::route(const At& at, int rows, const float* x, MlpState& state) {
  const ExpertConfig& e = at.network.config.experts;
  const int h = at.hidden();
  const int k = e.per_token;
  const Kernels& kernel = kernels();
  sized(state.probabilities, rows, e.count);
  sized(state.shares, rows, k);
  state.chosen.resize(state.shares.size());
  gemm(pool_, rows, {x, h}, at.weights().router, state.probabilities.data(), e.count, false);
  for_rows(pool_, rows, mlp_row_chunk, [&](std::int64_t row, int) {
    float* p = state.probabilities.data() + row * e.count;
    float max = 0.0F;
    kernel.scale(1.0F / kernel.exp_shift(p, 1.0F, e.count, &max), e.count, p);
    int* chosen = state.chosen.data() + row * k;
    float* shares = state.shares.data() + row * k;
    float sum = 0.0F;
    for (int i = 0; i < k; ++i) {
      int best = -1;
      for (int j = 0; j < e.count; ++j)
        if (std::find(chosen, chosen + i, j) == chosen + i && (best < 0 || p[j] > p[best]))
          best = j;
      chosen[i] = best;
      shares[i] = p[best];
      sum += p[best];
    }
    if (e.normalised)
      for (int i = 0; i < k; ++i) shares[i] /= sum;
  });
  state.experts.resize(static_cast<std::size_t>(e.count));
  for (MlpState::Expert& expert : state.experts) {
    expert.rows.clear();
    expert.places.clear();
  }
  for (int place = 0; place < rows * k; ++place) {
    auto& expert =
        state.experts[static_cast<std::size_t>(state.chosen[static_cast<std::size_t>(place)])];
    expert.rows.push_back(place / k);
    expert.places.push_back(place);
  }
}

void MlpPass::forward(const Network& network, int layer, const AdapterRuns& runs, int rows,
                      const float* x, float* out, MlpState& state) {
  At at{network, layer};
  if (!network.config.is_sparse(layer)) {
    state.experts.resize(1);
    return one_forward(at, runs, rows, x, out, state.experts[0]);
  }
  const int h = at.hidden();
  const Kernels& kernel = kernels();
  route(at, rows, x, state);
  std::fill_n(out, std::int64_t{rows} * h, 0.0F);
  for (at.expert = 0; at.expert < network.config.experts.count; ++at.expert) {
    MlpState::Expert& expert = state.experts[static_cast<std::size_t>(at.expert)];
    if (expert.rows.empty()) continue;
    const auto count = static_cast<int>(expert.rows.size());
    gather(pool_, expert.rows, x, h, sized(gathered_, count, h));
    sized(expert.out, count, h);
    one_forward(at, runs_of(runs, expert.rows), count, gathered_.data(), expert.out.data(), expert);
    for_rows(pool_, count, mlp_row_chunk, [&](std::int64_t i, int) {
      const auto n = static_cast<std::size_t>(i);
      kernel.axpy(state.shares[static_cast<std::size_t>(expert.places[n])],
                  expert.out.data() + i * h, h, out + std::int64_t{expert.rows[n]} * h);
    });
  }
}

void MlpPass::one_backward(const At& at, const Adapter* adapter, const LayerGradients& gradients,
                           int rows, const float* x, const float* d_out, float* d_x,
                           const MlpState::Expert& state, LinearScratch& scratch) {
  const int h = at.hidden();
  const int f = at.wide();
  const bool gelu = at.network.config.is_gemma();
  const int rank = adapter != nullptr ? adapter->rank : 0;
  const float scale = adapter != nullptr ? adapter->scale : 0.0F;
  const auto& into = at.mlp(gradients.maps);
  activate(pool_, gelu, rows, f, state.gate_up.data(), sized(act_, rows, f));
  sized(d_act_, rows, f);
  linear_backward(pool_, rows, act_.data(), f, state.z_down, d_out, h, at.matrices().down,
                  adapter != nullptr ? &at.adapter(*adapter).down : nullptr, scale, rank, into.down,
                  d_act_.data(), f, false, scratch);
  sized(d_gate_up_, rows, 2 * std::int64_t{f});
  const auto kernel = gelu ? kernels().geglu_backward : kernels().swiglu_backward;
  {
    const Timed timed(pool_.clock(), WorkKind::elementwise);
    for_rows(pool_, rows, mlp_row_chunk, [&](std::int64_t row, int) {
      const float* gate = state.gate_up.data() + row * 2 * f;
      float* d_gate = d_gate_up_.data() + row * 2 * f;
      kernel(gate, gate + f, d_act_.data() + row * f, f, d_gate, d_gate + f);
    });
  }
  linear_backward(pool_, rows, x, h, state.z_gate_up, d_gate_up_.data(), 2 * std::int64_t{f},
                  at.matrices().gate_up,
                  adapter != nullptr ? &at.adapter(*adapter).gate_up : nullptr, scale, rank,
                  into.gate_up, d_x, h, false, scratch);
}

void MlpPass::expert_backward(const At& at, const Adapter* adapter, const LayerGradients& gradients,
                              const float* x, const float* d_out, float* d_x, const MlpState& state,
                              LinearScratch& scratch) {
  const MlpState::Expert& expert = state.experts[static_cast<std::size_t>(at.expert)];
  if (expert.rows.empty()) return;
  const int h = at.hidden();
  const Kernels& kernel = kernels();
  const auto count = static_cast<int>(expert.rows.size());
  gather(pool_, expert.rows, x, h, sized(gathered_, count, h));
  gather(pool_, expert.rows, d_out, h, sized(d_out_, count, h));
  for_rows(pool_, count, mlp_row_chunk, [&](std::int64_t i, int) {
    const auto place = static_cast<std::size_t>(expert.places[static_cast<std::size_t>(i)]);
    float* d = d_out_.data() + i * h;
    d_shares_[place] = kernel.dot(d, expert.out.data() + i * h, h);
    kernel.scale(state.shares[place], h, d);
  });
  sized(d_gathered_, count, h);
  one_backward(at, adapter, gradients, count, gathered_.data(), d_out_.data(), d_gathered_.data(),
               expert, scratch);
  for_rows(pool_, count, mlp_row_chunk, [&](std::int64_t i, int) {
    const std::int64_t row = expert.rows[static_cast<std::size_t>(i)];
    kernel.axpy(1.0F, d_gathered_.data() + i * h, h, d_x + row * h);
  });
}

// Through the shares: with p the softmax, s_j = p_j / sum over the chosen of p, or s_j = p_j.
void MlpPass::router_backward(const At& at, const LayerGradients& gradients, int rows,
                              const float* x, float* d_x, const MlpState& state,
                              LinearScratch& scratch) {
  const ExpertConfig& e = at.network.config.experts;
  const int h = at.hidden();
  const int k = e.per_token;
  sized(d_logits_, rows, e.count);
  for_rows(pool_, rows, mlp_row_chunk, [&](std::int64_t row, int) {
    const float* p = state.probabilities.data() + row * e.count;
    const float* shares = state.shares.data() + row * k;
    const float* d_shares = d_shares_.data() + row * k;
    const int* chosen = state.chosen.data() + row * k;
    float* d = d_logits_.data() + row * e.count;
    float mean = 0.0F;
    for (int i = 0; i < k; ++i) mean += d_shares[i] * shares[i];
    for (int j = 0; j < e.count; ++j) d[j] = e.normalised ? 0.0F : -p[j] * mean;
    for (int i = 0; i < k; ++i)
      d[chosen[i]] += shares[i] * (d_shares[i] - (e.normalised ? mean : 0.0F));
  });
  pack_transposed(pool_, at.weights().router, 0, e.count, scratch.weight);
  gemm(pool_, rows, {d_logits_.data(), e.count}, scratch.weight, d_x, h, true);
  if (gradients.router == nullptr) return;
  pack_right(pool_, x, h, rows, h, scratch.right);
  gemm(pool_, e.count, {d_logits_.data(), 1, e.count}, scratch.right, gradients.router, h, true);
}

void MlpPass::backward(const Network& network, int layer, const Adapter* adapter,
                       const LayerGradients& gradients, int rows, const float* x,
                       const float* d_out, float* d_x, const MlpState& state,
                       LinearScratch& scratch) {
  At at{network, layer};
  if (!network.config.is_sparse(layer))
    return one_backward(at, adapter, gradients, rows, x, d_out, d_x, state.experts[0], scratch);
  std::fill_n(d_x, std::int64_t{rows} * at.hidden(), 0.0F);
  sized(d_shares_, rows, network.config.experts.per_token);
  for (at.expert = 0; at.expert < network.config.experts.count; ++at.expert)
    expert_backward(at, adapter, gradients, x, d_out, d_x, state, scratch);
  router_backward(at, gradients, rows, x, d_x, state, scratch);
}

}  // namespace xfer::engine
