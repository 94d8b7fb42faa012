// SPDX-License-Identifier: Apache-2.0
// How answers were read, and what a target's own metrics say of them.
#pragma once

#include "report/tables/tables.hpp"

#include "xfer/condition.hpp"
#include "xfer/stats/value.hpp"
#include "xfer/study/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace xfer::report {

/// An item on which lenient and strict reading differ.
struct ReadingDifference {
  std::string item_id;
  std::uint64_t seed = 0;
  double lenient = 0.0;
  double strict = 0.0;
};

/// The answers of one condition, of all its seeds together. Shares are in [0, 1].
struct AnswerReading {
  Condition condition = Condition::baseline;
  std::int64_t answers = 0;
  /// Mean scores under lenient reading (the study's score) and strict reading.
  double lenient_score = 0.0;
  double strict_score = 0.0;
  /// In which no final answer was found, by either reading.
  double unread = 0.0;
  double strictly_unread = 0.0;
  /// That a stop text, or the token limit, ended.
  double stopped_by_text = 0.0;
  double truncated = 0.0;
  /// All of them, by seed and item.
  std::vector<ReadingDifference> differences;
};

/// One entry for each condition that has answers. Throws what `align` throws.
std::vector<AnswerReading> answer_readings(const study::CellResult& cell);

/// A metric of the target's field, e.g. "macro-F1", for one condition: the mean over its seeds.
struct TaskMetric {
  Condition condition = Condition::baseline;
  std::string name;
  stats::Value value;
};

/// Classification metrics where the final answers are labels (2 to 20 of them, each the answer of
/// at least two items), with the area under the ROC curve where options of two labels were scored;
/// RMSE, MAE and R2 for datasets whose card measures RMSE; the greedy answer's pass@1 for those
/// whose card measures it; for BioASQ accuracy and macro-F1, strict and lenient accuracy and MRR,
/// and F1, each of the questions of its type. An answer that could not be read is a class of its
/// own, or leaves the item out of a regression.
std::vector<TaskMetric> task_metrics(const study::CellResult& cell);

/// One row for each condition; no rows without answers.
Table extraction_table(const study::CellResult& cell);
/// One row for each condition and one column for each metric; no rows without metrics.
Table task_metrics_table(const study::CellResult& cell);

}  // namespace xfer::report
