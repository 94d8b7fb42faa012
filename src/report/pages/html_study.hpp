// SPDX-License-Identifier: Apache-2.0
// The parts of the page that are about the whole study, and the table writer that all parts share.
#pragma once

#include "report/pages/markup.hpp"
#include "report/tables/tables.hpp"

#include "xfer/report/report.hpp"

#include <string>
#include <string_view>

namespace xfer::report {

/// How a table fits a narrow screen.
enum class Fit {
  stack,   ///< Rows become small lists.
  scroll,  ///< The table moves sideways.
  words,   ///< Two columns of words that wrap.
};

/// Nothing for a table without rows. The first `main_rows` stand out.
void write_table(Markup& page, const Table& table, Fit fit, std::size_t main_rows = 0);

/// Text whose intervals, "[8.1, 16.4]", are never broken over two lines.
void write_prose(Markup& page, std::string_view text);

/// The matrix with verdicts, findings, recommendations, hypotheses, and plots.
void write_study_results(Markup& page, const Report& report);

/// Items that were fixed and broken, with examples side by side.
void write_error_analysis(Markup& page, const CellReport& cell, const study::CellResult& result);

}  // namespace xfer::report
