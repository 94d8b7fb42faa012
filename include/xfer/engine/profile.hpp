// SPDX-License-Identifier: Apache-2.0
// Where the engine's time goes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// Kinds of work, by what limits them.
enum class WorkKind {
  matmul,       ///< matrix products
  packing,      ///< bringing matrices into the order that products read
  attention,    ///< scores, softmax and sums over values, backward too
  norm,         ///< root-mean-square norms
  elementwise,  ///< activations, rotary positions, residual sums
  loss,         ///< logits to log-probabilities and their gradients
  optimizer,    ///< AdamW
};

inline constexpr std::array all_work_kinds = {
    WorkKind::matmul,      WorkKind::packing, WorkKind::attention, WorkKind::norm,
    WorkKind::elementwise, WorkKind::loss,    WorkKind::optimizer};

constexpr std::string_view to_string(WorkKind kind) noexcept {
  switch (kind) {
    case WorkKind::matmul: return "matrix products";
    case WorkKind::packing: return "packing";
    case WorkKind::attention: return "attention";
    case WorkKind::norm: return "norms";
    case WorkKind::elementwise: return "element-wise";
    case WorkKind::loss: return "loss";
    case WorkKind::optimizer: return "optimizer";
  }
  return "";
}

/// Sums since the model was loaded; differences of two are what happened in between.
struct Profile {
  struct Sum {
    double seconds = 0.0;  ///< wall time of the engine's thread
    double flops = 0.0;    ///< multiplications and additions; 0 where they are not counted
  };
  std::array<Sum, all_work_kinds.size()> sums;

  const Sum& of(WorkKind kind) const noexcept { return sums[static_cast<std::size_t>(kind)]; }
};

}  // namespace xfer::engine
#pragma GCC visibility pop
