// SPDX-License-Identifier: Apache-2.0
// Row counts and gold answers of the datasets as their authors publish them. The files are no part
// of this repository: without them these tests skip themselves.
#include "files.hpp"

#include "domains/records/record_file.hpp"
#include "xfer/grade/grader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace xfer::domains {
namespace {

using nlohmann::json;

#define XFER_REAL_FILE(variable, name)       \
  const fs::path variable = real_file(name); \
  if (variable.empty()) GTEST_SKIP() << name << " is not here"

std::map<std::string, int> answers(const Dataset& dataset, Split split) {
  std::map<std::string, int> counts;
  for (std::size_t i = 0; i < dataset.size(split); ++i) ++counts[dataset.at(split, i).answer];
  return counts;
}

/// The reference answers are right by the dataset's own grader, where this build has it.
void expect_reference_answers_right(const Loaded& loaded, std::size_t at_most = 200) {
  std::shared_ptr<const grade::Grader> grader;
  try {
    grader = make_grader(loaded.grader);
  } catch (const Error&) {
    return;
  }
  for (const Split split : all_splits)
    for (std::size_t i = 0; i < std::min(loaded.dataset->size(split), at_most); ++i) {
      const Example e = loaded.dataset->at(split, i);
      EXPECT_EQ(grader->grade(e, e.solution).score, 1.0)
          << e.id << ": " << e.solution.substr(0, 200) << " | " << e.answer;
    }
}

TEST(RealFiles, gsm8k) {
  XFER_REAL_FILE(path, "gsm8k/train.jsonl");
  const Domain d = domain_from_file(path);
  EXPECT_EQ(d.dataset->size(Split::test), 1319U);
  EXPECT_EQ(d.dataset->size(Split::train) + d.dataset->size(Split::validation), 500U);
  std::map<std::string, int> counts;
  for (const Split split : {Split::train, Split::validation, Split::test})
    for (std::size_t i = 0; i < d.dataset->size(split); ++i) {
      const Example e = d.dataset->at(split, i);
      EXPECT_EQ(d.grader->grade(e, e.solution).score, 1.0) << e.id;
      EXPECT_EQ(e.solution.find("<<"), std::string::npos) << e.id;
      if (split == Split::test) ++counts[e.answer];
    }
  for (const char* answer : {"2125", "114200", "-10", "-3"}) EXPECT_GE(counts[answer], 1) << answer;
  const Loaded socratic = load_dataset(path.parent_path() / "test_socratic.jsonl", {});
  EXPECT_EQ(socratic.dataset->size(Split::test), 200U);
  EXPECT_EQ(socratic.dataset->at(Split::test, 0).answer, "18");
}

TEST(RealFiles, gsm8k_verdicts_of_model_solutions) {
  XFER_REAL_FILE(path, "gsm8k/example_model_solutions.jsonl");
  const Loaded loaded = load_dataset(path, {});
  ASSERT_EQ(loaded.dataset->size(Split::test), 150U);
  int solutions = 0;
  for (std::size_t i = 0; i < 150; ++i)
    for (const auto& each :
         json::parse(loaded.dataset->at(Split::test, i).extra.at("model_solutions"))) {
      ++solutions;
      const auto& text = each.at("solution").get_ref<const std::string&>();
      std::string number = text.substr(std::min(text.rfind("A:") + 2, text.size()));
      std::erase_if(number, [](char c) { return c == ',' || c == ' ' || c == '\n'; });
      EXPECT_EQ(number == loaded.dataset->at(Split::test, i).answer, each.at("is_correct")) << i;
    }
  EXPECT_EQ(solutions, 600);
}

TEST(RealFiles, math_500) {
  XFER_REAL_FILE(path, "math/prm800k_math_splits_test.jsonl");
  const Loaded loaded = load_dataset(path, {});
  ASSERT_EQ(loaded.dataset->size(Split::test), 500U);
  EXPECT_EQ(total(*loaded.dataset), 500U);
  const auto rows = open_records(path);
  std::map<std::string, int> kinds;
  for (std::size_t i = 0; i < 500; ++i) {
    const Example e = loaded.dataset->at(Split::test, i);
    ++kinds[e.kind];
    EXPECT_EQ(e.answer, rows->record(i).text("answer"));
    EXPECT_EQ(e.id + ".json", "math/" + rows->record(i).text("unique_id"));
  }
  EXPECT_EQ(kinds.at("algebra"), 124);
  EXPECT_EQ(kinds.at("counting_and_probability"), 38);
  expect_reference_answers_right(loaded, 500);
}

TEST(RealFiles, math_boxes_equal_the_answers_byte_for_byte) {
  XFER_REAL_FILE(path, "math/prm800k_math_splits_test.jsonl");
  const auto rows = open_records(path);
  const fs::path copy = fs::temp_directory_path() / ("xfer-math-" + std::to_string(::getpid()));
  {
    std::ofstream out(copy);
    for (std::size_t i = 0; i < rows->size(); ++i) {
      json row = rows->record(i).object();
      row.erase("answer");
      out << row.dump() << "\n";
    }
  }
  const Loaded loaded = load_dataset(copy, {});
  for (std::size_t i = 0; i < 500; ++i)
    EXPECT_EQ(loaded.dataset->at(Split::test, i).answer, rows->record(i).text("answer")) << i;
  fs::remove(copy);
}

TEST(RealFiles, math_in_its_other_forms) {
  XFER_REAL_FILE(folder, "math/original_layout/MATH");
  const Loaded original = load_dataset(folder, {});
  EXPECT_EQ(original.dataset->size(Split::test), 60U);
  EXPECT_EQ(original.dataset->at(Split::test, 0).id.substr(0, 18), "math/test/algebra/");
  EXPECT_EQ(load_dataset(folder / "test", {}).dataset->size(Split::test), 60U);
  EXPECT_EQ(load_dataset(folder / "test" / "algebra" / "24.json", {}).dataset->size(Split::test),
            1U);
  const fs::path math = folder.parent_path().parent_path();
  EXPECT_EQ(total(*load_dataset(math / "hendrycks_rows.jsonl", {}).dataset), 152U);
  const Loaded agieval = load_dataset(math / "agieval_math.jsonl", {});
  EXPECT_EQ(agieval.dataset->size(Split::test), 100U);
  EXPECT_EQ(agieval.dataset->at(Split::test, 0).answer, "(3,4]");
}

TEST(RealFiles, aqua) {
  XFER_REAL_FILE(path, "aqua/test.json");
  const Loaded loaded = load_dataset(path, {});
  ASSERT_EQ(loaded.dataset->size(Split::test), 254U);
  const auto counts = answers(*loaded.dataset, Split::test);
  EXPECT_EQ(counts,
            (std::map<std::string, int>{{"A", 63}, {"B", 58}, {"C", 46}, {"D", 53}, {"E", 34}}));
  expect_reference_answers_right(loaded, 254);
  const Loaded tokenised = load_dataset(path.parent_path() / "test.tok.json", {});
  EXPECT_EQ(tokenised.dataset->size(Split::test), 40U);
  EXPECT_EQ(tokenised.dataset->at(Split::test, 0).choices[4], "None of these");
  const Loaded agieval = load_dataset(path.parent_path() / "agieval_aqua-rat.jsonl", {});
  ASSERT_EQ(agieval.dataset->size(Split::test), 60U);
  for (std::size_t i = 0; i < 60; ++i)
    EXPECT_EQ(agieval.dataset->at(Split::test, i).choices,
              loaded.dataset->at(Split::test, i).choices)
        << i;
}

TEST(RealFiles, humaneval) {
  XFER_REAL_FILE(path, "humaneval/HumanEval.jsonl.gz");
  const Loaded loaded = load_dataset(path, {});
  ASSERT_EQ(loaded.dataset->size(Split::test), 164U);
  EXPECT_EQ(total(*loaded.dataset), 164U);
  EXPECT_EQ(loaded.dataset->at(Split::test, 0).extra.at("entry_point"), "has_close_elements");
}

TEST(RealFiles, mbpp) {
  XFER_REAL_FILE(path, "mbpp/mbpp.jsonl");
  const Domain d = domain_from_file(path);
  EXPECT_EQ(d.dataset->size(Split::test), 500U);
  EXPECT_EQ(d.dataset->size(Split::validation), 90U);
  EXPECT_EQ(d.dataset->size(Split::train), 374U);
  ASSERT_EQ(d.few_shot.size(), 3U);
  EXPECT_EQ(d.few_shot[0].id, "mbpp/2");
  int challenges = 0;
  int setups = 0;
  for (const Split split : {Split::train, Split::validation, Split::test})
    for (std::size_t i = 0; i < d.dataset->size(split); ++i) {
      const Example e = d.dataset->at(split, i);
      EXPECT_EQ(json::parse(e.extra.at("test_list")).size(), 3U) << e.id;
      EXPECT_EQ(e.solution.find("\r\n"), std::string::npos) << e.id;
      challenges += e.extra.at("challenge_test_list") != "[]" ? 1 : 0;
      setups += e.extra.at("test_setup_code").empty() ? 0 : 1;
    }
  EXPECT_EQ(challenges, 11);
  EXPECT_EQ(setups, 2);
  // The first 120 of 427 entries: tasks up to about 300.
  const DataReport sanitized = check_data(path.parent_path() / "sanitized-mbpp.json");
  EXPECT_EQ(sanitized.dataset, "mbpp");
  EXPECT_EQ(sanitized.files[0].rows, 120U);
  EXPECT_EQ(sanitized.bad_rows, 0U);
}

TEST(RealFiles, sciq) {
  XFER_REAL_FILE(path, "sciq/test.json");
  const Loaded loaded = load_dataset(path, {});
  ASSERT_EQ(loaded.dataset->size(Split::test), 1000U);
  int closed = 0;
  for (std::size_t i = 0; i < 1000; ++i)
    closed += loaded.dataset->at(Split::test, i).kind == "closed book" ? 1 : 0;
  EXPECT_EQ(closed, 116);
  for (const auto& [letter, count] : answers(*loaded.dataset, Split::test))
    EXPECT_NEAR(count, 250, 50) << letter;
  expect_reference_answers_right(loaded);
  const Loaded table = load_dataset(path.parent_path() / "test_with_support_only.csv", {});
  EXPECT_EQ(table.dataset->size(Split::test), 884U);
  EXPECT_EQ(table.dataset->at(Split::test, 0).question,
            loaded.dataset->at(Split::test, 0).question);
}

TEST(RealFiles, arc_challenge) {
  XFER_REAL_FILE(path, "arc_challenge/ARC-Challenge-Test.jsonl");
  const Loaded loaded = load_dataset(path, {});
  ASSERT_EQ(loaded.dataset->size(Split::test), 1172U);
  EXPECT_EQ(loaded.dataset->size(Split::validation), 60U);
  std::map<std::size_t, int> options;
  int numbers = 0;
  for (std::size_t i = 0; i < 1172; ++i) {
    const Example e = loaded.dataset->at(Split::test, i);
    ++options[e.choices.size()];
    numbers += e.extra.at("label_form") == "number" ? 1 : 0;
  }
  EXPECT_EQ(options, (std::map<std::size_t, int>{{3, 4}, {4, 1165}, {5, 3}}));
  EXPECT_EQ(numbers, 22);
  expect_reference_answers_right(loaded);
  const Loaded hub = load_dataset(path.parent_path() / "hf_test.jsonl", {});
  ASSERT_EQ(hub.dataset->size(Split::test), 1172U);
  for (std::size_t i = 0; i < 1172; ++i) {
    const Example a = loaded.dataset->at(Split::test, i);
    const Example b = hub.dataset->at(Split::test, i);
    EXPECT_EQ(a.question, b.question);
    EXPECT_EQ(a.answer, b.answer);
    EXPECT_EQ(a.id, b.id);
  }
}

TEST(RealFiles, logiqa) {
  XFER_REAL_FILE(path, "logiqa/Test.txt");
  const Loaded loaded = load_dataset(path, {});
  ASSERT_EQ(loaded.dataset->size(Split::test), 651U);
  EXPECT_EQ(answers(*loaded.dataset, Split::test),
            (std::map<std::string, int>{{"A", 132}, {"B", 159}, {"C", 179}, {"D", 181}}));
  EXPECT_EQ(loaded.dataset->at(Split::test, 2).choices[0], "No dangshen");
  expect_reference_answers_right(loaded);
  const Loaded agieval = load_dataset(path.parent_path() / "agieval_logiqa-en.jsonl", {});
  EXPECT_EQ(agieval.dataset->size(Split::test), 100U);
  EXPECT_EQ(agieval.dataset->at(Split::test, 0).question,
            loaded.dataset->at(Split::test, 0).question);
  const Loaded second = load_dataset(path.parent_path() / "logiqa2_test.txt", {});
  EXPECT_EQ(second.card.name, "logiqa2");
  EXPECT_EQ(second.dataset->size(Split::test), 300U);
  EXPECT_EQ(second.dataset->at(Split::test, 0).answer, "D");
  EXPECT_EQ(second.dataset->at(Split::test, 0).kind, "Sufficient Conditional Reasoning");
}

TEST(RealFiles, pubmedqa) {
  XFER_REAL_FILE(path, "pubmedqa/ori_pqal.json");
  const Loaded loaded = load_dataset(path, {});
  ASSERT_EQ(loaded.dataset->size(Split::test), 500U);
  EXPECT_EQ(loaded.dataset->size(Split::train) + loaded.dataset->size(Split::validation), 300U);
  EXPECT_EQ(answers(*loaded.dataset, Split::test),
            (std::map<std::string, int>{{"maybe", 55}, {"no", 169}, {"yes", 276}}));
  expect_reference_answers_right(loaded);
}

struct Molecules {
  const char* file;
  const char* dataset;
  std::size_t rows;
  std::size_t labels;
};

TEST(RealFiles, moleculenet) {
  XFER_REAL_FILE(any, "moleculenet/SAMPL.csv");
  for (const Molecules& each :
       {Molecules{"delaney-processed.csv", "esol", 1128, 1128},
        Molecules{"SAMPL.csv", "freesolv", 642, 642},
        Molecules{"Lipophilicity.csv", "lipophilicity", 2000, 2000},
        Molecules{"bbbp.csv", "bbbp", 1200, 1200}, Molecules{"bace.csv", "bace", 300, 300},
        Molecules{"HIV.csv", "hiv", 3000, 3000}, Molecules{"clintox.csv.gz", "clintox", 1491, 2982},
        Molecules{"sider.csv.gz", "sider", 500, 13500},
        Molecules{"tox21.csv.gz", "tox21", 2000, 0}}) {
    const Loaded loaded = load_dataset(any.parent_path() / each.file, {});
    EXPECT_EQ(loaded.card.name, each.dataset);
    EXPECT_EQ(loaded.report.files[0].rows, each.rows) << each.file;
    if (each.labels > 0) {
      EXPECT_EQ(total(*loaded.dataset), each.labels) << each.file;
    } else {
      EXPECT_LT(total(*loaded.dataset), 12 * each.rows);
    }
    expect_reference_answers_right(loaded, 20);
    std::map<std::string, Split> where;
    for (const Split split : all_splits)
      for (std::size_t i = 0; i < loaded.dataset->size(split); i += 7) {
        const Example e = loaded.dataset->at(split, i);
        EXPECT_EQ(where.emplace(e.cluster, split).first->second, split) << e.id;
        EXPECT_EQ(e.question.find(" \n"), std::string::npos) << e.id;
      }
  }
}

TEST(RealFiles, legalbench_tasks) {
  XFER_REAL_FILE(tasks, "legalbench/tasks");
  const std::map<std::string, std::size_t> rows = {
      {"abercrombie", 5},         {"canada_tax_court_outcomes", 6},
      {"corporate_lobbying", 10}, {"hearsay", 5},
      {"ssla_plaintiff", 3},      {"unfair_tos", 9}};
  std::size_t read = 0;
  for (const auto& entry : fs::directory_iterator(tasks)) {
    const std::string task = entry.path().filename().string();
    if (task == "rule_qa") {
      EXPECT_THROW(load_dataset(entry.path(), {}), Error);
      continue;
    }
    const Loaded loaded = load_dataset(entry.path(), {});
    read += total(*loaded.dataset);
    EXPECT_EQ(loaded.card.name, "legalbench") << task;
    if (const auto known = rows.find(task); known != rows.end()) {
      EXPECT_EQ(total(*loaded.dataset), known->second) << task;
    }
    EXPECT_GE(loaded.prompts.size(), 6U) << task;
    expect_reference_answers_right(loaded);
    std::ifstream file(entry.path() / "base_prompt.txt");
    const std::string prompt{std::istreambuf_iterator<char>(file), {}};
    const PromptTemplate& own = loaded.prompts[0];
    EXPECT_TRUE(prompt.starts_with(own.before)) << task;
    EXPECT_NE(prompt.find(own.after), std::string::npos) << task;
  }
  const Loaded all = load_dataset(tasks, {});
  EXPECT_EQ(total(*all.dataset), read);
  expect_reference_answers_right(all);
  const Loaded one = load_dataset(tasks / "hearsay" / "train.tsv", {});
  std::set<std::string> labels;
  for (const Split split : all_splits)
    for (std::size_t i = 0; i < one.dataset->size(split); ++i) {
      const Example e = one.dataset->at(split, i);
      EXPECT_EQ(e.extra.at("labels"), R"(["No","Yes"])");
      EXPECT_TRUE(e.question.starts_with("Q: ")) << e.question;
      EXPECT_TRUE(e.question.ends_with(" Is there hearsay?")) << e.question;
      labels.insert(e.answer);
    }
  EXPECT_EQ(labels.size(), 2U);
  EXPECT_EQ(one.prompts[0].after, "\nA:");
  EXPECT_EQ(one.prompts[0].before.find("Real Madrid"), std::string::npos)
      << "its examples are the rows themselves";
}

TEST(RealFiles, every_dataset_has_a_card_and_five_prompts) {
  XFER_REAL_FILE(any, "moleculenet/SAMPL.csv");
  for (const char* name :
       {"gsm8k/test.jsonl", "aqua/test.json", "humaneval/HumanEval.jsonl.gz", "mbpp/mbpp.jsonl",
        "sciq/test.json", "logiqa/Test.txt", "pubmedqa/ori_pqal.json", "moleculenet/HIV.csv"}) {
    const Loaded loaded = load_dataset(any.parent_path().parent_path() / name, {});
    EXPECT_GE(loaded.prompts.size(), 5U) << name;
    EXPECT_FALSE(loaded.report.licence.empty()) << name;
    EXPECT_FALSE(loaded.report.domain.empty()) << name;
    for (const Example& shot : loaded.few_shot)
      for (std::size_t i = 0; i < loaded.dataset->size(Split::test); ++i)
        ASSERT_NE(loaded.dataset->at(Split::test, i).id, shot.id) << name;
  }
}

}  // namespace
}  // namespace xfer::domains
