// SPDX-License-Identifier: Apache-2.0
#include "grade/math/math_text.hpp"

#include "grade/answers/answer_text.hpp"
#include "grade/answers/commitment.hpp"
#include "grade/answers/decimal.hpp"
#include "grade/answers/final_answer.hpp"

#include <algorithm>
#include <array>

namespace xfer::grade {
namespace {

/// Behind the bracket that closes the one at `open`; nothing when it never closes.
std::optional<std::size_t> matching_brace(std::string_view text, std::size_t open) noexcept {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;  // an escaped brace
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i;
    }
  }
  return std::nullopt;
}

/// The formula whose opening mark is at the start of the text; nothing when there is none.
std::optional<std::string_view> formula_at_start(std::string_view text) noexcept {
  using Marks = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Marks, 4> marks = {Marks{"$$", "$$"}, Marks{"$", "$"}, Marks{"\\(", "\\)"},
                                          Marks{"\\[", "\\]"}};
  for (const auto& [open, close] : marks) {
    if (!text.starts_with(open)) continue;
    const std::string_view inside = text.substr(open.size());
    const std::size_t end = inside.find(close);
    if (end == std::string_view::npos || end == 0) return std::nullopt;
    return inside.substr(0, end);
  }
  return std::nullopt;
}

/// The last formula between marks that are not dollars of currency ("$5 and $6").
std::optional<std::string_view> last_formula(std::string_view text) {
  std::optional<std::string_view> last;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '$') {
      at += 2;
      continue;
    }
    const bool opens = text[at] == '$' || (text[at] == '\\' && at + 1 < text.size() &&
                                           (text[at + 1] == '(' || text[at + 1] == '['));
    if (!opens) {
      ++at;
      continue;
    }
    const auto inside = formula_at_start(text.substr(at, 4000));
    const bool currency = inside && text[at] == '$' && !inside->empty() &&
                          (is_blank(inside->back()) && is_digit(inside->front()));
    if (!inside || currency) {
      at += text.substr(at).starts_with("$$") ? 2 : 1;
      continue;
    }
    last = *inside;
    at = static_cast<std::size_t>(inside->data() - text.data()) + inside->size() + 1;
    if (at < text.size() && (text[at] == '$' || text[at] == ')' || text[at] == ']')) ++at;
  }
  return last;
}

/// Up to the end of the sentence.
std::string_view sentence(std::string_view line) noexcept {
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '.' && (i + 1 == line.size() || is_blank(line[i + 1]))) return line.substr(0, i);
  return line;
}

std::optional<std::string_view> announced(std::string_view text) {
  const auto places = find_commitments(text);
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    std::string_view rest = place->rest;
    while (rest.starts_with('*') || rest.starts_with('`') || rest.starts_with(' '))
      rest.remove_prefix(1);
    if (const auto formula = formula_at_start(rest)) return formula;
    std::string_view answer = trim(sentence(rest));
    while (answer.ends_with('*') || answer.ends_with('`')) answer.remove_suffix(1);
    // "The answer is the sum of ...": a formula further on, or too many words for an answer.
    if (const auto formula = last_formula(answer)) return formula;
    if (!answer.empty() && std::count(answer.begin(), answer.end(), ' ') < 12) return answer;
  }
  return std::nullopt;
}

}  // namespace

std::string plain_form(std::string_view text) {
  static constexpr std::array<std::string_view, 15> dropped = {
      "\\left", "\\right", "\\text", "\\mbox", "\\textbf", "\\mathrm", "\\displaystyle", "\\!",
      "\\,",    "\\;",     "\\:",    "\\ ",    "\\$",      "\\boxed",  "\\dfrac"};
  std::string plain;
  text = trim(text);
  while (!text.empty()) {
    bool skipped = false;
    for (const std::string_view command : dropped) {
      if (!text.starts_with(command)) continue;
      // "\left" but not "\leftarrow".
      if (is_letter(command.back()) && text.size() > command.size() &&
          is_letter(text[command.size()]))
        continue;
      if (command == "\\dfrac") plain += "\\frac";
      text.remove_prefix(command.size());
      skipped = true;
      break;
    }
    if (skipped) continue;
    const char c = text.front();
    text.remove_prefix(1);
    if (is_blank(c)) {
      // "1 1/2" is not "11/2".
      if (!plain.empty() && is_digit(plain.back()) && !text.empty() && is_digit(text.front()))
        plain += ' ';
    } else if (c != '$') {
      plain += c;
    }
  }
  // Braces around the whole, as \text{...} and \boxed{...} leave them.
  for (int i = 0; i < 8 && plain.size() > 2 && plain.front() == '{' &&
                  matching_brace(plain, 0) == plain.size() - 1;
       ++i)
    plain = plain.substr(1, plain.size() - 2);
  while (plain.size() > 1 && plain.back() == '.') plain.pop_back();
  return plain;
}

bool is_words(std::string_view text, std::string_view plain) {
  std::size_t letters = 0;
  for (const char c : plain) {
    if (is_letter(c))
      ++letters;
    else if (std::string_view("(){}.,-' ").find(c) == std::string_view::npos)
      return false;
  }
  return letters >= 3 || text.find("\\text") != std::string_view::npos;
}

std::optional<std::string_view> last_boxed(std::string_view text) {
  const std::size_t boxed = text.rfind("\\boxed");
  const std::size_t framed = text.rfind("\\fbox");
  std::size_t at = boxed;
  std::size_t length = 6;
  if (boxed == std::string_view::npos || (framed != std::string_view::npos && framed > boxed)) {
    at = framed;
    length = 5;
  }
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(at + length);
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (rest.starts_with('{')) {
    const auto end = matching_brace(rest, 0);
    // Cut off: better what there is than nothing.
    return trim(end ? rest.substr(1, *end - 1) : rest.substr(1, rest.find('\n')));
  }
  std::size_t end = 0;
  while (end < rest.size() && !is_blank(rest[end]) && rest[end] != '$') ++end;
  if (end == 0) return std::nullopt;
  return trim(rest.substr(0, end));
}

std::optional<std::string_view> find_math_answer(std::string_view text) {
  if (const auto box = last_boxed(text)) return box;
  if (const auto found = announced(text)) return found;
  if (const auto formula = last_formula(text)) return formula;
  if (const auto number = find_last_number(text)) return number->text;
  return std::nullopt;
}

std::optional<std::string_view> find_marked_math_answer(std::string_view text) {
  if (const auto box = last_boxed(text)) return box;
  constexpr std::string_view words = "final answer is";
  const std::string low = lower(text);
  const std::size_t at = low.rfind(words);
  if (at == std::string::npos) return std::nullopt;
  std::string_view rest = text.substr(at + words.size());
  while (!rest.empty() && (is_blank(rest.front()) || rest.front() == ':')) rest.remove_prefix(1);
  return formula_at_start(rest.substr(0, 4000));
}

}  // namespace xfer::grade
