// SPDX-License-Identifier: Apache-2.0
// Interface 5 of 5: what a study says about one pair of domains, each number with its doubt.
#pragma once

#include <string>
#include <utility>
#include <variant>

#pragma GCC visibility push(default)
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

  // Those below have initialisers so that a list of the seven above still makes the struct.

  /// gain / (the best possible score - S(baseline)): comparable between targets of unlike
  /// difficulty. Undefined when the baseline leaves less than 5 % of room.
  Metric headroom_gain{};
  /// gain / (what the same training gains on its own domain): S(transfer) - S(baseline), both on
  /// the source's items.
  Metric source_normalised{};
  /// S(transfer) - S(baseline) on tasks that the base model could do and the training was not
  /// for; negative means forgotten.
  Metric forgetting{};
  /// S(sequential) - S(transfer) on the source's items: what the second stage cost the first.
  Metric sequential_forgetting{};
  /// gain(A to B) - gain(B to A), in units of the score; and each gain first divided by its
  /// target's ceiling, because targets differ in scale.
  Metric asymmetry{};
  Metric standardised_asymmetry{};
  /// The gain on items of a held-out set of the target domain, and how far it exceeds `gain`.
  Metric held_out_gain{};
  Metric generalisation{};
  /// Points of accuracy (or bits per byte) gained per US dollar and per million tokens metered.
  /// The interval is that of the gain; what was spent is known.
  Metric gain_per_dollar{};
  Metric gain_per_million_tokens{};
};

}  // namespace xfer
#pragma GCC visibility pop
