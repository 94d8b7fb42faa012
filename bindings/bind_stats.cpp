// SPDX-License-Identifier: Apache-2.0
// Statistics of scores: intervals, tests, resampling, verdicts. NumPy arrays in and out.
#include "bindings.hpp"
#include "stats_arguments.hpp"

#include "xfer/stats/bootstrap.hpp"
#include "xfer/stats/intervals.hpp"
#include "xfer/stats/multiplicity.hpp"
#include "xfer/stats/paired.hpp"
#include "xfer/stats/rank.hpp"

#include <cstdio>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

void bind_types(py::module_& module) {
  py::class_<Estimate>(module, "Estimate", "A number with its confidence interval.")
      .def_readonly("value", &Estimate::value)
      .def_readonly("lower", &Estimate::lower)
      .def_readonly("upper", &Estimate::upper)
      .def("__iter__",
           [](const Estimate& e) { return py::iter(py::make_tuple(e.value, e.lower, e.upper)); })
      .def("__repr__", [](const Estimate& e) {
        char text[96];
        std::snprintf(text, sizeof text, "<%.6g [%.6g, %.6g]>", e.value, e.lower, e.upper);
        return std::string(text);
      });
  py::class_<stats::Value>(module, "Value", "A number, or the reason why there is none. Never NaN.")
      .def_property_readonly("defined", &stats::Value::defined)
      .def_property_readonly(
          "value",
          [](const stats::Value& v) {
            return v.defined() ? py::object(py::float_(*v.number())) : py::none();
          },
          "None when undefined.")
      .def_property_readonly("reason", &stats::Value::reason, "Empty when defined.")
      .def("__bool__", &stats::Value::defined)
      .def("__float__",
           [](const stats::Value& v) {
             if (!v.defined()) throw Error(Errc::invalid_argument, "undefined: " + v.reason());
             return *v.number();
           })
      .def("__repr__", [](const stats::Value& v) {
        if (!v.defined()) return "<undefined: " + v.reason() + ">";
        char text[48];
        std::snprintf(text, sizeof text, "<%.6g>", *v.number());
        return std::string(text);
      });
}

void bind_intervals(py::module_& module) {
  module.def("wilson", &stats::wilson, "successes"_a, "n"_a, "level"_a = 0.95,
             "Share of successes with Wilson's score interval.");
  module.def("clopper_pearson", &stats::clopper_pearson, "successes"_a, "n"_a, "level"_a = 0.95,
             "Share of successes with the exact interval of Clopper and Pearson.");
  py::class_<stats::Fieller>(module, "Fieller", "A ratio of two means by Fieller's theorem.")
      .def_readonly("bounded", &stats::Fieller::bounded,
                    "Whether the confidence set is an interval.")
      .def_readonly("ratio", &stats::Fieller::ratio)
      .def_readonly("g", &stats::Fieller::g);
  module.def(
      "fieller",
      [](double num, double den, double var_num, double var_den, double cov, double level) {
        return stats::fieller({num, den, var_num, var_den, cov}, level);
      },
      "num"_a, "den"_a, "var_num"_a, "var_den"_a, "cov"_a = 0.0, "level"_a = 0.95,
      "The ratio num / den of two normal means with its confidence set, from their variances and\n"
      "covariance. Where `bounded` is false the ratio has no interval.");
}

