// SPDX-License-Identifier: Apache-2.0
// Which of a fixed set of answers a text gives.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::grade {

/// The option that a text gives under the two ways of reading.
struct OptionReading {
  std::optional<std::size_t> lenient;
  std::optional<std::size_t> strict;
};

/// Reads answers that are one of a few options, named by their text and, when `lettered`, also by
/// their letter (A is the first).
///
/// Lenient: the last place where the text commits itself ("the answer is", "Answer:", "\boxed{",
/// "####", "I choose", "... is correct"); failing that the last line that is an option, or begins
/// the text as one; failing that, for options without letters, the only option that is named at
/// all. A list of the options is not an answer.
///
/// Strict: the whole text is one option, or its last line announces one and says nothing else.
class OptionReader {
public:
  OptionReader(const std::vector<std::string>& options, bool lettered);

  /// Time is linear in the text, times the number of options.
  OptionReading read(std::string_view text) const;

private:
  struct Match {
    std::size_t option = 0;
    /// Behind the option.
    std::string_view rest;
    bool by_letter = false;
  };
  std::optional<Match> match(std::string_view text) const;
  std::optional<Match> match_text(std::string_view text) const;
  std::optional<Match> match_letter(std::string_view text) const;
  std::optional<std::size_t> whole(std::string_view line) const;
  std::optional<std::size_t> committed(std::string_view text) const;
  std::optional<std::size_t> by_line(std::string_view text) const;
  std::optional<std::size_t> only_named(std::string_view text) const;
  std::optional<std::size_t> strictly(std::string_view text) const;

  /// As given and without decoration, for each option.
  std::vector<std::string> plain_;
  std::vector<std::string> bare_;
  bool lettered_;
};

}  // namespace xfer::grade
