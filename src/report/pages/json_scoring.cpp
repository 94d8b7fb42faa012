// SPDX-License-Identifier: Apache-2.0
// How answers were read, drawn answers, and test items among training text, as JSON.
#include "report/pages/json_values.hpp"
#include "report/scores/extraction.hpp"

namespace xfer::report {
namespace {

Json readings(const study::CellResult& cell) {
  Json list = Json::array();
  for (const AnswerReading& r : answer_readings(cell)) {
    Json differences = Json::array();
    for (const ReadingDifference& d : r.differences)
      differences.push_back({{"item", json_text(d.item_id)},
                             {"seed", d.seed},
                             {"lenient", json_real(d.lenient)},
                             {"strict", json_real(d.strict)}});
    list.push_back({{"condition", to_string(r.condition)},
                    {"answers", r.answers},
                    {"lenient_score", json_real(r.lenient_score)},
                    {"strict_score", json_real(r.strict_score)},
                    {"unread_rate", json_real(r.unread)},
                    {"strictly_unread_rate", json_real(r.strictly_unread)},
                    {"stopped_by_text_rate", json_real(r.stopped_by_text)},
                    {"truncated_rate", json_real(r.truncated)},
                    {"differences", differences}});
  }
  return list;
}

Json own_metrics(const study::CellResult& cell) {
  Json list = Json::array();
  for (const TaskMetric& m : task_metrics(cell))
    list.push_back({{"condition", to_string(m.condition)},
                    {"metric", json_text(m.name)},
                    {"value", json_value(m.value)}});
  return list;
}

Json drawn_passes(const CellReport& report) {
  Json list = Json::array();
  for (const PassAtK& pass : report.pass_at_k) {
    Json conditions = Json::array();
    for (const auto& [condition, mean] : pass.means)
      conditions.push_back({{"condition", to_string(condition)}, {"mean", json_metric(mean)}});
    list.push_back({{"k", pass.k},
                    {"samples", pass.samples},
                    {"items", pass.items},
                    {"conditions", conditions},
                    {"gain", json_metric(pass.gain)}});
  }
  return list;
}

}  // namespace

Json json_scoring(const CellReport& report, const study::CellResult& result) {
  return Json{{"readings", readings(result)},
              {"task_metrics", own_metrics(result)},
              {"pass_at_k", drawn_passes(report)}};
}

Json json_overlap(const CellReport& cell) {
  const OverlapSummary& overlap = cell.overlap;
  if (!overlap.checked) return Json{{"undefined", "not looked for: generated items"}};
  Json object{{"items", overlap.items},
              {"overlapping", overlap.overlapping},
              {"excluded", overlap.excluded}};
  if (overlap.conditions.empty()) return object;
  const auto both = [](const Metric& all, const Metric& without) {
    return Json{{"all_items", json_metric(all)}, {"without", json_metric(without)}};
  };
  Json conditions = Json::array();
  for (const OverlapScores& c : overlap.conditions)
    conditions.push_back({{"condition", to_string(c.condition)},
                          {"accuracy", both(c.accuracy, c.accuracy_without)},
                          {"bits_per_byte", both(c.bits_per_byte, c.bits_per_byte_without)}});
  object["conditions"] = conditions;
  object["gain"] = {{"accuracy", both(overlap.gain, overlap.gain_without)},
                    {"bits_per_byte", both(overlap.bits_gain, overlap.bits_gain_without)}};
  return object;
}

Json json_overlap_checks(const study::StudyResult& result) {
  Json list = Json::array();
  for (const study::OverlapCheck& check : result.overlap) {
    Json items = Json::array();
    for (const study::OverlappingItem& item : check.items)
      items.push_back({{"item", json_text(item.item_id)},
                       {"train_item", json_text(item.train_id)},
                       {"kind", json_text(item.kind)}});
    list.push_back({{"train", json_text(check.train)},
                    {"test", json_text(check.test)},
                    {"train_items", check.train_items},
                    {"test_items", check.test_items},
                    {"items", items}});
  }
  return list;
}

}  // namespace xfer::report
