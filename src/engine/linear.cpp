// SPDX-License-Identifier: Apache-2.0
#include "engine/linear.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace xfer::engine {
namespace {

const std::vector<Module> qkv_modules = {Module::q, Module::k, Module::v};
const std::vector<Module> o_modules = {Module::o};
const std::vector<Module> gate_up_modules = {Module::gate, Module::up};
const std::vector<Module> down_modules = {Module::down};

AdapterLinear pack_linear(ThreadPool& pool, const Network& network, const ParameterSet& set,
                          const std::vector<Module>& modules, int layer, int expert,
                          bool for_training) {
  AdapterLinear out;
  const ModelConfig& config = network.config;
  const Storage storage = network.adapter_storage();
  const int rank = set.rank();
  const int inputs = module_inputs(config, modules.front(), expert);
  int first_col = 0;
  std::vector<const Parameter*> as;
  for (const Module module : modules) {
    const int cols = module_outputs(config, module, expert);
    if (const LoraPair* pair = set.pair(module, layer, expert)) {
      AdapterLinear::Part part;
      part.first_col = first_col;
      part.cols = cols;
      part.z_offset = out.z_width;
      const Parameter& b = set.all()[static_cast<std::size_t>(pair->b)];
      part.b.resize(rank, cols, storage);
      pack_weight(pool, b.value.data(), cols, 0, part.b);
      as.push_back(&set.all()[static_cast<std::size_t>(pair->a)]);
      out.parts.push_back(std::move(part));
      out.z_width += rank;
    }
    first_col += cols;
  }
  if (out.z_width == 0) return out;
  Floats rows(static_cast<std::size_t>(out.z_width) * static_cast<std::size_t>(inputs));
  for (std::size_t i = 0; i < as.size(); ++i)
    std::copy(as[i]->value.begin(), as[i]->value.end(),
              rows.begin() + static_cast<std::ptrdiff_t>(i) * rank * inputs);
  out.a.resize(inputs, out.z_width, storage);
  pack_weight(pool, rows.data(), out.z_width, 0, out.a);
  if (!for_training) return out;
  if (storage == Storage::f32)
    pack_right(pool, rows.data(), inputs, out.z_width, inputs, out.a_right);
  else
    pack_transposed(pool, out.a, 0, out.z_width, out.a_right);
  return out;
}

// Calls fill(map, modules, layer, expert) for each map of a layer.
template <class T, class Fill>
void fill_maps(const ModelConfig& config, int layer, LayerMaps<T>& maps, const Fill& fill) {
  const bool sparse = config.is_sparse(layer);
  fill(maps.qkv, qkv_modules, layer, -1);
  fill(maps.o, o_modules, layer, -1);
  maps.mlps.resize(sparse ? static_cast<std::size_t>(config.experts.count) : 1);
  for (int expert = 0; expert < static_cast<int>(maps.mlps.size()); ++expert) {
    auto& mlp = maps.mlps[static_cast<std::size_t>(expert)];
    fill(mlp.gate_up, gate_up_modules, layer, sparse ? expert : -1);
    fill(mlp.down, down_modules, layer, sparse ? expert : -1);
  }
}

}  // namespace

std::shared_ptr<const Adapter> pack_adapter(ThreadPool& pool, const Network& network,
                                            const ParameterSet& parameters, bool for_training) {
  const ModelConfig& config = network.config;
  auto adapter = std::make_shared<Adapter>();
  adapter->scale = parameters.scale();
  adapter->rank = parameters.rank();
  adapter->layers.resize(static_cast<std::size_t>(config.layers));
  const auto fill = [&](AdapterLinear& out, const std::vector<Module>& modules, int layer,
                        int expert) {
    out = pack_linear(pool, network, parameters, modules, layer, expert, for_training);
  };
  for (int layer = 0; layer < config.layers; ++layer)
    fill_maps(config, layer, adapter->layers[static_cast<std::size_t>(layer)], fill);
  adapter->head = pack_linear(pool, network, parameters, {Module::head}, 0, -1, for_training);
  return adapter;
}

AdapterRuns runs_of(const AdapterRuns& all, std::span<const int> rows) {
  AdapterRuns chosen;
  std::size_t run = 0;
  for (std::size_t i = 0; i < rows.size() && !all.empty(); ++i) {
    while (rows[i] >= all[run].first + all[run].count) ++run;
    if (chosen.empty() || chosen.back().adapter != all[run].adapter)
      chosen.push_back({static_cast<int>(i), 0, all[run].adapter});
    ++chosen.back().count;
  }
  return chosen;
}

