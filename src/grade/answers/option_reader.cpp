// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/option_reader.hpp"

#include "grade/answers/answer_text.hpp"
#include "grade/answers/commitment.hpp"
#include "grade/answers/final_answer.hpp"

#include <algorithm>
#include <utility>

namespace xfer::grade {
namespace {

/// Nothing but closing marks and stops.
bool says_nothing(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_blank(c) || std::string_view(".,;:!)]}*_`\"'$\\").find(c) != std::string_view::npos;
  });
}

/// The letter that marks a line as one of a list of options ("B) ..." or "(b) ..."), as 'A' to
/// 'Z'; 0 when the line is no such thing.
char list_letter(std::string_view line) noexcept {
  while (!line.empty() && (line.front() == '*' || line.front() == '-' || line.front() == ' '))
    line.remove_prefix(1);
  const bool open = line.starts_with('(');
  if (open) line.remove_prefix(1);
  if (line.size() < 2 || !is_letter(line[0])) return 0;
  if (line[1] != ')' && (open || (line[1] != '.' && line[1] != ':'))) return 0;
  return static_cast<char>(to_lower(line[0]) - 'a' + 'A');
}

/// Whether another option is named by its letter on the line, as in "(A) one (B) two".
bool names_another(std::string_view line, std::size_t option) noexcept {
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    if (line[i + 1] != ')' || !is_letter(line[i]) || (i > 0 && is_word(line[i - 1]))) continue;
    if (static_cast<std::size_t>(to_lower(line[i]) - 'a') != option) return true;
  }
  return false;
}

bool denied(std::string_view before) {
  std::string low = lower(before.substr(before.size() - std::min<std::size_t>(before.size(), 12)));
  const std::string_view words = trim(low);
  return words.ends_with("not") || words.ends_with("n't") || words.ends_with("neither") ||
         words.ends_with("nor");
}

}  // namespace

OptionReader::OptionReader(const std::vector<std::string>& options, bool lettered)
    : lettered_(lettered) {
  for (const std::string& option : options) {
    plain_.emplace_back(trim(option));
    bare_.emplace_back(strip_decoration(option));
  }
}

std::optional<OptionReader::Match> OptionReader::match_text(std::string_view text) const {
  std::size_t longest = 0;
  std::size_t option = 0;
  bool unique = false;
  for (std::size_t i = 0; i < plain_.size(); ++i) {
    const std::size_t n = std::max(spells(text, plain_[i]), spells(text, bare_[i]));
    if (n > longest) {
      longest = n;
      option = i;
      unique = true;
    } else if (n == longest && n > 0) {
      unique = false;  // two options with one text
    }
  }
  if (!unique) return std::nullopt;
  return Match{option, text.substr(longest), false};
}

std::optional<OptionReader::Match> OptionReader::match_letter(std::string_view text) const {
  if (!lettered_ || text.empty() || !is_letter(text[0])) return std::nullopt;
  const auto option = static_cast<std::size_t>(to_lower(text[0]) - 'a');
  if (option >= plain_.size()) return std::nullopt;
  const std::string_view rest = text.substr(1);
  if (!rest.empty()) {
    const char next = rest[0];
    if (is_word(next) || next == '\'' || next == '-' || next == '_') return std::nullopt;
    // A small letter, or the article, followed by a word is not an option.
    const std::string_view after = trim(rest);
    const bool word_follows = is_blank(next) && !after.empty() && is_word(after[0]);
    const bool article = to_lower(text[0]) == 'a' || text[0] == 'I';
    if (word_follows && (text[0] == to_lower(text[0]) || article)) {
      const std::string low = lower(after.substr(0, 12));
      const bool reason = low.starts_with("because") || low.starts_with("since") ||
                          low.starts_with("is ") || low.starts_with("as ");
      if (text[0] == to_lower(text[0]) || !reason) return std::nullopt;
    }
  }
  return Match{option, rest, true};
}

