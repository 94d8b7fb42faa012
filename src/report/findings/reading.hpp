// SPDX-License-Identifier: Apache-2.0
// The words of the report: what a cell's numbers allow to be said, by fixed rules.
#pragma once

#include "xfer/report/report.hpp"
#include "xfer/study/spec.hpp"

#include <optional>
#include <string>
#include <vector>

namespace xfer::report {

/// Share of answers above which extraction failures or truncation make accuracy doubtful.
inline constexpr double failure_share_max = 0.05;
/// Accuracy below which there is no room to fall, and above one minus which none to rise.
inline constexpr double floor_accuracy = 0.05;
/// Share of the gain above which the format control is said to match most of it.
inline constexpr double habit_share = 0.5;

/// Where an interval lies. `missing` for an undefined metric.
enum class Sign { missing, down, unclear, up };
Sign sign(const Metric& metric) noexcept;

/// Share of the gain that the format control reaches too; nothing when that has no meaning.
std::optional<double> control_share(const CellReport& cell);

/// A control clearly below the baseline did harm of its own: what stands above it need not be
/// skill. A control that only happens to end a little lower has shown no harm.
bool control_did_harm(const CellReport& cell);

/// Why the accuracy of these conditions cannot be trusted to compare them; empty when it can.
std::vector<std::string> accuracy_doubts(const CellReport& cell,
                                         const std::vector<Condition>& compared);

Finding find_finding(const CellReport& cell);
std::string write_headline(const CellReport& cell);
std::string write_reading(const CellReport& cell);

/// What a reader must know before believing the numbers, most serious first.
std::vector<std::string> find_warnings(const CellReport& cell, const study::StudySpec& spec,
                                       int planned_seeds);

}  // namespace xfer::report
