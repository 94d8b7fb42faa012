// SPDX-License-Identifier: Apache-2.0
// What a whole study allows to be said: the matrix with its verdicts, the answers to its
// hypotheses, and the words.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/stats/effects.hpp"
#include "xfer/stats/hypotheses.hpp"
#include "xfer/stats/matrix.hpp"
#include "xfer/stats/similarity_table.hpp"
#include "xfer/stats/transferability_index.hpp"
#include "xfer/transfer_metrics.hpp"

#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::report {

/// What training on a domain gains on the domain itself: the diagonal of the matrix. Its interval
/// stands alone.
struct OwnGain {
  std::string domain;
  Metric accuracy;
  Metric bits_per_byte;
};

/// The Transferability Index of training on one source: its own domain is the trained group, the
/// study's other domains are the other. It has no interval and hangs on its denominator; it is
/// there to be compared with the literature and is no headline.
struct SourceIndex {
  std::string source;
  double trained = 0.0;
  double other = 0.0;
  stats::Value index = Undefined{"not computed"};
};

/// All cells of a study under one method.
struct MatrixReport {
  Method method = Method::sl;
  /// In the order of the study.
  std::vector<std::string> sources;
  std::vector<std::string> targets;
  /// One per evaluated pair, judged together; see `stats::matrix_verdicts`.
  std::vector<stats::MatrixVerdict> accuracy;
  std::vector<stats::MatrixVerdict> bits_per_byte;
  std::vector<OwnGain> own;
  /// Of the mean gains over the seeds.
  stats::Reliability accuracy_reliability{Undefined{"not computed"}, Undefined{"not computed"}};
  stats::Reliability bits_reliability{Undefined{"not computed"}, Undefined{"not computed"}};
  /// Over the cells that were not refused; without names when there are none.
  stats::MainEffects accuracy_effects;
  stats::MainEffects bits_effects;
  std::vector<SourceIndex> indices;

  /// Null when the pair was not evaluated.
  const stats::MatrixVerdict* find(const std::string& source, const std::string& target,
                                   bool bits = false) const noexcept {
    for (const stats::MatrixVerdict& cell : bits ? bits_per_byte : accuracy)
      if (cell.source == source && cell.target == target) return &cell;
    return nullptr;
  }
};

/// How a hypothesis came out. Written to report.json by name: append only.
enum class HypothesisVerdict {
  supported,     ///< The effect is there, after Holm's correction over the hypotheses tested.
  contradicted,  ///< The opposite effect is, likewise.
  equivalent,    ///< The interval lies within the declared margin: no effect that matters.
  inconclusive,  ///< None of these: the data cannot tell.
  held_back,     ///< There is an estimate, but the study was not made to answer; see `reason`.
  untested,      ///< The study has nothing to test it on; see `reason`.
};

std::string_view to_string(HypothesisVerdict verdict) noexcept;

/// A hypothesis with the rule that was fixed before the study ran, and its answer.
struct HypothesisAnswer {
  std::string id;  ///< "H1"
  std::string question;
  std::string rule;
  /// In units of the score (accuracies as shares), or a correlation.
  Metric estimate = Undefined{"not tested"};
  bool is_correlation = false;
  std::string test;
  /// Two-sided; and after Holm over the hypotheses that were tested. 1 when untested.
  double p = 1.0;
  double p_adjusted = 1.0;
  HypothesisVerdict verdict = HypothesisVerdict::untested;
  std::string reason;
  int cells = 0;
  /// Training runs that it rests on.
  int runs = 0;
  /// A second look at the same data, for example a sign test.
  std::string check;
  /// What it would take to settle it.
  std::string needed;
};

/// One measure of similarity against transfer. Only the declared measure is confirmatory.
struct SimilarityFinding {
  std::string measure;
  std::string title;
  bool declared = false;
  stats::SimilarityTransfer found;
  /// Benjamini and Hochberg's over the exploratory measures; that of H2 for the declared one.
  double q = 1.0;
};

/// A paragraph of the results section.
struct FindingParagraph {
  /// "asymmetry", "ceiling", "negative_transfer", "method_effects", "sources_and_targets",
  /// "reliability"
  std::string id;
  std::string title;
  std::string text;
};

/// Advice by a stated rule, never beyond the verdicts.
struct Recommendation {
  std::string target;
  std::string text;
};

}  // namespace xfer::report
#pragma GCC visibility pop
