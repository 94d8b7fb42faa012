// SPDX-License-Identifier: Apache-2.0
#include "report/findings/matrix.hpp"

#include "report/findings/reading.hpp"
#include "report/tables/format.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <set>

namespace xfer::report {
namespace {

template <class T>
void add_once(std::vector<T>& list, const T& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

/// One cell of the matrix that has a baseline and a trained model.
struct Entry {
  const CellReport* report = nullptr;
  const AlignedCell* aligned = nullptr;
};

std::vector<Entry> entries_of(const AlignedStudy& study, const std::vector<CellReport>& cells,
                              Method method) {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (cells[i].method == method && study.cells[i].find(Condition::baseline) &&
        study.cells[i].find(Condition::transfer))
      entries.push_back({&cells[i], &study.cells[i]});
  return entries;
}

/// The seeds that a source has in every cell: an unfinished study is judged on what is complete.
std::map<std::string, std::vector<std::uint64_t>> common_seeds(const std::vector<Entry>& entries) {
  std::map<std::string, std::vector<std::uint64_t>> all;
  for (const Entry& entry : entries) {
    const std::vector<std::uint64_t>& seeds = entry.aligned->find(Condition::transfer)->seeds;
    const auto [known, first] = all.emplace(entry.report->source, seeds);
    if (first) continue;
    std::vector<std::uint64_t> both;
    std::set_intersection(known->second.begin(), known->second.end(), seeds.begin(), seeds.end(),
                          std::back_inserter(both));
    known->second = both;
  }
  return all;
}

std::vector<std::vector<double>> rows_of_seeds(const Arm& arm, const Score& score,
                                               const std::vector<std::size_t>& chosen,
                                               const std::vector<std::uint64_t>& seeds) {
  Arm some;
  for (std::size_t s = 0; s < arm.seeds.size(); ++s)
    if (std::find(seeds.begin(), seeds.end(), arm.seeds[s]) != seeds.end())
      some.items.push_back(arm.items[s]);
  return score_rows(some, score, chosen);
}

std::string doubts(const Entry& entry, const Score& score, Condition condition) {
  if (score.kind != stats::ScoreKind::accuracy) return "";
  return joined(accuracy_doubts(*entry.report, {condition}));
}

/// What the verdicts were made from, kept for the split halves.
struct Judged {
  std::vector<stats::MatrixVerdict> verdicts;
  stats::Reliability reliability{Undefined{"no cells"}, Undefined{"no cells"}};
};

stats::MatrixVerdict refused(const CellReport& cell, const std::string& reason) {
  stats::MatrixVerdict verdict;
  verdict.source = cell.source;
  verdict.target = cell.target;
  verdict.reason = reason;
  verdict.gain = Undefined{reason};
  return verdict;
}

class Judge {
public:
  Judge(const std::vector<Entry>& entries, const Score& score, double margin, double level)
      : entries_(entries), score_(score), seeds_(common_seeds(entries)) {
    options_.kind = score.kind;
    options_.seed = bootstrap_seed();
    options_.margin = margin;
    options_.level = level;
  }

  Judged run() {
    for (const Entry& entry : entries_) add(entry);
    Judged judged;
    if (!columns_.empty()) {
      judged.verdicts = stats::matrix_verdicts(columns_, options_);
      judged.reliability = reliability(judged.verdicts);
    }
    judged.verdicts.insert(judged.verdicts.end(), refused_.begin(), refused_.end());
    return judged;
  }

private:
  void add(const Entry& entry) {
    const CellReport& cell = *entry.report;
    const AlignedCell& aligned = *entry.aligned;
    const std::vector<std::size_t> chosen = weighing(aligned, score_);
    const std::vector<std::uint64_t>& seeds = seeds_.at(cell.source);
    if (chosen.empty())
      return refused_.push_back(refused(cell, "the reference answers have no text to score"));
    if (seeds.empty())
      return refused_.push_back(refused(cell, "no seed of this source is there for all targets"));
    stats::MatrixColumn* column = nullptr;
    for (std::size_t c = 0; c < columns_.size(); ++c)
      if (columns_[c].target == cell.target) {
        if (items_[c] != aligned.items_hash)
          return refused_.push_back(
              refused(cell, "tested on other items than the first source of this target"));
        column = &columns_[c];
      }
    if (!column) {
      column = &columns_.emplace_back();
      items_.push_back(aligned.items_hash);
      column->target = cell.target;
      column->baseline = score_rows(*aligned.find(Condition::baseline), score_, chosen);
      ItemWeights weights = item_weights(aligned, score_, chosen);
      column->item_weights = std::move(weights.weights);
      column->item_clusters = std::move(weights.clusters);
      column->protocol = short_hash(aligned.protocol_hash);
      column->doubt = doubts(entry, score_, Condition::baseline);
    }
    column->rows.push_back(
        {cell.source, rows_of_seeds(*aligned.find(Condition::transfer), score_, chosen, seeds),
         short_hash(aligned.protocol_hash), doubts(entry, score_, Condition::transfer)});
  }

  static double mean(const std::vector<double>& values, const std::vector<double>& weights) {
    double sum = 0.0;
    double total = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double weight = weights.empty() ? 1.0 : weights[i];
      sum += weight * values[i];
      total += weight;
    }
    return sum / total;
  }

  stats::Reliability reliability(const std::vector<stats::MatrixVerdict>& verdicts) const {
    std::vector<std::vector<double>> gains;
    std::size_t place = 0;
    const double direction = score_.kind == stats::ScoreKind::accuracy ? 1.0 : -1.0;
    for (const stats::MatrixColumn& column : columns_) {
      double base = 0.0;
      for (const auto& row : column.baseline)
        base += mean(row, column.item_weights) / static_cast<double>(column.baseline.size());
      for (const stats::MatrixRow& row : column.rows) {
        if (verdicts[place++].verdict == stats::TransferVerdict::refused) continue;
        auto& cell = gains.emplace_back();
        for (const auto& seed : row.scores)
          cell.push_back(direction * (mean(seed, column.item_weights) - base));
      }
    }
    for (const auto& cell : gains)
      if (cell.size() != gains[0].size()) {
        const Undefined unlike{"the sources have unlike numbers of seeds"};
        return {unlike, unlike};
      }
    return stats::split_half(gains);
  }

  const std::vector<Entry>& entries_;
  const Score& score_;
  std::map<std::string, std::vector<std::uint64_t>> seeds_;
  stats::MatrixOptions options_;
  std::vector<stats::MatrixColumn> columns_;
  std::vector<std::string> items_;
  std::vector<stats::MatrixVerdict> refused_;
};

stats::MainEffects effects_of(const std::vector<stats::MatrixVerdict>& verdicts) {
  std::vector<stats::PairGain> gains;
  for (const stats::MatrixVerdict& cell : verdicts)
    if (const Estimate* gain = cell.gain.estimate())
      gains.push_back({cell.source, cell.target, gain->value});
  return gains.empty() ? stats::MainEffects{} : stats::main_effects(gains);
}

std::vector<OwnGain> own_gains(const std::vector<CellReport>& cells, Method method) {
  std::vector<OwnGain> own;
  for (const CellReport& cell : cells) {
    if (cell.method != method || !cell.find(Condition::direct) || !cell.find(Condition::baseline))
      continue;
    if (std::any_of(own.begin(), own.end(),
                    [&](const OwnGain& known) { return known.domain == cell.target; }))
      continue;
    own.push_back({cell.target, cell.accuracy.ceiling, cell.bits_per_byte.ceiling});
  }
  return own;
}

double spread(const std::vector<double>& values) {
  double mean = 0.0;
  for (const double v : values) mean += v / static_cast<double>(values.size());
  double squares = 0.0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

/// Scores in per cent of one source's two groups of benchmarks.
struct Groups {
  std::string source;
  std::vector<double> own_before, own_after, other_before, other_after;
};

std::optional<double> percent(const CellReport& cell, Condition condition) {
  const ConditionSummary* summary = cell.find(condition);
  if (!summary || !summary->accuracy.defined()) return std::nullopt;
  return 100.0 * summary->accuracy.estimate()->value;
}

std::vector<SourceIndex> source_indices(const MatrixReport& matrix,
                                        const std::vector<CellReport>& cells) {
  std::vector<Groups> all;
  std::vector<double> own_changes;
  std::vector<double> other_changes;
  for (const std::string& source : matrix.sources) {
    Groups groups{source, {}, {}, {}, {}};
    for (const CellReport& cell : cells) {
      if (cell.method != matrix.method) continue;
      const auto base = percent(cell, Condition::baseline);
      const auto direct = percent(cell, Condition::direct);
      const auto transfer = percent(cell, Condition::transfer);
      if (cell.target == source && base && direct && groups.own_before.empty()) {
        groups.own_before.push_back(*base);
        groups.own_after.push_back(*direct);
      }
      if (cell.source == source && base && transfer) {
        groups.other_before.push_back(*base);
        groups.other_after.push_back(*transfer);
      }
    }
    const auto full = [](double score) { return score >= 100.0; };
    if (std::all_of(groups.own_before.begin(), groups.own_before.end(), full) ||
        std::all_of(groups.other_before.begin(), groups.other_before.end(), full))
      continue;  // also where there are none
    own_changes.push_back(groups.own_after[0] - groups.own_before[0]);
    for (std::size_t i = 0; i < groups.other_before.size(); ++i)
      other_changes.push_back(groups.other_after[i] - groups.other_before[i]);
    all.push_back(std::move(groups));
  }
  if (all.size() < 3 || other_changes.size() < 3) return {};
  const double own_sigma = spread(own_changes);
  const double other_sigma = spread(other_changes);
  if (!(own_sigma > 0.0) || !(other_sigma > 0.0)) return {};
  std::vector<SourceIndex> indices;
  for (const Groups& g : all) {
    const stats::TransferabilityIndex index = stats::transferability_index(
        {g.own_before, g.own_after, own_sigma}, {g.other_before, g.other_after, other_sigma});
    indices.push_back({g.source, index.trained, index.other, index.index});
  }
  return indices;
}

}  // namespace

MatrixReport make_matrix(const AlignedStudy& study, const std::vector<CellReport>& cells,
                         Method method) {
  MatrixReport matrix;
  matrix.method = method;
  const std::vector<Entry> entries = entries_of(study, cells, method);
  for (const Entry& entry : entries) {
    add_once(matrix.sources, entry.report->source);
    add_once(matrix.targets, entry.report->target);
  }
  // Domains that are both come in the targets' order, so that the diagonal is one.
  std::stable_sort(matrix.sources.begin(), matrix.sources.end(),
                   [&](const std::string& a, const std::string& b) {
                     const auto place = [&](const std::string& name) {
                       return std::find(matrix.targets.begin(), matrix.targets.end(), name) -
                              matrix.targets.begin();
                     };
                     return place(a) < place(b);
                   });
  const study::HypothesisSpec& rules = study.result->spec.hypotheses;
  const double level = interval_level(study.result->spec);
  Judged accuracy = Judge(entries, accuracy_score(), rules.margin_points / 100.0, level).run();
  Judged bits = Judge(entries, bits_score(), rules.margin_bits, level).run();
  matrix.accuracy = std::move(accuracy.verdicts);
  matrix.accuracy_reliability = accuracy.reliability;
  matrix.bits_per_byte = std::move(bits.verdicts);
  matrix.bits_reliability = bits.reliability;
  matrix.accuracy_effects = effects_of(matrix.accuracy);
  matrix.bits_effects = effects_of(matrix.bits_per_byte);
  matrix.own = own_gains(cells, method);
  matrix.indices = source_indices(matrix, cells);
  return matrix;
}

}  // namespace xfer::report
