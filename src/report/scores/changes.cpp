// SPDX-License-Identifier: Apache-2.0
#include "report/scores/changes.hpp"

#include "xfer/stats/intervals.hpp"

#include <algorithm>
#include <functional>
#include <map>

namespace xfer::report {
namespace {

using study::ItemResult;

bool right(const ItemResult& item) { return item.score >= 1.0; }

/// Labels of items by which they are put into groups, in the order in which they are shown.
struct Grouping {
  std::string by;
  std::vector<std::string> order;
  std::vector<std::string> labels;  ///< one per item
};

std::optional<Grouping> by_topic(const AlignedCell& cell) {
  Grouping grouping{"topic", {}, {}};
  std::map<std::string, int> kinds;
  for (const ItemResult* item : cell.items) {
    grouping.labels.push_back(item->kind.empty() ? "(no kind)" : item->kind);
    ++kinds[grouping.labels.back()];
  }
  if (kinds.size() < 2) return std::nullopt;
  for (const auto& [kind, count] : kinds) grouping.order.push_back(kind);
  return grouping;
}

/// Thirds of the items by a value; equal values stay together.
std::optional<Grouping> by_thirds(const std::string& by, const std::vector<double>& values,
                                  const std::vector<std::string>& names) {
  if (values.size() < 3) return std::nullopt;
  const double low = stats::quantile(values, 1.0 / 3.0);
  const double high = stats::quantile(values, 2.0 / 3.0);
  if (!(high > low)) return std::nullopt;
  Grouping grouping{by, names, {}};
  for (const double value : values)
    grouping.labels.push_back(names[value <= low ? 0 : value <= high ? 1 : 2]);
  return grouping;
}

std::vector<Grouping> groupings(const AlignedCell& cell, const Arm& base) {
  std::vector<double> difficulty;
  std::vector<double> length;
  bool scored = true;
  for (const ItemResult* item : base.items[0]) {
    scored = scored && item->reference_bytes > 0;
    difficulty.push_back(scored ? item->reference_bits / static_cast<double>(item->reference_bytes)
                                : 0.0);
    length.push_back(static_cast<double>(item->reference_bytes));
  }
  std::vector<Grouping> all;
  if (auto grouping = by_topic(cell)) all.push_back(std::move(*grouping));
  if (!scored) return all;
  if (auto grouping =
          by_thirds("difficulty", difficulty, {"easiest third", "middle third", "hardest third"}))
    all.push_back(std::move(*grouping));
  if (auto grouping =
          by_thirds("answer length", length, {"shortest third", "middle third", "longest third"}))
    all.push_back(std::move(*grouping));
  return all;
}

/// Counts over the seeds of an arm against the baseline.
void count(
    const Arm& base, const Arm& arm, std::vector<ChangeGroup>& groups,
    const std::function<std::string(std::size_t, const ItemResult&, const ItemResult&)>& label_of) {
  const auto share = 1.0 / static_cast<double>(arm.items.size());
  for (const auto& row : arm.items)
    for (std::size_t i = 0; i < row.size(); ++i) {
      const ItemResult& before = *base.items[0][i];
      const ItemResult& after = *row[i];
      const std::string label = label_of(i, before, after);
      for (ChangeGroup& group : groups) {
        if (group.group != label) continue;
        group.items += share;
        group.fixed += !right(before) && right(after) ? share : 0.0;
        group.broken += right(before) && !right(after) ? share : 0.0;
      }
    }
}

}  // namespace

std::string failure_kind(const ItemResult& item) {
  if (item.truncated) return "cut off";
  if (!item.extracted) return "no answer found";
  return "wrong answer";
}

std::vector<ConditionChanges> condition_changes(const AlignedCell& cell) {
  const Arm* base = cell.find(Condition::baseline);
  if (!base) return {};
  const std::vector<Grouping> by = groupings(cell, *base);
  std::vector<ConditionChanges> all;
  for (const Arm& arm : cell.arms) {
    if (arm.condition == Condition::baseline) continue;
    ConditionChanges& changes = all.emplace_back();
    changes.condition = arm.condition;
    changes.items = static_cast<int>(cell.items.size());
    std::vector<ChangeGroup> total(1);
    count(*base, arm, total, [](auto...) { return std::string(); });
    changes.fixed = total[0].fixed;
    changes.broken = total[0].broken;
    for (const Grouping& grouping : by) {
      std::vector<ChangeGroup> groups;
      for (const std::string& name : grouping.order) groups.push_back({grouping.by, name, 0, 0, 0});
      count(*base, arm, groups,
            [&](std::size_t i, const auto&, const auto&) { return grouping.labels[i]; });
      changes.groups.insert(changes.groups.end(), groups.begin(), groups.end());
    }
    std::vector<ChangeGroup> failures;
    for (const char* kind : {"no answer found", "cut off", "wrong answer"})
      failures.push_back({"failure", kind, 0, 0, 0});
    // A fixed item counts where it failed before, a broken one where it fails now.
    count(*base, arm, failures, [](std::size_t, const ItemResult& before, const ItemResult& after) {
      if (!right(before)) return failure_kind(before);
      return right(after) ? std::string() : failure_kind(after);
    });
    for (ChangeGroup& failure : failures)
      if (failure.items > 0.0) changes.groups.push_back(std::move(failure));
  }
  return all;
}

}  // namespace xfer::report
