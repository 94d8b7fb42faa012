// SPDX-License-Identifier: Apache-2.0
// What the other cells of a study, its costs and its curves say about one cell.
#pragma once

#include "report/scores/align.hpp"
#include "report/scores/scores.hpp"

#include "xfer/report/report.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace xfer::report {

/// The cells of a study side by side. Points into the result.
struct AlignedStudy {
  const study::StudyResult* result = nullptr;
  /// In the order of the result's cells.
  std::vector<AlignedCell> cells;

  /// Place of a cell, or nothing.
  std::optional<std::size_t> find(const std::string& source, const std::string& target,
                                  Method method) const;
};

/// On the source's items, on the study's other domains (what the training was not for and the base
/// model could be asked), on the held-out set, and the spending. Sets whose training runs are not
/// those of the cell are left out.
stats::CellContext cell_context(const AlignedStudy& study, std::size_t cell, const Score& score);

/// What the transfer condition cost: metered tokens at the list price, over all seeds. Nothing when
/// its runs are not recorded, with the reason in `why`.
std::optional<stats::Spending> transfer_spending(const study::StudyResult& result,
                                                 const AlignedCell& cell, std::string& why);

/// One per condition with curves of at least two points.
std::vector<LearningSummary> learning_summaries(const study::CellResult& cell);

/// The gain under each wording, where the cell was tested under several; nothing otherwise.
/// `level` is that of the intervals.
std::optional<PromptRobustness> prompt_robustness(const study::CellResult& cell,
                                                  const AlignedCell& aligned, const Score& score,
                                                  double level);

}  // namespace xfer::report
