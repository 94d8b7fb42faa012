// SPDX-License-Identifier: Apache-2.0
#include "similarity/linear_probe.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <Eigen/Cholesky>

#include <algorithm>
#include <string>

namespace xfer::similarity {
namespace {

using engine::FeatureRows;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Enough to keep as many features as examples from fitting noise alone, little enough to tell
/// the classes of the examples themselves.
constexpr double penalty_share = 0.01;
constexpr std::uint64_t folds = 5;

Eigen::Map<const Matrix> as_matrix(const FeatureRows& features) {
  return {features.values.data(), static_cast<Eigen::Index>(features.rows),
          static_cast<Eigen::Index>(features.columns)};
}

void append_row(const FeatureRows& from, std::size_t row, FeatureRows& to) {
  const auto begin = from.values.begin() + static_cast<std::ptrdiff_t>(row * from.columns);
  to.values.insert(to.values.end(), begin, begin + static_cast<std::ptrdiff_t>(from.columns));
  to.columns = from.columns;
  ++to.rows;
}

std::uint64_t fold_of(const std::string& id) { return Rng(0, "fold").fork(id).below(folds); }

}  // namespace

LinearProbe::LinearProbe(const FeatureRows& features, const std::vector<std::int64_t>& labels,
                         std::size_t classes)
    : classes_(classes) {
  if (labels.size() != features.rows || features.rows == 0)
    throw Error(Errc::internal, "linear probe: needs one label for each row");
  const Eigen::Map<const Matrix> all = as_matrix(features);
  const Eigen::RowVectorXd centre = all.colwise().mean();
  const Matrix x = all.rowwise() - centre;
  Matrix y = Matrix::Zero(x.rows(), static_cast<Eigen::Index>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i)
    y(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(labels[i])) = 1.0;
  const Eigen::RowVectorXd shares = y.colwise().mean();
  y.rowwise() -= shares;
  Eigen::MatrixXd gram = x * x.transpose();
  const double mean_square = gram.trace() / static_cast<double>(gram.rows());
  // Where all rows are alike any penalty gives weights of 0.
  gram.diagonal().array() += mean_square > 0.0 ? penalty_share * mean_square : 1.0;
  const Matrix weights = gram.llt().solve(y).transpose() * x;
  centre_.assign(centre.data(), centre.data() + centre.size());
  shares_.assign(shares.data(), shares.data() + shares.size());
  weights_.assign(weights.data(), weights.data() + weights.size());
}

FeatureRows LinearProbe::scores(const FeatureRows& features) const {
  FeatureRows result;
  result.rows = features.rows;
  result.columns = classes_;
  result.values.reserve(features.rows * classes_);
  for (std::size_t row = 0; row < features.rows; ++row)
    for (std::size_t c = 0; c < classes_; ++c) {
      double sum = shares_[c];
      for (std::size_t k = 0; k < features.columns; ++k)
        sum += weights_[c * features.columns + k] *
               (features.values[row * features.columns + k] - centre_[k]);
      result.values.push_back(sum);
    }
  return result;
}

FeatureRows LinearProbe::probabilities(const FeatureRows& features) const {
  FeatureRows result = scores(features);
  for (std::size_t row = 0; row < result.rows; ++row) {
    double* p = result.values.data() + row * classes_;
    double sum = 0.0;
    for (std::size_t c = 0; c < classes_; ++c) sum += p[c] = std::clamp(p[c], 0.0, 1.0);
    // Scores add up to 1: at least one of them is above 0.
    for (std::size_t c = 0; c < classes_; ++c) p[c] /= sum;
  }
  return result;
}

double held_out_error(const FeatureRows& a, const std::vector<std::string>& a_ids,
                      const FeatureRows& b, const std::vector<std::string>& b_ids) {
  std::size_t wrong = 0;
  for (std::uint64_t fold = 0; fold < folds; ++fold) {
    FeatureRows train;
    FeatureRows test;
    std::vector<std::int64_t> train_labels;
    std::vector<std::int64_t> test_labels;
    const auto share_out = [&](const FeatureRows& rows, const std::vector<std::string>& ids,
                               std::int64_t label) {
      for (std::size_t i = 0; i < rows.rows; ++i) {
        const bool held_out = fold_of(ids[i]) == fold;
        append_row(rows, i, held_out ? test : train);
        (held_out ? test_labels : train_labels).push_back(label);
      }
    };
    share_out(a, a_ids, 0);
    share_out(b, b_ids, 1);
    if (test.rows == 0) continue;
    if (train.rows == 0) {  // one id throughout: nothing to tell the two by
      wrong += test.rows - test.rows / 2;
      continue;
    }
    const LinearProbe probe(train, train_labels, 2);
    const FeatureRows scores = probe.scores(test);
    for (std::size_t i = 0; i < test.rows; ++i)
      if ((scores.values[2 * i + 1] > scores.values[2 * i] ? 1 : 0) != test_labels[i]) ++wrong;
  }
  return static_cast<double>(wrong) / static_cast<double>(a.rows + b.rows);
}

}  // namespace xfer::similarity
