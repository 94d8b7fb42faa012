// The study's hypotheses: rules fixed before it ran, and what came out.
#pragma once

#include "report/context.hpp"

#include "xfer/report/report.hpp"

#include <vector>

namespace xfer::report {

/// The rules in words, H1 to H4, as the study's [hypotheses] fix them; answers come with
/// `answer_hypotheses`.
std::vector<HypothesisAnswer> hypothesis_rules(const study::StudySpec& spec);

/// H1 to H4, in order. Needs the report's cells, matrices and similarity; fills in `similarities`.
std::vector<HypothesisAnswer> answer_hypotheses(const AlignedStudy& study, Report& report);

}  // namespace xfer::report
