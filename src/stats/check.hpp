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

inline void check_finite(std::span<const double> values, const char* operation) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      refuse(std::string(operation) + ": value " + std::to_string(i) + " is not finite");
}

}  // namespace xfer::stats
