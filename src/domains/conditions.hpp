// SPDX-License-Identifier: Apache-2.0
// Several conditions joined by one word, as law and logic ask for them.
#pragma once

#include "domains/problem.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xfer::domains {

/// The one word between the conditions.
enum class Joint { all, any };

inline std::string_view word(Joint joint) { return joint == Joint::all ? "and" : "or"; }
inline bool join(bool a, Joint joint, bool b) { return joint == Joint::all ? a && b : a || b; }

/// Truth values of `count` conditions whose joint answer is yes half of the time under either
/// word, so that the word alone tells nothing.
std::vector<bool> truth_values(Draw& draw, std::size_t count, Joint joint);

/// "yes and no=no."
std::string join_step(bool a, Joint joint, bool b);

}  // namespace xfer::domains
