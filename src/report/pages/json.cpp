// SPDX-License-Identifier: Apache-2.0
#include "report/pages/json_values.hpp"
#include "report/tables/method.hpp"

namespace xfer::report {
namespace {

Json metrics(const TransferMetrics& m) {
  return Json{{"gain", json_metric(m.gain)},
              {"gain_above_control", json_metric(m.gain_above_control)},
              {"ceiling", json_metric(m.ceiling)},
              {"efficiency", json_metric(m.efficiency)},
              {"relative_transfer", json_metric(m.relative_transfer)},
              {"sequential_over_direct", json_metric(m.sequential_over_direct)},
              {"joint_over_direct", json_metric(m.joint_over_direct)},
              {"headroom_gain", json_metric(m.headroom_gain)},
              {"source_normalised", json_metric(m.source_normalised)},
              {"forgetting", json_metric(m.forgetting)},
              {"sequential_forgetting", json_metric(m.sequential_forgetting)},
              {"asymmetry", json_metric(m.asymmetry)},
              {"standardised_asymmetry", json_metric(m.standardised_asymmetry)},
              {"held_out_gain", json_metric(m.held_out_gain)},
              {"generalisation", json_metric(m.generalisation)},
              {"gain_per_dollar", json_metric(m.gain_per_dollar)},
              {"gain_per_million_tokens", json_metric(m.gain_per_million_tokens)}};
}

Json spec(const study::StudySpec& s) {
  Json pairs = Json::array();
  for (const auto& [source, target] : s.pairs)
    pairs.push_back({json_text(source), json_text(target)});
  Json files = Json::object();
  for (const auto& [name, path] : s.domain_files)
    files[clean_text(name)] = json_text(path.string());
  Json conditions = Json::array();
  for (const Condition c : s.conditions) conditions.push_back(to_string(c));
  Json methods = Json::array();
  for (const Method m : s.methods) methods.push_back(to_string(m));
  return Json{{"name", json_text(s.name)},
              {"pairs", pairs},
              {"domain_files", files},
              {"conditions", conditions},
              {"methods", methods},
              {"model", json_text(s.model)},
              {"renderer", json_text(s.renderer)},
              {"seeds", s.seeds},
              {"steps", s.steps},
              {"batch_size", s.batch_size},
              {"lora",
               {{"rank", s.lora.rank},
                {"alpha", json_real(s.lora.alpha)},
                {"train_attn", s.lora.train_attn},
                {"train_mlp", s.lora.train_mlp},
                {"train_unembed", s.lora.train_unembed}}},
              {"learning_rate", json_real(s.learning_rate)},
              {"learning_rate_end_share", json_real(s.learning_rate_end_share)},
              {"grad_clip_norm", json_real(s.grad_clip_norm)},
              {"max_sequence_tokens", s.max_sequence_tokens},
              {"match", s.match},
              {"examples", s.examples},
              {"adaptive", s.adaptive},
              {"looks",
               {{"error_rate", json_real(s.looks.error_rate)},
                {"spending", json_text(s.looks.spending)},
                {"first_seeds", s.looks.first_seeds},
                {"cells", s.looks.cells},
                {"cell_seeds", s.looks.cell_seeds}}},
              {"rl",
               {{"steps", s.rl.steps},
                {"problems", s.rl.problems},
                {"group_size", s.rl.group_size},
                {"temperature", json_real(s.rl.temperature)},
                {"loss", json_text(s.rl.loss)},
                {"advantage", json_text(s.rl.advantage)},
                {"learning_rate", json_real(s.rl.learning_rate)},
                {"learning_rate_end_share", json_real(s.rl.learning_rate_end_share)},
                {"max_staleness", s.rl.max_staleness}}},
              {"items", s.items},
              {"validation_items", s.validation_items},
              {"eval_every", s.eval_every},
              {"held_out_items", s.held_out_items},
              {"prompt_variants", s.prompt_variants},
              {"forgetting_items", s.forgetting_items},
              {"shots", s.shots},
              {"max_answer_tokens", s.max_answer_tokens},
              {"scoring", json_text(s.scoring)},
              {"samples", s.samples},
              {"sample_temperature", json_real(s.sample_temperature)},
              {"exclude_overlap", s.exclude_overlap},
              {"hypotheses",
               {{"score", json_text(s.hypotheses.score)},
                {"margin_points", json_real(s.hypotheses.margin_points)},
                {"margin_bits", json_real(s.hypotheses.margin_bits)},
                {"similarity", json_text(s.hypotheses.similarity)},
                {"learning_rates_tuned", s.hypotheses.learning_rates_tuned}}}};
}

Json conditions(const CellReport& cell) {
  Json list = Json::array();
  for (const ConditionSummary& c : cell.conditions)
    list.push_back({{"condition", to_string(c.condition)},
                    {"seeds", c.seeds},
                    {"items", c.items},
                    {"accuracy", json_metric(c.accuracy)},
                    {"bits_per_byte", json_metric(c.bits_per_byte)},
                    {"bits_per_byte_after_first", json_metric(c.bits_per_byte_after_first)},
                    {"extraction_failure_rate", json_real(c.extraction_failure_rate)},
                    {"truncated_rate", json_real(c.truncated_rate)}});
  return list;
}

Json kinds(const CellReport& cell) {
  Json list = Json::array();
  for (const KindSummary& kind : cell.kinds) {
    Json accuracy = Json::object();
    for (std::size_t i = 0; i < kind.accuracy.size(); ++i)
      accuracy[std::string(to_string(cell.conditions[i].condition))] = json_real(kind.accuracy[i]);
    list.push_back({{"kind", json_text(kind.kind)},
                    {"items", kind.items},
                    {"accuracy", accuracy},
                    {"gain", json_metric(kind.gain)}});
  }
  return list;
}

Json curves(const study::CellResult& cell) {
  Json list = Json::array();
  for (const study::Curve& curve : cell.curves) {
    if (curve.points.empty()) continue;  // rewards alone: they are with their legs
    Json points = Json::array();
    for (const study::CurvePoint& p : curve.points)
      points.push_back({{"step", p.step},
                        {"train_loss_per_token", json_real(p.train_loss_per_token)},
                        {"accuracy", json_real(p.accuracy)},
                        {"bits_per_byte", json_real(p.bits_per_byte)}});
    list.push_back(
        {{"condition", to_string(curve.condition)}, {"seed", curve.seed}, {"points", points}});
  }
  return list;
}

Json rewards(const study::LegSummary& leg) {
  Json list = Json::array();
  for (const study::RewardPoint& p : leg.rewards) {
    Json point{{"step", p.step},
               {"reward", json_real(p.reward)},
               {"trained_reward", json_real(p.trained_reward)},
               {"groups", p.groups},
               {"silent_groups", p.silent_groups},
               {"answer_tokens", json_real(p.answer_tokens)}};
    if (p.kl_to_base) point["kl_to_base"] = json_real(*p.kl_to_base);
    list.push_back(std::move(point));
  }
  return list;
}

Json effects(const Report& report) {
  Json list = Json::array();
  for (const MethodEffect& e : report.effects)
    list.push_back({{"source", json_text(e.source)},
                    {"target", json_text(e.target)},
                    {"condition", to_string(e.condition)},
                    {"method", to_string(e.method)},
                    {"accuracy", json_metric(e.accuracy)},
                    {"bits_per_byte", json_metric(e.bits_per_byte)}});
  return list;
}

Json looks(const study::StudyResult& result) {
  Json all = Json::array();
  for (const study::Look& look : result.looks)
    all.push_back({{"round", look.round},
                   {"source", json_text(look.source)},
                   {"target", json_text(look.target)},
                   {"method", to_string(look.method)},
                   {"seeds", look.seeds},
                   {"gain",
                    {{"value", json_real(look.gain)},
                     {"lower", json_real(look.lower)},
                     {"upper", json_real(look.upper)}}},
                   {"bound", json_real(look.bound)},
                   {"spent", json_real(look.spent)},
                   {"verdict", json_text(look.verdict)},
                   {"goes_on", look.goes_on}});
  return all;
}

Json tried_rates(const study::StudyResult& result) {
  Json list = Json::array();
  for (const study::TriedRate& tried : result.tried_rates)
    list.push_back({{"learning", to_string(tried.learning)},
                    {"rate", json_real(tried.rate)},
                    {"accuracy", json_real(tried.accuracy)},
                    {"bits_per_byte", json_real(tried.bits_per_byte)}});
  return list;
}

Json answer(const study::ItemResult& item) {
  return Json{{"completion", clip_text(item.completion, 2000)},
              {"answer", clip_text(item.answer, 200)},
              {"score", json_real(item.score)},
              {"failure", clip_text(item.failure, 200)}};
}

Json examples(const study::CellResult& cell) {
  Json list = Json::array();
  for (const ExamplePair& pair : example_pairs(cell))
    list.push_back({{"item", clip_text(pair.baseline->item_id, 200)},
                    {"kind", clip_text(pair.baseline->kind, 200)},
                    {"question", clip_text(pair.baseline->question, 2000)},
                    {"reference", clip_text(pair.baseline->reference, 2000)},
                    {"change", pair.change},
                    {"seed", pair.seed},
                    {"baseline", answer(*pair.baseline)},
                    {"transfer", answer(*pair.transfer)}});
  return list;
}

Json cell(const CellReport& report, const study::CellResult& result) {
  Json warnings = Json::array();
  for (const std::string& warning : report.warnings) warnings.push_back(json_text(warning));
  Json notes = Json::array();
  for (const std::string& note : report.notes) notes.push_back(json_text(note));
  return Json{{"source", json_text(report.source)},
              {"target", json_text(report.target)},
              {"method", to_string(report.method)},
              {"finding", to_string(report.finding)},
              {"headline", json_text(report.headline)},
              {"reading", json_text(report.reading)},
              {"warnings", warnings},
              {"notes", notes},
              {"protocol_hash", json_text(report.protocol_hash)},
              {"items_hash", json_text(report.items_hash)},
              {"zero_step_differences", report.zero_step_differences},
              {"metrics",
               {{"accuracy", metrics(report.accuracy)},
                {"bits_per_byte", metrics(report.bits_per_byte)},
                {"bits_per_byte_after_first", metrics(report.bits_per_byte_after_first)}}},
              {"conditions", conditions(report)},
              {"scoring", json_scoring(report, result)},
              {"overlap", json_overlap(report)},
              {"kinds", kinds(report)},
              {"learning", json_learning(report)},
              {"changes", json_changes(report)},
              {"robustness", json_robustness(report)},
              {"spending", json_spending(report)},
              {"curves", curves(result)},
              {"examples", examples(result)}};
}

}  // namespace

std::string to_json(const Report& report) {
  const study::StudyResult& result = report.result;
  Json cells = Json::array();
  for (std::size_t i = 0; i < report.cells.size(); ++i)
    cells.push_back(cell(report.cells[i], result.cells[i]));
  Json legs = Json::array();
  Json leg_seconds = Json::object();
  for (const study::LegSummary& leg : result.legs) {
    Json summary{{"key", json_text(leg.key)},           {"description", json_text(leg.description)},
                 {"learning", to_string(leg.learning)}, {"steps", leg.steps},
                 {"train_tokens", leg.train_tokens},    {"skipped_examples", leg.skipped_examples}};
    if (leg.learning == Learning::reinforcement) {
      summary["sampled_tokens"] = leg.sampled_tokens;
      summary["prefill_tokens"] = leg.prefill_tokens;
      summary["rewards"] = rewards(leg);
    }
    legs.push_back(std::move(summary));
    leg_seconds[clean_text(leg.key)] = json_real(leg.seconds);
  }
  const Json document{{"schema", "xfer-report/1"},
                      {"xfer_version", json_text(result.xfer_version)},
                      {"study", spec(result.spec)},
                      {"model",
                       {{"name", json_text(result.model_name)},
                        {"hash", json_text(result.model_hash)},
                        {"parameters", result.model_parameters > 0 ? Json(result.model_parameters)
                                                                   : Json(nullptr)}}},
                      {"interval_level", 0.95},
                      {"headline", json_text(report.headline)},
                      {"matrices", json_matrices(report)},
                      {"hypotheses", json_hypotheses(report)},
                      {"similarities", json_similarities(report)},
                      {"findings", json_findings(report)},
                      {"recommendations", json_recommendations(report)},
                      {"overlap", json_overlap_checks(result)},
                      {"cells", cells},
                      {"method_effects", effects(report)},
                      {"legs", legs},
                      {"learning_rates_tried", tried_rates(result)},
                      {"looks", looks(result)},
                      {"stopped", json_text(result.stopped)},
                      {"timing",
                       {{"seconds", json_real(result.seconds)},
                        {"threads", result.spec.threads},
                        {"useful_dollars", json_real(result.useful_dollars)},
                        {"lost_dollars", json_real(result.lost_dollars)},
                        {"leg_seconds", leg_seconds}}}};
  return document.dump(2) + "\n";
}

}  // namespace xfer::report
