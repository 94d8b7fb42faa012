// SPDX-License-Identifier: Apache-2.0
#include "report/pages/markup.hpp"
#include "report/tables/tables.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <numeric>

namespace xfer::report {
namespace {

/// Characters, each taken as one column: enough for everything the report itself writes.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// The text in lines of at most `width` columns; words longer than that are cut.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \n\t", at), text.size());
    std::string word(text.substr(at, end - at));
    at = end + 1;
    if (word.empty()) continue;
    if (!line.empty() && columns(line) + 1 + columns(word) > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    while (columns(line) > width) {
      std::size_t cut = 0;
      for (std::size_t seen = 0; seen < width; ++seen) {
        ++cut;
        while ((static_cast<unsigned char>(line[cut]) & 0xC0U) == 0x80U) ++cut;
      }
      lines.push_back(line.substr(0, cut));
      line.erase(0, cut);
    }
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

/// Appends a paragraph with an indent for its second and later lines.
void paragraph(std::string& out, const std::string& text, std::size_t width,
               std::size_t indent = 0) {
  bool first = true;
  for (const std::string& line : wrapped(text, width - indent)) {
    out += (first ? "" : std::string(indent, ' ')) + line + "\n";
    first = false;
  }
}

using Row = std::vector<std::string>;

std::string aligned_row(const Row& row, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t c = 0; c < row.size(); ++c) {
    const std::string pad(widths[c] - columns(row[c]), ' ');
    // Headings to the left, numbers to the right.
    line += c == 0 ? row[c] + pad : "  " + pad + row[c];
  }
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

/// A grid with its headings wrapped to the columns below them, or "" when it is too wide.
std::string grid(const Table& table, std::size_t width) {
  std::vector<std::size_t> widths(table.head.size(), 0);
  for (const Row& row : table.rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns(row[c]));
  std::vector<std::vector<std::string>> heads;
  std::size_t head_lines = 0;
  for (std::size_t c = 0; c < table.head.size(); ++c) {
    widths[c] = std::max<std::size_t>(widths[c], 14);
    heads.push_back(wrapped(table.head[c], widths[c]));
    head_lines = std::max(head_lines, heads.back().size());
  }
  const std::size_t total =
      std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + 2 * (widths.size() - 1);
  if (total > width) return "";
  std::string out;
  for (std::size_t l = 0; l < head_lines; ++l) {
    Row line;
    for (const auto& head : heads) {
      const std::size_t skip = head_lines - head.size();
      line.push_back(l < skip ? "" : head[l - skip]);
    }
    out += aligned_row(line, widths);
  }
  for (std::size_t c = 0; c < total; ++c) out += "─";
  out += "\n";
  for (const Row& row : table.rows) out += aligned_row(row, widths);
  return out;
}

/// For narrow terminals: each row as a small list.
std::string listing(const Table& table, std::size_t width) {
  std::string out;
  for (const Row& row : table.rows) {
    paragraph(out, row[0], width);
    for (std::size_t c = 1; c < row.size(); ++c) {
      out += "  ";
      paragraph(out, table.head[c] + ": " + row[c], width, 4);
    }
  }
  return out;
}

}  // namespace

std::string to_text(const Report& report, int width) {
  if (width < 40)
    throw Error(Errc::invalid_argument,
                "report: width must be at least 40 columns (got " + std::to_string(width) + ")");
  const auto columns_max = static_cast<std::size_t>(width);
  std::string out;
  const auto add = [&](const Table& table) {
    if (table.rows.empty()) return;
    if (!out.empty()) out += "\n";
    paragraph(out, table.caption, columns_max);
    const std::string lines = grid(table, columns_max);
    out += lines.empty() ? listing(table, columns_max) : lines;
    for (const std::string& note : table.notes) paragraph(out, note, columns_max);
  };
  if (report.result.spec.methods.size() > 1) {
    add(overview_table(report));
    add(effects_table(report));
  }
  for (const CellReport& cell : report.cells) add(metrics_table(cell));
  return out;
}

}  // namespace xfer::report