void bind_paired(py::module_& module) {
  module.def("mcnemar_exact", &stats::mcnemar_exact, "b"_a, "c"_a,
             "Two-sided exact p-value from the items that only one of two models got right.");
  module.def("mcnemar_mid_p", &stats::mcnemar_mid_p, "b"_a, "c"_a,
             "The same with half the probability of the table observed.");
  py::class_<stats::ChiSquare>(module, "ChiSquare", "A chi-square test with 1 degree of freedom.")
      .def_readonly("statistic", &stats::ChiSquare::statistic)
      .def_readonly("p", &stats::ChiSquare::p);
  module.def("mcnemar_chi_square", &stats::mcnemar_chi_square, "b"_a, "c"_a, "corrected"_a = true,
             "McNemar's large-sample test, with Edwards' continuity correction or without.");
  py::class_<stats::PairedT>(module, "PairedT", "A t-test.")
      .def_readonly("difference", &stats::PairedT::difference, "Mean of x - y.")
      .def_readonly("t", &stats::PairedT::t)
      .def_readonly("df", &stats::PairedT::df)
      .def_readonly("p", &stats::PairedT::p, "Two-sided.");
  module.def(
      "paired_t",
      [](const Doubles& x, const Doubles& y, double level) {
        return stats::paired_t(list(x, "x"), list(y, "y"), level);
      },
      "x"_a, "y"_a, "level"_a = 0.95,
      "Student's paired t-test of two models' scores on the same items.");
  module.def(
      "welch_t",
      [](const Doubles& x, const Doubles& y, double level) {
        return stats::welch_t(list(x, "x"), list(y, "y"), level);
      },
      "x"_a, "y"_a, "level"_a = 0.95, "Welch's t-test of two independent lists.");
  py::class_<stats::Tost>(module, "Tost", "Two one-sided tests of equivalence.")
      .def_readonly("difference", &stats::Tost::difference,
                    "Mean of x - y, with its interval at 2 * level - 1.")
      .def_readonly("p_lower", &stats::Tost::p_lower)
      .def_readonly("p_upper", &stats::Tost::p_upper)
      .def_readonly("p", &stats::Tost::p, "The larger of the two.");
  module.def(
      "tost",
      [](const Doubles& x, const Doubles& y, double margin, double level) {
        return stats::tost(list(x, "x"), list(y, "y"), margin, level);
      },
      "x"_a, "y"_a, "margin"_a, "level"_a = 0.95,
      "Whether the mean difference of pairs lies within +-margin: equivalent where p is below\n"
      "1 - level.");
  py::class_<stats::SignFlip>(module, "SignFlip", "A test by flipping signs of differences.")
      .def_readonly("difference", &stats::SignFlip::difference, "Mean of x - y.")
      .def_readonly("p", &stats::SignFlip::p, "Two-sided.")
      .def_readonly("exact", &stats::SignFlip::exact, "Whether all patterns were counted.");
  module.def(
      "sign_flip",
      [](const Doubles& x, const Doubles& y, int permutations, std::uint64_t seed) {
        return stats::sign_flip(list(x, "x"), list(y, "y"), permutations, seed);
      },
      "x"_a, "y"_a, py::kw_only(), "permutations"_a = 10000, "seed"_a = 0,
      "Fisher's randomisation test of paired differences; exact for up to 20 that are not 0.");
  module.def(
      "cluster_se",
      [](const Doubles& x, const py::object& clusters, bool corrected) {
        return stats::cluster_se(list(x, "x"), labels(clusters, "clusters"), corrected);
      },
      "x"_a, "clusters"_a, "corrected"_a = true,
      "Standard error of the mean of values that come in clusters; one label a value (integers or\n"
      "strings). `corrected` multiplies by sqrt(C / (C - 1)) for C clusters.");
}

void bind_multiplicity(py::module_& module) {
  using Adjust = std::vector<double> (*)(std::span<const double>);
  const auto adjust = [&](const char* name, Adjust function, const char* doc) {
    module.def(
        name, [function](const Doubles& p) { return to_array(function(list(p, "p"))); }, "p"_a,
        doc);
  };
  adjust("holm", &stats::holm, "Holm's adjusted p-values, in the order given.");
  adjust("benjamini_hochberg", &stats::benjamini_hochberg,
         "Benjamini and Hochberg's adjusted p-values, in the order given.");
  adjust("benjamini_yekutieli", &stats::benjamini_yekutieli,
         "Benjamini and Yekutieli's adjusted p-values, in the order given.");
  adjust("bonferroni", &stats::bonferroni, "Bonferroni's adjusted p-values, in the order given.");
  py::class_<stats::Band>(module, "Band", "One row of simultaneous bands.")
      .def_readonly("interval", &stats::Band::interval)
      .def_readonly("standard_error", &stats::Band::standard_error)
      .def_readonly("p", &stats::Band::p, "Of this row alone.")
      .def_readonly("p_adjusted", &stats::Band::p_adjusted, "For all rows.");
  module.def(
      "simultaneous_bands",
      [](const Doubles& estimates, const Doubles& draws, const std::optional<Doubles>& df,
         double level) {
        const auto values = list(estimates, "estimates");
        const Grid rows = grid(draws, "draws");
        if (rows.rows != values.size() || (df && list(*df, "df").size() != values.size()))
          throw Error(Errc::invalid_argument,
                      "simultaneous_bands: one row of draws and one df per estimate");
        std::vector<stats::BandInput> inputs;
        for (std::size_t k = 0; k < values.size(); ++k)
          inputs.push_back({values[k], rows.row(k), df ? list(*df, "df")[k] : 1e9});
        const py::gil_scoped_release release;
        return stats::simultaneous_bands(inputs, level);
      },
      "estimates"_a, "draws"_a, "df"_a = py::none(), "level"_a = 0.95,
      "Max-t bands that hold together with probability `level`: draws[k, r] is estimate k under\n"
      "resample r, df[k] the degrees of freedom of its standard error (none: normal).");
}

