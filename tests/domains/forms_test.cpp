// SPDX-License-Identifier: Apache-2.0
// The forms in which others publish the datasets again, on rows made up for them.
#include "files.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace xfer::domains {
namespace {

using nlohmann::json;

class Forms : public Files {
protected:
  Loaded rows(const std::string& name, const std::vector<json>& rows) const {
    std::string text;
    for (const json& row : rows) text += row.dump() + "\n";
    return load(write(name, text));
  }
  static Example first(const Loaded& loaded, Split split, const std::string& dataset) {
    EXPECT_EQ(loaded.report.dataset, dataset);
    EXPECT_GT(loaded.dataset->size(split), 0U) << loaded.report.title;
    return loaded.dataset->size(split) > 0 ? loaded.dataset->at(split, 0) : Example{};
  }
};

TEST_F(Forms, sciq_of_llm_adapters) {
  const auto row = [](const std::string& instruction, const std::string& answer) {
    return json{{"instruction", instruction},
                {"input", ""},
                {"output", "the correct answer is " + answer},
                {"answer", answer}};
  };
  const std::string asked =
      "Please choose the correct answer to the question: What is it?\n\nAnswer1: one thing\n"
      "Answer2: a ratio: 2:1\nAnswer3: three\nAnswer4: four \n\nAnswer format: "
      "answer1/answer2/answer3/answer4";
  const Example e = first(rows("sciq/test.json", {row(asked, "answer2")}), Split::test, "sciq");
  EXPECT_EQ(e.question, "Question: What is it?\nA. one thing\nB. a ratio: 2:1\nC. three\nD. four");
  EXPECT_EQ(e.answer, "B");
  EXPECT_EQ(e.kind, "closed book");
  EXPECT_FALSE(e.extra.contains("option_seed"));
  expect_in("field \"answer\" must be one of answer1, answer2, answer3, answer4",
            failure(write("sciq/a.jsonl", row(asked, "answer5").dump() + "\n")));
  expect_in("field \"instruction\" must be a question, options",
            failure(write("sciq/b.jsonl", row("Choose.", "answer1").dump() + "\n")));
  // Nothing in such a row tells which dataset it is of.
  expect_in("not a dataset that is known",
            failure(write("openbookqa/test.jsonl", row(asked, "answer2").dump() + "\n")));
}

TEST_F(Forms, yes_no_tasks_of_blurb) {
  const auto row = [](const std::string& id, const std::string& label) {
    return json{{"id", id}, {"sentence1", "Is it?"}, {"sentence2", "A text."}, {"label", label}};
  };
  const Loaded bioasq = rows("bioasq_hf/dev.json", {row("56c1f005ef6e394741000043_001", "no")});
  const Example b = first(bioasq, Split::validation, "bioasq");
  EXPECT_EQ(b.question, "Context: A text.\nQuestion: Is it?");
  EXPECT_EQ(b.answer, "no");
  EXPECT_EQ(b.extra.at("grader"), "label");
  EXPECT_EQ(b.extra.at("labels"), R"(["yes","no"])");
  const Example p =
      first(rows("pubmedqa_hf/test.json", {row("12377809", "maybe")}), Split::test, "pubmedqa");
  EXPECT_EQ(p.question, "Abstract: A text.\nQuestion: Is it?");
  EXPECT_EQ(p.answer, "maybe");
  EXPECT_EQ(p.id, "pubmedqa/12377809");
  expect_in("must be one of yes, no",
            failure(write("b/train.jsonl", row("56c1f005ef6e394741000043_001", "maybe").dump())));
}

TEST_F(Forms, pubmedqa_of_bigbio) {
  const json row = {{"QUESTION", "Is it?"},      {"CONTEXTS", {"One.", "Two."}},
                    {"LABELS", {"AIM", "DATA"}}, {"MESHES", json::array()},
                    {"final_decision", "maybe"}, {"LONG_ANSWER", "Perhaps."}};
  const Example e = first(rows("test-00000-of-00001.jsonl", {row}), Split::test, "pubmedqa");
  EXPECT_EQ(e.question, "Abstract: One.\nTwo.\nQuestion: Is it?");
  EXPECT_EQ(e.answer, "maybe");
}

TEST_F(Forms, gsm8k_and_math_with_more_fields) {
  const json gsm = {
      {"idx", 7}, {"question", "1+1?"}, {"answer", "1+1=<<1+1=2>>2\n#### 2"}, {"cot", "..."}};
  EXPECT_EQ(first(rows("gsm8k/test.jsonl", {gsm}), Split::test, "gsm8k").answer, "2");
  const json math = {{"problem", "$1+1$?"},
                     {"level", "Level 1"},
                     {"type", "Algebra"},
                     {"solution", "It is $\\boxed{\\frac{4}{2}}$."},
                     {"idx", 0},
                     {"answer", "\\frac{4}{2}"}};
  EXPECT_EQ(first(rows("math/test.jsonl", {math}), Split::test, "math").answer, "\\frac{4}{2}");
}

TEST_F(Forms, evalplus_extends_both_code_datasets) {
  const json human = {{"task_id", "HumanEval/0"},
                      {"prompt", "def f(x):\n"},
                      {"entry_point", "f"},
                      {"canonical_solution", "    return x\n"},
                      {"test", "def check(c):\n    assert c(1) == 1\n"},
                      {"base_input", {{1}}},
                      {"plus_input", {{2}}},
                      {"atol", 0},
                      {"contract", ""}};
  EXPECT_EQ(
      first(rows("HumanEvalPlus.jsonl", {human}), Split::test, "humaneval").extra.at("entry_point"),
      "f");
  const json mbpp = {{"task_id", 602},
                     {"code", "def f(): return 1"},
                     {"prompt", "Make f."},
                     {"source_file", "x.ipynb"},
                     {"test_imports", json::array()},
                     {"test_list", {"assert f() == 1"}},
                     {"test", "assert f() == 1"}};
  EXPECT_EQ(first(rows("MbppPlus.jsonl", {mbpp}), Split::train, "mbpp").id, "mbpp/602");
}

TEST_F(Forms, molecules_with_the_columns_of_other_collections) {
  const auto yes = [](const Loaded& loaded) {
    int count = 0;
    for (const Split split : all_splits)
      for (std::size_t i = 0; i < loaded.dataset->size(split); ++i)
        count += loaded.dataset->at(split, i).answer == "Yes" ? 1 : 0;
    return count;
  };
  const Loaded attentive = load(write("BBBP.csv", "BBBP,smiles\n1,CCO\n0,CCN\n1,CCC\n"));
  EXPECT_EQ(attentive.report.dataset, "bbbp");
  EXPECT_EQ(yes(attentive), 2);
  const Loaded hub = load(write("m.csv", "SMILES,HIV_active\nCCO,1\r\n\r\nCCN,0\r\n\r\n"));
  EXPECT_EQ(hub.report.dataset, "hiv");  // blank lines between the rows
  EXPECT_EQ(total(*hub.dataset), 2U);
  std::string header = "smiles";
  std::string cells = "CCO";
  for (int i = 1; i <= 27; ++i) {
    header += ",SIDER" + std::to_string(i);
    cells += i % 2 == 0 ? ",1" : ",0";
  }
  const Loaded sider = load(write("sider.csv", header + "\n" + cells + "\n"));
  EXPECT_EQ(sider.report.dataset, "sider");
  EXPECT_EQ(total(*sider.dataset), 27U);
  EXPECT_EQ(yes(sider), 13);
  for (const auto& [name, column] :
       {std::pair("freesolv", "freesolv"), std::pair("lipophilicity", "lipo")}) {
    const std::string rows = std::string("smiles,") + column + "\nC,-1.5\n";
    EXPECT_EQ(load(write(std::string(name) + ".csv", rows)).report.dataset, name);
  }
}

TEST_F(Forms, logiqa_and_casehold_on_the_hub) {
  const json logic = {
      {"context", "P"}, {"question", "Q"}, {"options", {"w", "x", "y", "z"}}, {"label", "c"}};
  EXPECT_EQ(first(rows("validation.jsonl", {logic}), Split::validation, "logiqa").answer, "C");
  const json second = {{"id", 1},
                       {"answer", 3},
                       {"text", "P"},
                       {"question", "Q"},
                       {"options", {"w", "x", "y", "z"}},
                       {"type", {{"Categorical Reasoning", true}}}};
  EXPECT_EQ(first(rows("two/test.jsonl", {second}), Split::test, "logiqa2").answer, "D");
  const json holding = {{"example_id", 5},  {"citing_prompt", "See (<HOLDING>)"},
                        {"holding_0", "a"}, {"holding_1", "b"},
                        {"holding_2", "c"}, {"holding_3", "d"},
                        {"holding_4", "e"}, {"label", "1"}};
  EXPECT_EQ(first(rows("all/test.jsonl", {holding}), Split::test, "casehold").answer, "B");
}

}  // namespace
}  // namespace xfer::domains
