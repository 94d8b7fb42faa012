// SPDX-License-Identifier: Apache-2.0
#include "domains/readers/answers.hpp"

#include "domains/records/text_tools.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace xfer::domains {

std::string letter(std::size_t index) { return std::string(1, static_cast<char>('A' + index)); }

std::size_t option_index(const Record& record, std::string_view field, std::size_t count,
                         std::int64_t first) {
  const auto refuse = [&](const std::string& found) {
    record.refuse(field,
                  fmt::format("must name one of the {} options (a letter, a number as text "
                              "from 1, or an integer from {})",
                              count, first),
                  found);
  };
  if (record.is_text(field)) {
    const std::string text = trimmed(record.text(field));
    if (text.size() == 1) {
      const char c = lower(text[0]);
      const std::size_t at = c >= 'a' && c <= 'z'   ? static_cast<std::size_t>(c - 'a')
                             : c >= '1' && c <= '9' ? static_cast<std::size_t>(c - '1')
                                                    : count;
      if (at < count) return at;
    }
    refuse("the text " + shown(text));
  }
  const std::int64_t at = record.integer(field) - first;
  if (at < 0 || at >= static_cast<std::int64_t>(count)) refuse(std::to_string(at + first));
  return static_cast<std::size_t>(at);
}

std::string without_mark(const std::string& option, std::size_t index) {
  const char mark = static_cast<char>('A' + index);
  std::string_view rest = option;
  const bool round = rest.starts_with('(');
  if (round) rest.remove_prefix(1);
  if (!rest.starts_with(mark)) return trimmed(option);
  rest.remove_prefix(1);
  if (round) return rest.starts_with(')') ? trimmed(rest.substr(1)) : trimmed(option);
  // The wide full stop and the enumeration comma of Chinese text, three bytes each.
  for (const std::string_view sign : {"\xEF\xBC\x8E", "\xE3\x80\x81"})
    if (rest.starts_with(sign)) return trimmed(rest.substr(sign.size()));
  if (!rest.empty() && std::string_view(".?): \t").find(rest.front()) != std::string_view::npos)
    return trimmed(rest.substr(1));
  return trimmed(option);
}

void set_choices(Example& example, const Record& record, const std::string& stem,
                 std::vector<std::string> options, std::size_t right) {
  if (options.size() < 2 || options.size() > 26)
    record.refuse(fmt::format("2 to 26 options are expected (got {})", options.size()));
  example.question = stem;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (is_blank(options[i])) record.refuse("option " + letter(i) + " is empty");
    example.question += "\n" + letter(i) + ". " + options[i];
  }
  if (right >= options.size())
    record.refuse(fmt::format("the right option is number {} of {}", right + 1, options.size()));
  example.answer = letter(right);
  if (example.solution.empty()) example.solution = example.answer;
  example.choices = std::move(options);
  example.extra["stem"] = stem;
}

void set_label(Example& example, const Record& record, std::string_view field,
               const std::vector<std::string>& labels, const std::string& label) {
  const std::string wanted = lowered(trimmed(label));
  for (const std::string& each : labels)
    if (lowered(each) == wanted) example.answer = each;
  if (example.answer.empty())
    record.refuse(field, "must be one of " + joined(labels, ", "), "the text " + shown(label));
  if (example.solution.empty()) example.solution = example.answer;
  example.extra["labels"] = nlohmann::json(labels).dump();
}

std::string decimal(const Record& record, std::string_view field) {
  std::string text = trimmed(record.text_or_number(field));
  if (text.starts_with('+')) text.erase(0, 1);
  double value = 0.0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(value))
    record.refuse(field, "must be a decimal number", "the text " + shown(text));
  const std::size_t sign = text.starts_with('-') ? 1 : 0;
  if (text[sign] == '.') text.insert(sign, "0");
  return text;
}

void need_content(const Record& record, std::string_view field, std::string_view text) {
  if (is_blank(text)) record.refuse("field \"" + std::string(field) + "\" is empty");
}

bool is_blurb(const Record& record) {
  return record.has("id") && record.is_text("sentence1") && record.is_text("sentence2") &&
         record.has("label");
}

bool is_pubmed_id(std::string_view id) {
  return !id.empty() && id.size() <= 9 &&
         id.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace xfer::domains
