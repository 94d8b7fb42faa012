// SPDX-License-Identifier: Apache-2.0
#include "domains/conditions.hpp"

#include "domains/arithmetic.hpp"

#include <fmt/format.h>

namespace xfer::domains {

std::vector<bool> truth_values(Draw& draw, std::size_t count, Joint joint) {
  const bool neutral = joint == Joint::all;
  std::vector<bool> values(count, neutral);
  if (draw.coin()) return values;
  for (;;) {
    bool decided = false;
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = draw.coin();
      decided = decided || values[i] != neutral;
    }
    if (decided) return values;
  }
}

std::string join_step(bool a, Joint joint, bool b) {
  return fmt::format("{} {} {}={}.", yes_no(a), word(joint), yes_no(b), yes_no(join(a, joint, b)));
}

}  // namespace xfer::domains
