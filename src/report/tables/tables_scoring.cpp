// SPDX-License-Identifier: Apache-2.0
// Tables of drawn answers, and of test items that are among training text.
#include "report/tables/tables.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"
#include "report/tables/table_notes.hpp"

#include <algorithm>

namespace xfer::report {
namespace {

constexpr std::size_t items_shown = 10;

/// The names in the order in which they come first.
template <class Name>
std::vector<std::string> names_of(const std::vector<study::OverlapCheck>& checks, Name name) {
  std::vector<std::string> all;
  for (const study::OverlapCheck& check : checks)
    if (std::find(all.begin(), all.end(), check.*name) == all.end()) all.push_back(check.*name);
  return all;
}

std::string check_note(const study::OverlapCheck& check) {
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(items_shown, check.items.size()); ++i)
    shown.push_back(clip_text(check.items[i].item_id, 60) + " (" + check.items[i].kind + ", " +
                    clip_text(check.items[i].train_id, 60) + ")");
  return clean_text(check.test) + " among " + clean_text(check.train) + ": " +
         (check.items.size() > items_shown ? "e.g. " : "") + joined(shown);
}

}  // namespace

Table pass_at_k_table(const CellReport& cell) {
  Table table;
  if (cell.pass_at_k.empty()) return table;
  const PassAtK& first = cell.pass_at_k.front();
  table.caption = "pass@k on " + clean_text(cell.target) + " (%), of " +
                  counted(first.samples, "answer") + " drawn to each of " +
                  counted(first.items, "test item") + ", with 95% intervals";
  table.head = {"Condition"};
  for (const PassAtK& pass : cell.pass_at_k) table.head.push_back("pass@" + std::to_string(pass.k));
  TableNotes notes(table);
  for (std::size_t c = 0; c < first.means.size(); ++c) {
    auto& row = table.rows.emplace_back();
    row.push_back(condition_title(first.means[c].first, cell.source, cell.target));
    for (const PassAtK& pass : cell.pass_at_k)
      row.push_back(notes.show(pass.means[c].second, Style::percent));
  }
  auto& gain = table.rows.emplace_back();
  gain.emplace_back("Transfer Gain (points)");
  for (const PassAtK& pass : cell.pass_at_k) gain.push_back(notes.show(pass.gain, Style::points));
  table.notes.emplace_back(
      "Unbiased: the chance that one of k answers drawn from these passes. "
      "The accuracy above is of one greedy answer.");
  return table;
}

Table overlap_table(const CellReport& cell) {
  Table table;
  const OverlapSummary& overlap = cell.overlap;
  if (overlap.conditions.empty()) return table;
  table.caption = "With and without the " + grouped(overlap.overlapping) + " of " +
                  counted(overlap.items, "test item") + " of " + clean_text(cell.target) +
                  " that are among training text, with 95% intervals";
  table.head = {"Condition", "Accuracy (%), all items", "Accuracy (%), without",
                "Bits per byte, all items", "Bits per byte, without"};
  TableNotes notes(table);
  for (const OverlapScores& c : overlap.conditions)
    table.rows.push_back({condition_title(c.condition, cell.source, cell.target),
                          notes.show(c.accuracy, Style::percent),
                          notes.show(c.accuracy_without, Style::percent),
                          notes.show(c.bits_per_byte, Style::bits),
                          notes.show(c.bits_per_byte_without, Style::bits)});
  table.rows.push_back({"Transfer Gain (points; fewer bits)",
                        notes.show(overlap.gain, Style::points),
                        notes.show(overlap.gain_without, Style::points),
                        notes.show(overlap.bits_gain, Style::bits_change),
                        notes.show(overlap.bits_gain_without, Style::bits_change)});
  table.notes.emplace_back(overlap.excluded
                               ? "All other numbers of this report leave these items out."
                               : "All other numbers of this report are of all items "
                                 "(eval.exclude_overlap = true leaves these out).");
  return table;
}

Table overlap_checks_table(const study::StudyResult& result) {
  Table table;
  if (result.overlap.empty()) return table;
  const auto tests = names_of(result.overlap, &study::OverlapCheck::test);
  table.caption = "Test items that are among training text";
  table.head = {"Trained on"};
  for (const std::string& test : tests) table.head.push_back(clean_text(test));
  for (const std::string& train : names_of(result.overlap, &study::OverlapCheck::train)) {
    auto& row = table.rows.emplace_back(table.head.size(), "–");
    row.front() = clean_text(train);
    for (const study::OverlapCheck& check : result.overlap) {
      if (check.train != train) continue;
      const auto column = std::find(tests.begin(), tests.end(), check.test) - tests.begin();
      row[static_cast<std::size_t>(column) + 1] =
          grouped(std::ssize(check.items)) + " of " + grouped(check.test_items);
      if (!check.items.empty()) table.notes.push_back(check_note(check));
    }
  }
  table.notes.emplace_back(
      "The same question, the same words, a run of 13 words in common, or "
      "word pairs alike; generated domains keep their splits apart by "
      "construction and are not looked at.");
  return table;
}

}  // namespace xfer::report
