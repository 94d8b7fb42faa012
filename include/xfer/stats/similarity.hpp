// SPDX-License-Identifier: Apache-2.0
// How alike two domains are, from counts, features or another model's predictions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Row-major values, `rows` x `columns`.
struct MatrixView {
  std::span<const double> values;
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// Jensen-Shannon divergence (Lin 1991) in bits, in [0, 1]: (KL(p | m) + KL(q | m)) / 2 with
/// m = (p + q) / 2; its root is a distance. `p` and `q` are counts or probabilities of the same
/// events and are scaled to sum 1. Throws `invalid_argument` for unlike lengths, negative values,
/// or a sum that is 0 or not finite.
double jensen_shannon(std::span<const double> p, std::span<const double> q);

enum class MmdEstimator {
  unbiased,  ///< U-statistic; may be negative. Needs 2 rows on each side.
  biased,    ///< V-statistic; at least 0.
};

/// Squared maximum mean discrepancy of two samples of feature vectors, one a row (Gretton et al.
/// 2012, lemma 6 and eq. 5), with the kernel exp(-|a - b|^2 / (2 bandwidth^2)). Time is quadratic
/// in the rows. Throws `invalid_argument` for unlike columns, too few rows, values that are not
/// finite or a bandwidth that is not above 0.
double mmd2(const MatrixView& x, const MatrixView& y, double bandwidth,
            MmdEstimator estimator = MmdEstimator::unbiased);

/// Log expected empirical prediction (Nguyen et al. 2020): the mean over examples of
/// log sum_z P(y | z) theta_z, at most 0, larger for an easier transfer. `theta` holds for each
/// example (row) a source model's probabilities of its own classes z (column); `labels` the
/// example's class in the target. Rows are scaled to sum 1. Throws `invalid_argument` for a label
/// too few or many, negative values, or a row whose sum is 0 or not finite.
double leep(const MatrixView& theta, std::span<const std::int64_t> labels);

/// Negative conditional entropy -H(Y | Z) in nats (Tran et al. 2019), at most 0, of target labels
/// given source labels of the same examples. Throws `invalid_argument` for unlike lengths or none.
double nce(std::span<const std::int64_t> source, std::span<const std::int64_t> target);

/// LogME (You et al. 2021, alg. 3, iterated to convergence): the largest log evidence of a
/// Bayesian linear model per example, averaged over one-against-rest classes; larger for features
/// that tell the classes better. `features` holds one example a row. Throws `invalid_argument` for
/// a label too few or many, fewer than 2 examples or classes, or values that are not finite.
double logme(const MatrixView& features, std::span<const std::int64_t> labels);

/// The proxy A-distance 2 (1 - 2 error), in [-2, 2] (Ben-David et al. 2007), of a classifier that
/// tells two domains apart with this held-out error in [0, 1]: 0 when it cannot.
double proxy_a_distance(double error);

}  // namespace xfer::stats
#pragma GCC visibility pop
