// SPDX-License-Identifier: Apache-2.0
// Checks that the functions of this room share.
#pragma once

#include "xfer/error.hpp"

#include <cmath>
#include <span>
#include <string>

namespace xfer::stats {

[[noreturn]] inline void refuse(const std::string& what) {
  throw Error(Errc::invalid_argument, what);
}

inline void check_level(double level, const char* operation) {
  if (!(level > 0.0 && level < 1.0))
    refuse(std::string(operation) + ": level must be in (0, 1) (got " + std::to_string(level) +
           ")");
}

/// Values beyond this are refused as not finite: products of four of them would not be.
inline constexpr double largest_value = 1e70;

inline void check_finite(std::span<const double> values, const char* operation) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(std::abs(values[i]) <= largest_value))
      refuse(std::string(operation) + ": value " + std::to_string(i) +
             (std::isfinite(values[i]) ? " is beyond 1e70" : " is not finite"));
}

inline void check_permutations(int permutations, const char* operation) {
  if (permutations < 100 || permutations > 10'000'000)
    refuse(std::string(operation) + ": permutations must be 100 to 10000000 (got " +
           std::to_string(permutations) + ")");
}

}  // namespace xfer::stats
