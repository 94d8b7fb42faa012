// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/matrix.hpp"

#include "stats/arms.hpp"
#include "stats/check.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/multiplicity.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace xfer::stats {
namespace {

/// Why a column cannot be judged; empty when it can.
std::string column_doubt(const MatrixColumn& column, const Arms& arms, std::size_t base,
                         ScoreKind kind) {
  if (!column.doubt.empty()) return column.doubt;
  if (arms.units(base) < 2) return "needs at least 2 items that stand alone";
  if (kind != ScoreKind::accuracy) return "";
  if (arms.mean(base) == 0.0)
    return "the baseline is exactly 0: its answers may not have been gradable";
  if (arms.mean(base) == 1.0) return "the baseline is exactly 1: there is no room to gain";
  return "";
}

std::string row_doubt(const MatrixColumn& column, const MatrixRow& row) {
  if (row.protocol != column.protocol)
    return "protocols differ (baseline '" + column.protocol + "', trained '" + row.protocol + "')";
  return row.doubt;
}

void check_names(std::span<const MatrixColumn> columns) {
  std::set<std::string> targets;
  for (const MatrixColumn& column : columns) {
    if (!targets.insert(column.target).second)
      refuse("matrix_verdicts: target '" + column.target + "' is given twice");
    std::set<std::string> sources;
    for (const MatrixRow& row : column.rows)
      if (!sources.insert(row.source).second)
        refuse("matrix_verdicts: source '" + row.source + "' is given twice for target '" +
               column.target + "'");
  }
}

Arms make_arms(std::span<const MatrixColumn> columns, const MatrixOptions& options) {
  std::vector<ItemSetInput> sets;
  for (const MatrixColumn& column : columns) {
    ItemSetInput& set = sets.emplace_back();
    set.id = stream_id(column.target);
    set.weights = column.item_weights;
    set.clusters = column.item_clusters;
    // A baseline with several seeds is one of its own per target: its runs are sampling runs.
    set.arms.push_back({stream_id("baseline of " + column.target), "baseline on " + column.target,
                        &column.baseline});
    for (const MatrixRow& row : column.rows)
      set.arms.push_back({stream_id("trained on " + row.source),
                          row.source + " on " + column.target, &row.scores});
  }
  return Arms(sets,
              {options.kind, options.level, options.resamples, options.seed, "matrix_verdicts"});
}

TransferVerdict judge(const Estimate& gain, double margin) {
  if (gain.lower > 0.0) return TransferVerdict::gain;
  if (gain.upper < 0.0) return TransferVerdict::loss;
  if (gain.lower > -margin && gain.upper < margin) return TransferVerdict::equivalent;
  return TransferVerdict::inconclusive;
}

/// A cell that may be judged: where it goes, and its gain under resampling.
struct Judged {
  std::size_t place;
  Combination gain;
  Resampled resampled;
  std::size_t trained_arm() const { return gain.front().arm; }
};

/// With few seeds a cell's own spread between them is often small by chance, and it is from such
/// cells that the largest of many statistics comes. So no cell with several seeds counts less
/// spread than the mean over the matrix, which rests on the seeds of all sources.
void lift_seed_spread(std::vector<Judged>& judged, const Arms& arms,
                      const std::vector<MatrixVerdict>& cells) {
  double mean = 0.0;
  double count = 0.0;
  double df = 0.0;
  std::set<std::string> sources;
  for (const Judged& j : judged) {
    const std::size_t seeds = arms.seeds(j.trained_arm());
    if (seeds < 2) continue;
    mean += arms.seed_variance(j.trained_arm());
    count += 1.0;
    if (sources.insert(cells[j.place].source).second) df += static_cast<double>(seeds) - 1.0;
  }
  if (count == 0.0) return;
  mean /= count;
  for (Judged& j : judged) {
    const std::size_t arm = j.trained_arm();
    if (arms.seeds(arm) < 2 || j.resampled.flat || arms.seed_variance(arm) >= mean) continue;
    const auto seeds = static_cast<double>(arms.seeds(arm));
    Resampled& r = j.resampled;
    const double before = r.variance;
    r.variance += (mean - arms.seed_variance(arm)) / seeds;
    for (double& draw : r.draws)
      draw = r.estimate + std::sqrt(r.variance / before) * (draw - r.estimate);
    const double seed_part = mean / seeds;
    const double rest = std::max(0.0, r.variance - seed_part);
    r.df = std::max(1.0, r.variance * r.variance /
                             (seed_part * seed_part / df +
                              rest * rest / static_cast<double>(arms.units(arm) - 1)));
  }
}

}  // namespace

std::vector<MatrixVerdict> matrix_verdicts(std::span<const MatrixColumn> columns,
                                           const MatrixOptions& options) {
  const double margin = options.margin.value_or(options.kind == ScoreKind::accuracy ? 0.02 : 0.01);
  if (!(margin >= 0.0) || !std::isfinite(margin))
    refuse("matrix_verdicts: margin must be 0 or more (got " + std::to_string(margin) + ")");
  check_names(columns);
  const Arms arms = make_arms(columns, options);

  std::vector<MatrixVerdict> verdicts;
  std::vector<Judged> judged;
  std::size_t arm = 0;
  for (const MatrixColumn& column : columns) {
    const std::size_t base = arm++;
    const std::string doubt = column_doubt(column, arms, base, options.kind);
    for (const MatrixRow& row : column.rows) {
      MatrixVerdict& cell = verdicts.emplace_back();
      cell.source = row.source;
      cell.target = column.target;
      cell.reason = doubt.empty() ? row_doubt(column, row) : doubt;
      const Combination gain = {{arm++, 1.0}, {base, -1.0}};
      if (cell.reason.empty())
        judged.push_back({verdicts.size() - 1, gain, arms.resample(gain)});
      else
        cell.gain = Undefined{cell.reason};
    }
  }
  if (judged.empty()) return verdicts;
  lift_seed_spread(judged, arms, verdicts);

  std::vector<BandInput> rows;
  for (const Judged& j : judged)
    rows.push_back({j.resampled.estimate, j.resampled.draws, j.resampled.df});
  const std::vector<Band> bands = simultaneous_bands(rows, options.level);
  std::vector<double> p;
  const auto count = static_cast<double>(judged.size());
  for (std::size_t k = 0; k < judged.size(); ++k) {
    MatrixVerdict& cell = verdicts[judged[k].place];
    Estimate gain = bands[k].interval;
    cell.p = bands[k].p;
    cell.p_adjusted = bands[k].p_adjusted;
    if (judged[k].resampled.flat) {
      // No item told the arms apart: only their number bounds the gain, for all cells at once.
      const double bound = arms.flat_margin(judged[k].gain, 1.0 - (1.0 - options.level) / count);
      gain = {gain.value, gain.value - bound, gain.value + bound};
      if (gain.lower <= 0.0 && gain.upper >= 0.0) cell.p = cell.p_adjusted = 1.0;
    }
    cell.gain = gain;
    cell.verdict = judge(gain, margin);
    cell.within_margin = gain.lower > -margin && gain.upper < margin;
    p.push_back(cell.p);
  }
  const std::vector<double> q = benjamini_hochberg(p);
  for (std::size_t k = 0; k < judged.size(); ++k) verdicts[judged[k].place].q = q[k];
  return verdicts;
}

}  // namespace xfer::stats
