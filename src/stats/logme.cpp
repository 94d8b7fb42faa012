// SPDX-License-Identifier: Apache-2.0
#include "stats/check.hpp"
#include "xfer/stats/similarity.hpp"

#include <Eigen/Eigenvalues>

#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace xfer::stats {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The squared singular values of the features that are not 0, and each one's left vector.
struct Decomposition {
  Eigen::VectorXd squares;
  Eigen::MatrixXd left;  ///< examples x kept
};

/// From the smaller of the two Gram matrices.
Decomposition decompose(const Eigen::Map<const Matrix>& f) {
  const bool tall = f.rows() > f.cols();
  const Eigen::MatrixXd gram =
      tall ? Eigen::MatrixXd(f.transpose() * f) : Eigen::MatrixXd(f * f.transpose());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solved(gram);
  if (solved.info() != Eigen::Success)
    throw Error(Errc::internal, "logme: the eigenvalues did not converge");
  const Eigen::VectorXd& values = solved.eigenvalues();  // rising
  const double least = values.tail(1)(0) * 1e-12;
  Eigen::Index kept = 0;
  while (kept < values.size() && values(values.size() - 1 - kept) > least) ++kept;
  Decomposition result;
  result.squares = values.tail(kept);
  const Eigen::MatrixXd vectors = solved.eigenvectors().rightCols(kept);
  if (tall)
    result.left = f * vectors * result.squares.cwiseSqrt().cwiseInverse().asDiagonal();
  else
    result.left = vectors;
  return result;
}

/// The largest log evidence of y per example, over the precisions alpha of the weights and beta of
/// the noise, found by MacKay's fixed point (1992).
double evidence(const Decomposition& d, const Eigen::VectorXd& y) {
  const auto n = static_cast<double>(y.size());
  const Eigen::ArrayXd sigma = d.squares.array();
  const Eigen::ArrayXd x2 = (d.left.transpose() * y).array().square();
  const double outside = std::max(0.0, y.squaredNorm() - x2.sum());
  double alpha = 1.0;
  double beta = 1.0;
  double weights = 0.0;
  double residual = 0.0;
  const auto posterior = [&] {
    const double t = alpha / beta;
    weights = (sigma * x2 / (sigma + t).square()).sum();
    residual = (x2 / (1.0 + sigma / t).square()).sum() + outside;
    return (sigma / (sigma + t)).sum();  // how many weights the data decide
  };
  // Keeps the precisions finite when features explain the labels exactly, or not at all.
  constexpr double least = 1e-5;
  constexpr int steps_max = 1000;
  for (int step = 0; step < steps_max; ++step) {
    const double before = alpha / beta;
    const double decided = posterior();
    alpha = decided / (weights + least);
    beta = (n - decided) / (residual + least);
    if (std::abs(alpha / beta - before) <= 1e-10 * before) break;
  }
  posterior();
  const auto kept = static_cast<double>(sigma.size());
  const double pi = 3.14159265358979323846;
  return (0.5 * kept * std::log(alpha) + 0.5 * n * std::log(beta) -
          0.5 * (alpha + beta * sigma).log().sum() - 0.5 * beta * residual - 0.5 * alpha * weights -
          0.5 * n * std::log(2.0 * pi)) /
         n;
}

}  // namespace

double logme(const MatrixView& features, std::span<const std::int64_t> labels) {
  if (features.rows < 2 || features.columns < 1 ||
      features.values.size() / features.rows != features.columns ||
      features.values.size() % features.rows != 0 || labels.size() != features.rows)
    refuse("logme: needs at least 2 rows of features and one label for each (got " +
           std::to_string(features.rows) + " x " + std::to_string(features.columns) + " and " +
           std::to_string(labels.size()) + " labels)");
  check_finite(features.values, "logme");
  const Eigen::Map<const Matrix> f(features.values.data(), static_cast<Eigen::Index>(features.rows),
                                   static_cast<Eigen::Index>(features.columns));
  const std::set<std::int64_t> classes(labels.begin(), labels.end());
  if (classes.size() < 2) refuse("logme: needs at least 2 classes");
  const Decomposition d = decompose(f);
  if (d.squares.size() == 0) refuse("logme: all features are 0");
  double sum = 0.0;
  for (const std::int64_t label : classes) {
    Eigen::VectorXd y(f.rows());
    for (std::size_t i = 0; i < labels.size(); ++i)
      y(static_cast<Eigen::Index>(i)) = labels[i] == label ? 1.0 : 0.0;
    sum += evidence(d, y);
  }
  return sum / static_cast<double>(classes.size());
}

}  // namespace xfer::stats
