// SPDX-License-Identifier: Apache-2.0
// MATH: competition problems (Hendrycks et al. 2021, arXiv 2103.03874), and MATH-500 (Lightman et
// al. 2023, arXiv 2305.20050).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

#include <optional>

namespace xfer::domains {
namespace {

/// What is in the last \boxed{...} or \fbox{...} of a solution, or the token behind a bare \boxed.
std::optional<std::string> last_box(std::string_view text) {
  std::size_t at = std::string_view::npos;
  std::size_t size = 0;
  for (const std::string_view command : {"\\boxed", "\\fbox"}) {
    const std::size_t found = text.rfind(command);
    if (found == std::string_view::npos || (at != std::string_view::npos && found < at)) continue;
    at = found;
    size = command.size();
  }
  if (at == std::string_view::npos) return std::nullopt;
  std::size_t begin = at + size;
  while (begin < text.size() && text[begin] == ' ') ++begin;
  if (begin == text.size()) return std::nullopt;
  if (text[begin] != '{') {
    const std::size_t end = text.find_first_of(" $\n.,", begin);
    return std::string(text.substr(begin, end == std::string_view::npos ? end : end - begin));
  }
  std::size_t depth = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;  // "\{" and "\}" are no braces
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return std::string(text.substr(begin + 1, i - begin - 1));
    }
  }
  return std::nullopt;
}

/// "Intermediate Algebra" as "intermediate_algebra": how the folders are called.
std::string subject(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const char l = lower(c);
    if (l >= 'a' && l <= 'z')
      out += l;
    else if (!out.empty() && out.back() != '_')
      out += '_';
  }
  return out == "counting_probability" ? "counting_and_probability" : out;
}

/// "Level 3", 3 or "3" as "3"; "" where it is unknown.
std::string level(const Record& record) {
  if (!record.has("level")) return "";
  const std::string text = record.text_or_number("level");
  const std::size_t digit = text.find_first_of("12345");
  return digit == std::string::npos ? "" : text.substr(digit, 1);
}

/// `gold` wins over the box where a source gives both: it is what others grade by.
void set_answer(Example& example, const Record& record, std::string_view field,
                const std::string& gold) {
  const std::optional<std::string> box = last_box(example.solution);
  if (!box && is_blank(gold))
    record.refuse(field, "must hold the answer in \\boxed{...}", "a solution without one");
  example.answer = is_blank(gold) ? trimmed(*box) : trimmed(gold);
  need_content(record, field, example.answer);
  // A worked answer must end in what the grader reads.
  if (!box) example.solution += "\n\nThe answer is $\\boxed{" + example.answer + "}$.";
}

Reading read_math(const Record& record) {
  Example example;
  example.question = record.text("problem");
  need_content(record, "problem", example.question);
  example.solution = trimmed(record.text("solution"));
  set_answer(example, record, "solution",
             record.has("answer") ? record.text_or_number("answer") : "");
  example.kind =
      subject(record.has("subject") ? record.text("subject") : record.text_or_empty("type"));
  example.extra["level"] = level(record);
  example.id = record.text_or_empty("unique_id");
  if (example.id.empty()) example.id = record.key();
  if (example.id.ends_with(".json")) example.id.resize(example.id.size() - 5);
  return one(std::move(example));
}

Reading read_math_agieval(const Record& record) {
  Example example;
  example.question = record.text("question");
  need_content(record, "question", example.question);
  const Record other = record.inner("other");
  example.solution = trimmed(other.text_or_empty("solution"));
  set_answer(example, record, "answer", record.text_or_number("answer"));
  example.kind = subject(other.text_or_empty("type"));
  example.extra["level"] = level(other);
  return one(std::move(example));
}

/// MATH-500 and the original layout tell the split in the problem's own path.
Side math_side(const Record& record) {
  std::string path = record.text_or_empty("unique_id");
  if (path.empty()) path = record.key();
  if (path.starts_with("test/") || path.find("/test/") != std::string::npos) return Side::test;
  if (path.starts_with("train/") || path.find("/train/") != std::string::npos) return Side::train;
  return Side::by_file;
}

Reader original(const Source&) {
  Reader reader;
  reader.read = read_math;
  reader.side = math_side;
  return reader;
}

Reader math_agieval(const Source&) {
  Reader reader;
  reader.read = read_math_agieval;
  reader.side = [](const Record&) { return Side::test; };
  return reader;
}

}  // namespace

std::vector<Form> math_forms() {
  return {{"math", "problem and solution, with or without the answer apart",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("problem") && r.is_text("solution");
           },
           original},
          {"math", "AGIEval",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("question") && r.has("answer") && !r.has("options") &&
                    r.is_object("other") && r.inner("other").has("solution");
           },
           math_agieval}};
}

}  // namespace xfer::domains
