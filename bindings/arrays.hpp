// SPDX-License-Identifier: Apache-2.0
// Between NumPy arrays and the library's vectors.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

namespace xfer::bindings {

/// Token ids from a 1-D C-contiguous int32 array or a sequence of Python ints; copied. Throws
/// Python's TypeError for anything else, other integer arrays included: no silent conversion.
std::vector<std::int32_t> to_tokens(const pybind11::object& tokens, const char* name);

/// A NumPy array that owns the vector's memory.
template <class T>
pybind11::array_t<T> to_array(std::vector<T> values) {
  auto* owned = new std::vector<T>(std::move(values));
  const pybind11::capsule owner(owned, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return pybind11::array_t<T>(static_cast<pybind11::ssize_t>(owned->size()), owned->data(), owner);
}

}  // namespace xfer::bindings
