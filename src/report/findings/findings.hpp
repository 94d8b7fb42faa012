// SPDX-License-Identifier: Apache-2.0
// The results section in words: paragraphs and advice, from the numbers by fixed rules.
#pragma once

#include "xfer/report/report.hpp"

#include <vector>

namespace xfer::report {

/// What the study has something to say about; needs cells, matrices and effects.
std::vector<FindingParagraph> write_findings(const Report& report);

/// For each target, under the study's first method. Rules: a source is recommended only for a cell
/// whose verdict in accuracy is a gain that is not answer habit, the one whose simultaneous
/// interval starts highest; a source is advised against only for a loss.
std::vector<Recommendation> recommend(const Report& report);

/// The headline of a study of several pairs: how many cells came out how.
std::string study_headline(const Report& report);

}  // namespace xfer::report