std::optional<OptionReader::Match> OptionReader::match(std::string_view text) const {
  for (int step = 0; step < 12 && !text.empty(); ++step) {
    if (const auto found = match_text(text)) return found;
    if (const auto found = match_letter(text)) return found;
    std::string_view next = strip_one(text);
    if (next.size() == text.size()) next = strip_filler(text);
    if (next.size() == text.size()) return std::nullopt;
    text = next;
  }
  return std::nullopt;
}

/// The option that is all of the line: its letter, its text, or both in agreement.
std::optional<std::size_t> OptionReader::whole(std::string_view line) const {
  const auto found = match(line);
  if (!found) return std::nullopt;
  if (says_nothing(found->rest)) return found->option;
  if (!found->by_letter) return std::nullopt;
  std::string_view rest = found->rest;
  while (!rest.empty() && (is_blank(rest[0]) || says_nothing(rest.substr(0, 1)) || rest[0] == '-'))
    rest.remove_prefix(1);
  const auto text = match_text(rest);
  if (text && text->option == found->option && says_nothing(text->rest)) return found->option;
  return std::nullopt;
}

std::optional<std::size_t> OptionReader::committed(std::string_view text) const {
  std::optional<std::size_t> last;
  std::size_t last_at = 0;
  for (const Commitment& place : find_commitments(text))
    if (const auto found = match(place.rest)) {
      last = found->option;
      last_at = place.at;
    }
  if (!lettered_) return last;
  // "(B) is correct."
  for (std::size_t at = 0; at + 4 < text.size(); ++at) {
    if (!is_letter(text[at]) || (at > 0 && is_word(text[at - 1])) || is_word(text[at + 1]))
      continue;
    const auto option = static_cast<std::size_t>(to_lower(text[at]) - 'a');
    const bool small = text[at] == to_lower(text[at]);
    if (option >= plain_.size() || (small && text[at + 1] != ')')) continue;
    if (at >= last_at && confirms(text.substr(at + 1, 60)) && !denied(text.substr(0, at))) {
      last = option;
      last_at = at;
    }
  }
  return last;
}

std::optional<std::size_t> OptionReader::by_line(std::string_view text) const {
  const auto lines = filled_lines(text);
  std::optional<std::size_t> last;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const char letter = lettered_ ? list_letter(lines[i]) : char{0};
    const auto beside = [&](std::size_t j) {
      const char other = j < lines.size() ? list_letter(lines[j]) : char{0};
      return letter != 0 && other != 0 && (other == letter + 1 || other == letter - 1);
    };
    if (beside(i + 1) || (i > 0 && beside(i - 1))) continue;  // a list of the options
    if (const auto option = whole(lines[i])) {
      last = option;
    } else if (i == 0) {
      const auto first = match(lines[i]);
      const bool ends = first && !first->rest.empty() &&
                        (first->by_letter || std::string_view(".,;:!-)").find(first->rest[0]) !=
                                                 std::string_view::npos);
      if (ends && !rejects(first->rest) && !names_another(lines[i], first->option))
        last = first->option;
    }
  }
  return last;
}

std::optional<std::size_t> OptionReader::only_named(std::string_view text) const {
  std::optional<std::size_t> only;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_blank(text[at]) || (at > 0 && is_word(text[at - 1]) && is_word(text[at]))) continue;
    const auto found = match_text(text.substr(at));
    if (!found) continue;
    if (!denied(text.substr(0, at))) {
      if (only && *only != found->option) return std::nullopt;
      only = found->option;
    }
    at += text.size() - at - found->rest.size() - 1;
  }
  return only;
}

std::optional<std::size_t> OptionReader::strictly(std::string_view text) const {
  const auto lines = filled_lines(text);
  if (lines.empty()) return std::nullopt;
  if (lines.size() == 1)
    if (const auto option = whole(lines[0])) return option;
  const auto places = find_commitments(lines.back());
  if (places.empty()) return std::nullopt;
  return whole(places.back().rest);
}

OptionReading OptionReader::read(std::string_view text) const {
  OptionReading reading;
  reading.strict = strictly(text);
  reading.lenient = committed(text);
  if (!reading.lenient) reading.lenient = by_line(text);
  if (!reading.lenient && !lettered_) reading.lenient = only_named(text);
  return reading;
}

}  // namespace xfer::grade
