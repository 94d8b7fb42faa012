// SPDX-License-Identifier: Apache-2.0
// The domain cards as they were when this library was built.
#pragma once

#include <string_view>
#include <vector>

namespace xfer::domains {

struct CardText {
  std::string_view name;
  std::string_view text;
};

/// In the order of the procedural domains.
const std::vector<CardText>& card_texts();

}  // namespace xfer::domains
