// SPDX-License-Identifier: Apache-2.0
// Writes documents of the pretraining stream, for the tokenizer and for a look at them.
//
//   dump_pretraining_text [documents per phase = 20000] [seed = 0]
//
// prints one JSON object a line: domain, kind, prompt, answer.
#include "xfer/domains/pretraining.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdint>
#include <iostream>
#include <string_view>

namespace {

bool parse(std::string_view text, std::uint64_t& value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t count = 20'000, seed = 0;
  if (argc > 3 || (argc > 1 && !parse(argv[1], count)) || (argc > 2 && !parse(argv[2], seed))) {
    std::cerr << "usage: dump_pretraining_text [documents per phase] [seed]\n";
    return 2;
  }
  using xfer::domains::PretrainingPhase;
  for (const auto phase : {PretrainingPhase::base, PretrainingPhase::anneal}) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto document = xfer::domains::pretraining_document(seed, i, phase);
      std::cout << nlohmann::json{{"domain", document.domain},
                                  {"kind", document.kind},
                                  {"prompt", document.prompt},
                                  {"answer", document.answer}}
                       .dump()
                << '\n';
    }
  }
  return std::cout.flush() ? 0 : 1;
}
