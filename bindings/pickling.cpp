// SPDX-License-Identifier: Apache-2.0
// Pickles of records: of every class of the module that is a plain struct. What goes into a pickle
// is every member of the struct, in its order, found by Boost.PFR, so none can be forgotten.
#include "bindings.hpp"

#include "xfer/domains/domain.hpp"
#include "xfer/error.hpp"
#include "xfer/grade/grader.hpp"
#include "xfer/report/report.hpp"
#include "xfer/stats/bootstrap.hpp"
#include "xfer/stats/intervals.hpp"
#include "xfer/stats/learning_curve.hpp"
#include "xfer/stats/multiplicity.hpp"
#include "xfer/stats/paired.hpp"
#include "xfer/stats/rank.hpp"
#include "xfer/stats/score_table.hpp"
#include "xfer/stats/similarity_table.hpp"
#include "xfer/study/checkpoints.hpp"
#include "xfer/study/forecast.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/study/runner.hpp"
#include "xfer/study/status.hpp"

#include <pybind11/stl.h>
#include <boost/pfr.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace xfer::bindings {
namespace {

/// How a member of type T goes into a pickle and comes back. A struct is the tuple of its members.
template <class T>
struct Pickled {
  static py::object dump(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return py::int_(static_cast<long>(value));
    } else if constexpr (std::is_arithmetic_v<T>) {
      return py::cast(value);
    } else {
      static_assert(std::is_aggregate_v<T>, "say how it is pickled, below");
      return dump_members(value, std::make_index_sequence<boost::pfr::tuple_size_v<T>>());
    }
  }

  static T load(const py::handle& state) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<T>(state.cast<long>());
    } else if constexpr (std::is_arithmetic_v<T>) {
      return state.cast<T>();
    } else {
      constexpr std::size_t count = boost::pfr::tuple_size_v<T>;
      const auto members = state.cast<py::tuple>();
      if (members.size() != count)
        throw Error(Errc::bad_data, "this is no pickle of this version of xfer");
      return load_members(members, std::make_index_sequence<count>());
    }
  }

private:
  template <std::size_t... k>
  static py::object dump_members(const T& value, std::index_sequence<k...>) {
    return py::make_tuple(
        Pickled<boost::pfr::tuple_element_t<k, T>>::dump(boost::pfr::get<k>(value))...);
  }
  template <std::size_t... k>
  static T load_members(const py::tuple& members, std::index_sequence<k...>) {
    return T{Pickled<boost::pfr::tuple_element_t<k, T>>::load(members[k])...};
  }
};

/// As bytes: what a model wrote need not be UTF-8.
template <>
struct Pickled<std::string> {
  static py::object dump(const std::string& value) { return py::bytes(value); }
  static std::string load(const py::handle& state) { return state.cast<py::bytes>(); }
};

template <class T>
struct Pickled<std::vector<T>> {
  static py::object dump(const std::vector<T>& values) {
    py::list list(values.size());
    for (std::size_t k = 0; k < values.size(); ++k) list[k] = Pickled<T>::dump(values[k]);
    return list;
  }
  static std::vector<T> load(const py::handle& state) {
    std::vector<T> values;
    for (const py::handle item : state.cast<py::list>()) values.push_back(Pickled<T>::load(item));
    return values;
  }
};

template <class T>
struct Pickled<std::optional<T>> {
  static py::object dump(const std::optional<T>& value) {
    return value ? py::object(py::make_tuple(Pickled<T>::dump(*value))) : py::object(py::none());
  }
  static std::optional<T> load(const py::handle& state) {
    if (state.is_none()) return std::nullopt;
    return Pickled<T>::load(state.cast<py::tuple>()[0]);
  }
};

