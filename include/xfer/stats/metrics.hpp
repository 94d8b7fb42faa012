// SPDX-License-Identifier: Apache-2.0
// Scores of predictions against the truth.
#pragma once

#include "xfer/stats/value.hpp"
#include "xfer/transfer_metrics.hpp"

#include <cstdint>
#include <span>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Unbiased pass@k (Chen et al. 2021, arXiv 2107.03374, eq. 1): the chance that at least one of k
/// answers drawn without replacement from n is right, when c of the n are: 1 - C(n-c, k) / C(n, k).
/// Throws `invalid_argument` unless 0 <= c <= n and 1 <= k <= n.
double pass_at_k(std::int64_t n, std::int64_t c, std::int64_t k);

/// Cohen's kappa (1960) of two raters' labels of the same items, in [-1, 1], with the large-sample
/// interval of Fleiss, Cohen and Everitt (1969), cut to that range. Undefined when chance alone
/// would make them agree always. Throws `invalid_argument` for unlike lengths, none, or a level
/// outside (0, 1).
Metric cohen_kappa(std::span<const std::int64_t> first, std::span<const std::int64_t> second,
                   double level = 0.95);

/// Area under the ROC curve: the chance that a positive example scores above a negative one, ties
/// counting half (Hanley and McNeil 1982). `labels` are 0 or 1. Undefined when a class is absent.
/// Throws `invalid_argument` for unlike lengths, other labels, or scores that are not finite.
Value roc_auc(std::span<const std::int64_t> labels, std::span<const double> scores);

/// Mean over the classes in `truth` of the share of each that was predicted right, in [0, 1].
/// Throws `invalid_argument` for unlike lengths or none; so do all below.
double balanced_accuracy(std::span<const std::int64_t> truth,
                         std::span<const std::int64_t> predicted);

/// Mean over the classes in `truth` or `predicted` of F1 = 2 TP / (2 TP + FP + FN), in [0, 1].
double macro_f1(std::span<const std::int64_t> truth, std::span<const std::int64_t> predicted);

/// Root of the mean squared error, and mean absolute error, in units of the values; at least 0.
/// Values must be finite, here and below.
double rmse(std::span<const double> truth, std::span<const double> predicted);
double mae(std::span<const double> truth, std::span<const double> predicted);

/// Coefficient of determination 1 - SS_residual / SS_total, at most 1. Undefined when the truth
/// does not vary.
Value r2(std::span<const double> truth, std::span<const double> predicted);

}  // namespace xfer::stats
#pragma GCC visibility pop