GradientTable GradientTable::of(const ModelConfig& config, ParameterSet& parameters) {
  GradientTable table;
  table.full = parameters.pairs().empty();
  std::unordered_map<std::string, float*> by_name;
  for (Parameter& p : parameters.all()) by_name.emplace(p.name, p.grad.data());
  const auto find = [&](const std::string& name) -> float* {
    const auto it = by_name.find(name);
    return it == by_name.end() ? nullptr : it->second;
  };
  const auto fill = [&](LinearGradients& out, const std::vector<Module>& modules, int layer,
                        int expert) {
    int first_col = 0;
    int z_offset = 0;
    for (const Module module : modules) {
      LinearGradients::Part part;
      part.first_col = first_col;
      part.cols = module_outputs(config, module, expert);
      first_col += part.cols;
      if (table.full) {
        part.dw = find(module_name(module, layer, expert) + ".weight");
      } else if (const LoraPair* pair = parameters.pair(module, layer, expert)) {
        part.da = parameters.all()[static_cast<std::size_t>(pair->a)].grad.data();
        part.db = parameters.all()[static_cast<std::size_t>(pair->b)].grad.data();
        part.z_offset = z_offset;
        z_offset += parameters.rank();
      } else {
        continue;
      }
      out.parts.push_back(part);
    }
  };
  table.layers.resize(static_cast<std::size_t>(config.layers));
  for (int i = 0; i < config.layers; ++i) {
    LayerGradients& layer = table.layers[static_cast<std::size_t>(i)];
    fill_maps(config, i, layer.maps, fill);
    const std::string at = "model.layers." + std::to_string(i);
    const bool post = config.is_gemma();
    layer.attn_norm = find(at + ".input_layernorm.weight");
    (post ? layer.attn_post_norm : layer.mlp_norm) = find(at + ".post_attention_layernorm.weight");
    if (post) layer.mlp_norm = find(at + ".pre_feedforward_layernorm.weight");
    layer.mlp_post_norm = find(at + ".post_feedforward_layernorm.weight");
    layer.q_norm = find(at + ".self_attn.q_norm.weight");
    layer.k_norm = find(at + ".self_attn.k_norm.weight");
    layer.q_bias = find(at + ".self_attn.q_proj.bias");
    layer.k_bias = find(at + ".self_attn.k_proj.bias");
    layer.v_bias = find(at + ".self_attn.v_proj.bias");
    layer.router = find(at + ".mlp.gate.weight");
  }
  fill(table.head, {Module::head}, 0, -1);
  table.final_norm = find("model.norm.weight");
  table.embedding = find("model.embed_tokens.weight");
  if (table.full && config.tied_head) table.head.parts.front().dw = table.embedding;
  return table;
}

void adapter_forward(ThreadPool& pool, int m, const float* x, std::int64_t ldx,
                     const AdapterLinear& adapter, float scale, float* y, std::int64_t ldy,
                     Floats& z) {
  if (adapter.z_width == 0) return;
  const int width = adapter.z_width;
  z.resize(static_cast<std::size_t>(m) * static_cast<std::size_t>(width));
  gemm(pool, m, {x, ldx}, adapter.a, z.data(), width, false);
  kernels().scale(scale, static_cast<int>(z.size()), z.data());
  for (const AdapterLinear::Part& part : adapter.parts)
    gemm(pool, m, {z.data() + part.z_offset, width}, part.b, y + part.first_col, ldy, true);
}

void adapter_gradients(ThreadPool& pool, int m, const float* x, std::int64_t ldx, const Floats& z,
                       const Floats& dz, const float* dy, std::int64_t ldy,
                       const AdapterLinear& adapter, int rank, const LinearGradients& gradients,
                       Floats& sums) {
  const int width = adapter.z_width;
  const int inputs = adapter.a.k();
  const Kernels& kernel = kernels();
  const auto resized = [&](std::int64_t size) {
    sums.resize(static_cast<std::size_t>(size));
    return sums.data();
  };
  float* sum = resized(std::int64_t{width} * inputs);
  gemm_over_rows(pool, width, inputs, m, dz.data(), width, x, ldx, sum, inputs);
  for (const LinearGradients::Part& part : gradients.parts)
    if (part.da != nullptr)
      kernel.axpy(1.0F, sum + std::int64_t{part.z_offset} * inputs, rank * inputs, part.da);
  for (const LinearGradients::Part& part : gradients.parts) {
    if (part.db == nullptr) continue;
    sum = resized(std::int64_t{rank} * part.cols);
    gemm_over_rows(pool, rank, part.cols, m, z.data() + part.z_offset, width, dy + part.first_col,
                   ldy, sum, part.cols);
    for (int r = 0; r < rank; ++r)
      for (int col = 0; col < part.cols; ++col)
        part.db[std::int64_t{col} * rank + r] += sum[std::int64_t{r} * part.cols + col];
  }
}

void linear_backward(ThreadPool& pool, int m, const float* x, std::int64_t ldx, const Floats& z,
                     const float* dy, std::int64_t ldy, const PackedMatrix& weight,
                     const AdapterLinear* adapter, float scale, int rank,
                     const LinearGradients& gradients, float* dx, std::int64_t lddx,
                     bool accumulate_dx, LinearScratch& scratch) {
  const int inputs = weight.k();
  if (dx != nullptr) {
    pack_transposed(pool, weight, 0, weight.n(), scratch.weight);
    gemm(pool, m, {dy, ldy}, scratch.weight, dx, lddx, accumulate_dx);
  }
  const bool lora = adapter != nullptr && adapter->z_width > 0;
  const int width = lora ? adapter->z_width : 0;
  if (lora) {
    scratch.dz.resize(static_cast<std::size_t>(m) * static_cast<std::size_t>(width));
    for (const AdapterLinear::Part& part : adapter->parts) {
      pack_transposed(pool, part.b, 0, part.cols, scratch.z_right);
      gemm(pool, m, {dy + part.first_col, ldy}, scratch.z_right, scratch.dz.data() + part.z_offset,
           width, false);
    }
    kernels().scale(scale, static_cast<int>(scratch.dz.size()), scratch.dz.data());
    if (dx != nullptr) gemm(pool, m, {scratch.dz.data(), width}, adapter->a_right, dx, lddx, true);
  }
  if (lora)
    adapter_gradients(pool, m, x, ldx, z, scratch.dz, dy, ldy, *adapter, rank, gradients,
                      scratch.sums);
  bool x_packed = false;
  for (const LinearGradients::Part& part : gradients.parts) {
    if (part.dw == nullptr) continue;
    if (!x_packed) pack_right(pool, x, ldx, m, inputs, scratch.right);
    x_packed = true;
    gemm(pool, part.cols, {dy + part.first_col, 1, ldy}, scratch.right, part.dw, inputs, true);
  }
}

}  // namespace xfer::engine
