// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/score_table.hpp"

#include "stats/check.hpp"
#include "xfer/stats/intervals.hpp"
#include "xfer/stats/multiplicity.hpp"
#include "xfer/stats/paired.hpp"

#include <boost/math/distributions/normal.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace xfer::stats {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void check(std::span<const ScoreCell> cells, const ScoreTableOptions& options) {
  check_level(options.level, "score_verdicts");
  if (!(options.margin >= 0.0) || !std::isfinite(options.margin))
    refuse("score_verdicts: margin must be 0 or more (got " + std::to_string(options.margin) + ")");
  std::set<std::pair<std::string, std::string>> seen;
  for (const ScoreCell& cell : cells) {
    const std::string name = cell.source + " -> " + cell.target;
    if (!seen.emplace(cell.source, cell.target).second)
      refuse("score_verdicts: the cell " + name + " is given twice");
    if (cell.baseline.empty() || cell.trained.empty())
      refuse("score_verdicts: the cell " + name + " needs a baseline and a trained score");
    if (cell.items < 0) refuse("score_verdicts: the cell " + name + " has fewer than 0 items");
    for (const auto* scores : {&cell.baseline, &cell.trained})
      for (const double score : *scores)
        if (!(score >= 0.0 && score <= 1.0))
          refuse("score_verdicts: the cell " + name + " has a score outside [0, 1] (got " +
                 std::to_string(score) + ")");
  }
}

void describe(const ScoreCell& cell, ScoreVerdict& v) {
  const Undefined unlike{"unlike numbers of baseline and trained runs"};
  v.relative_change = v.share_above = v.paired_t = v.paired_p = unlike;
  if (cell.baseline.size() != cell.trained.size()) return;
  double change = 0.0;
  double above = 0.0;
  bool zero = false;
  for (std::size_t s = 0; s < cell.baseline.size(); ++s) {
    zero = zero || cell.baseline[s] == 0.0;
    if (!zero) change += cell.trained[s] / cell.baseline[s] - 1.0;
    above += cell.trained[s] > cell.baseline[s] ? 1.0 : 0.0;
  }
  const auto runs = static_cast<double>(cell.baseline.size());
  v.share_above = above / runs;
  v.relative_change = zero ? Value(Undefined{"a baseline score is 0"}) : Value(change / runs);
  v.paired_t = v.paired_p = Undefined{"needs at least 2 runs"};
  if (cell.baseline.size() < 2) return;
  const PairedT t = paired_t(cell.trained, cell.baseline);
  v.paired_t = std::isfinite(t.t) ? Value(t.t) : Value(Undefined{"the gains do not differ"});
  v.paired_p = t.p;
}

/// The gain at a level of its own, and its p-value; or why there is none.
void test(const ScoreCell& cell, double level, ScoreVerdict& v) {
  if (mean_of(cell.baseline) == 0.0) {
    v.reason = "the baseline is exactly 0: its answers may not have been gradable";
  } else if (cell.baseline.size() >= 2 && cell.trained.size() >= 2) {
    const PairedT t = welch_t(cell.trained, cell.baseline, level);
    v.gain = t.difference;
    v.p = t.p;
  } else if (cell.items >= 2) {
    const double before = mean_of(cell.baseline);
    const double after = v.mean;
    const double n = cell.items;
    const double error = std::sqrt((before * (1.0 - before)) / n + (after * (1.0 - after)) / n);
    const double gain = after - before;
    if (!(error > 0.0)) {
      v.reason = "scores of 0 and 1 alone leave no spread to judge by";
    } else {
      const double half = critical_normal(level) * error;
      v.gain = Estimate{gain, gain - half, gain + half};
      v.p = 2.0 * boost::math::cdf(
                      boost::math::complement(boost::math::normal(), std::abs(gain) / error));
    }
  } else {
    v.reason = "one run each and the number of items not known: nothing tells how sure it is";
  }
  if (!v.reason.empty()) v.gain = Undefined{v.reason};
}

}  // namespace

std::vector<ScoreVerdict> score_verdicts(std::span<const ScoreCell> cells,
                                         const ScoreTableOptions& options) {
  check(cells, options);
  std::vector<ScoreVerdict> verdicts;
  const double level =
      1.0 - (1.0 - options.level) / static_cast<double>(std::max<std::size_t>(1, cells.size()));
  std::vector<double> p;
  for (const ScoreCell& cell : cells) {
    ScoreVerdict& v = verdicts.emplace_back();
    v.source = cell.source;
    v.target = cell.target;
    v.mean = mean_of(cell.trained);
    describe(cell, v);
    test(cell, level, v);
    if (v.gain.defined()) p.push_back(v.p);
  }
  const std::vector<double> adjusted = holm(p);
  const std::vector<double> q = benjamini_hochberg(p);
  std::size_t place = 0;
  for (ScoreVerdict& v : verdicts) {
    const Estimate* gain = v.gain.estimate();
    if (!gain) continue;
    v.p_holm = adjusted[place];
    v.q = q[place++];
    if (v.p_holm <= 1.0 - options.level)
      v.verdict = gain->value > 0.0 ? TransferVerdict::gain : TransferVerdict::loss;
    else if (gain->lower > -options.margin && gain->upper < options.margin)
      v.verdict = TransferVerdict::equivalent;
    else
      v.verdict = TransferVerdict::inconclusive;
  }
  return verdicts;
}

}  // namespace xfer::stats
