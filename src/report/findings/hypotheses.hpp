// SPDX-License-Identifier: Apache-2.0
// The study's hypotheses: rules fixed before it ran, and what came out.
#pragma once

#include "report/scores/context.hpp"

#include "xfer/report/report.hpp"

#include <string>
#include <vector>

namespace xfer::report {

/// Whether the study's hypotheses are about accuracy, not bits per byte; differences in that score
/// that do not matter, as a share or in bits; and a difference in words.
bool by_accuracy(const study::StudySpec& spec);
double margin_of(const study::StudySpec& spec);
std::string amount(const study::StudySpec& spec, double value);

/// The rules in words, H1 to H4, as the study's [hypotheses] fix them; answers come with
/// `answer_hypotheses`.
std::vector<HypothesisAnswer> hypothesis_rules(const study::StudySpec& spec);

/// H1 to H4, in order. Needs the report's cells, matrices and similarity; fills in `similarities`.
std::vector<HypothesisAnswer> answer_hypotheses(const AlignedStudy& study, Report& report);

}  // namespace xfer::report
