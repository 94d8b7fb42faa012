// SPDX-License-Identifier: Apache-2.0
#include "grade/code/python_code.hpp"

#include "grade/answers/final_answer.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace xfer::grade {
namespace {

/// One line that opens or closes a fenced block.
struct Fence {
  std::size_t line_start;
  std::size_t body_start;  ///< behind its line
  std::string_view info;   ///< what follows the back-ticks, trimmed
};

std::vector<Fence> find_fences(std::string_view text) {
  std::vector<Fence> fences;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trim(text.substr(at, line_end - at));
    if (line.starts_with("```"))
      fences.push_back({at, std::min(line_end + 1, text.size()), trim(line.substr(3))});
    at = line_end + 1;
  }
  return fences;
}

bool is_python(std::string_view info) noexcept {
  return info == "python" || info == "Python" || info == "python3" || info == "py";
}

/// Whether a line of the text begins like Python, to tell code from prose.
bool looks_like_code(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at);
    for (const std::string_view word : {"def ", "class ", "import ", "from ", "@"})
      if (line.starts_with(word)) return true;
    const std::size_t end = line.find('\n');
    if (end == std::string_view::npos) break;
    at += end + 1;
  }
  return false;
}

std::optional<std::string_view> first_block(std::string_view text) {
  const std::vector<Fence> fences = find_fences(text);
  if (fences.empty()) return std::nullopt;
  // The prompt may have opened the block: then the first fence closes it.
  const std::string_view before = text.substr(0, fences[0].line_start);
  if (fences.size() % 2 == 1 && fences[0].info.empty() && looks_like_code(before)) return before;

  const auto body = [&](std::size_t open) {
    const std::size_t end = open + 1 < fences.size() ? fences[open + 1].line_start : text.size();
    return text.substr(fences[open].body_start, end - fences[open].body_start);
  };
  for (std::size_t open = 0; open < fences.size(); ++open)
    if (is_python(fences[open].info)) return body(open);
  return body(0);
}

std::string without_carriage_returns(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') plain += text[i];
  return plain;
}

}  // namespace

ExtractedCode extract_python(std::string_view completion) {
  constexpr std::string_view begin = "[BEGIN]";
  constexpr std::string_view done = "[DONE]";
  ExtractedCode result;
  if (const std::size_t at = completion.find(begin); at != std::string_view::npos) {
    completion.remove_prefix(at + begin.size());
    result.marked = true;
  }
  if (const std::size_t at = completion.find(done); at != std::string_view::npos) {
    completion = completion.substr(0, at);
    result.marked = true;
  }
  if (const auto block = first_block(completion)) {
    completion = *block;
    result.marked = true;
  }
  result.code = without_carriage_returns(completion);
  // A leading blank would be an indentation error; leading blank lines are harmless.
  if (result.code.starts_with(' ') && !trim(result.code).empty() &&
      result.code.find_first_not_of(' ') < result.code.find('\n'))
    result.code.erase(0, result.code.find_first_not_of(' '));
  return result;
}

}  // namespace xfer::grade
