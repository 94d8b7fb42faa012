#include "engine/linear.hpp"

#include <algorithm>

namespace xfer::engine {
namespace {

struct FusedShape {
  Fused which;
  std::vector<Module> modules;
};

const std::array<FusedShape, fused_count>& fused_shapes() {
  static const std::array<FusedShape, fused_count> shapes = {{
      {Fused::qkv, {Module::q, Module::k, Module::v}},
      {Fused::o, {Module::o}},
      {Fused::gate_up, {Module::gate, Module::up}},
      {Fused::down, {Module::down}},
  }};
  return shapes;
}

AdapterLinear pack_linear(ThreadPool& pool, const ModelConfig& config, const ParameterSet& set,
                          const std::vector<Module>& modules, int layer, bool for_training) {
  AdapterLinear out;
  const int rank = set.rank();
  const int inputs = module_inputs(config, modules.front());
  int first_col = 0;
  std::vector<const Parameter*> as;
  for (const Module module : modules) {
    const int cols = module_outputs(config, module);
    if (const LoraPair* pair = set.pair(module, layer)) {
      AdapterLinear::Part part;
      part.first_col = first_col;
      part.cols = cols;
      part.z_offset = out.z_width;
      const Parameter& b = set.all()[static_cast<std::size_t>(pair->b)];
      part.b.resize(rank, cols);
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
  out.a.resize(inputs, out.z_width);
  pack_weight(pool, rows.data(), out.z_width, 0, out.a);
  if (for_training) pack_right(pool, rows.data(), inputs, out.z_width, inputs, out.a_right);
  return out;
}

}  // namespace

std::shared_ptr<const Adapter> pack_adapter(ThreadPool& pool, const ModelConfig& config,
                                            const ParameterSet& parameters, bool for_training) {
  auto adapter = std::make_shared<Adapter>();
  adapter->scale = parameters.scale();
  adapter->rank = parameters.rank();
  adapter->layers.resize(static_cast<std::size_t>(config.layers));
  for (int layer = 0; layer < config.layers; ++layer)
    for (const FusedShape& shape : fused_shapes())
      adapter->layers[static_cast<std::size_t>(layer)][static_cast<std::size_t>(shape.which)] =
          pack_linear(pool, config, parameters, shape.modules, layer, for_training);
  adapter->head = pack_linear(pool, config, parameters, {Module::head}, 0, for_training);
  return adapter;
}

GradientTable GradientTable::of(const ModelConfig& config, ParameterSet& parameters) {
  GradientTable table;
  table.full = parameters.pairs().empty();
  table.layers.resize(static_cast<std::size_t>(config.layers));
  table.norms.resize(static_cast<std::size_t>(config.layers));
  const auto find = [&](const std::string& name) -> float* {
    for (Parameter& p : parameters.all())
      if (p.name == name) return p.grad.data();
    return nullptr;
  };
  const auto fill = [&](LinearGradients& out, const std::vector<Module>& modules, int layer) {
    int first_col = 0;
    int z_offset = 0;
    for (const Module module : modules) {
      LinearGradients::Part part;
      part.first_col = first_col;
      part.cols = module_outputs(config, module);
      first_col += part.cols;
      if (table.full) {
        part.dw = find(module_name(module, layer) + ".weight");
      } else if (const LoraPair* pair = parameters.pair(module, layer)) {
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
  for (int layer = 0; layer < config.layers; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    for (const FusedShape& shape : fused_shapes())
      fill(table.layers[at][static_cast<std::size_t>(shape.which)], shape.modules, layer);
    const std::string name = "model.layers." + std::to_string(layer);
    table.norms[at] = {find(name + ".input_layernorm.weight"),
                       find(name + ".post_attention_layernorm.weight")};
  }
  fill(table.head, {Module::head}, 0);
  table.final_norm = find("model.norm.weight");
  table.embedding = find("model.embed_tokens.weight");
  if (table.full && config.tied_head) table.head.parts.front().dw = table.embedding;
  return table;
}

void linear_forward(ThreadPool& pool, int m, const float* x, std::int64_t ldx,
                    const PackedMatrix& weight, const AdapterLinear* adapter, float scale, float* y,
                    std::int64_t ldy, Floats& z) {
  gemm(pool, m, {x, ldx}, weight, y, ldy, false);
  if (adapter == nullptr || adapter->z_width == 0) return;
  const int width = adapter->z_width;
  z.resize(static_cast<std::size_t>(m) * static_cast<std::size_t>(width));
  gemm(pool, m, {x, ldx}, adapter->a, z.data(), width, false);
  kernels().scale(scale, static_cast<int>(z.size()), z.data());
  for (const AdapterLinear::Part& part : adapter->parts)
    gemm(pool, m, {z.data() + part.z_offset, width}, part.b, y + part.first_col, ldy, true);
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
  bool x_packed = false;
  const auto pack_x = [&] {
    if (!x_packed) pack_right(pool, x, ldx, m, inputs, scratch.right);
    x_packed = true;
  };
  for (const LinearGradients::Part& part : gradients.parts) {
    if (part.dw != nullptr) {
      pack_x();
      gemm(pool, part.cols, {dy + part.first_col, 1, ldy}, scratch.right, part.dw, inputs, true);
    }
    if (part.da != nullptr) {
      pack_x();
      gemm(pool, rank, {scratch.dz.data() + part.z_offset, 1, width}, scratch.right, part.da,
           inputs, true);
    }
    if (part.db != nullptr) {
      pack_right(pool, z.data() + part.z_offset, width, m, rank, scratch.z_right);
      gemm(pool, part.cols, {dy + part.first_col, 1, ldy}, scratch.z_right, part.db, rank, true);
    }
  }
}

}  // namespace xfer::engine
