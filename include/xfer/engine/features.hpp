// SPDX-License-Identifier: Apache-2.0
// What a model makes of data without being trained on it: hidden states and gradients.
#pragma once

#include "xfer/engine/model.hpp"
#include "xfer/task.hpp"
#include "xfer/trainer.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// One row of features for each sequence, row-major.
struct FeatureRows {
  std::vector<double> values;
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// For each sequence of tokens the mean over its positions of what the model's head reads: the
/// residual stream behind the last layer and the final norm, `hidden_size` values. Throws
/// `invalid_argument` naming the sequence that is empty, too long or outside the vocabulary.
task<FeatureRows> mean_hidden_states(std::shared_ptr<const Model> model,
                                     std::vector<std::vector<std::int32_t>> sequences);

/// Moments over data of the gradient of each datum's loss.
struct GradientMoments {
  std::vector<double> mean;
  std::vector<double> mean_square;
  std::int64_t data = 0;
};

/// Gathers the gradients by a fresh LoRA adapter at its start, where B is 0 and so is the gradient
/// of A: those of the B matrices alone, module by module, each [outputs x rank]. They are the
/// gradients of the weights themselves, projected by the random A that `lora.seed` decides. One
/// call of `add` at a time.
class GradientMeter {
public:
  /// Throws `invalid_argument` when `lora.rank` is not in 1..4096, `out_of_memory` when the adapter
  /// does not fit.
  GradientMeter(std::shared_ptr<const Model> model, LoraConfig lora);
  ~GradientMeter();
  GradientMeter(const GradientMeter&) = delete;
  GradientMeter& operator=(const GradientMeter&) = delete;

  /// One backward pass for each datum, whose loss is cross_entropy. Throws what
  /// `Trainer::forward_backward` throws. The meter must outlive the task.
  task<void> add(std::vector<Datum> data);
  /// The moments of all data so far. Throws `invalid_argument` when there are none.
  GradientMoments moments() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The inner products of the weight changes of adapters (PEFT's layout) for `model`: the sum over
/// all modules of the Frobenius products of scale B A, rows and columns in the order of `folders`,
/// row-major. Throws what reading an adapter throws.
std::vector<double> adapter_products(const Model& model,
                                     const std::vector<std::filesystem::path>& folders);

}  // namespace xfer::engine
#pragma GCC visibility pop
