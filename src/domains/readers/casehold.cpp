// SPDX-License-Identifier: Apache-2.0
// CaseHOLD: which holding a citing court's prompt leads to (Zheng et al. 2021, arXiv 2104.08671).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

#include <array>

namespace xfer::domains {
namespace {

constexpr std::array holdings = {"holding_0", "holding_1", "holding_2", "holding_3", "holding_4"};

Reading make(const Record& record, const std::string& prompt, std::vector<std::string> options,
             std::int64_t right) {
  if (right < 0 || right >= static_cast<std::int64_t>(options.size()))
    record.refuse("label", "must be in 0.." + std::to_string(options.size() - 1),
                  std::to_string(right));
  Example example;
  for (std::string& option : options) option = trimmed(option);
  set_choices(example, record, "Excerpt: " + trimmed(prompt), std::move(options),
              static_cast<std::size_t>(right));
  return one(std::move(example));
}

/// Labels count from 0, as text too. A blank one hides the answer.
Reading read_casehold(const Record& record) {
  const std::string prompt = record.text("citing_prompt");
  need_content(record, "citing_prompt", prompt);
  if (!record.has("label") || is_blank(record.text_or_number("label"))) return aside("no label");
  std::vector<std::string> options;
  for (const char* field : holdings) options.push_back(record.text(field));
  return make(record, prompt, std::move(options), record.integer("label"));
}

Reading read_lexglue(const Record& record) {
  const std::string prompt = record.text("context");
  need_content(record, "context", prompt);
  if (!record.has("label") || record.integer("label") < 0) return aside("no label");
  return make(record, prompt, record.texts("endings"), record.integer("label"));
}

}  // namespace

std::vector<Form> casehold_forms() {
  return {{"casehold", "citing_prompt, holding_0 to holding_4, label",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("citing_prompt") && r.has("holding_0") && r.has("holding_4");
           },
           plain_rows<read_casehold>},
          {"casehold", "LexGLUE",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("context") && r.is_array("endings");
           },
           plain_rows<read_lexglue>}};
}

}  // namespace xfer::domains
