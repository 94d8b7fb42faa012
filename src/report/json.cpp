#include "report/markup.hpp"
#include "report/method.hpp"

#include "xfer/report/report.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

namespace xfer::report {
namespace {

using Json = nlohmann::ordered_json;

Json text(std::string_view value) { return clean_text(value); }

/// A number, or an object saying why there is none: NaN and infinity have no JSON.
Json real(double value) {
  if (std::isfinite(value)) return value;
  return Json{{"undefined", "not a finite number"}};
}

Json metric(const Metric& m) {
  const Estimate* e = m.estimate();
  if (!e) return Json{{"undefined", text(m.reason())}};
  return Json{{"value", real(e->value)}, {"lower", real(e->lower)}, {"upper", real(e->upper)}};
}

Json metrics(const TransferMetrics& m) {
  return Json{{"gain", metric(m.gain)},
              {"gain_above_control", metric(m.gain_above_control)},
              {"ceiling", metric(m.ceiling)},
              {"efficiency", metric(m.efficiency)},
              {"relative_transfer", metric(m.relative_transfer)},
              {"sequential_over_direct", metric(m.sequential_over_direct)},
              {"joint_over_direct", metric(m.joint_over_direct)}};
}

Json spec(const study::StudySpec& s) {
  Json pairs = Json::array();
  for (const auto& [source, target] : s.pairs) pairs.push_back({text(source), text(target)});
  Json files = Json::object();
  for (const auto& [name, path] : s.domain_files) files[clean_text(name)] = text(path.string());
  Json conditions = Json::array();
  for (const Condition c : s.conditions) conditions.push_back(to_string(c));
  Json methods = Json::array();
  for (const Method m : s.methods) methods.push_back(to_string(m));
  return Json{{"name", text(s.name)},
              {"pairs", pairs},
              {"domain_files", files},
              {"conditions", conditions},
              {"methods", methods},
              {"model", text(s.model)},
              {"renderer", text(s.renderer)},
              {"seeds", s.seeds},
              {"steps", s.steps},
              {"batch_size", s.batch_size},
              {"lora",
               {{"rank", s.lora.rank},
                {"alpha", real(s.lora.alpha)},
                {"train_attn", s.lora.train_attn},
                {"train_mlp", s.lora.train_mlp},
                {"train_unembed", s.lora.train_unembed}}},
              {"learning_rate", real(s.learning_rate)},
              {"learning_rate_end_share", real(s.learning_rate_end_share)},
              {"grad_clip_norm", real(s.grad_clip_norm)},
              {"max_sequence_tokens", s.max_sequence_tokens},
              {"rl",
               {{"steps", s.rl.steps},
                {"problems", s.rl.problems},
                {"group_size", s.rl.group_size},
                {"temperature", real(s.rl.temperature)},
                {"loss", text(s.rl.loss)},
                {"advantage", text(s.rl.advantage)},
                {"learning_rate", real(s.rl.learning_rate)},
                {"learning_rate_end_share", real(s.rl.learning_rate_end_share)},
                {"max_staleness", s.rl.max_staleness}}},
              {"items", s.items},
              {"validation_items", s.validation_items},
              {"eval_every", s.eval_every},
              {"shots", s.shots},
              {"max_answer_tokens", s.max_answer_tokens}};
}

Json conditions(const CellReport& cell) {
  Json list = Json::array();
  for (const ConditionSummary& c : cell.conditions)
    list.push_back({{"condition", to_string(c.condition)},
                    {"seeds", c.seeds},
                    {"items", c.items},
                    {"accuracy", metric(c.accuracy)},
                    {"bits_per_byte", metric(c.bits_per_byte)},
                    {"bits_per_byte_after_first", metric(c.bits_per_byte_after_first)},
                    {"extraction_failure_rate", real(c.extraction_failure_rate)},
                    {"truncated_rate", real(c.truncated_rate)}});
  return list;
}

Json kinds(const CellReport& cell) {
  Json list = Json::array();
  for (const KindSummary& kind : cell.kinds) {
    Json accuracy = Json::object();
    for (std::size_t i = 0; i < kind.accuracy.size(); ++i)
      accuracy[std::string(to_string(cell.conditions[i].condition))] = real(kind.accuracy[i]);
    list.push_back({{"kind", text(kind.kind)},
                    {"items", kind.items},
                    {"accuracy", accuracy},
                    {"gain", metric(kind.gain)}});
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
                        {"train_loss_per_token", real(p.train_loss_per_token)},
                        {"accuracy", real(p.accuracy)},
                        {"bits_per_byte", real(p.bits_per_byte)}});
    list.push_back({{"condition", to_string(curve.condition)},
                    {"seed", curve.seed},
                    {"points", points}});
  }
  return list;
}

