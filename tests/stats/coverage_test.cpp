// SPDX-License-Identifier: Apache-2.0
// How often intervals hold the truth and verdicts are false, on simulated studies whose truth is
// known. The short form runs with the other tests; XFER_COVERAGE=long takes minutes and demands
// the promised rates without an allowance for few studies:
//
//   XFER_COVERAGE=long build/release/tests/stats/test_stats --gtest_filter='Coverage.*'
#include "tests/stats/simulate.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/bootstrap.hpp"
#include "xfer/stats/intervals.hpp"
#include "xfer/stats/matrix.hpp"
#include "xfer/stats/paired.hpp"
#include "xfer/stats/transfer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::stats {
namespace {

bool long_form() {
  const char* value = std::getenv("XFER_COVERAGE");
  return value != nullptr && std::string_view(value) == "long";
}

int studies(int few, int many) { return long_form() ? many : few; }
int resamples() { return long_form() ? 2000 : 300; }

bool holds(const Estimate& e, double truth) { return e.lower <= truth && truth <= e.upper; }

/// A share that must lie in [low, high]; in the short form within 3 standard errors of it.
void expect_share(const char* what, int hits, int all, double low, double high) {
  const double share = static_cast<double>(hits) / all;
  const double slack = long_form() ? 0.0 : 3.0 * std::sqrt(0.05 * 0.95 / all);
  std::printf("%s: %.2f %% of %d\n", what, 100.0 * share, all);
  EXPECT_GE(share, low - slack) << what;
  EXPECT_LE(share, high + slack) << what;
}

TEST(Coverage, wilson_is_near_nominal_on_average_and_clopper_pearson_never_below) {
  for (const std::int64_t n : {20, 50, 200}) {
    double wilson_mean = 0.0;
    double exact_least = 1.0;
    constexpr int grid = 199;
    for (int g = 1; g <= grid; ++g) {
      const double p = g / (grid + 1.0);
      double in_wilson = 0.0;
      double in_exact = 0.0;
      double log_mass = static_cast<double>(n) * std::log1p(-p);
      for (std::int64_t k = 0; k <= n; ++k) {
        if (k > 0)
          log_mass += std::log(static_cast<double>(n - k + 1) / static_cast<double>(k)) +
                      std::log(p / (1.0 - p));
        in_wilson += holds(wilson(k, n), p) ? std::exp(log_mass) : 0.0;
        in_exact += holds(clopper_pearson(k, n), p) ? std::exp(log_mass) : 0.0;
      }
      wilson_mean += in_wilson / grid;
      exact_least = std::min(exact_least, in_exact);
    }
    EXPECT_NEAR(wilson_mean, 0.95, 0.01) << n;
    EXPECT_GE(exact_least, 0.95 - 1e-9) << n;
  }
}

TEST(Coverage, paired_t_and_tost_on_answers) {
  // One model right with probability .5, the other .58; answers agree more than chance would have.
  const int all = studies(1500, 20000);
  Rng rng(1);
  int held = 0;
  int equivalent = 0;
  for (int k = 0; k < all; ++k) {
    std::vector<double> a(200);
    std::vector<double> b(200);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double u = rng.uniform();
      const double v = rng.uniform() < 0.7 ? u : rng.uniform();
      a[i] = u < 0.58 ? 1.0 : 0.0;
      b[i] = v < 0.50 ? 1.0 : 0.0;
    }
    held += holds(paired_t(a, b).difference, 0.08) ? 1 : 0;
    equivalent += tost(a, b, 0.08).p <= 0.05 ? 1 : 0;  // the truth is at the margin
  }
  expect_share("paired t, 200 items", held, all, 0.93, 0.97);
  expect_share("TOST at the margin (false equivalence)", equivalent, all, 0.0, 0.055);
}

TEST(Coverage, fieller_on_two_correlated_means) {
  const int all = studies(3000, 40000);
  Rng rng(2);
  int held = 0;
  int bounded = 0;
  for (int k = 0; k < all; ++k) {
    const double shared = 0.012 * rng.normal();
    const double top = 0.12 + shared + 0.016 * rng.normal();
    const double bottom = 0.20 + shared + 0.016 * rng.normal();
    const double own = 0.016 * 0.016;
    const double both = 0.012 * 0.012;
    const Fieller f = fieller({top, bottom, own + both, own + both, both});
    if (!f.bounded) continue;
    ++bounded;
    held += holds(f.ratio, 0.6) ? 1 : 0;
  }
  EXPECT_GT(bounded, all * 99 / 100);
  expect_share("Fieller", held, bounded, 0.93, 0.97);
}

TEST(Coverage, bootstrap_of_items) {
  const int all = studies(250, 3000);
  Rng rng(3);
  int percentile = 0;
  int corrected = 0;
  for (int k = 0; k < all; ++k) {
    std::vector<double> scores(150);
    for (double& v : scores) v = rng.uniform() < 0.3 ? 1.0 : 0.0;
    BootstrapOptions options;
    options.resamples = resamples();
    options.seed = static_cast<std::uint64_t>(k);
    const ArmView arm{scores, 1, 0};
    percentile +=
        holds(bootstrap_mean(arm, options, IntervalMethod::percentile).estimate, 0.3) ? 1 : 0;
    corrected += holds(bootstrap_mean(arm, options, IntervalMethod::bca).estimate, 0.3) ? 1 : 0;
  }
  expect_share("percentile, 150 items", percentile, all, 0.93, 0.97);
  expect_share("BCa, 150 items", corrected, all, 0.93, 0.97);
}

