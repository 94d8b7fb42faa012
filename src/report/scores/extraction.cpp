// SPDX-License-Identifier: Apache-2.0
#include "report/scores/extraction.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include "xfer/domains/cards.hpp"
#include "xfer/stats/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

namespace xfer::report {
namespace {

using study::CellResult;
using study::EvaluationResult;
using study::ItemResult;

constexpr std::size_t labels_max = 20;
constexpr std::size_t differences_shown = 10;

std::optional<double> as_number(const std::string& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// What the field measures the target by; "" when nothing says. Scores from elsewhere have only the
/// target's name to tell.
std::string metric_of(const CellResult& cell) {
  if (!cell.field_metric.empty() || domains::domain_of_dataset(cell.target).empty())
    return cell.field_metric;
  return domains::dataset_card(cell.target).metric;
}

/// Numbers of the labels, in their order; empty when the answers are no labels.
std::map<std::string, std::int64_t> labels_of(const EvaluationResult& evaluation) {
  std::map<std::string, int> counts;
  for (const ItemResult& item : evaluation.items) ++counts[item.gold];
  std::map<std::string, std::int64_t> labels;
  if (counts.size() < 2 || counts.size() > labels_max) return labels;
  for (const auto& [label, count] : counts) {
    if (count < 2 || label.empty()) return {};
    const auto number = std::ssize(labels);
    labels[label] = number;
  }
  return labels;
}

using Named = std::vector<std::pair<std::string, stats::Value>>;

Named classification(const EvaluationResult& evaluation,
                     const std::map<std::string, std::int64_t>& labels) {
  std::vector<std::int64_t> truth;
  std::vector<std::int64_t> predicted;
  std::vector<std::int64_t> first_is_right;
  std::vector<double> first_is_likelier;
  for (const ItemResult& item : evaluation.items) {
    truth.push_back(labels.at(item.gold));
    const auto known = labels.find(item.answer);
    predicted.push_back(known == labels.end() ? std::ssize(labels) : known->second);
    if (item.option_logprobs.size() == 2) {
      first_is_right.push_back(item.right_option == 0 ? 1 : 0);
      first_is_likelier.push_back(item.option_logprobs[0] - item.option_logprobs[1]);
    }
  }
  // The mean is over the dataset's own classes: what could not be read is one more, whose F1 is 0.
  const bool unread =
      std::find(predicted.begin(), predicted.end(), std::ssize(labels)) != predicted.end();
  const auto classes = static_cast<double>(labels.size());
  const double f1 =
      stats::macro_f1(truth, predicted) * (unread ? classes + 1.0 : classes) / classes;
  Named metrics = {{"balanced accuracy", stats::balanced_accuracy(truth, predicted)},
                   {"macro-F1", f1}};
  if (first_is_right.size() == truth.size())
    metrics.emplace_back("ROC-AUC", stats::roc_auc(first_is_right, first_is_likelier));
  return metrics;
}

Named regression(const EvaluationResult& evaluation) {
  std::vector<double> truth;
  std::vector<double> predicted;
  for (const ItemResult& item : evaluation.items) {
    const auto gold = as_number(item.gold);
    const auto answer = as_number(item.answer);
    if (!gold || !answer) continue;
    truth.push_back(*gold);
    predicted.push_back(*answer);
  }
  const double read =
      static_cast<double>(truth.size()) / static_cast<double>(evaluation.items.size());
  if (truth.empty()) {
    const stats::Value none = Undefined{"no answer is a number"};
    return {{"RMSE", none}, {"MAE", none}, {"R2", none}, {"answers read", read}};
  }
  return {{"RMSE", stats::rmse(truth, predicted)},
          {"MAE", stats::mae(truth, predicted)},
          {"R2", stats::r2(truth, predicted)},
          {"answers read", read}};
}

/// Of the greedy answer; `pass_at_k` has those of drawn ones.
Named passes(const EvaluationResult& evaluation) {
  double sum = 0.0;
  for (const ItemResult& item : evaluation.items) sum += item.score >= 1.0 ? 1.0 : 0.0;
  return {{"pass@1 (greedy)", sum / static_cast<double>(evaluation.items.size())}};
}

/// BioASQ's, by type of question: its graders' scores are made so that their means are these.
Named by_type(const EvaluationResult& evaluation) {
  std::map<std::string, EvaluationResult> types;
  for (const ItemResult& item : evaluation.items) types[item.kind].items.push_back(item);
  const auto mean = [](const EvaluationResult& of, auto value) {
    double sum = 0.0;
    for (const ItemResult& item : of.items) sum += value(item);
    return sum / static_cast<double>(of.items.size());
  };
  const auto score = [](const ItemResult& item) { return item.score; };
  Named metrics;
  if (const auto yesno = types.find("yesno"); yesno != types.end()) {
    metrics.emplace_back("accuracy (yes/no)", mean(yesno->second, score));
    if (const auto labels = labels_of(yesno->second); !labels.empty())
      for (const auto& [name, value] : classification(yesno->second, labels))
        if (name == "macro-F1") metrics.emplace_back(name + " (yes/no)", value);
  }
  if (const auto factoid = types.find("factoid"); factoid != types.end()) {
    metrics.emplace_back("strict accuracy (factoid)",
                         mean(factoid->second, [](const ItemResult& i) { return i.strict_score; }));
    metrics.emplace_back(
        "lenient accuracy (factoid)",
        mean(factoid->second, [](const ItemResult& i) { return i.score > 0.0 ? 1.0 : 0.0; }));
    metrics.emplace_back("MRR (factoid)", mean(factoid->second, score));
  }
  if (const auto list = types.find("list"); list != types.end())
    metrics.emplace_back("F1 (list)", mean(list->second, score));
  return metrics;
}

Named metrics_of(const EvaluationResult& evaluation, const std::string& field_metric) {
  if (field_metric.find("MRR") != std::string::npos) return by_type(evaluation);
  if (field_metric.starts_with("pass@")) return passes(evaluation);
  if (field_metric.find("RMSE") != std::string::npos) return regression(evaluation);
  const auto labels = labels_of(evaluation);
  return labels.empty() ? Named() : classification(evaluation, labels);
}

/// Those with answers, by condition and seed: the order in which a ledger holds them means nothing.
std::vector<const EvaluationResult*> in_order(const CellResult& cell) {
  std::vector<const EvaluationResult*> all;
  for (const EvaluationResult& evaluation : cell.evaluations)
    if (!evaluation.items.empty()) all.push_back(&evaluation);
  std::stable_sort(all.begin(), all.end(), [](const auto* one, const auto* other) {
    return std::tie(one->condition, one->seed) < std::tie(other->condition, other->seed);
  });
  return all;
}

std::string share_text(double share) { return number(share, Style::percent); }

}  // namespace

std::vector<AnswerReading> answer_readings(const CellResult& cell) {
  std::vector<AnswerReading> all;
  for (const EvaluationResult* tested : in_order(cell)) {
    const EvaluationResult& evaluation = *tested;
    auto found = std::find_if(all.begin(), all.end(), [&](const AnswerReading& r) {
      return r.condition == evaluation.condition;
    });
    if (found == all.end()) {
      all.emplace_back();
      all.back().condition = evaluation.condition;
      found = all.end() - 1;
    }
    for (const ItemResult& item : evaluation.items) {
      ++found->answers;
      found->lenient_score += item.score;
      found->strict_score += item.strict_score;
      found->unread += item.extracted ? 0.0 : 1.0;
      found->strictly_unread += item.strict_extracted ? 0.0 : 1.0;
      found->stopped_by_text += item.stopped_by_text ? 1.0 : 0.0;
      found->truncated += item.truncated ? 1.0 : 0.0;
      if (item.score != item.strict_score)
        found->differences.push_back(
            {item.item_id, evaluation.seed, item.score, item.strict_score});
    }
  }
  for (AnswerReading& reading : all) {
    std::sort(reading.differences.begin(), reading.differences.end(),
              [](const auto& one, const auto& other) {
                return std::tie(one.seed, one.item_id) < std::tie(other.seed, other.item_id);
              });
    for (double AnswerReading::*sum : {&AnswerReading::lenient_score, &AnswerReading::strict_score,
                                       &AnswerReading::unread, &AnswerReading::strictly_unread,
                                       &AnswerReading::stopped_by_text, &AnswerReading::truncated})
      reading.*sum /= static_cast<double>(reading.answers);
  }
  return all;
}

std::vector<TaskMetric> task_metrics(const CellResult& cell) {
  const std::string field_metric = metric_of(cell);
  struct Sum {
    double total = 0.0;
    int seeds = 0;
    std::string reason;
  };
  // By condition and metric, in the order in which they come.
  std::vector<std::pair<std::pair<Condition, std::string>, Sum>> sums;
  for (const EvaluationResult* tested : in_order(cell)) {
    const EvaluationResult& evaluation = *tested;
    for (const auto& [name, value] : metrics_of(evaluation, field_metric)) {
      const std::pair key(evaluation.condition, name);
      auto found = std::find_if(sums.begin(), sums.end(),
                                [&](const auto& entry) { return entry.first == key; });
      if (found == sums.end()) {
        sums.emplace_back(key, Sum());
        found = sums.end() - 1;
      }
      Sum& sum = found->second;
      ++sum.seeds;
      if (const double* one = value.number())
        sum.total += *one;
      else
        sum.reason = value.reason();
    }
  }
  std::vector<TaskMetric> metrics;
  for (const auto& [key, sum] : sums) {
    const stats::Value value = sum.reason.empty() ? stats::Value(sum.total / sum.seeds)
                                                  : stats::Value(Undefined{sum.reason});
    metrics.push_back({key.first, key.second, value});
  }
  return metrics;
}

Table extraction_table(const CellResult& cell) {
  Table table;
  table.caption = "How the answers were read, " + clean_text(cell.source) + " → " +
                  clean_text(cell.target) + ", in %";
  table.head = {"Condition",     "Lenient score", "Strict score",       "No answer found",
                "Strictly none", "Differ",        "Cut by a stop text", "Cut by the limit"};
  for (const AnswerReading& r : answer_readings(cell)) {
    const double differ =
        static_cast<double>(r.differences.size()) / static_cast<double>(r.answers);
    table.rows.push_back({condition_title(r.condition, cell.source, cell.target),
                          share_text(r.lenient_score), share_text(r.strict_score),
                          share_text(r.unread), share_text(r.strictly_unread), share_text(differ),
                          share_text(r.stopped_by_text), share_text(r.truncated)});
    if (r.differences.empty()) continue;
    std::vector<std::string> names;
    for (const ReadingDifference& d : r.differences)
      if (names.size() < differences_shown &&
          std::find(names.begin(), names.end(), clip_text(d.item_id, 60)) == names.end())
        names.push_back(clip_text(d.item_id, 60));
    table.notes.push_back(
        condition_title(r.condition, cell.source, cell.target) + ": the readings differ on " +
        counted(std::ssize(r.differences), "answer") + ", e.g. to " + joined(names));
  }
  if (!table.rows.empty())
    table.notes.push_back(
        "Strict reading counts an answer only in the form that the dataset asks "
        "for; the study's score is the lenient one. report.json lists every "
        "answer on which they differ.");
  return table;
}

Table task_metrics_table(const CellResult& cell) {
  Table table;
  const std::vector<TaskMetric> metrics = task_metrics(cell);
  if (metrics.empty()) return table;
  table.caption =
      "The target's own metrics, " + clean_text(cell.source) + " → " + clean_text(cell.target);
  table.head = {"Condition"};
  for (const TaskMetric& m : metrics)
    if (std::find(table.head.begin() + 1, table.head.end(), m.name) == table.head.end())
      table.head.push_back(m.name);
  std::optional<Condition> last;
  for (const TaskMetric& m : metrics) {
    if (last != m.condition) {
      last = m.condition;
      table.rows.emplace_back(table.head.size(), "–");
      table.rows.back().front() = condition_title(m.condition, cell.source, cell.target);
    }
    const auto column =
        std::find(table.head.begin() + 1, table.head.end(), m.name) - table.head.begin();
    const double* value = m.value.number();
    if (value != nullptr) {
      table.rows.back()[static_cast<std::size_t>(column)] = fmt::format("{:.3f}", *value);
    } else {
      const std::string note = m.name + " is undefined: " + m.value.reason();
      if (std::find(table.notes.begin(), table.notes.end(), note) == table.notes.end())
        table.notes.push_back(note);
    }
  }
  table.notes.push_back("Means over the seeds of a condition.");
  return table;
}

}  // namespace xfer::report
