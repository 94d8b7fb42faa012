// SPDX-License-Identifier: Apache-2.0
// What the procedural datasets and the pretraining stream share.
#pragma once

#include "domains/problem.hpp"
#include "xfer/domains/domain.hpp"

namespace xfer::domains {

/// The five prompts of every procedural domain; the first is the standard one.
const std::vector<PromptTemplate>& procedural_prompts();

/// `steps #answer`, or `#answer` alone when there are no steps to show.
std::string worked_answer(const Problem& problem);

}  // namespace xfer::domains
