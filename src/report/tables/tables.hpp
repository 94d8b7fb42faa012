// SPDX-License-Identifier: Apache-2.0
// The report's tables as text, before any format: HTML, Markdown and the terminal print the same.
#pragma once

#include "xfer/report/report.hpp"

#include <string>
#include <vector>

namespace xfer::report {

struct Table {
  std::string caption;
  std::vector<std::string> head;
  /// The first cell of a row is its heading.
  std::vector<std::vector<std::string>> rows;
  /// Printed below the table, in order.
  std::vector<std::string> notes;
};

/// Transfer Gain and its kin for the three scores, with intervals; a metric that is not defined
/// refers to a note with the reason.
Table metrics_table(const CellReport& cell);
/// The metrics beyond those of `metrics_table`.
Table more_metrics_table(const CellReport& cell);
/// Sources down, targets across: the gain with its simultaneous interval and verdict; the diagonal
/// is what a domain gains from its own training. `bits` for bits per byte.
Table matrix_table(const MatrixReport& matrix, bool bits);
/// Main effects of sources and targets in points; no rows for fewer than two of each.
Table effects_of_domains_table(const MatrixReport& matrix);
Table index_table(const MatrixReport& matrix);
Table hypotheses_table(const Report& report);
Table similarities_table(const Report& report);
/// What an adaptive study saw and decided, round by round; no rows for any other.
Table looks_table(const study::StudyResult& result);
Table learning_table(const CellReport& cell);
/// Items fixed and broken by each condition; and by group, by the transfer condition.
Table changes_table(const CellReport& cell);
Table change_groups_table(const CellReport& cell);
Table robustness_table(const CellReport& cell);
/// Worst, middle and best gain of every cell over the wordings.
Table wordings_table(const Report& report);
/// One row for each condition.
Table conditions_table(const CellReport& cell);
/// pass@k of drawn answers, one row for each condition; no rows where none were drawn.
Table pass_at_k_table(const CellReport& cell);
/// Scores with and without the test items that are among training text; no rows where none is.
Table overlap_table(const CellReport& cell);
/// Test items found in training text, one row for each domain trained on and one column for each
/// target; no rows where nothing was looked for.
Table overlap_checks_table(const study::StudyResult& result);
/// One row for each kind of problem; no rows when the items carry no kinds.
Table kinds_table(const CellReport& cell);
/// One row for each cell; for studies of several.
Table overview_table(const Report& report);
/// What a method did beyond supervised learning; no rows in a study of one method.
Table effects_table(const Report& report);
Table settings_table(const study::StudyResult& result);
/// One row for each run of reinforcement learning; no rows without any.
Table reinforcement_table(const study::StudyResult& result);
Table hashes_table(const Report& report);
Table legs_table(const study::StudyResult& result);

/// "math → code", with the method where several are told apart: "math → code, RL".
std::string cell_title(const CellReport& cell);
/// "Baseline", "Transfer (math)", "Direct (code)", ...
std::string condition_title(Condition condition, const std::string& source,
                            const std::string& target);

}  // namespace xfer::report
