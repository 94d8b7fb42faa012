// SPDX-License-Identifier: Apache-2.0
// What hostile programs try, as a table.
#pragma once

#include "xfer/grade/sandbox.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace xfer::grade {

/// What must become of an attack.
enum class Containment {
  holds,      ///< its own assertions describe the walls, and hold
  fails,      ///< it ends, but never as completed
  killed,     ///< by the kernel
  timed_out,  ///< when its wall time is over
  exited,     ///< before its checks were done
};

struct Attack {
  std::string name;
  Containment containment;
  std::string code;
  /// Checks that would fail if they were reached.
  std::vector<std::string> checks = {};
  /// Part of the failure's words; "" when any will do.
  std::string failure = {};
};

/// For messages of the test framework.
inline void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

/// `secret` is a file of the host that must not be seen, `home` the home folder.
std::vector<Attack> all_attacks(const std::string& secret, const std::string& home);
/// On what a cage keeps for the next program; part of `all_attacks`.
void add_traces(std::vector<Attack>& all);

}  // namespace xfer::grade
