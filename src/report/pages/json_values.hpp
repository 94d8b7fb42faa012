// SPDX-License-Identifier: Apache-2.0
// How numbers and texts of the report become JSON.
#pragma once

#include "report/pages/markup.hpp"

#include "xfer/report/report.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <string_view>

namespace xfer::report {

using Json = nlohmann::ordered_json;

inline Json json_text(std::string_view value) { return clean_text(value); }

/// A number, or an object saying why there is none: NaN and infinity have no JSON.
inline Json json_real(double value) {
  if (std::isfinite(value)) return value;
  return Json{{"undefined", "not a finite number"}};
}

inline Json json_value(const stats::Value& value) {
  if (!value.defined()) return Json{{"undefined", json_text(value.reason())}};
  return json_real(*value.number());
}

inline Json json_metric(const Metric& m) {
  const Estimate* e = m.estimate();
  if (!e) return Json{{"undefined", json_text(m.reason())}};
  return Json{{"value", json_real(e->value)},
              {"lower", json_real(e->lower)},
              {"upper", json_real(e->upper)}};
}

/// The parts of report.json that are about the whole study.
Json json_matrices(const Report& report);
Json json_hypotheses(const Report& report);
Json json_similarities(const Report& report);
Json json_findings(const Report& report);
Json json_recommendations(const Report& report);
Json json_overlap_checks(const study::StudyResult& result);
/// And about one cell, beyond its metrics.
Json json_learning(const CellReport& cell);
Json json_changes(const CellReport& cell);
Json json_robustness(const CellReport& cell);
Json json_spending(const CellReport& cell);
Json json_scoring(const CellReport& report, const study::CellResult& result);
Json json_overlap(const CellReport& cell);

}  // namespace xfer::report
