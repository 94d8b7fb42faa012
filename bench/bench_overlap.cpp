// SPDX-License-Identifier: Apache-2.0
// Throughput of the pass over training text that looks for runs of 13 words of the test items, on
// one thread: bench_overlap [MB of text, default 256]
#include "domains/overlap/gram_index.hpp"
#include "xfer/rng.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace xfer;

/// Words as language has them: few that are everywhere, many that are rare (Zipf).
std::string made_up_text(Rng& rng, const std::vector<std::string>& words, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + 32);
  while (text.size() < bytes) {
    const double rank = std::pow(static_cast<double>(words.size()), rng.uniform()) - 1.0;
    text += words[static_cast<std::size_t>(rank)];
    text += rng.below(12) == 0 ? ", " : " ";
  }
  return text;
}

std::vector<std::string> vocabulary(Rng& rng) {
  std::vector<std::string> words;
  for (int i = 0; i < 30'000; ++i) {
    std::string word;
    for (std::uint64_t letters = 2 + rng.below(8); letters > 0; --letters)
      word += static_cast<char>('a' + rng.below(26));
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace

int main(int count, char** arguments) {
  const std::size_t megabytes =
      count > 1 ? static_cast<std::size_t>(std::strtoul(arguments[1], nullptr, 10)) : 256;
  Rng rng(1, "bench");
  const std::vector<std::string> words = vocabulary(rng);
  domains::GramIndex index(13);
  for (int item = 0; item < 10'000; ++item) index.add(made_up_text(rng, words, 500));
  index.finish(1000);
  const std::string piece = made_up_text(rng, words, std::size_t{32} << 20U);
  std::size_t hits = 0;
  const auto start = std::chrono::steady_clock::now();
  std::size_t bytes = 0;
  for (; bytes < megabytes << 20U; bytes += piece.size())
    index.scan(piece, [&](std::uint32_t) { ++hits; });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%.0f MB/s over %zu MB of text, 10,000 test items of 500 bytes, %zu hits\n",
              static_cast<double>(bytes) / 1e6 / seconds.count(), bytes >> 20U, hits);
  return 0;
}
