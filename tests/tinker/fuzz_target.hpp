// SPDX-License-Identifier: Apache-2.0
// One fuzz target each file. Built for libFuzzer (XFER_LIBFUZZER) it is the program's entry; in the
// normal tests it is registered, and run over a small corpus and random mutations of it.
#pragma once

#include "xfer/rng.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xfer::tinker::testing {

struct FuzzTarget {
  const char* name;
  int (*run)(const std::uint8_t* data, std::size_t size);
  std::vector<std::string> (*corpus)();
};

std::vector<FuzzTarget>& fuzz_targets();

struct FuzzRegistration {
  explicit FuzzRegistration(const FuzzTarget& target) { fuzz_targets().push_back(target); }
};

/// A few random edits: cuts, flips, swaps, repeats.
std::string mutate(std::string input, Rng& rng);

/// Counts rounds: at least so many, and for as long as XFER_FUZZ_SECONDS in the environment says.
class FuzzRounds {
public:
  explicit FuzzRounds(int least);
  /// Says how many there were once it is over.
  bool next();

private:
  int least_;
  int done_ = 0;
  std::chrono::steady_clock::time_point end_;
};

}  // namespace xfer::tinker::testing

#ifdef XFER_LIBFUZZER
#define XFER_FUZZ_TARGET(name, corpus)                       \
  [[maybe_unused]] static const auto unused_##name = corpus; \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
#else
#define XFER_FUZZ_TARGET(name, corpus)                                    \
  static int fuzz_##name(const std::uint8_t* data, std::size_t size);     \
  static const xfer::tinker::testing::FuzzRegistration registered_##name( \
      {#name, &fuzz_##name, corpus});                                     \
  static int fuzz_##name(const std::uint8_t* data, std::size_t size)
#endif
