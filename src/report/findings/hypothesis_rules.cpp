// SPDX-License-Identifier: Apache-2.0
// How the hypotheses are judged, said before there are results.
#include "report/findings/hypotheses.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include <fmt/format.h>

namespace xfer::report {

bool by_accuracy(const study::StudySpec& spec) { return spec.hypotheses.score == "accuracy"; }

double margin_of(const study::StudySpec& spec) {
  return by_accuracy(spec) ? spec.hypotheses.margin_points / 100.0 : spec.hypotheses.margin_bits;
}

std::string amount(const study::StudySpec& spec, double value) {
  return by_accuracy(spec) ? fmt::format("{:.1f} points", 100.0 * value)
                           : fmt::format("{:.3f} bits per byte", value);
}

std::string_view to_string(HypothesisVerdict verdict) noexcept {
  switch (verdict) {
    case HypothesisVerdict::supported: return "supported";
    case HypothesisVerdict::contradicted: return "contradicted";
    case HypothesisVerdict::equivalent: return "equivalent";
    case HypothesisVerdict::inconclusive: return "inconclusive";
    case HypothesisVerdict::held_back: return "held_back";
    case HypothesisVerdict::untested: return "untested";
  }
  return "untested";
}

std::vector<HypothesisAnswer> hypothesis_rules(const study::StudySpec& spec) {
  const std::string score = by_accuracy(spec) ? "accuracy" : "bits per byte";
  const std::string margin = amount(spec, margin_of(spec));
  const std::string method(display_name(spec.methods.front()));
  const std::string common =
      " Supported (contradicted) when the 95% interval lies above (below) 0 "
      "and p after Holm's correction over the hypotheses tested is at most "
      "0.05; equivalent when the interval lies within ±" +
      margin + "; else inconclusive.";
  std::vector<HypothesisAnswer> all(4);
  all[0].id = "H1";
  all[0].question = "Training on the source helps the target more than the best control does.";
  all[0].rule = "Mean over pairs of S(transfer) − S(control) in " + score + " under " + method +
                ", for each control that was run; the control that leaves least decides, and all "
                "must be passed." +
                common;
  all[1].id = "H2";
  all[1].question = "The more similar the source, the larger the transfer.";
  all[1].rule = "Rank correlation within each target between " +
                clean_text(spec.hypotheses.similarity) + " and the Transfer Gain in " + score +
                " under " + method +
                ", both without the main effects of sources, averaged over targets; p by "
                "relabelling sources within targets. Supported (contradicted) when it is positive "
                "(negative) and p after Holm's correction is at most 0.05; else inconclusive. "
                "Every other measure is exploratory (Benjamini and Hochberg).";
  all[2].id = "H3";
  all[2].question = "Reinforcement learning transfers more than supervised learning.";
  all[2].rule = "Mean over pairs of S(transfer under RL) − S(transfer under SL) in " + score +
                ", each method at its own tuned learning rate; held back when the rates were not "
                "tuned." +
                common;
  all[3].id = "H4";
  all[3].question = "Training on the source before the target beats training on the target alone.";
  all[3].rule = "Mean over pairs of S(sequential) − S(direct) in " + score + " under " + method +
                " at a matched budget; held back when sequential had more training and an "
                "advantage is possible." +
                common;
  return all;
}

}  // namespace xfer::report
