// SPDX-License-Identifier: Apache-2.0
// A number without an interval, or the reason why there is none.
#pragma once

#include "xfer/transfer_metrics.hpp"

#include <string>
#include <utility>
#include <variant>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Either a number or the reason why there is none. Never NaN.
class Value {
public:
  Value(double number) : state_(number) {}
  Value(Undefined undefined) : state_(std::move(undefined)) {}

  bool defined() const noexcept { return std::holds_alternative<double>(state_); }
  /// Null when undefined.
  const double* number() const noexcept { return std::get_if<double>(&state_); }
  /// "" when defined.
  std::string reason() const {
    const auto* u = std::get_if<Undefined>(&state_);
    return u ? u->reason : std::string();
  }

private:
  std::variant<Undefined, double> state_;
};

}  // namespace xfer::stats
#pragma GCC visibility pop
