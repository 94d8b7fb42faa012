// SPDX-License-Identifier: Apache-2.0
#include "report/pages/json_values.hpp"

namespace xfer::report {
namespace {

Json verdicts(const std::vector<stats::MatrixVerdict>& cells) {
  Json list = Json::array();
  for (const stats::MatrixVerdict& cell : cells) {
    Json one{{"source", json_text(cell.source)},         {"target", json_text(cell.target)},
             {"verdict", to_string(cell.verdict)},       {"gain", json_metric(cell.gain)},
             {"within_margin", cell.within_margin},      {"p", json_real(cell.p)},
             {"p_adjusted", json_real(cell.p_adjusted)}, {"q", json_real(cell.q)}};
    if (!cell.reason.empty()) one["reason"] = json_text(cell.reason);
    list.push_back(std::move(one));
  }
  return list;
}

Json reliability(const stats::Reliability& r) {
  return Json{{"halves", json_value(r.halves)}, {"full", json_value(r.full)}};
}

Json effects(const stats::MainEffects& e) {
  const auto side = [](const std::vector<stats::MainEffect>& effects) {
    Json list = Json::array();
    for (const stats::MainEffect& effect : effects)
      list.push_back({{"name", json_text(effect.name)}, {"effect", json_real(effect.effect)}});
    return list;
  };
  return Json{{"mean", json_real(e.mean)},
              {"sources", side(e.sources)},
              {"targets", side(e.targets)},
              {"source_share", json_value(e.source_share)},
              {"target_share", json_value(e.target_share)},
              {"interaction_share", json_value(e.interaction_share)}};
}

}  // namespace

Json json_matrices(const Report& report) {
  Json list = Json::array();
  for (const MatrixReport& m : report.matrices) {
    Json sources = Json::array();
    for (const std::string& name : m.sources) sources.push_back(json_text(name));
    Json targets = Json::array();
    for (const std::string& name : m.targets) targets.push_back(json_text(name));
    Json own = Json::array();
    for (const OwnGain& gain : m.own)
      own.push_back({{"domain", json_text(gain.domain)},
                     {"accuracy", json_metric(gain.accuracy)},
                     {"bits_per_byte", json_metric(gain.bits_per_byte)}});
    Json indices = Json::array();
    for (const SourceIndex& index : m.indices)
      indices.push_back({{"source", json_text(index.source)},
                         {"trained", json_real(index.trained)},
                         {"other", json_real(index.other)},
                         {"index", json_value(index.index)}});
    list.push_back(
        {{"method", to_string(m.method)},
         {"sources", sources},
         {"targets", targets},
         {"accuracy", verdicts(m.accuracy)},
         {"bits_per_byte", verdicts(m.bits_per_byte)},
         {"own_gains", own},
         {"reliability",
          {{"accuracy", reliability(m.accuracy_reliability)},
           {"bits_per_byte", reliability(m.bits_reliability)}}},
         {"main_effects",
          {{"accuracy", effects(m.accuracy_effects)}, {"bits_per_byte", effects(m.bits_effects)}}},
         {"transferability_index", indices}});
  }
  return list;
}

Json json_hypotheses(const Report& report) {
  Json list = Json::array();
  for (const HypothesisAnswer& h : report.hypotheses)
    list.push_back(
        {{"id", h.id},
         {"question", json_text(h.question)},
         {"rule", json_text(h.rule)},
         {"estimate", json_metric(h.estimate)},
         {"unit", h.is_correlation ? "correlation" : report.result.spec.hypotheses.score},
         {"test", json_text(h.test)},
         {"p", json_real(h.p)},
         {"p_adjusted", json_real(h.p_adjusted)},
         {"verdict", to_string(h.verdict)},
         {"reason", json_text(h.reason)},
         {"cells", h.cells},
         {"runs", h.runs},
         {"check", json_text(h.check)},
         {"needed", json_text(h.needed)}});
  return list;
}

Json json_similarities(const Report& report) {
  Json list = Json::array();
  for (const SimilarityFinding& s : report.similarities)
    list.push_back({{"measure", json_text(s.measure)},
                    {"title", json_text(s.title)},
                    {"declared", s.declared},
                    {"coefficient", json_value(s.found.coefficient)},
                    {"interval", json_metric(s.found.interval)},
                    {"p", json_real(s.found.p)},
                    {"q", json_real(s.q)},
                    {"attenuated", json_value(s.found.attenuated)},
                    {"targets", s.found.targets},
                    {"cells", s.found.cells}});
  return list;
}

Json json_findings(const Report& report) {
  Json list = Json::array();
  for (const FindingParagraph& p : report.findings)
    list.push_back({{"id", p.id}, {"title", json_text(p.title)}, {"text", json_text(p.text)}});
  return list;
}

Json json_recommendations(const Report& report) {
  Json list = Json::array();
  for (const Recommendation& r : report.recommendations)
    list.push_back({{"target", json_text(r.target)}, {"text", json_text(r.text)}});
  return list;
}

Json json_learning(const CellReport& cell) {
  Json list = Json::array();
  for (const LearningSummary& s : cell.learning)
    list.push_back({{"condition", to_string(s.condition)},
                    {"accuracy_area", json_metric(s.accuracy_area)},
                    {"accuracy_steps_to_90_percent", json_metric(s.accuracy_steps)},
                    {"bits_per_byte_area", json_metric(s.bits_area)},
                    {"bits_per_byte_steps_to_90_percent", json_metric(s.bits_steps)}});
  return list;
}

Json json_changes(const CellReport& cell) {
  Json list = Json::array();
  for (const ConditionChanges& c : cell.changes) {
    Json groups = Json::array();
    for (const ChangeGroup& g : c.groups)
      groups.push_back({{"by", g.by},
                        {"group", json_text(g.group)},
                        {"items", json_real(g.items)},
                        {"fixed", json_real(g.fixed)},
                        {"broken", json_real(g.broken)}});
    list.push_back({{"condition", to_string(c.condition)},
                    {"items", c.items},
                    {"fixed", json_real(c.fixed)},
                    {"broken", json_real(c.broken)},
                    {"groups", groups}});
  }
  return list;
}

Json json_robustness(const CellReport& cell) {
  if (!cell.robustness) return Json{{"undefined", "tested under one wording of the prompt only"}};
  const stats::Robustness& r = cell.robustness->accuracy;
  Json gains = Json::array();
  for (std::size_t i = 0; i < r.gains.size(); ++i)
    gains.push_back(
        {{"prompt", json_text(cell.robustness->names[i])}, {"gain", json_metric(r.gains[i])}});
  const char* sign = r.sign == stats::SignSurvival::survives ? "survives"
                     : r.sign == stats::SignSurvival::flips  ? "flips"
                                                             : "unclear";
  return Json{{"gains", gains},
              {"worst", json_text(cell.robustness->names[r.worst])},
              {"median", json_metric(r.median)},
              {"best", json_text(cell.robustness->names[r.best])},
              {"sign", sign}};
}

Json json_spending(const CellReport& cell) {
  if (!cell.spending) return Json{{"undefined", "what was spent is not known"}};
  return Json{{"train_usd", json_real(cell.spending->train_usd)},
              {"sample_usd", json_real(cell.spending->sample_usd)},
              {"evaluation_usd", json_real(cell.spending->evaluation_usd)},
              {"tokens", json_real(cell.spending->tokens)}};
}

}  // namespace xfer::report