Json rewards(const study::LegSummary& leg) {
  Json list = Json::array();
  for (const study::RewardPoint& p : leg.rewards) {
    Json point{{"step", p.step},
               {"reward", real(p.reward)},
               {"trained_reward", real(p.trained_reward)},
               {"groups", p.groups},
               {"silent_groups", p.silent_groups},
               {"answer_tokens", real(p.answer_tokens)}};
    if (p.kl_to_base) point["kl_to_base"] = real(*p.kl_to_base);
    list.push_back(std::move(point));
  }
  return list;
}

Json effects(const Report& report) {
  Json list = Json::array();
  for (const MethodEffect& e : report.effects)
    list.push_back({{"source", text(e.source)},
                    {"target", text(e.target)},
                    {"condition", to_string(e.condition)},
                    {"method", to_string(e.method)},
                    {"accuracy", metric(e.accuracy)},
                    {"bits_per_byte", metric(e.bits_per_byte)}});
  return list;
}

Json answer(const study::ItemResult& item) {
  return Json{{"completion", clip_text(item.completion, 2000)},
              {"answer", clip_text(item.answer, 200)},
              {"score", real(item.score)},
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
  for (const std::string& warning : report.warnings) warnings.push_back(text(warning));
  Json notes = Json::array();
  for (const std::string& note : report.notes) notes.push_back(text(note));
  return Json{{"source", text(report.source)},
              {"target", text(report.target)},
              {"method", to_string(report.method)},
              {"finding", to_string(report.finding)},
              {"headline", text(report.headline)},
              {"reading", text(report.reading)},
              {"warnings", warnings},
              {"notes", notes},
              {"protocol_hash", text(report.protocol_hash)},
              {"items_hash", text(report.items_hash)},
              {"zero_step_differences", report.zero_step_differences},
              {"metrics",
               {{"accuracy", metrics(report.accuracy)},
                {"bits_per_byte", metrics(report.bits_per_byte)},
                {"bits_per_byte_after_first", metrics(report.bits_per_byte_after_first)}}},
              {"conditions", conditions(report)},
              {"kinds", kinds(report)},
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
    Json summary{{"key", text(leg.key)},
                 {"description", text(leg.description)},
                 {"learning", to_string(leg.learning)},
                 {"steps", leg.steps},
                 {"train_tokens", leg.train_tokens},
                 {"skipped_examples", leg.skipped_examples}};
    if (leg.learning == Learning::reinforcement) {
      summary["sampled_tokens"] = leg.sampled_tokens;
      summary["prefill_tokens"] = leg.prefill_tokens;
      summary["rewards"] = rewards(leg);
    }
    legs.push_back(std::move(summary));
    leg_seconds[clean_text(leg.key)] = real(leg.seconds);
  }
  const Json document{
      {"schema", "xfer-report/1"},
      {"xfer_version", text(result.xfer_version)},
      {"study", spec(result.spec)},
      {"model",
       {{"name", text(result.model_name)},
        {"hash", text(result.model_hash)},
        {"parameters", result.model_parameters}}},
      {"interval_level", 0.95},
      {"cells", cells},
      {"method_effects", effects(report)},
      {"legs", legs},
      {"timing",
       {{"seconds", real(result.seconds)},
        {"threads", result.spec.threads},
        {"leg_seconds", leg_seconds}}}};
  return document.dump(2) + "\n";
}

}  // namespace xfer::report
