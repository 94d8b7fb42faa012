// SPDX-License-Identifier: Apache-2.0
// How fast a gain comes: area under the learning curve, and steps until most of it is there.
#pragma once

#include "xfer/transfer_metrics.hpp"

#include <span>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

struct LearningCurve {
  /// Mean over seeds of the gain at each checkpoint.
  std::vector<double> gains;
  /// Area under each seed's curve by the trapezoid rule, divided by the steps it spans: the mean
  /// gain during training, in units of the score.
  std::vector<double> areas;
  /// Their mean with its t interval over seeds; undefined for one seed.
  Metric area;
  /// Steps until the curve first reaches the share of its last gain, interpolated linearly; the
  /// mean over seeds with its t interval, cut to the steps spanned. Undefined for one seed, or when
  /// a seed's last gain is not above 0.
  Metric steps_to_share;
};

/// `gains[s][k]` is the gain over the untrained model after `steps[k]` steps under seed s, larger
/// being better; steps rise, and the first should be 0. Scores are to come from a validation split:
/// picking a checkpoint on the test items is a leak. Throws `invalid_argument` for fewer than 2
/// checkpoints, steps that do not rise, rows of unlike length, no seeds, values that are not
/// finite, a share outside (0, 1] or a level outside (0, 1).
LearningCurve learning_curve(std::span<const double> steps,
                             std::span<const std::vector<double>> gains, double share = 0.9,
                             double level = 0.95);

}  // namespace xfer::stats
#pragma GCC visibility pop
