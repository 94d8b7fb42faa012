// SPDX-License-Identifier: Apache-2.0
// PubMedQA: yes, no or maybe from an abstract (Jin et al. 2019, arXiv 1909.06146).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <set>

namespace xfer::domains {
namespace {

namespace fs = std::filesystem;

/// PubMed ids of the official test items, from the file that lies beside the data.
using TestIds = std::set<std::string>;

TestIds read_test_ids(const fs::path& path) {
  std::error_code ignored;
  const fs::path beside = path.parent_path() / "test_ground_truth.json";
  TestIds ids;
  if (!fs::is_regular_file(beside, ignored)) return ids;
  const auto object = parse_object(files::read_text(beside), beside.string());
  for (const auto& entry : object.items()) ids.insert(entry.key());
  return ids;
}

Reading make(const Record& record, const std::string& id, const std::string& question,
             std::string_view answer_field, const std::vector<std::string>& contexts) {
  need_content(record, "question", question);
  if (contexts.empty()) record.refuse("the row has no contexts");
  if (!record.has(answer_field)) return aside("no answer");
  Example example;
  example.id = id;
  example.question = "Abstract: " + joined(contexts, "\n") + "\nQuestion: " + trimmed(question);
  set_label(example, record, answer_field, {"yes", "no", "maybe"}, record.text(answer_field));
  return one(std::move(example));
}

/// "" in rows that have none: their number serves.
std::string pubmed_id(const Record& record) {
  for (const char* field : {"pubid", "PMID", "id"})
    if (record.has(field)) return record.text_or_number(field);
  return record.key();
}

/// The conclusion (LONG_ANSWER) is never shown: it gives the answer away.
Reading read_pubmedqa(const Record& record) {
  return make(record, pubmed_id(record), record.text("QUESTION"), "final_decision",
              record.texts("CONTEXTS"));
}

Reading read_pubmedqa_hub(const Record& record) {
  return make(record, record.text_or_number("pubid"), record.text("question"), "final_decision",
              record.inner("context").texts("contexts"));
}

/// BLURB has the official fold: what a file holds is in its name.
Reading read_pubmedqa_blurb(const Record& record) {
  return make(record, pubmed_id(record), record.text("sentence1"), "label",
              {trimmed(record.text("sentence2"))});
}

template <Reading (*read)(const Record&)>
Reader pubmedqa_rows(const Source& source) {
  Reader reader;
  reader.read = read;
  TestIds ids = read_test_ids(source.path);
  if (ids.empty()) {
    reader.note = "no test_ground_truth.json beside it: not the official test items";
  } else {
    reader.side = [ids = std::move(ids)](const Record& record) {
      return ids.contains(pubmed_id(record)) ? Side::test : Side::train;
    };
  }
  return reader;
}

/// A table of answers alone, which people open by mistake.
Reader ground_truth(const Source& source) {
  throw Error(Errc::bad_data, source.path.string() +
                                  ": PubMedQA's test answers without the questions; open "
                                  "ori_pqal.json beside it");
}

bool is_ground_truth(const Record& record, const fs::path&) {
  for (const auto& entry : record.object().items())
    if (entry.key().find_first_not_of("0123456789") != std::string::npos ||
        !entry.value().is_string())
      return false;
  return !record.object().empty();
}

}  // namespace

std::vector<Form> pubmedqa_forms() {
  return {{"pubmedqa", "QUESTION, CONTEXTS, final_decision by PubMed id",
           [](const Record& r, const fs::path&) { return r.has("QUESTION") && r.has("CONTEXTS"); },
           pubmedqa_rows<read_pubmedqa>},
          {"pubmedqa", "Hugging Face export",
           [](const Record& r, const fs::path&) {
             return r.has("pubid") && r.has("question") && r.is_object("context");
           },
           pubmedqa_rows<read_pubmedqa_hub>},
          {"pubmedqa", "BLURB",
           [](const Record& r, const fs::path&) {
             return is_blurb(r) && is_pubmed_id(r.text_or_number("id"));
           },
           plain_rows<read_pubmedqa_blurb>},
          {"pubmedqa", "test_ground_truth.json", is_ground_truth, ground_truth}};
}

}  // namespace xfer::domains
