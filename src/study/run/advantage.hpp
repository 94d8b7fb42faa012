// SPDX-License-Identifier: Apache-2.0
// From the rewards of a step's answers to how much each is to be reinforced.
#pragma once

#include <string_view>
#include <vector>

namespace xfer::study {

/// Rewards or advantages of a step: one list for each problem, one value for each of its answers.
using Groups = std::vector<std::vector<double>>;

/// Advantages by the rule `kind`, a value of `RlSpec::advantage`:
/// group      r - mean(group)
/// grpo       (r - mean(group)) / sd(group), the standard deviation over the n answers of the group
///            (Shao et al. 2024, arXiv 2402.03300, section 4.1)
/// reinforce  r - mean(step)
/// They are exactly 0 throughout a group (under reinforce: a step) whose rewards are all equal.
Groups advantages(const Groups& rewards, std::string_view kind);

/// Groups that give no signal: every advantage in them is 0.
int silent_groups(const Groups& advantages);

double mean(const Groups& values);

}  // namespace xfer::study
