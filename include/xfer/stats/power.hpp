// SPDX-License-Identifier: Apache-2.0
// How many items, seeds or pairs a question needs, and the smallest effect a design can show.
//
// "Smallest" means: with a two-sided test at 1 - level, an effect of this size is found with
// probability `power`.
#pragma once

#include <cstdint>

#pragma GCC visibility push(default)
namespace xfer::stats {

struct PowerTarget {
  /// In (0, 1).
  double level = 0.95;
  /// In (0, 1), and above 1 - level.
  double power = 0.8;
};

/// What decides the noise of a comparison of two models on the same items.
struct PairedDesign {
  /// Variance over items of the difference of the two models' expected scores.
  double item_variance = 1.0 / 9.0;
  /// Variance of one answer's score around its expectation, for either model, averaged over items.
  double first_variance = 0.0;
  double second_variance = 0.0;
  /// Answers sampled per item, at least 1.
  int first_samples = 1;
  int second_samples = 1;
};

/// Items for a paired comparison to find a difference of `effect` (not rounded): Miller 2024,
/// arXiv 2411.00640, eq. 9: (z_level + z_power)^2 (omega^2 + sigma_A^2 / K_A + sigma_B^2 / K_B) /
/// effect^2. Throws `invalid_argument` for an effect of 0 or a value out of range.
double items_needed(double effect, const PairedDesign& design, const PowerTarget& target = {});

/// The same solved for the effect. Throws `invalid_argument` for fewer than 1 item.
double smallest_effect(double items, const PairedDesign& design, const PowerTarget& target = {});

/// Smallest difference of two accuracies on the same items when a share `flipped` in (0, 1] of
/// the answers differs: (z_level + z_power) sqrt(flipped / items).
double smallest_effect_paired(double items, double flipped, const PowerTarget& target = {});

/// Smallest difference of two accuracies near `share` in (0, 1) on different items:
/// (z_level + z_power) sqrt(2 share (1 - share) / items), `items` for each.
double smallest_effect_unpaired(double items, double share = 0.5, const PowerTarget& target = {});

/// One list of differences against 0, or two independent lists of the same length.
enum class TTestKind { one_sample, two_samples };

/// Chance that a two-sided t-test finds an effect of `effect` standard deviations with `n` values
/// (in each list), by the non-central t distribution. n may be fractional, at least 1.1. Throws
/// `invalid_argument` for values out of range.
double t_test_power(double effect, double n, TTestKind kind = TTestKind::one_sample,
                    double level = 0.95);

/// Values (in each list, fractional, at least 1.1) for an effect of `effect` standard deviations,
/// at least 1e-4 in size.
double t_test_size(double effect, TTestKind kind = TTestKind::one_sample,
                   const PowerTarget& target = {});

/// Smallest effect, in standard deviations, that `n` values (in each list) can show; n at least 2.
double t_test_smallest_effect(double n, TTestKind kind = TTestKind::one_sample,
                              const PowerTarget& target = {});

/// Smallest correlation that `n` independent pairs (above 3) can show, by Fisher's z (1921):
/// tanh((z_level + z_power) / sqrt(n - 3)).
double smallest_correlation(double n, const PowerTarget& target = {});

/// Independent pairs for a correlation in (-1, 1), not 0 (not rounded).
double pairs_needed(double correlation, const PowerTarget& target = {});

}  // namespace xfer::stats
#pragma GCC visibility pop
