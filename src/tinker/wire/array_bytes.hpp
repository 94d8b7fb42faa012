// SPDX-License-Identifier: Apache-2.0
// Arrays to and from the raw little-endian bytes they are on the wire.
#pragma once

#include "xfer/error.hpp"

#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::tinker {

static_assert(std::endian::native == std::endian::little, "arrays are copied, not swapped");

template <class T>
std::string to_bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

/// Throws `bad_data` naming the field when the bytes are not a whole number of elements.
template <class T>
std::vector<T> from_bytes(std::string_view bytes, const std::string& field) {
  if (bytes.size() % sizeof(T) != 0)
    throw Error(Errc::bad_data, field + ": " + std::to_string(bytes.size()) +
                                    " bytes are not a whole number of " +
                                    std::to_string(sizeof(T)) + "-byte elements");
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace xfer::tinker
