// SPDX-License-Identifier: Apache-2.0
// The transfer matrix of a study under one method.
#pragma once

#include "report/scores/context.hpp"

#include "xfer/report/report.hpp"

#include <vector>

namespace xfer::report {

/// `cells` are the reports of the study's cells, in the same order.
MatrixReport make_matrix(const AlignedStudy& study, const std::vector<CellReport>& cells,
                         Method method);

}  // namespace xfer::report
