// SPDX-License-Identifier: Apache-2.0
// Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers"): momentum, then the nearest
// semi-orthogonal matrix by five Newton-Schulz steps. For the hidden matrices of a pretraining.
#pragma once

#include "engine/parameters.hpp"

namespace xfer::tools {

struct MuonParams {
  double learning_rate = 6e-3;
  double momentum = 0.95;
  double weight_decay = 0.05;
};

/// One step on `parameter` from its gradient (times `grad_scale`); uses its first moment as the
/// momentum and clears the gradient. The update's size is matched to AdamW's by
/// 0.2 sqrt(max(rows, cols)) (Liu et al. 2025, arXiv 2502.16982).
void muon_step(engine::ThreadPool& pool, const MuonParams& params, float grad_scale,
               engine::Parameter& parameter);

}  // namespace xfer::tools
