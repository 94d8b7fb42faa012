// SPDX-License-Identifier: Apache-2.0
// Runs every fuzz target over its corpus and random mutations.
#include "tests/tinker/fuzz_target.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

namespace xfer::tinker::testing {

std::vector<FuzzTarget>& fuzz_targets() {
  static std::vector<FuzzTarget> all;
  return all;
}

std::string mutate(std::string input, Rng& rng) {
  for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
    const std::size_t at = input.empty() ? 0 : static_cast<std::size_t>(rng.below(input.size()));
    switch (rng.below(6)) {
      case 0: input.resize(at); break;
      case 1:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << rng.below(8)));
        break;
      case 2:
        if (!input.empty()) input[at] = static_cast<char>(rng.below(256));
        break;
      case 3:
        input.insert(at, std::string(1 + rng.below(9), static_cast<char>(rng.below(256))));
        break;
      case 4: input.erase(at, static_cast<std::size_t>(rng.below(16))); break;
      default: input.insert(at, input.substr(0, static_cast<std::size_t>(rng.below(64))));
    }
  }
  return input;
}

FuzzRounds::FuzzRounds(int least) : least_(least) {
  const char* seconds = std::getenv("XFER_FUZZ_SECONDS");
  end_ = std::chrono::steady_clock::now() +
         std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
}

bool FuzzRounds::next() {
  const bool more = done_ < least_ || std::chrono::steady_clock::now() < end_;
  if (more)
    ++done_;
  else if (done_ > least_)
    std::printf("%d rounds\n", done_);
  return more;
}

namespace {

TEST(Fuzz, no_target_falls_over) {
  ASSERT_FALSE(fuzz_targets().empty());
  for (const FuzzTarget& target : fuzz_targets()) {
    SCOPED_TRACE(target.name);
    const auto corpus = target.corpus();
    ASSERT_FALSE(corpus.empty());
    const auto run = [&](const std::string& input) {
      EXPECT_EQ(target.run(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()), 0);
    };
    Rng rng(1, target.name);
    for (const std::string& input : corpus) run(input);
    for (FuzzRounds rounds(2000); rounds.next();) run(mutate(rng.pick(corpus), rng));
  }
}

}  // namespace
}  // namespace xfer::tinker::testing
