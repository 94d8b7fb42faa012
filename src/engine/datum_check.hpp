// Checks training data and turns it into batches for the pass.
#pragma once

#include "engine/train_pass.hpp"
#include "xfer/trainer.hpp"

#include <vector>

namespace xfer::engine {

/// The inputs of cross_entropy for one datum, checked.
struct CheckedDatum {
  const std::vector<std::int32_t>* tokens = nullptr;
  const std::vector<std::int64_t>* targets = nullptr;
  const std::vector<float>* weights = nullptr;
};

/// Throws `invalid_argument` naming datum and field.
std::vector<CheckedDatum> check_request(const ForwardBackwardRequest& request,
                                        const ModelConfig& config, int positions_max);

}  // namespace xfer::engine
