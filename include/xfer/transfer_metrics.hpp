// Interface 5 of 5: what a study says about one pair of domains, each number with its doubt.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace xfer {

/// A number with its confidence interval (level stated by whoever computed it; 95 % by default).
struct Estimate {
  double value = 0.0;
  double lower = 0.0;
  double upper = 0.0;
};

/// Why a number does not exist, in words a reader can use.
struct Undefined {
  std::string reason;
};

/// Either a number or the reason why there is none. Never NaN.
class Metric {
public:
  Metric() : state_(Undefined{"not computed"}) {}
  Metric(Estimate estimate) : state_(estimate) {}
  Metric(Undefined undefined) : state_(std::move(undefined)) {}

  bool defined() const noexcept { return std::holds_alternative<Estimate>(state_); }
  /// Null when undefined.
  const Estimate* estimate() const noexcept { return std::get_if<Estimate>(&state_); }
  /// "" when defined.
  std::string reason() const {
    const auto* u = std::get_if<Undefined>(&state_);
    return u ? u->reason : std::string();
  }

private:
  std::variant<Undefined, Estimate> state_;
};

/// The metrics of one cell (source A, target B) on one score. S(m, B) is the mean score of model m
/// on B's test items; b is the base model. Scores where larger is better are used as they are;
/// bits per byte enter negated, so that a positive gain is always an improvement.
struct TransferMetrics {
  /// Transfer Gain: S(transfer) - S(baseline).
  Metric gain;
  /// The most the target's own training gains: S(direct) - S(baseline).
  Metric ceiling;
  /// Transfer Efficiency: gain / ceiling. Undefined unless the ceiling is clearly above zero.
  Metric efficiency;
  /// Relative Transfer: gain / S(baseline). Undefined when the baseline is below 5 %.
  Metric relative_transfer;
  /// S(transfer) - S(format_control): what is left when the answer style is taken away.
  Metric gain_above_control;
  /// S(sequential) - S(direct), and S(joint) - S(direct).
  Metric sequential_over_direct;
  Metric joint_over_direct;
};

}  // namespace xfer