stats::PermutationOptions permutation_options(const std::string& measure, int permutations,
                                              std::uint64_t seed) {
  stats::PermutationOptions options;
  options.measure = choice<stats::RankMeasure>(
      measure, "measure",
      {{"spearman", stats::RankMeasure::spearman}, {"kendall", stats::RankMeasure::kendall}});
  options.permutations = permutations;
  options.seed = seed;
  return options;
}

void bind_ranks(py::module_& module) {
  module.def(
      "spearman",
      [](const Doubles& x, const Doubles& y) {
        return stats::spearman(list(x, "x"), list(y, "y"));
      },
      "x"_a, "y"_a, "Spearman's rho; undefined without variation.");
  module.def(
      "kendall",
      [](const Doubles& x, const Doubles& y) { return stats::kendall(list(x, "x"), list(y, "y")); },
      "x"_a, "y"_a, "Kendall's tau-b; undefined without variation.");
  py::class_<stats::PermutationTest>(module, "PermutationTest", "A rank correlation and its test.")
      .def_readonly("coefficient", &stats::PermutationTest::coefficient)
      .def_readonly("p", &stats::PermutationTest::p, "Two-sided.")
      .def_readonly("exact", &stats::PermutationTest::exact)
      .def_readonly("groups", &stats::PermutationTest::groups, "Targets or domains.");
  module.def(
      "within_target",
      [](const py::object& source, const py::object& target, const Doubles& similarity,
         const Doubles& transfer, const std::string& measure, int permutations,
         std::uint64_t seed) {
        const auto from = labels(source, "source");
        const auto to = labels(target, "target");
        const auto x = list(similarity, "similarity");
        const auto y = list(transfer, "transfer");
        if (from.size() != to.size() || from.size() != x.size() || x.size() != y.size())
          throw Error(Errc::invalid_argument, "within_target: lists differ in length");
        std::vector<stats::PairValue> cells;
        for (std::size_t k = 0; k < from.size(); ++k) cells.push_back({from[k], to[k], x[k], y[k]});
        const auto options = permutation_options(measure, permutations, seed);
        const py::gil_scoped_release release;
        return stats::within_target(cells, options);
      },
      "source"_a, "target"_a, "similarity"_a, "transfer"_a, py::kw_only(), "measure"_a = "spearman",
      "permutations"_a = 10000, "seed"_a = 0,
      "Mean rank correlation within targets over the cells of a matrix, tested by relabelling\n"
      "sources within each target. `measure` is spearman or kendall.");
  module.def(
      "mantel",
      [](const Doubles& x, const Doubles& y, const std::string& measure, int permutations,
         std::uint64_t seed) {
        const Grid a = grid(x, "x");
        const Grid b = grid(y, "y");
        if (a.rows != a.columns || b.rows != b.columns || a.rows != b.rows)
          throw Error(Errc::invalid_argument, "mantel: needs two square matrices of one size");
        const auto options = permutation_options(measure, permutations, seed);
        const py::gil_scoped_release release;
        return stats::mantel(a.values, b.values, a.rows, options);
      },
      "x"_a, "y"_a, py::kw_only(), "measure"_a = "spearman", "permutations"_a = 10000, "seed"_a = 0,
      "Mantel's test of two square matrices off their diagonals, relabelling rows and columns\n"
      "together.");
  py::class_<stats::MannWhitney>(module, "MannWhitney", "Mann and Whitney's rank test.")
      .def_readonly("u", &stats::MannWhitney::u)
      .def_readonly("probability", &stats::MannWhitney::probability,
                    "That a value of x is larger than one of y.")
      .def_readonly("p", &stats::MannWhitney::p, "Two-sided.")
      .def_readonly("exact", &stats::MannWhitney::exact);
  module.def(
      "mann_whitney",
      [](const Doubles& x, const Doubles& y) {
        return stats::mann_whitney(list(x, "x"), list(y, "y"));
      },
      "x"_a, "y"_a, "Rank test of two independent lists; exact for few values without ties.");
}

}  // namespace

void bind_stats(py::module_& module) {
  bind_types(module);
  bind_intervals(module);
  bind_paired(module);
  bind_multiplicity(module);
  bind_ranks(module);
  bind_stats_measures(module);
  bind_stats_resampling(module);
}

}  // namespace xfer::bindings
