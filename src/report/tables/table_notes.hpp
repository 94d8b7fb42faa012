// SPDX-License-Identifier: Apache-2.0
// Reasons of undefined metrics, printed once below a table.
#pragma once

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"
#include "report/tables/tables.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace xfer::report {

/// Collects the reasons of undefined metrics as lettered notes.
class TableNotes {
public:
  explicit TableNotes(Table& table) : table_(table) {}

  std::string show(const Metric& metric, Style style) {
    if (metric.defined()) return with_interval(*metric.estimate(), style);
    return "undefined (" + letter(metric.reason()) + ")";
  }

private:
  std::string letter(const std::string& reason) {
    const auto at = std::find(reasons_.begin(), reasons_.end(), reason);
    const auto index = static_cast<std::size_t>(at - reasons_.begin());
    const std::string name(1, static_cast<char>('a' + std::min<std::size_t>(index, 25)));
    if (at == reasons_.end()) {
      reasons_.push_back(reason);
      table_.notes.push_back("(" + name + ") " + clean_text(reason) + ".");
    }
    return name;
  }

  Table& table_;
  std::vector<std::string> reasons_;
};

}  // namespace xfer::report
