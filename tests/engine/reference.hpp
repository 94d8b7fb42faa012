// SPDX-License-Identifier: Apache-2.0
// The models and the losses once more, in double precision and as plainly as they can be written.
#pragma once

#include "engine/network.hpp"
#include "engine/parameters.hpp"
#include "xfer/trainer.hpp"

#include <map>
#include <string>
#include <vector>

namespace xfer::engine {

class Reference {
public:
  /// Weights by Hugging Face's names, row-major.
  using Weights = std::map<std::string, std::vector<double>>;

  explicit Reference(Network& network);
  Reference(ModelConfig config, Weights weights)
      : config_(std::move(config)), weights_(std::move(weights)) {}

  /// Moves one parameter, given by its name, by a vector; the empty name moves none.
  struct Move {
    std::string name;
    std::vector<double> by;
  };
  /// Adds scale * B A of every pair to its weight.
  Reference with_adapter(const ParameterSet& adapter, const Move& move = {}) const;
  /// The values of `parameters` in place of the weights of the same names.
  Reference with_weights(const ParameterSet& parameters, const Move& move = {}) const;

  /// Logits after every token, [position][vocabulary].
  std::vector<std::vector<double>> logits(const std::vector<std::int32_t>& tokens) const;
  /// Log-probabilities of the targets of each datum.
  std::vector<std::vector<double>> logprobs(const ForwardBackwardRequest& request) const;
  /// The loss of a request by the formulas of losses.hpp. What has no gradient there is computed
  /// from the log-probabilities `frozen`.
  double loss(const ForwardBackwardRequest& request,
              const std::vector<std::vector<double>>& frozen) const;

  const ModelConfig& config() const noexcept { return config_; }

private:
  using Row = std::vector<double>;
  using Rows = std::vector<Row>;
  Row apply(const std::string& name, const Row& x) const;
  Row norm(const std::string& name, const Row& x) const;
  void rotate(double* x, int position, bool sliding) const;
  Rows attention(int layer, const Rows& x) const;
  Row mlp(int layer, const Row& x) const;
  Row gated(const std::string& at, const Row& x) const;

  ModelConfig config_;
  Weights weights_;
};

}  // namespace xfer::engine
