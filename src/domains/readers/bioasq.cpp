// SPDX-License-Identifier: Apache-2.0
// BioASQ task b: biomedical questions with snippets (Tsatsaronis et al. 2015, BMC Bioinformatics
// 16:138). Four types; what is right is decided by type.
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

#include <algorithm>
#include <array>

namespace xfer::domains {
namespace {

using nlohmann::json;
using Synonyms = std::vector<std::string>;

constexpr std::array types = {"yesno", "factoid", "list", "summary"};

/// A list of texts, or of lists of texts, that was written out as text; null when it is neither,
/// such as an answer that begins with a bracket.
json written_list(const std::string& text) {
  const std::string inside = trimmed(text);
  if (!inside.starts_with("[") || !inside.ends_with("]")) return nullptr;
  if (!inside.starts_with("[[")) {
    const std::vector<std::string> flat = parse_list(inside);
    return flat.empty() ? json(nullptr) : json(flat);
  }
  json nested = json::array();
  std::string rest = inside.substr(1, inside.size() - 2);
  for (std::size_t end = rest.find(']'); end != std::string::npos; end = rest.find(']')) {
    const std::vector<std::string> one = parse_list(rest.substr(0, end + 1));
    if (one.empty()) return nullptr;
    nested.push_back(one);
    rest = rest.substr(std::min(rest.size(), rest.find_first_not_of(", \n", end + 1)));
  }
  return rest.empty() ? nested : json(nullptr);
}

/// A text, a list of texts, or a list of lists of texts: what the years' files have in turn. Each
/// text of a flat list is an entity of its own when `flat_is_entities`, else a synonym.
std::vector<Synonyms> entities(const Record& record, std::string_view field,
                               bool flat_is_entities) {
  const auto refuse = [&](const json& found) {
    record.refuse(field, "must be a text, a list of texts or a list of lists of texts",
                  found.type_name());
  };
  json value = record.object().at(std::string(field));
  std::vector<Synonyms> all;
  if (value.is_string())
    if (json list = written_list(value.get<std::string>()); !list.is_null()) value = list;
  if (value.is_string()) return {{trimmed(value.get<std::string>())}};
  if (!value.is_array()) refuse(value);
  for (const json& entry : value) {
    if (entry.is_string()) {
      if (flat_is_entities || all.empty()) all.emplace_back();
      all.back().push_back(trimmed(entry.get<std::string>()));
    } else if (entry.is_array()) {
      all.emplace_back();
      for (const json& synonym : entry) {
        if (!synonym.is_string()) refuse(synonym);
        all.back().push_back(trimmed(synonym.get<std::string>()));
      }
    } else {
      refuse(entry);
    }
  }
  std::erase_if(all, [](Synonyms& each) {
    std::erase_if(each, [](const std::string& s) { return s.empty(); });
    return each.empty();
  });
  if (all.empty()) record.refuse("field \"" + std::string(field) + "\" holds no answer");
  return all;
}

/// The first ideal answer: a text in old files, a list in new ones.
std::string ideal_answer(const Record& record, std::string_view field) {
  if (!record.has(field)) return "";
  return entities(record, field, true).front().front();
}

Reading make(const Record& record, Example example, const std::string& type,
             std::string_view field) {
  if (type == "summary") {
    example.answer = ideal_answer(record, record.has("ideal_answer") ? "ideal_answer" : field);
    if (example.answer.empty()) return aside("no answer");
    example.solution = example.answer;
    example.extra["grader"] = "";
    return one(std::move(example));
  }
  if (!record.has(field)) return aside("no answer");
  if (type == "yesno") {
    const std::vector<Synonyms> found = entities(record, field, true);
    set_label(example, record, field, {"yes", "no"}, found.front().front());
    example.extra["grader"] = "label";
    return one(std::move(example));
  }
  const std::vector<Synonyms> gold = entities(record, field, type == "list");
  std::vector<std::string> firsts;
  for (const Synonyms& each : gold) firsts.push_back(each.front());
  example.answer = type == "list" ? joined(firsts, ", ") : firsts.front();
  example.solution = example.answer;
  example.extra["gold"] = json(gold).dump();
  example.extra["grader"] = type;
  return one(std::move(example));
}

bool type_known(const std::string& type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

std::string type_of(const Record& record) {
  const std::string type = record.text("type");
  if (!type_known(type))
    record.refuse("type", "must be yesno, factoid, list or summary", "the text " + shown(type));
  return type;
}

Reading read_bioasq(const Record& record) {
  const std::string type = type_of(record);
  Example example;
  example.id = record.text("id");
  example.kind = type;
  const std::string body = trimmed(record.text("body"));
  need_content(record, "body", body);
  std::vector<std::string> snippets;
  if (record.has("snippets"))
    for (const Record& snippet : record.records("snippets"))
      snippets.push_back(trimmed(snippet.text("text")));
  example.question =
      (snippets.empty() ? "" : "Context: " + joined(snippets, "\n") + "\n") + "Question: " + body;
  return make(record, std::move(example), type, "exact_answer");
}

/// The schema of the BigBio collection. A question asked of several texts is one cluster.
Reading read_bigbio(const Record& record) {
  const std::string type = type_of(record);
  Example example;
  example.id = record.text("id");
  example.kind = type;
  const std::string body = trimmed(record.text("question"));
  need_content(record, "question", body);
  example.cluster = canonical(body);
  const std::string context = trimmed(record.text_or_empty("context"));
  example.question = (context.empty() ? "" : "Context: " + context + "\n") + "Question: " + body;
  return make(record, std::move(example), type, "answer");
}

/// A later release in which each type is a file: the questions' names are BigBio's, the rest is
/// BioASQ's, and answers may be printed lists.
Reading read_by_type(const Record& record) {
  const std::string type = type_of(record);
  Example example;
  example.id = record.has("id") ? record.text("id") : "";
  example.kind = type;
  const std::string body = trimmed(record.text("question"));
  need_content(record, "question", body);
  std::vector<std::string> snippets;
  if (record.is_array("snippets"))
    for (const json& snippet : record.object().at("snippets")) {
      if (snippet.is_string()) snippets.push_back(trimmed(snippet.get<std::string>()));
      if (snippet.is_object() && snippet.contains("text") && snippet["text"].is_string())
        snippets.push_back(trimmed(snippet["text"].get<std::string>()));
    }
  example.question =
      (snippets.empty() ? "" : "Context: " + joined(snippets, "\n") + "\n") + "Question: " + body;
  return make(record, std::move(example), type, record.has("answer") ? "answer" : "exact_answer");
}

/// The yes-no part of the seventh year: the snippets are one text.
Reading read_blurb(const Record& record) {
  Example example;
  example.id = record.text("id");
  example.kind = "yesno";
  const std::string body = trimmed(record.text("sentence1"));
  need_content(record, "sentence1", body);
  example.cluster = canonical(body);
  example.question = "Context: " + trimmed(record.text("sentence2")) + "\nQuestion: " + body;
  set_label(example, record, "label", {"yes", "no"}, record.text("label"));
  example.extra["grader"] = "label";
  return one(std::move(example));
}

/// Without a task: the types that can be graded. Summaries are measured in bits per byte alone.
template <Reading (*read)(const Record&)>
Reader bioasq_rows(const Source& source) {
  Reader reader;
  const std::string task = source.options.task;
  reader.read = [task](const Record& record) {
    const std::string type = record.text_or_empty("type");
    if (task.empty() ? type == "summary" : task != type && type_known(type))
      return aside("of type " + type);
    return read(record);
  };
  if (!task.empty()) reader.note = "questions of type " + task;
  return reader;
}

}  // namespace

std::vector<Form> bioasq_forms() {
  return {{"bioasq", "questions with body, type, snippets, exact_answer, ideal_answer",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("body") && r.is_text("type");
           },
           bioasq_rows<read_bioasq>},
          {"bioasq", "BigBio",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("question") && r.is_text("type") && r.has("context") &&
                    r.is_array("answer");
           },
           bioasq_rows<read_bigbio>},
          {"bioasq", "one file per type, with question, type, answer, snippets",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("question") && r.is_text("type") &&
                    type_known(r.text_or_empty("type")) && !r.has("context") &&
                    (r.has("answer") || r.has("exact_answer") || r.has("ideal_answer"));
           },
           bioasq_rows<read_by_type>},
          {"bioasq", "BLURB",
           [](const Record& r, const std::filesystem::path&) {
             return is_blurb(r) && !is_pubmed_id(r.text_or_number("id"));
           },
           plain_rows<read_blurb>}};
}

}  // namespace xfer::domains
