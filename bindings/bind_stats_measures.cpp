// SPDX-License-Identifier: Apache-2.0
// Scores of predictions, similarities of domains, and power.
#include "stats_arguments.hpp"

#include "xfer/stats/metrics.hpp"
#include "xfer/stats/power.hpp"
#include "xfer/stats/similarity.hpp"
#include "xfer/stats/transferability_index.hpp"
#include "xfer/transfer_metrics.hpp"

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {

std::span<const double> list(const Doubles& array, const char* name) {
  if (array.ndim() != 1)
    throw py::type_error(std::string(name) + " must have one dimension (got " +
                         std::to_string(array.ndim()) + ")");
  return {array.data(), static_cast<std::size_t>(array.size())};
}

Grid grid(const Doubles& array, const char* name) {
  if (array.ndim() != 1 && array.ndim() != 2)
    throw py::type_error(std::string(name) + " must have one or two dimensions (got " +
                         std::to_string(array.ndim()) + ")");
  const std::span<const double> values(array.data(), static_cast<std::size_t>(array.size()));
  if (array.ndim() == 1) return {values, 1, values.size()};
  return {values, static_cast<std::size_t>(array.shape(0)),
          static_cast<std::size_t>(array.shape(1))};
}

std::vector<std::vector<double>> rows_of(const Doubles& array, const char* name) {
  const Grid g = grid(array, name);
  std::vector<std::vector<double>> rows;
  for (std::size_t k = 0; k < g.rows; ++k) rows.emplace_back(g.row(k).begin(), g.row(k).end());
  return rows;
}

namespace {

/// A 1-D NumPy array of integers or strings.
py::array not_floats(const py::object& array, const char* name) {
  const py::array given = py::module_::import("numpy").attr("asarray")(array);
  if (given.ndim() != 1)
    throw py::type_error(std::string(name) + " must have one dimension (got " +
                         std::to_string(given.ndim()) + ")");
  if (given.dtype().kind() == 'f' && given.size() > 0)
    throw py::type_error(std::string(name) + " must hold integers or strings, not floats");
  return given;
}

std::vector<std::int64_t> integers(const py::array& array) {
  const auto numbers = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>(array);
  return {numbers.data(), numbers.data() + numbers.size()};
}

}  // namespace

std::vector<std::int64_t> labels(const py::object& array, const char* name) {
  const py::tuple unique = py::module_::import("numpy").attr("unique")(not_floats(array, name),
                                                                       "return_inverse"_a = true);
  return integers(unique[1]);
}

namespace {

/// Samples of features: a list of numbers is a sample of one feature.
stats::MatrixView sample(const Doubles& array, const char* name) {
  const Grid g = grid(array, name);
  if (array.ndim() == 1) return {g.values, g.columns, 1};
  return {g.values, g.rows, g.columns};
}

void bind_predictions(py::module_& module) {
  // Arrays of counts give arrays of shares.
  module.def("pass_at_k", py::vectorize(&stats::pass_at_k), "n"_a, "c"_a, "k"_a,
             "Unbiased chance that one of k answers is right when c of n are; takes arrays too.");
  module.def(
      "cohen_kappa",
      [](const py::list& first, const py::list& second, double level) {
        // One numbering for both raters.
        const auto both = labels(first + second, "first and second");
        const std::span<const std::int64_t> all = both;
        return stats::cohen_kappa(all.first(first.size()), all.subspan(first.size()), level);
      },
      "first"_a, "second"_a, "level"_a = 0.95,
      "Cohen's kappa of two raters' labels (lists of integers or strings), with its interval.");
  module.def(
      "roc_auc",
      [](const py::object& truth, const Doubles& scores) {
        return stats::roc_auc(integers(not_floats(truth, "truth")), list(scores, "scores"));
      },
      "truth"_a, "scores"_a, "Area under the ROC curve; truth is 0 or 1.");
  const auto classified =
      [&](const char* name,
          double (*function)(std::span<const std::int64_t>, std::span<const std::int64_t>),
          const char* doc) {
        module.def(
            name,
            [function](const py::list& truth, const py::list& predicted) {
              const auto both = labels(truth + predicted, "truth and predicted");
              const std::span<const std::int64_t> all = both;
              return function(all.first(truth.size()), all.subspan(truth.size()));
            },
            "truth"_a, "predicted"_a, doc);
      };
  classified("balanced_accuracy", &stats::balanced_accuracy,
             "Mean over the true classes of the share of each predicted right.");
  classified("macro_f1", &stats::macro_f1, "Mean of F1 over the classes.");
  module.def(
      "rmse",
      [](const Doubles& truth, const Doubles& predicted) {
        return stats::rmse(list(truth, "truth"), list(predicted, "predicted"));
      },
      "truth"_a, "predicted"_a, "Root of the mean squared error.");
  module.def(
      "mae",
      [](const Doubles& truth, const Doubles& predicted) {
        return stats::mae(list(truth, "truth"), list(predicted, "predicted"));
      },
      "truth"_a, "predicted"_a, "Mean absolute error.");
  module.def(
      "r2",
      [](const Doubles& truth, const Doubles& predicted) {
        return stats::r2(list(truth, "truth"), list(predicted, "predicted"));
      },
      "truth"_a, "predicted"_a, "Coefficient of determination; undefined for a constant truth.");
}

void bind_similarity_statistics(py::module_& module) {
  module.def(
      "jensen_shannon",
      [](const Doubles& p, const Doubles& q) {
        return stats::jensen_shannon(list(p, "p"), list(q, "q"));
      },
      "p"_a, "q"_a, "Jensen-Shannon divergence in bits of counts or probabilities.");
  module.def(
      "mmd2",
      [](const Doubles& x, const Doubles& y, double bandwidth, bool biased) {
        const auto a = sample(x, "x");
        const auto b = sample(y, "y");
        const py::gil_scoped_release release;
        return stats::mmd2(a, b, bandwidth,
                           biased ? stats::MmdEstimator::biased : stats::MmdEstimator::unbiased);
      },
      "x"_a, "y"_a, "bandwidth"_a, "biased"_a = false,
      "Squared maximum mean discrepancy of two samples of features, one a row, under the kernel\n"
      "exp(-|a - b|^2 / (2 bandwidth^2)).");
  module.def(
      "leep",
      [](const Doubles& theta, const py::object& y) {
        const auto g = sample(theta, "theta");
        return stats::leep(g, labels(y, "y"));
      },
      "theta"_a, "y"_a,
      "LEEP: theta[i, z] is a source model's probability of its class z for example i, y[i] the\n"
      "example's class.");
  module.def(
      "nce",
      [](const py::object& source, const py::object& target) {
        return stats::nce(labels(source, "source"), labels(target, "target"));
      },
      "source"_a, "target"_a, "Negative conditional entropy of target labels given source labels.");
  module.def(
      "logme",
      [](const Doubles& features, const py::object& y) {
        const auto f = sample(features, "features");
        const auto classes = labels(y, "y");
        const py::gil_scoped_release release;
        return stats::logme(f, classes);
      },
      "features"_a, "y"_a, "LogME of features[i, d] for the classes y[i].");
  module.def("proxy_a_distance", &stats::proxy_a_distance, "error"_a,
             "2 (1 - 2 error) of a classifier that tells two domains apart.");
  py::class_<stats::TransferabilityIndex>(module, "TransferabilityIndex",
                                          "The index of arXiv 2507.00432v2; it has no interval.")
      .def_readonly("trained", &stats::TransferabilityIndex::trained)
      .def_readonly("other", &stats::TransferabilityIndex::other)
      .def_readonly("index", &stats::TransferabilityIndex::index);
  module.def(
      "transferability_index",
      [](const Doubles& base, const Doubles& tuned, const Doubles& other_base,
         const Doubles& other_tuned, double sigma, double other_sigma) {
        return stats::transferability_index(
            {list(base, "base"), list(tuned, "tuned"), sigma},
            {list(other_base, "other_base"), list(other_tuned, "other_tuned"), other_sigma});
      },
      "base"_a, "tuned"_a, "other_base"_a, "other_tuned"_a, py::kw_only(), "sigma"_a,
      "other_sigma"_a,
      "100 * other / trained domain index of scores in per cent. The sigmas are standard\n"
      "deviations of score changes over all models compared.");
}

stats::PowerTarget power_target(double level, double power) { return {level, power}; }

stats::TTestKind t_test_kind(bool two_samples) {
  return two_samples ? stats::TTestKind::two_samples : stats::TTestKind::one_sample;
}

void bind_power(py::module_& module) {
  module.def(
      "items_needed",
      [](double effect, double item_variance, double first_variance, double second_variance,
         int first_samples, int second_samples, double level, double power) {
        return stats::items_needed(
            effect, {item_variance, first_variance, second_variance, first_samples, second_samples},
            power_target(level, power));
      },
      "effect"_a, py::kw_only(), "item_variance"_a = 1.0 / 9.0, "first_variance"_a = 0.0,
      "second_variance"_a = 0.0, "first_samples"_a = 1, "second_samples"_a = 1, "level"_a = 0.95,
      "power"_a = 0.8, "Items for a paired comparison to find a difference of `effect`.");
  module.def(
      "smallest_effect",
      [](double items, double item_variance, double first_variance, double second_variance,
         int first_samples, int second_samples, double level, double power) {
        return stats::smallest_effect(
            items, {item_variance, first_variance, second_variance, first_samples, second_samples},
            power_target(level, power));
      },
      "items"_a, py::kw_only(), "item_variance"_a = 1.0 / 9.0, "first_variance"_a = 0.0,
      "second_variance"_a = 0.0, "first_samples"_a = 1, "second_samples"_a = 1, "level"_a = 0.95,
      "power"_a = 0.8, "The difference that so many items find.");
  module.def(
      "smallest_effect_paired",
      [](double items, double flipped, double level, double power) {
        return stats::smallest_effect_paired(items, flipped, power_target(level, power));
      },
      "items"_a, "flipped"_a, py::kw_only(), "level"_a = 0.95, "power"_a = 0.8,
      "Smallest difference of two accuracies on the same items, a share of whose answers differs.");
  module.def(
      "smallest_effect_unpaired",
      [](double items, double share, double level, double power) {
        return stats::smallest_effect_unpaired(items, share, power_target(level, power));
      },
      "items"_a, "share"_a = 0.5, py::kw_only(), "level"_a = 0.95, "power"_a = 0.8,
      "Smallest difference of two accuracies near `share` on different items.");
  module.def(
      "t_test_power",
      [](double effect, double n, bool two_samples, double level) {
        return stats::t_test_power(effect, n, t_test_kind(two_samples), level);
      },
      "effect"_a, "n"_a, py::kw_only(), "two_samples"_a = false, "level"_a = 0.95,
      "Chance that a t-test finds an effect given in standard deviations.");
  module.def(
      "t_test_size",
      [](double effect, bool two_samples, double level, double power) {
        return stats::t_test_size(effect, t_test_kind(two_samples), power_target(level, power));
      },
      "effect"_a, py::kw_only(), "two_samples"_a = false, "level"_a = 0.95, "power"_a = 0.8,
      "Values (in each list) that find an effect given in standard deviations.");
  module.def(
      "t_test_smallest_effect",
      [](double n, bool two_samples, double level, double power) {
        return stats::t_test_smallest_effect(n, t_test_kind(two_samples),
                                             power_target(level, power));
      },
      "n"_a, py::kw_only(), "two_samples"_a = false, "level"_a = 0.95, "power"_a = 0.8,
      "Smallest effect, in standard deviations, that n values (in each list) find.");
  module.def(
      "smallest_correlation",
      [](double n, double level, double power) {
        return stats::smallest_correlation(n, power_target(level, power));
      },
      "n"_a, py::kw_only(), "level"_a = 0.95, "power"_a = 0.8,
      "Smallest correlation that n independent pairs find.");
  module.def(
      "pairs_needed",
      [](double correlation, double level, double power) {
        return stats::pairs_needed(correlation, power_target(level, power));
      },
      "correlation"_a, py::kw_only(), "level"_a = 0.95, "power"_a = 0.8,
      "Independent pairs that find a correlation.");
}

}  // namespace

void bind_stats_measures(py::module_& module) {
  bind_predictions(module);
  bind_similarity_statistics(module);
  bind_power(module);
}

}  // namespace xfer::bindings
