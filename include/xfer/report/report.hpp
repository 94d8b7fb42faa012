// SPDX-License-Identifier: Apache-2.0
// From scores to a page a person can read.
#pragma once

#include "xfer/report/findings.hpp"
#include "xfer/stats/robustness.hpp"
#include "xfer/study/result.hpp"
#include "xfer/transfer_metrics.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::report {

/// One condition of a cell: mean over seeds and items with a 95 % interval.
struct ConditionSummary {
  Condition condition = Condition::baseline;
  int seeds = 0;
  int items = 0;
  Metric accuracy;
  Metric bits_per_byte;
  /// Without the reference's first token: the choice of answer style left out.
  Metric bits_per_byte_after_first;
  double extraction_failure_rate = 0.0;
  double truncated_rate = 0.0;
};

/// One kind of problem within the target: exploratory, not corrected for the number of kinds.
struct KindSummary {
  /// "" when the items carry no kind.
  std::string kind;
  int items = 0;
  /// Mean score of each condition on these items, in the order of `CellReport::conditions`.
  std::vector<double> accuracy;
  /// Transfer Gain on these items alone.
  Metric gain;
};

/// How fast a condition learned, on validation items, by its learning curves.
struct LearningSummary {
  Condition condition = Condition::transfer;
  /// Mean gain over the untrained model during training: area under the curve over its steps.
  Metric accuracy_area;
  Metric bits_area;
  /// Steps until 90 % of the last gain is there.
  Metric accuracy_steps;
  Metric bits_steps;
};

/// The gain in accuracy under several wordings of the prompt.
struct PromptRobustness {
  std::vector<std::string> names;
  stats::Robustness accuracy;
};

/// Items of one group that a condition answers otherwise than the baseline.
struct ChangeGroup {
  /// "topic", "difficulty", "answer length" or "failure".
  std::string by;
  std::string group;
  /// Items in the group. Of "failure": wrong answers of that kind, under the baseline or, where
  /// the baseline is right, under the condition; mean over seeds.
  double items = 0.0;
  /// Mean over seeds of the items that turned from wrong to right, and from right to wrong.
  double fixed = 0.0;
  double broken = 0.0;
};

/// What one condition fixed and broke: wrong under the baseline and right under it, or the reverse;
/// right means a score of 1.
struct ConditionChanges {
  Condition condition = Condition::transfer;
  int items = 0;
  /// Means over seeds.
  double fixed = 0.0;
  double broken = 0.0;
  std::vector<ChangeGroup> groups;
};

/// pass@k (unbiased; `stats::pass_at_k`) of answers drawn at the study's `sample_temperature`.
struct PassAtK {
  int k = 1;
  /// Answers drawn to each item, and the items that have them.
  int samples = 0;
  int items = 0;
  /// Means over seeds and items, in the order of `CellReport::conditions`.
  std::vector<std::pair<Condition, Metric>> means;
  /// That of transfer minus that of the baseline.
  Metric gain;
};

/// A condition's scores on all test items, and without those that overlap with training text.
struct OverlapScores {
  Condition condition = Condition::baseline;
  Metric accuracy;
  Metric accuracy_without;
  Metric bits_per_byte;
  Metric bits_per_byte_without;
};

/// What the test items found in training text do to the scores of a cell. Both sides are of the
/// same answers.
struct OverlapSummary {
  /// Whether they were looked for; the test items of procedural domains are apart by construction.
  bool checked = false;
  /// The study leaves them out: its other numbers are those without them.
  bool excluded = false;
  int items = 0;
  int overlapping = 0;
  /// Empty where no item overlaps; the gains have no meaning then.
  std::vector<OverlapScores> conditions;
  Metric gain = Undefined{"no test item overlaps with training text"};
  Metric gain_without = Undefined{"no test item overlaps with training text"};
  /// Negated: positive is fewer bits.
  Metric bits_gain = Undefined{"no test item overlaps with training text"};
  Metric bits_gain_without = Undefined{"no test item overlaps with training text"};
};

/// What the accuracy of a cell allows to be said. Written to report.json by name: append only.
enum class Finding {
  incomplete,         ///< The baseline or the transfer evaluation is not there.
  held_back,          ///< The measurement itself is in doubt; see the reading.
  transfer,           ///< A gain, and one above the format control.
  answer_habit,       ///< A gain, most of it matched by the format control, the rest unclear.
  unsettled,          ///< A gain, less than half matched by the control, the rest unclear.
  uncontrolled_gain,  ///< A gain, but no format control to compare with.
  inconclusive,       ///< The gain is not distinguishable from zero.
  loss,               ///< Negative transfer: the interval lies below zero.
};

