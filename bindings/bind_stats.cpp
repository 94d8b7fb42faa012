#include "bindings.hpp"

#include "xfer/stats/intervals.hpp"
#include "xfer/stats/multiplicity.hpp"
#include "xfer/stats/paired.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

template <class T>
std::span<const T> values(const Array<T>& array, const char* name) {
  if (array.ndim() != 1)
    throw py::type_error(std::string(name) + " must have one dimension (got " +
                         std::to_string(array.ndim()) + ")");
  return {array.data(), static_cast<std::size_t>(array.size())};
}

py::array_t<double> to_numpy(const std::vector<double>& v) {
  return py::array_t<double>(static_cast<py::ssize_t>(v.size()), v.data());
}

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
  py::class_<stats::PairedT>(module, "PairedT", "Student's paired t-test.")
      .def_readonly("difference", &stats::PairedT::difference, "Mean of first - second.")
      .def_readonly("t", &stats::PairedT::t)
      .def_readonly("df", &stats::PairedT::df)
      .def_readonly("p", &stats::PairedT::p, "Two-sided.");
  py::class_<stats::Fieller>(module, "Fieller", "A ratio of two means by Fieller's theorem.")
      .def_readonly("bounded", &stats::Fieller::bounded,
                    "Whether the confidence set is an interval.")
      .def_readonly("ratio", &stats::Fieller::ratio)
      .def_readonly("g", &stats::Fieller::g);
}

void bind_tests(py::module_& module) {
  module.def("mcnemar_exact", &stats::mcnemar_exact, "only_first"_a, "only_second"_a,
             "Two-sided exact p-value from the items that only one of two models got right.");
  module.def(
      "paired_t",
      [](const Array<double>& first, const Array<double>& second, double level) {
        return stats::paired_t(values(first, "first"), values(second, "second"), level);
      },
      "first"_a, "second"_a, "level"_a = 0.95,
      "Student's paired t-test of two models' scores on the same items.");
  module.def(
      "cluster_se",
      [](const Array<double>& scores, const Array<std::int64_t>& clusters) {
        return stats::cluster_se(values(scores, "values"), values(clusters, "clusters"));
      },
      "values"_a, "clusters"_a,
      "Standard error of the mean of values that come in clusters; one integer label a value.");
  module.def(
      "holm", [](const Array<double>& p) { return to_numpy(stats::holm(values(p, "p"))); }, "p"_a,
      "Holm's adjusted p-values, in the order given.");
  module.def(
      "benjamini_hochberg",
      [](const Array<double>& p) { return to_numpy(stats::benjamini_hochberg(values(p, "p"))); },
      "p"_a, "Benjamini and Hochberg's adjusted p-values, in the order given.");
}

}  // namespace

void bind_stats(py::module_& module) {
  bind_types(module);
  module.def("wilson", &stats::wilson, "successes"_a, "n"_a, "level"_a = 0.95,
             "Share of successes with Wilson's score interval.");
  module.def("clopper_pearson", &stats::clopper_pearson, "successes"_a, "n"_a, "level"_a = 0.95,
             "Share of successes with the exact interval of Clopper and Pearson.");
  module.def(
      "fieller",
      [](double numerator, double denominator, double numerator_variance,
         double denominator_variance, double covariance, double level) {
        stats::RatioInput input;
        input.numerator = numerator;
        input.denominator = denominator;
        input.numerator_variance = numerator_variance;
        input.denominator_variance = denominator_variance;
        input.covariance = covariance;
        return stats::fieller(input, level);
      },
      py::kw_only(), "numerator"_a, "denominator"_a, "numerator_variance"_a,
      "denominator_variance"_a, "covariance"_a = 0.0, "level"_a = 0.95,
      "A ratio of two normal means with its confidence set.");
  bind_tests(module);
}

}  // namespace xfer::bindings
