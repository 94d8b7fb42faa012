// SPDX-License-Identifier: Apache-2.0
// How the functions of xfer.stats read their arguments.
#pragma once

#include "arrays.hpp"

#include "xfer/error.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace xfer::bindings {

/// Anything NumPy can make doubles of; copied when it is not already contiguous doubles.
using Doubles = pybind11::array_t<double, pybind11::array::c_style | pybind11::array::forcecast>;

/// A view of a 1-D array. Throws Python's TypeError for another rank.
std::span<const double> list(const Doubles& array, const char* name);

/// A view of a 2-D array, or of a 1-D array as one row.
struct Grid {
  std::span<const double> values;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const double> row(std::size_t k) const { return values.subspan(k * columns, columns); }
};
Grid grid(const Doubles& array, const char* name);

/// The rows of a grid, copied.
std::vector<std::vector<double>> rows_of(const Doubles& array, const char* name);

/// Class numbers from 0 in the order of the sorted labels, which may be integers or strings.
std::vector<std::int64_t> labels(const pybind11::object& array, const char* name);

/// The choice of that name; throws `invalid_argument` with the names allowed.
template <class T>
T choice(const std::string& name, const char* argument,
         std::initializer_list<std::pair<const char*, T>> allowed) {
  std::string names;
  for (const auto& [known, value] : allowed) {
    if (name == known) return value;
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  throw Error(Errc::invalid_argument,
              std::string(argument) + ": got '" + name + "', allowed " + names);
}

/// The parts of xfer.stats that are not in bind_stats.cpp.
void bind_stats_measures(pybind11::module_& module);
void bind_stats_resampling(pybind11::module_& module);

}  // namespace xfer::bindings
