// SPDX-License-Identifier: Apache-2.0
// ChemQA (arXiv 2411.15221) and the like: chemistry with options, about molecules given as SMILES.
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

#include <algorithm>

namespace xfer::domains {
namespace {

/// Length of the atom that the text starts with, 0 for none: the organic subset of SMILES, or
/// anything in brackets.
std::size_t atom(std::string_view text) {
  if (text.starts_with("Cl") || text.starts_with("Br")) return 2;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    return end == std::string_view::npos || end > 20 ? 0 : end + 1;
  }
  return !text.empty() && std::string_view("BCNOPSFIbcnops").find(text[0]) != std::string_view::npos
             ? 1
             : 0;
}

/// Whether a word can only be a molecule: atoms, bonds, branches and ring numbers throughout, with
/// two atoms at least, and something that no word of English has.
bool is_smiles(std::string_view word) {
  std::size_t atoms = 0;
  bool marked = false;
  bool lower_case = false;
  bool digits = false;
  for (std::size_t at = 0; at < word.size();) {
    if (const std::size_t size = atom(word.substr(at))) {
      lower_case = lower_case || (word[at] >= 'a' && word[at] <= 'z');
      ++atoms;
      at += size;
      continue;
    }
    if (atoms == 0 ||
        std::string_view("=#()123456789%-/\\@+.:").find(word[at]) == std::string_view::npos)
      return false;
    digits = digits || (word[at] >= '1' && word[at] <= '9');
    marked = marked || std::string_view("=#()123456789").find(word[at]) != std::string_view::npos;
    ++at;
  }
  // Lower-case atoms are aromatic: without a ring number they are letters.
  return atoms >= 2 && (marked || atoms >= 3) && (!lower_case || digits);
}

bool has_smiles(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n\"',;?`$<>", at);
    if (begin == std::string_view::npos) return false;
    const std::size_t end = std::min(text.find_first_of(" \t\r\n\"',;?`$<>", begin), text.size());
    std::string_view word = text.substr(begin, end - begin);
    while (word.ends_with('.') || word.ends_with(':')) word.remove_suffix(1);
    if (is_smiles(word)) return true;
    at = end;
  }
  return false;
}

/// The part of an id or a description before its number: "counting_12" is of "counting".
std::string task_of(const Record& record) {
  std::string id = record.has("id") ? record.text_or_number("id") : "";
  const std::size_t end = id.find_last_not_of("0123456789");
  id.resize(end == std::string::npos ? 0 : end + 1);
  while (!id.empty() && std::string_view("-_/: ").find(id.back()) != std::string_view::npos)
    id.pop_back();
  return id.empty() ? trimmed(record.text_or_empty("description")) : id;
}

Reading read_chemqa(const Record& record) {
  const std::string question = record.text("question");
  need_content(record, "question", question);
  std::vector<std::string> options = record.texts("choices");
  for (std::size_t i = 0; i < options.size(); ++i) options[i] = without_mark(options[i], i);
  const std::size_t right = option_index(record, "label", options.size());
  // The molecule is in the picture alone: a text model could only guess.
  if (!has_smiles(question)) return aside("image only: no molecule in the question");
  Example example;
  example.id = record.has("id") ? record.text_or_number("id") : "";
  example.kind = task_of(record);
  set_choices(example, record, "Question: " + trimmed(question), std::move(options), right);
  return one(std::move(example));
}

Reading read_chembench(const Record& record) {
  const std::string question = record.text("question");
  need_content(record, "question", question);
  std::vector<std::string> options;
  for (const char* field : {"A", "B", "C", "D"})
    options.push_back(trimmed(record.text_or_number(field)));
  const std::size_t right = option_index(record, "answer", options.size());
  Example example;
  set_choices(example, record, "Question: " + trimmed(question), std::move(options), right);
  return one(std::move(example));
}

Reader chemqa(const Source&) {
  Reader reader;
  reader.read = read_chemqa;
  reader.note = "text alone: questions whose molecule is only in the picture are set aside";
  return reader;
}

Reader chembench(const Source&) {
  Reader reader;
  reader.read = read_chembench;
  return reader;
}

}  // namespace

std::vector<Form> chemqa_forms() {
  return {{"chemqa", "question, choices, label, description, id",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("question") && r.has("choices") && r.has("label") &&
                    (r.has("description") || r.has("image"));
           },
           chemqa},
          {"chembench4k", "question, A, B, C, D, answer",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("question") && r.has("A") && r.has("B") && r.has("C") && r.has("D") &&
                    r.has("answer");
           },
           chembench}};
}

}  // namespace xfer::domains
