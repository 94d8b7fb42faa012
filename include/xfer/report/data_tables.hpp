// SPDX-License-Identifier: Apache-2.0
// The report's numbers as plain tables, for CSV files and data frames.
#pragma once

#include "xfer/report/report.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::report {

/// Nothing where a number is undefined; the reason is in a column of its own.
using DataValue = std::variant<std::monostate, std::string, double, std::int64_t>;

struct DataTable {
  /// Also the name of its file, e.g. "metrics" in metrics.csv.
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::vector<DataValue>> rows;
};

/// All tables, described in docs/report-tables.md; a table without rows still has its columns.
/// Accuracies are shares, not points.
std::vector<DataTable> data_tables(const Report& report);

/// As RFC 4180 has it, with a line of column names, "\n" line ends and numbers that read back to
/// the same bits; undefined numbers are empty fields.
std::string to_csv(const DataTable& table);

/// Writes every table into the folder, one file each, atomically. Throws `io`.
void write_tables(const Report& report, const std::filesystem::path& folder);

/// A LaTeX article with the report's results, tables and method. Figures are taken from
/// figures/NAME.pdf beside it where these exist.
std::string to_latex(const Report& report);

}  // namespace xfer::report
#pragma GCC visibility pop