std::string_view to_string(Finding finding) noexcept;

struct CellReport {
  std::string source;
  std::string target;
  Method method = Method::sl;
  /// The study has several methods, so that titles must tell them apart.
  bool method_named = false;
  /// In the order of `all_conditions`; only those that were evaluated.
  std::vector<ConditionSummary> conditions;
  TransferMetrics accuracy;       ///< scores in [0, 1]
  TransferMetrics bits_per_byte;  ///< negated: positive gain is fewer bits
  TransferMetrics bits_per_byte_after_first;
  /// By k; empty unless answers were drawn.
  std::vector<PassAtK> pass_at_k;
  OverlapSummary overlap;
  std::vector<KindSummary> kinds;
  std::vector<LearningSummary> learning;
  /// One per condition but the baseline.
  std::vector<ConditionChanges> changes;
  std::optional<PromptRobustness> robustness;
  /// What the transfer condition cost over all seeds, at list prices.
  std::optional<stats::Spending> spending;
  Finding finding = Finding::incomplete;
  /// One line: the gain, the gain above the control, and what that amounts to.
  std::string headline;
  /// What the numbers say, in plain words, with the doubts that hold back a verdict.
  std::string reading;
  std::vector<std::string> warnings;
  /// What the intervals do not cover, in the words of the statistics.
  std::vector<std::string> notes;
  /// Shared by every evaluation of the cell.
  std::string protocol_hash;
  /// Hash of the test items' ids and reference lengths.
  std::string items_hash;
  /// Test items that the zero-step adapter and the baseline answered or scored otherwise.
  int zero_step_differences = 0;

  /// The control of answer style that the method has; `gain_above_control` is above it.
  Condition style_control() const noexcept {
    return method == Method::sl ? Condition::format_control : Condition::format_reward;
  }

  /// Null when the condition was not evaluated.
  const ConditionSummary* find(Condition condition) const noexcept {
    for (const ConditionSummary& c : conditions)
      if (c.condition == condition) return &c;
    return nullptr;
  }
};

/// What one method's training did beyond supervised learning's: S(condition under `method`) minus
/// S(condition under sl), on the same items.
struct MethodEffect {
  std::string source;
  std::string target;
  Condition condition = Condition::transfer;
  Method method = Method::rl;
  Metric accuracy;
  /// Negated: positive is fewer bits.
  Metric bits_per_byte;
};

struct Report {
  study::StudyResult result;
  /// One per cell of `result`, in the same order.
  std::vector<CellReport> cells;
  /// For transfer, direct, sequential and joint where both methods were evaluated.
  std::vector<MethodEffect> effects;
  /// One per method of the study that has cells.
  std::vector<MatrixReport> matrices;
  /// H1 to H4.
  std::vector<HypothesisAnswer> hypotheses;
  /// Similarities of the domains, where they are known, and what they have to do with transfer.
  stats::SimilarityTable similarity;
  std::vector<SimilarityFinding> similarities;
  /// One line over all pairs.
  std::string headline;
  std::vector<FindingParagraph> findings;
  std::vector<Recommendation> recommendations;
};

/// Works out every number of the report; equal results give equal reports. Throws `run_mismatch`
/// naming the difference when the evaluations of a pair differ in protocol or items, and
/// `bad_data` naming cell, condition, seed and item for scores that cannot be.
Report make_report(study::StudyResult result, stats::SimilarityTable similarity = {});

/// The whole report as JSON, described in docs/report-schema.md. All but the key "timing" is equal
/// for equal studies, byte for byte.
std::string to_json(const Report& report);
std::string to_markdown(const Report& report);
/// One self-contained page: no outside files, light and dark, charts as inline SVG.
std::string to_html(const Report& report);
/// The style sheet of `to_html`, for pages that stand beside it.
std::string page_css();
/// The table alone, for terminals (plain text, at most `width` columns, at least 40).
std::string to_text(const Report& report, int width = 100);
/// The five-condition chart of a cell, and its learning curves, as SVG for notebooks.
std::string condition_chart_svg(const CellReport& cell);
std::string learning_curve_svg(const study::CellResult& cell);
/// Reward and divergence from the base model over the steps of reinforcement learning, as SVG.
std::string reward_curve_svg(const study::CellResult& cell);

/// Writes report.json, report.md and report.html into the folder, atomically. Throws `io`.
void write_report(const Report& report, const std::filesystem::path& folder);

}  // namespace xfer::report
#pragma GCC visibility pop