TEST(Coverage, crossed_bootstrap_of_few_seeds) {
  for (const std::size_t seeds : {std::size_t{3}, std::size_t{5}}) {
    const int all = studies(250, 3000);
    Rng rng(4 + seeds);
    int held = 0;
    for (int k = 0; k < all; ++k) {
      std::vector<double> scores(seeds * 100);
      std::vector<double> item(100);
      for (double& v : item) v = 0.3 * rng.normal();
      for (std::size_t s = 0; s < seeds; ++s) {
        const double run = 0.03 * rng.normal();
        for (std::size_t i = 0; i < 100; ++i)
          scores[s * 100 + i] = run + item[i] + 0.3 * rng.normal();
      }
      BootstrapOptions options;
      options.resamples = resamples();
      options.seed = static_cast<std::uint64_t>(k);
      held += holds(bootstrap_mean({scores, seeds, 0}, options).estimate, 0.0) ? 1 : 0;
    }
    expect_share((std::to_string(seeds) + " seeds x 100 items").c_str(), held, all, 0.93, 0.97);
  }
}

TEST(Coverage, transfer_metrics_of_a_cell) {
  Simulation s;
  const double base = true_score(s, 0.0, 0.0);
  const double gain = true_score(s, s.transfer_shift, s.seed_spread) - base;
  const double ceiling = true_score(s, s.direct_shift, s.seed_spread) - base;
  const int all = studies(250, 3000);
  Rng rng(5);
  int gains = 0;
  int efficiencies = 0;
  int relatives = 0;
  int headrooms = 0;
  int defined = 0;
  for (int k = 0; k < all; ++k) {
    TransferOptions options;
    options.resamples = resamples();
    options.seed = static_cast<std::uint64_t>(k);
    const TransferMetrics m = transfer_metrics(simulate(s, rng), options).metrics;
    gains += holds(*m.gain.estimate(), gain) ? 1 : 0;
    relatives += holds(*m.relative_transfer.estimate(), gain / base) ? 1 : 0;
    headrooms += holds(*m.headroom_gain.estimate(), gain / (1.0 - base)) ? 1 : 0;
    if (!m.efficiency.defined()) continue;
    ++defined;
    efficiencies += holds(*m.efficiency.estimate(), gain / ceiling) ? 1 : 0;
  }
  EXPECT_GT(defined, all * 9 / 10);
  expect_share("gain, 3 seeds x 200 items", gains, all, 0.93, 0.97);
  expect_share("efficiency", efficiencies, defined, 0.93, 0.97);
  expect_share("relative transfer", relatives, all, 0.93, 0.97);
  expect_share("headroom-normalised gain", headrooms, all, 0.93, 0.97);
}

/// A matrix of `domains` domains whose true gains are all `shift` in logits, one baseline answer
/// per item and three training runs per source, each run lucky or unlucky on all its targets.
std::vector<MatrixColumn> simulated_matrix(std::size_t domains, double shift, Rng& rng) {
  constexpr std::size_t seeds = 3;
  const Simulation s;
  std::vector<std::vector<double>> luck(domains);
  for (auto& runs : luck)
    for (std::size_t k = 0; k < seeds; ++k) runs.push_back(s.seed_spread * rng.normal());
  std::vector<MatrixColumn> columns;
  for (std::size_t t = 0; t < domains; ++t) {
    std::vector<double> difficulty(150);
    for (double& d : difficulty) d = s.item_spread * rng.normal();
    MatrixColumn& column = columns.emplace_back();
    column.target = "domain " + std::to_string(t);
    column.baseline = {answer(difficulty, 0.0, rng)};
    for (std::size_t source = 0; source < domains; ++source) {
      if (source == t) continue;
      MatrixRow& row = column.rows.emplace_back();
      row.source = "domain " + std::to_string(source);
      for (std::size_t k = 0; k < seeds; ++k)
        row.scores.push_back(answer(difficulty, shift + luck[source][k], rng));
    }
  }
  return columns;
}

TEST(Coverage, a_matrix_without_transfer_seldom_yields_a_call) {
  const int all = studies(120, 1000);
  Rng rng(6);
  int false_calls = 0;
  for (int k = 0; k < all; ++k) {
    MatrixOptions options;
    options.resamples = long_form() ? 1000 : 300;
    options.seed = static_cast<std::uint64_t>(k);
    bool called = false;
    for (const MatrixVerdict& cell : matrix_verdicts(simulated_matrix(4, 0.0, rng), options))
      called =
          called || cell.verdict == TransferVerdict::gain || cell.verdict == TransferVerdict::loss;
    false_calls += called ? 1 : 0;
  }
  expect_share("null matrices of 12 cells with a false call", false_calls, all, 0.0, 0.05);
}

TEST(Coverage, intervals_of_a_matrix_hold_together) {
  const Simulation s;
  const double truth = true_score(s, 0.6, s.seed_spread) - true_score(s, 0.0, 0.0);
  const int all = studies(120, 1000);
  Rng rng(7);
  int held = 0;
  int wrong = 0;
  for (int k = 0; k < all; ++k) {
    MatrixOptions options;
    options.resamples = long_form() ? 1000 : 300;
    options.seed = static_cast<std::uint64_t>(k);
    options.margin = 0.9 * truth;  // an equivalent verdict would be false
    bool together = true;
    bool equivalent = false;
    for (const MatrixVerdict& cell : matrix_verdicts(simulated_matrix(4, 0.6, rng), options)) {
      together = together && holds(*cell.gain.estimate(), truth);
      equivalent = equivalent || cell.verdict == TransferVerdict::equivalent ||
                   cell.verdict == TransferVerdict::loss;
    }
    held += together ? 1 : 0;
    wrong += equivalent ? 1 : 0;
  }
  expect_share("all 12 intervals of a matrix hold", held, all, 0.95, 1.0);
  expect_share("matrices with a false equivalence or loss", wrong, all, 0.0, 0.05);
}

}  // namespace
}  // namespace xfer::stats
