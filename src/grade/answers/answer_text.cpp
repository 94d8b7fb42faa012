// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/answer_text.hpp"

#include "grade/answers/final_answer.hpp"

#include <array>
#include <utility>

namespace xfer::grade {
namespace {

constexpr std::array<std::string_view, 12> marks_in_front = {" ",
                                                             "*",
                                                             "_",
                                                             "`",
                                                             "\"",
                                                             "'",
                                                             "$",
                                                             "\xe2\x80\x98",
                                                             "\xe2\x80\x99",
                                                             "\xe2\x80\x9c",
                                                             "\xe2\x80\x9d",
                                                             "~"};

constexpr std::array<std::string_view, 9> tex_commands = {"\\boxed{",  "\\fbox{",   "\\text{",
                                                          "\\mathrm{", "\\textbf{", "\\mathbf{",
                                                          "\\textit{", "\\(",       "\\["};

constexpr std::array<std::pair<char, char>, 3> brackets = {std::pair{'(', ')'}, std::pair{'[', ']'},
                                                           std::pair{'{', '}'}};

bool take_front(std::string_view& text) noexcept {
  if (text.empty()) return false;
  if (is_blank(text.front())) {
    text.remove_prefix(1);
    return true;
  }
  for (const std::string_view mark : marks_in_front)
    if (text.starts_with(mark)) {
      text.remove_prefix(mark.size());
      return true;
    }
  for (const std::string_view command : tex_commands)
    if (text.starts_with(command)) {
      text.remove_prefix(command.size());
      return true;
    }
  return false;
}

bool take_back(std::string_view& text) noexcept {
  if (text.empty()) return false;
  const char last = text.back();
  if (is_blank(last) || last == '.' || last == ',' || last == ';' || last == '!' || last == ':') {
    text.remove_suffix(1);
    return true;
  }
  for (const std::string_view mark : marks_in_front)
    if (text.ends_with(mark)) {
      text.remove_suffix(mark.size());
      return true;
    }
  return false;
}

bool goes_on(std::string_view text, std::size_t at) noexcept {
  if (at >= text.size()) return false;
  if (is_word(text[at]) && is_word(text[at - 1])) return true;
  constexpr std::string_view joints = ".,/:-^";
  return is_digit(text[at - 1]) && at + 1 < text.size() && is_digit(text[at + 1]) &&
         joints.find(text[at]) != std::string_view::npos;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = to_lower(c);
  return low;
}

std::string_view strip_one(std::string_view text) noexcept {
  if (take_front(text)) return text;
  if (text.starts_with('(') || text.starts_with('[') || text.starts_with('{'))
    text.remove_prefix(1);
  return text;
}

std::string_view strip_decoration(std::string_view text) noexcept {
  for (;;) {
    const std::size_t before = text.size();
    const bool command = text.starts_with('\\');
    while (take_front(text)) {
    }
    while (take_back(text)) {
    }
    // What a command opened closes at the end.
    if (command && text.ends_with('}') && text.find('{') == std::string_view::npos)
      text.remove_suffix(1);
    for (const auto& [open, close] : brackets)
      if (text.size() >= 2 && text.front() == open && text.back() == close &&
          text.find(close) == text.size() - 1) {
        text.remove_prefix(1);
        text.remove_suffix(1);
      }
    if (text.size() == before) return text;
  }
}

std::vector<std::string_view> filled_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    if (!line.empty()) lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::size_t spells(std::string_view text, std::string_view wanted) noexcept {
  std::size_t at = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (is_blank(wanted[i])) {
      if (i > 0 && is_blank(wanted[i - 1])) continue;
      if (at >= text.size() || !is_blank(text[at])) return 0;
      while (at < text.size() && is_blank(text[at])) ++at;
      continue;
    }
    if (at >= text.size() || to_lower(text[at]) != to_lower(wanted[i])) return 0;
    ++at;
  }
  return at == 0 || goes_on(text, at) ? 0 : at;
}

}  // namespace xfer::grade
