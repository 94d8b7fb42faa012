// SPDX-License-Identifier: Apache-2.0
// Trainable tensors with their gradients and optimizer moments.
#pragma once

#include "engine/network.hpp"
#include "xfer/trainer.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace xfer::engine {

struct Parameter {
  std::string name;  ///< Hugging Face's or PEFT's name
  int rows = 0;
  int cols = 0;
  Floats value;
  Floats grad;
  Floats m;  ///< first moment
  Floats v;  ///< second moment

  Parameter(std::string parameter_name, int row_count, int col_count);
  std::int64_t size() const noexcept { return std::int64_t{rows} * cols; }
};

/// The pair of one adapted module: weight + scale * B A.
struct LoraPair {
  Module module;
  int layer = 0;    ///< 0 for the head
  int expert = -1;  ///< of gate, up and down in a sparse layer
  int a = -1;       ///< index of A [rank x inputs] among the parameters
  int b = -1;       ///< index of B [outputs x rank]
};

/// What a trainer trains: a LoRA adapter, or every weight.
class ParameterSet {
public:
  /// A fresh adapter, for every expert its own: A uniform in +-1/sqrt(inputs) (PEFT's
  /// kaiming_uniform with a = sqrt 5), B 0.
  static ParameterSet lora(const ModelConfig& model, const LoraConfig& config);
  /// All weights of a network, by its slots.
  static ParameterSet full(Network& network);
  /// Bytes of such a set, gradients and moments included.
  static std::int64_t bytes(const ModelConfig& model, const LoraConfig& config);

  std::vector<Parameter>& all() noexcept { return parameters_; }
  const std::vector<Parameter>& all() const noexcept { return parameters_; }
  const std::vector<LoraPair>& pairs() const noexcept { return pairs_; }
  /// Null when the module of that layer is not adapted.
  const LoraPair* pair(Module module, int layer, int expert = -1) const;
  std::int64_t size() const noexcept;
  /// Adapter scale alpha / rank.
  float scale() const noexcept { return scale_; }
  int rank() const noexcept { return rank_; }
  std::int64_t steps() const noexcept { return steps_; }
  void set_steps(std::int64_t steps) noexcept { steps_ = steps; }

  void clear_gradients(ThreadPool& pool);
  void clear_moments();
  /// One AdamW step (torch.optim.AdamW's formula) on all parameters, or on those that `only`
  /// chooses; returns the norm of their gradients before clipping. Clears those gradients.
  double step(ThreadPool& pool, const AdamParams& params,
              const std::function<bool(const Parameter&)>& only = {});

private:
  std::vector<Parameter> parameters_;
  std::vector<LoraPair> pairs_;
  std::map<std::tuple<Module, int, int>, std::size_t> pair_index_;
  float scale_ = 0.0F;
  int rank_ = 0;
  std::int64_t steps_ = 0;
};

}  // namespace xfer::engine
