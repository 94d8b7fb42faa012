// SPDX-License-Identifier: Apache-2.0
// A linear classifier on a model's features, solved in closed form.
#pragma once

#include "xfer/engine/features.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xfer::similarity {

/// Regularised least squares on indicators of the classes (Hastie, Tibshirani and Friedman 2009,
/// section 4.2), in its dual form: time goes with the cube of the examples, not of the features.
/// The features are centred; the penalty is a share of their mean squared length.
class LinearProbe {
public:
  /// `labels` of the rows are 0 to `classes` - 1. Throws `internal` when they are not as many as
  /// the rows.
  LinearProbe(const engine::FeatureRows& features, const std::vector<std::int64_t>& labels,
              std::size_t classes);

  /// The estimate of P(class | row) before it is cut to [0, 1]; each row adds up to 1.
  engine::FeatureRows scores(const engine::FeatureRows& features) const;
  /// The same cut and scaled: probabilities.
  engine::FeatureRows probabilities(const engine::FeatureRows& features) const;

private:
  std::size_t classes_;
  std::vector<double> centre_;
  std::vector<double> weights_;  ///< [class][column]
  std::vector<double> shares_;   ///< of the classes
};

/// Error of telling the rows of two domains apart, by such a probe in five folds. Rows of one id
/// are in one fold, so that a domain cannot be told from itself. Both need an id for each row.
double held_out_error(const engine::FeatureRows& a, const std::vector<std::string>& a_ids,
                      const engine::FeatureRows& b, const std::vector<std::string>& b_ids);

}  // namespace xfer::similarity
