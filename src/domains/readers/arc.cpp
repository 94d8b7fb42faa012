// SPDX-License-Identifier: Apache-2.0
// ARC-Challenge: grade-school science questions (Clark et al. 2018, arXiv 1803.05457).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace xfer::domains {
namespace {

struct Options {
  std::vector<std::string> labels;
  std::vector<std::string> texts;
};

/// Always through the row's own labels: some rows have "1".."4", some three or five options.
Reading make(const Record& record, std::string id, const std::string& stem, Options options,
             std::string_view key_field) {
  need_content(record, "question", stem);
  const std::string key = trimmed(record.text_or_number(key_field));
  const auto found = std::find(options.labels.begin(), options.labels.end(), key);
  if (found == options.labels.end())
    record.refuse(key_field, "must be one of the row's labels " + joined(options.labels, ", "),
                  "the text " + shown(key));
  if (std::count(options.labels.begin(), options.labels.end(), key) > 1)
    record.refuse("label " + shown(key) + " stands before two options");
  const auto right = static_cast<std::size_t>(found - options.labels.begin());
  Example example;
  example.id = std::move(id);
  example.extra["label_form"] = options.labels[0] == "1" ? "number" : "letter";
  set_choices(example, record, "Question: " + trimmed(stem), std::move(options.texts), right);
  return one(std::move(example));
}

Reading read_ai2(const Record& record) {
  const Record question = record.inner("question");
  Options options;
  for (const Record& choice : question.records("choices")) {
    options.labels.push_back(trimmed(choice.text("label")));
    options.texts.push_back(trimmed(choice.text("text")));
  }
  return make(record, record.text("id"), question.text("stem"), std::move(options), "answerKey");
}

Reading read_arc_hub(const Record& record) {
  const Record choices = record.inner("choices");
  Options options{choices.texts("label"), choices.texts("text")};
  if (options.labels.size() != options.texts.size())
    record.refuse(fmt::format("field \"choices\" has {} texts and {} labels", options.texts.size(),
                              options.labels.size()));
  for (std::string& text : options.texts) text = trimmed(text);
  return make(record, record.text("id"), record.text("question"), std::move(options), "answerKey");
}

/// "Which is it? (A) red (B) blue": the options are where the marks come in order.
Reading read_table(const Record& record) {
  const std::string text = record.text("question");
  Options options;
  std::vector<std::size_t> starts;
  for (const char first : {'A', '1'}) {
    options.labels.clear();
    starts.clear();
    for (std::size_t at = 0; at + 2 < text.size(); ++at) {
      const char mark = static_cast<char>(first + static_cast<char>(starts.size()));
      if (text[at] != '(' || text[at + 1] != mark || text[at + 2] != ')') continue;
      options.labels.emplace_back(1, mark);
      starts.push_back(at);
    }
    if (starts.size() > 1) break;
  }
  if (starts.size() < 2)
    record.refuse("question", "must hold options \"(A) ... (B) ...\"", "fewer than two");
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : text.size();
    options.texts.push_back(trimmed(text.substr(starts[i] + 3, end - starts[i] - 3)));
  }
  return make(record, record.text("questionID"), text.substr(0, starts[0]), std::move(options),
              "AnswerKey");
}

}  // namespace

std::vector<Form> arc_forms() {
  return {{"arc_challenge", "AI2's JSON Lines",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("answerKey") && r.is_object("question") &&
                    r.inner("question").has("stem");
           },
           plain_rows<read_ai2>},
          {"arc_challenge", "Hugging Face export",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("answerKey") && r.is_text("question") && r.is_object("choices");
           },
           plain_rows<read_arc_hub>},
          {"arc_challenge", "AI2's CSV",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("questionID") && r.has("AnswerKey") && r.is_text("question");
           },
           plain_rows<read_table>}};
}

}  // namespace xfer::domains
