// SPDX-License-Identifier: Apache-2.0
#include "xfer/report/import.hpp"

#include "report/pages/markup.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace xfer::report {
namespace {

[[noreturn]] void refuse(std::size_t row, const std::string& what) {
  throw Error(Errc::bad_data, "import: row " + std::to_string(row + 1) + ": " + what);
}

/// One model on one set of items.
struct Key {
  std::string trained_on;
  std::string tested_on;
  Condition condition = Condition::baseline;
  Method method = Method::sl;
  std::uint64_t seed = 0;
  std::string prompt;
  bool held_out = false;

  auto tied() const {
    return std::tie(tested_on, trained_on, method, condition, seed, prompt, held_out);
  }
  bool operator<(const Key& other) const { return tied() < other.tied(); }
};

Condition condition_of(const ScoreRow& row, std::size_t place) {
  if (!row.condition.empty()) {
    const auto condition = parse_condition(row.condition);
    if (!condition) {
      std::string known;
      for (const Condition c : all_conditions)
        known += (known.empty() ? "" : ", ") + std::string(to_string(c));
      refuse(place,
             "unknown condition '" + clip_text(row.condition, 60) + "' (allowed: " + known + ")");
    }
    return *condition;
  }
  if (row.trained_on.empty()) return Condition::baseline;
  return row.trained_on == row.tested_on ? Condition::direct : Condition::transfer;
}

Key key_of(const ScoreRow& row, std::size_t place) {
  if (row.tested_on.empty()) refuse(place, "names no domain that was tested on");
  if (row.item.empty()) refuse(place, "names no item");
  if (!(row.score >= 0.0 && row.score <= 1.0))
    refuse(place, "score must be 0 to 1 (got " + std::to_string(row.score) + ")");
  const auto method = parse_method(row.method);
  if (!method)
    refuse(place, "unknown method '" + clip_text(row.method, 60) + "' (allowed: sl, rl, sl_rl)");
  Key key{row.trained_on, row.tested_on, condition_of(row, place), *method, row.seed,
          row.prompt,     row.held_out};
  const bool base = key.condition == Condition::baseline;
  if (base != row.trained_on.empty())
    refuse(place,
           base ? "the baseline cannot have been trained on '" + clip_text(row.trained_on, 60) + "'"
                : "names no domain that it was trained on");
  if (base) key.method = Method::sl;
  if (base) key.seed = 0;
  return key;
}

study::ItemResult item_of(const ScoreRow& row) {
  study::ItemResult item;
  item.item_id = row.item;
  item.kind = row.kind;
  item.cluster = row.cluster;
  item.score = row.score;
  item.extracted = row.extracted;
  item.truncated = row.truncated;
  item.question = row.question;
  item.reference = row.reference;
  item.completion = row.completion;
  item.answer = row.answer;
  item.failure = row.failure;
  item.reference_bits = row.reference_bits;
  item.reference_bytes = row.reference_bytes;
  return item;
}

using Evaluations = std::map<Key, study::EvaluationResult>;

Evaluations evaluations_of(const std::vector<ScoreRow>& rows) {
  Evaluations all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Key key = key_of(rows[i], i);
    study::EvaluationResult& evaluation = all[key];
    if (evaluation.items.empty()) {
      evaluation.condition = key.condition;
      evaluation.seed = key.seed;
      evaluation.protocol_hash = rows[i].protocol;
    } else if (evaluation.protocol_hash != rows[i].protocol) {
      refuse(i, "has protocol '" + clip_text(rows[i].protocol, 60) +
                    "', other items of its model "
                    "have '" +
                    clip_text(evaluation.protocol_hash, 60) + "'");
    }
    evaluation.items.push_back(item_of(rows[i]));
  }
  return all;
}

/// Whether an evaluation belongs to the cell (source, target) under a method.
bool belongs(const Key& key, const study::CellResult& cell) {
  if (key.tested_on != cell.target) return false;
  switch (key.condition) {
    case Condition::baseline: return true;
    case Condition::direct: return key.method == cell.method;
    default: return key.trained_on == cell.source && key.method == cell.method;
  }
}

study::CellResult make_cell(const std::string& source, const std::string& target, Method method,
                            const Evaluations& all) {
  study::CellResult cell;
  cell.source = source;
  cell.target = target;
  cell.method = method;
  std::map<std::string, study::PromptVariantResult> variants;
  for (const auto& [key, evaluation] : all) {
    if (!belongs(key, cell)) continue;
    if (key.held_out) {
      cell.held_out.push_back(evaluation);
    } else if (key.prompt.empty()) {
      cell.evaluations.push_back(evaluation);
    } else {
      variants[key.prompt].name = key.prompt;
      variants[key.prompt].evaluations.push_back(evaluation);
    }
  }
  for (auto& [name, variant] : variants) cell.variants.push_back(std::move(variant));
  return cell;
}

}  // namespace

study::StudyResult result_of_scores(const std::vector<ScoreRow>& rows, const ImportedStudy& about) {
  const Evaluations all = evaluations_of(rows);
  study::StudyResult result;
  result.spec.name = about.name;
  result.spec.pairs.clear();
  result.spec.conditions.clear();
  result.spec.methods.clear();
  result.model_name = about.model;
  std::set<std::tuple<std::string, std::string, Method>> cells;
  std::set<std::uint64_t> seeds;
  std::set<Condition> conditions;
  std::set<Method> methods;
  for (const auto& [key, evaluation] : all) {
    conditions.insert(key.condition);
    if (key.condition != Condition::baseline) seeds.insert(key.seed);
    if (key.condition == Condition::baseline || key.trained_on == key.tested_on) continue;
    cells.emplace(key.trained_on, key.tested_on, key.method);
    methods.insert(key.method);
  }
  if (cells.empty())
    throw Error(Errc::bad_data, "import: no model was trained on one domain and tested on another");
  for (const auto& [source, target, method] : cells) {
    const std::pair pair(source, target);
    if (std::find(result.spec.pairs.begin(), result.spec.pairs.end(), pair) ==
        result.spec.pairs.end())
      result.spec.pairs.push_back(pair);
    result.cells.push_back(make_cell(source, target, method, all));
  }
  result.spec.seeds.assign(seeds.begin(), seeds.end());
  result.spec.methods.assign(methods.begin(), methods.end());
  for (const Condition c : all_conditions)
    if (conditions.count(c) != 0) result.spec.conditions.push_back(c);
  return result;
}

}  // namespace xfer::report