template <class A, class B>
struct Pickled<std::pair<A, B>> {
  static py::object dump(const std::pair<A, B>& value) {
    return py::make_tuple(Pickled<A>::dump(value.first), Pickled<B>::dump(value.second));
  }
  static std::pair<A, B> load(const py::handle& state) {
    const auto both = state.cast<py::tuple>();
    return {Pickled<A>::load(both[0]), Pickled<B>::load(both[1])};
  }
};

template <class T>
struct Pickled<std::map<std::string, T>> {
  using Map = std::map<std::string, T>;
  using Pairs = std::vector<std::pair<std::string, T>>;
  static py::object dump(const Map& value) {
    return Pickled<Pairs>::dump(Pairs(value.begin(), value.end()));
  }
  static Map load(const py::handle& state) {
    const Pairs pairs = Pickled<Pairs>::load(state);
    return Map(pairs.begin(), pairs.end());
  }
};

template <>
struct Pickled<Metric> {
  static py::object dump(const Metric& value) {
    const Estimate* estimate = value.estimate();
    return estimate ? Pickled<Estimate>::dump(*estimate)
                    : Pickled<std::string>::dump(value.reason());
  }
  static Metric load(const py::handle& state) {
    if (py::isinstance<py::tuple>(state)) return Pickled<Estimate>::load(state);
    return Undefined{Pickled<std::string>::load(state)};
  }
};

template <>
struct Pickled<stats::Value> {
  static py::object dump(const stats::Value& value) {
    const double* number = value.number();
    return number ? py::object(py::float_(*number)) : Pickled<std::string>::dump(value.reason());
  }
  static stats::Value load(const py::handle& state) {
    if (py::isinstance<py::float_>(state)) return state.cast<double>();
    return Undefined{Pickled<std::string>::load(state)};
  }
};

/// A record's members may change with the version, so that a pickle is of one version.
template <class T>
void make_picklable() {
  auto type = py::reinterpret_borrow<py::class_<T>>(py::type::of<T>());
  type.def(
      py::pickle([](const T& self) { return py::make_tuple(XFER_VERSION, Pickled<T>::dump(self)); },
                 [](const py::tuple& state) {
                   const std::string version = state.empty() ? "" : state[0].cast<std::string>();
                   if (state.size() != 2 || version != XFER_VERSION)
                     throw Error(Errc::bad_data, "this was pickled by xfer " + version +
                                                     ", and this is xfer " + XFER_VERSION +
                                                     "; report.json is for keeping");
                   return Pickled<T>::load(state[1]);
                 }));
}

template <class... T>
void make_all_picklable() {
  (make_picklable<T>(), ...);
}

}  // namespace

void bind_pickling() {
  make_all_picklable<Example, grade::Verdict, domains::PromptTemplate>();
  make_all_picklable<Estimate, stats::Value, Metric, TransferMetrics>();
  make_all_picklable<stats::Fieller, stats::ChiSquare, stats::PairedT, stats::Tost, stats::SignFlip,
                     stats::Band, stats::PermutationTest, stats::MannWhitney,
                     stats::TransferabilityIndex, stats::BootstrapInterval, stats::MatrixVerdict,
                     stats::Reliability, stats::LearningCurve, stats::ScoreVerdict,
                     stats::SimilarityTable>();
  make_all_picklable<study::ItemResult, study::EvaluationResult, study::CurvePoint,
                     study::RewardPoint, study::Curve, study::CellResult, study::LegSummary,
                     study::Look, study::TokenForecast, study::Detectable, study::Advice,
                     study::Forecast, study::PlannedLeg, study::PlannedEvaluation, study::Plan,
                     study::Event, study::CellStatus, study::WorkStatus, study::RunStatus,
                     study::StoredCheckpoint>();
  make_all_picklable<report::ConditionSummary, report::KindSummary, report::LearningSummary,
                     report::ChangeGroup, report::ConditionChanges, report::PromptRobustness,
                     report::CellReport, report::MethodEffect, report::MatrixReport,
                     report::HypothesisAnswer, report::FindingParagraph, report::Recommendation>();
}

}  // namespace xfer::bindings
