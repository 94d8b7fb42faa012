// SPDX-License-Identifier: Apache-2.0
// Every form of every dataset that has no real file here, and every malformed row, on rows made up
// for it.
#include "files.hpp"

#include "domains/readers/legalbench.hpp"
#include "domains/readers/legalbench_grader.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace xfer::domains {
namespace {

using nlohmann::json;

class Readers : public Files {
protected:
  /// Loads rows written one a line, and gives the first example.
  Example first(const std::string& name, const std::vector<json>& rows, const std::string& dataset,
                Split split) const {
    std::string text;
    for (const json& row : rows) text += row.dump() + "\n";
    const Loaded loaded = load(write(name, text));
    EXPECT_EQ(loaded.report.dataset, dataset);
    EXPECT_GT(loaded.dataset->size(split), 0U) << loaded.report.title;
    return loaded.dataset->size(split) > 0 ? loaded.dataset->at(split, 0) : Example{};
  }
  std::string bad(const json& good, const std::string& field, const json& value) const {
    json row = good;
    if (value.is_discarded())
      row.erase(field);
    else
      row[field] = value;
    return failure(write("rows.jsonl", good.dump() + "\n" + row.dump() + "\n"));
  }
  const json absent = json(json::value_t::discarded);
};

TEST_F(Readers, arc_goes_by_the_labels_of_the_row) {
  const json row = {{"id", "q1"},
                    {"question",
                     {{"stem", "Which?"},
                      {"choices",
                       {{{"text", "red"}, {"label", "1"}},
                        {{"text", "blue"}, {"label", "2"}},
                        {{"text", "green"}, {"label", "3"}}}}}},
                    {"answerKey", "2"}};
  const Example e = first("ARC-Challenge-Test.jsonl", {row}, "arc_challenge", Split::test);
  EXPECT_EQ(e.question, "Question: Which?\nA. red\nB. blue\nC. green");
  EXPECT_EQ(e.extra.at("stem"), "Question: Which?");
  EXPECT_EQ(e.answer, "B");
  EXPECT_EQ(e.choices.size(), 3U);
  EXPECT_EQ(e.id, "arc_challenge/q1");
  EXPECT_EQ(e.extra.at("label_form"), "number");
  expect_in("rows.jsonl:2: field \"answerKey\" must be one of the row's labels 1, 2, 3",
            bad(row, "answerKey", "B"));
  expect_in("field \"question.choices\"",
            bad(row, "question", {{"stem", "x"}, {"choices", "none"}}));
  const Example csv = load(write("Test.csv",
                                 "questionID,AnswerKey,question,grade\n"
                                 "q2,C,\"Which, then? (A) a (B) b (C) c\",5\n"))
                          .dataset->at(Split::test, 0);
  EXPECT_EQ(csv.answer, "C");
  EXPECT_EQ(csv.choices, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(Readers, aqua_and_its_re_exports_agree) {
  const json official = {{"question", "2+3?"},
                         {"options", {"A)4", "B)5", "C)6", "D)7", "E)8"}},
                         {"rationale", "Add."},
                         {"correct", "B"}};
  const json agieval = {{"passage", nullptr},
                        {"question", "2+3?"},
                        {"options", {"(A)4", "(B)5", "(C)6", "(D)7", "(E)8"}},
                        {"label", "B"},
                        {"other", {{"solution", "Add."}}}};
  const json query = {
      {"query",
       "Q: 2+3? Answer Choices: (A)4 (B)5 (C)6 (D)7 (E)8\nA: Among A through E, the answer is"},
      {"choices", {"(A)4", "(B)5", "(C)6", "(D)7", "(E)8"}},
      {"gold", {1}}};
  const Example a = first("test.jsonl", {official}, "aqua", Split::test);
  EXPECT_EQ(a.question, "Question: 2+3?\nA. 4\nB. 5\nC. 6\nD. 7\nE. 8");
  EXPECT_EQ(a.solution, "Add.\nThe answer is B.");
  EXPECT_EQ(first("agieval.jsonl", {agieval}, "aqua", Split::test).question, a.question);
  const Example q = first("query.jsonl", {query}, "aqua", Split::test);
  EXPECT_EQ(q.question, a.question);
  EXPECT_EQ(q.answer, "B");
  expect_in("must name one of the 5 options", bad(official, "correct", "F"));
  expect_in("\"correct\"", bad(official, "correct", absent));
  expect_in("option C is empty", bad(official, "options", {"A)4", "B)5", "C)", "D)7", "E)8"}));
}

TEST_F(Readers, sciq_options_are_shuffled_by_a_seed_and_the_question) {
  const json row = {{"question", "What?"}, {"distractor3", "c"},        {"distractor1", "a"},
                    {"distractor2", "b"},  {"correct_answer", "right"}, {"support", "Because."}};
  const fs::path path = write("test.jsonl", row.dump() + "\n");
  std::set<std::string> letters;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    ReadOptions options;
    options.seed = seed;
    const Example e = load(path, options).dataset->at(Split::test, 0);
    EXPECT_EQ(e.choices.at(static_cast<std::size_t>(e.answer[0] - 'A')), "right");
    EXPECT_EQ(e.extra.at("option_seed"), std::to_string(seed));
    EXPECT_TRUE(e.question.starts_with("Because.\nQuestion: What?\nA. "));
    letters.insert(e.answer);
  }
  EXPECT_EQ(letters.size(), 4U);
  json bare = row;
  bare["support"] = "";
  EXPECT_EQ(first("valid.jsonl", {bare}, "sciq", Split::validation).kind, "closed book");
}

TEST_F(Readers, reclor_without_labels_is_no_test_set) {
  const auto row = [](const std::string& id, bool labelled) {
    json r = {{"context", "P of " + id},
              {"question", "Q"},
              {"answers", {"w", "x", "y", "z"}},
              {"id_string", id}};
    if (labelled) r["label"] = 2;
    return r;
  };
  json train = json::array();
  for (int i = 0; i < 60; ++i) train.push_back(row("train_" + std::to_string(i), true));
  write("train.json", train.dump());
  write("val.json", json({row("val_0", true), row("val_1", true)}).dump());
  const fs::path test = write("test.json", json({row("test_0", false)}).dump());
  const Loaded loaded = load(test);
  EXPECT_EQ(loaded.dataset->size(Split::test), 2U);
  EXPECT_EQ(loaded.dataset->at(Split::test, 0).id, "reclor/val_0");
  EXPECT_EQ(loaded.dataset->at(Split::test, 0).answer, "C");
  EXPECT_EQ(loaded.dataset->size(Split::train) + loaded.dataset->size(Split::validation), 60U);
  EXPECT_EQ(loaded.report.set_aside.at("no label"), 1U);
  expect_in("hidden", loaded.report.title);
  fs::remove(folder_ / "train.json");
  fs::remove(folder_ / "val.json");
  expect_in("no label", failure(test));
}

TEST_F(Readers, logiqa_passages_stay_together) {
  std::vector<json> rows;
  for (int i = 0; i < 400; ++i)
    rows.push_back({{"context", "Passage " + std::to_string(i / 4)},
                    {"question", "Question " + std::to_string(i)},
                    {"options", {"A thing", "B", "C", "D"}},
                    {"label", "a"}});
  std::string text;
  for (const json& row : rows) text += row.dump() + "\n";
  const Loaded loaded = load(write("rows.jsonl", text));
  std::map<std::string, Split> where;
  for (const Split split : all_splits)
    for (std::size_t i = 0; i < loaded.dataset->size(split); ++i) {
      const Example e = loaded.dataset->at(split, i);
      EXPECT_EQ(where.emplace(e.cluster, split).first->second, split);
      EXPECT_EQ(e.choices[0], "A thing");  // no mark in this form, so nothing is taken off
    }
  EXPECT_EQ(where.size(), 100U);
  const json other = {
      {"context", "P"}, {"query", "Q"}, {"options", {"w", "x", "y", "z"}}, {"correct_option", 3}};
  EXPECT_EQ(first("test.jsonl", {other}, "logiqa", Split::test).answer, "D");
}

TEST_F(Readers, bioasq_of_every_type_and_year) {
  const auto question = [](const std::string& id, const std::string& type, const json& exact) {
    json q = {{"id", id},
              {"body", "Body " + id + "?"},
              {"type", type},
              {"snippets", {{{"text", "Snippet."}, {"document", "u"}}}}};
    if (!exact.is_null()) q["exact_answer"] = exact;
    q["ideal_answer"] = json::array({"An ideal answer."});
    return q;
  };
  const json document = {
      {"questions",
       {question("1", "yesno", "Yes"), question("2", "yesno", json::array({"no"})),
        question("3", "factoid", json::array({"a", "b"})),
        question("4", "factoid", json::array({json::array({"c", "d"})})),
        question("5", "list", {json::array({"e", "f"}), json::array({"g"})}),
        question("6", "list", json::array({"h", "i"})), question("7", "summary", nullptr),
        question("8", "yesno", nullptr)}}};
  const fs::path path = write("11B1_golden.json", document.dump(1));
  const Loaded loaded = load(path);
  ASSERT_EQ(loaded.dataset->size(Split::test), 6U);
  const auto at = [&](std::size_t i) { return loaded.dataset->at(Split::test, i); };
  EXPECT_EQ(at(0).answer, "yes");
  EXPECT_EQ(at(0).question, "Context: Snippet.\nQuestion: Body 1?");
  EXPECT_EQ(at(0).extra.at("labels"), R"(["yes","no"])");
  EXPECT_EQ(at(1).answer, "no");
  EXPECT_EQ(at(2).extra.at("gold"), R"([["a","b"]])");
  EXPECT_EQ(at(3).extra.at("gold"), R"([["c","d"]])");
  EXPECT_EQ(at(4).extra.at("gold"), R"([["e","f"],["g"]])");
  EXPECT_EQ(at(4).answer, "e, g");
  EXPECT_EQ(at(5).extra.at("gold"), R"([["h"],["i"]])");
  EXPECT_EQ(loaded.report.set_aside.at("of type summary"), 1U);
  EXPECT_EQ(loaded.report.set_aside.at("no answer"), 1U);
  ReadOptions summaries;
  summaries.task = "summary";
  EXPECT_EQ(load(path, summaries).dataset->at(Split::test, 0).answer, "An ideal answer.");
  const json wrong = {{"questions", {question("1", "yesno", "maybe")}}};
  expect_in("must be one of yes, no", failure(write("x.json", wrong.dump())));
  const json odd = {{"questions", {question("1", "poem", "maybe")}}};
  expect_in("must be yesno, factoid, list or summary", failure(write("y.json", odd.dump())));
  const json bigbio = {{"id", "1"},       {"question", "Q?"},         {"type", "factoid"},
                       {"context", "C."}, {"choices", json::array()}, {"answer", {"a", "b"}}};
  EXPECT_EQ(first("train.jsonl", {bigbio}, "bioasq", Split::train).extra.at("gold"),
            R"([["a","b"]])");
}

TEST_F(Readers, bioasq_with_a_file_per_type) {
  const auto row = [](const std::string& type, const json& answer) {
    return json{{"question", "Q?"},   {"type", type},
                {"answer", answer},   {"ideal_answer", "['An ideal answer.']"},
                {"documents", {"u"}}, {"snippets", {{{"text", "Snippet."}}, "Another."}}};
  };
  const auto gold = [&](const json& answer, const std::string& type) {
    return first("test.jsonl", {row(type, answer)}, "bioasq", Split::test).extra.at("gold");
  };
  const Example yes = first("test.jsonl", {row("yesno", "yes")}, "bioasq", Split::test);
  EXPECT_EQ(yes.answer, "yes");
  EXPECT_EQ(yes.question, "Context: Snippet.\nAnother.\nQuestion: Q?");
  EXPECT_EQ(gold("['a', \"b's\"]", "factoid"), R"([["a","b's"]])");
  EXPECT_EQ(gold("[['a', 'b'], ['c']]", "list"), R"([["a","b"],["c"]])");
  EXPECT_EQ(gold(R"([["a", "b"], ["c"]])", "list"), R"([["a","b"],["c"]])");
  EXPECT_EQ(gold("[18F]FDG", "factoid"), R"([["[18F]FDG"]])");
  EXPECT_EQ(gold(json::array({json::array({"a"})}), "list"), R"([["a"]])");
}

TEST_F(Readers, chemqa_choices_are_lists_written_as_text) {
  const auto row = [](const std::string& id, const json& choices, const std::string& question) {
    return json{{"question", question},
                {"choices", choices},
                {"label", 1},
                {"description", "d"},
                {"id", id}};
  };
  const std::string about = "How many carbon atoms has CC(=O)Oc1ccccc1C(=O)O?";
  const std::vector<json> rows = {
      row("count_1", "[\"8\", \"9\"]", about), row("count_2", "['8', '9']", about),
      row("count_3", "(A) 8 (B) 9", about), row("count_4", json::array({"8", "9"}), about),
      row("count_5", "['8', '9']", "How many atoms does it have?")};
  std::string text;
  for (const json& r : rows) text += r.dump() + "\n";
  const Loaded loaded = load(write("test.jsonl", text));
  ASSERT_EQ(loaded.dataset->size(Split::test), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const Example e = loaded.dataset->at(Split::test, i);
    EXPECT_EQ(e.choices, (std::vector<std::string>{"8", "9"}));
    EXPECT_EQ(e.answer, "B");
    EXPECT_EQ(e.kind, "count");
  }
  EXPECT_EQ(loaded.report.set_aside.begin()->second, 1U);
  expect_in("image only", loaded.report.set_aside.begin()->first);
  const json bench = {{"question", "Which?"}, {"A", "w"}, {"B", "x"}, {"C", "y"}, {"D", "z"},
                      {"answer", "D"}};
  EXPECT_EQ(first("bench_dev.jsonl", {bench}, "chembench4k", Split::validation).answer, "D");
}

TEST_F(Readers, casehold_by_column_and_of_lexglue) {
  const std::string header =
      ",citing_prompt,holding_0,holding_1,holding_2,holding_3,holding_4,"
      "score_0,score_1,score_2,score_3,score_4,label\n";
  const Loaded loaded =
      load(write("test.csv", header + "0,\"See (<HOLDING>), so\",a,b,c,d,e,.1,.2,.3,.4,.5,3\n"
                                      "1,Other (<HOLDING>),a,b,c,d,e,.1,.2,.3,.4,.5,\n"));
  ASSERT_EQ(loaded.dataset->size(Split::test), 1U);
  const Example e = loaded.dataset->at(Split::test, 0);
  EXPECT_EQ(e.answer, "D");
  EXPECT_TRUE(e.question.starts_with("Excerpt: See (<HOLDING>), so\nA. a\n"));
  EXPECT_EQ(loaded.report.set_aside.at("no label"), 1U);
  expect_in("must be in 0..4", failure(write("dev.csv", header + "0,x,a,b,c,d,e,1,1,1,1,1,7\n")));
  const json lex = {
      {"context", "x (<HOLDING>)"}, {"endings", {"a", "b", "c", "d", "e"}}, {"label", 4}};
  EXPECT_EQ(first("train.jsonl", {lex}, "casehold", Split::train).answer, "E");
}

TEST_F(Readers, molecules_with_missing_labels_and_other_headers) {
  const Loaded tox = load(write(
      "tox21.csv",
      "NR-AR,NR-AR-LBD,NR-AhR,NR-Aromatase,NR-ER,NR-ER-LBD,NR-PPAR-gamma,SR-ARE,SR-ATAD5,SR-HSE,"
      "SR-MMP,SR-p53,mol_id,smiles\n0,1,,,0,0,1,0,0,0,0,0,T1,CCO\n,,,,,,,,,,,,T2,CCN\n"));
  EXPECT_EQ(total(*tox.dataset), 10U);
  EXPECT_EQ(tox.report.set_aside.at("no label"), 1U);
  EXPECT_EQ(tox.grader, "label");
  const Loaded esol = load(write("esol.csv", "smiles,logSolubility\nCCO ,-.72\nCCN,+1.5\n"));
  EXPECT_EQ(total(*esol.dataset), 2U);
  EXPECT_EQ(esol.grader, "number");
  for (const Split split : all_splits)
    for (std::size_t i = 0; i < esol.dataset->size(split); ++i) {
      const Example e = esol.dataset->at(split, i);
      EXPECT_EQ(e.answer, e.extra.at("smiles") == "CCO" ? "-0.72" : "1.5");
    }
  ReadOptions one_task;
  one_task.task = "pIC50";
  EXPECT_EQ(
      load(write("bace.csv", "mol,CID,Class,Model,pIC50\nCCO,1,1,Train,7.5\n"), one_task).grader,
      "number");
  one_task.task = "nothing";
  expect_in("allowed: Class, pIC50",
            failure(folder_ / "bace.csv", Errc::invalid_argument, one_task));
  expect_in("must be 0 or 1", failure(write("b.csv", "smiles,p_np\nCCO,1\nCCN,2\n")));
  expect_in("c.csv:3: field \"smiles\" is empty",
            failure(write("c.csv", "smiles,p_np\nC,1\n,1\n")));
  expect_in("decimal number", failure(write("d.csv", "smiles,lipo\nC,1.5\nCC,high\n")));
}

TEST_F(Readers, pubmedqa_test_items_come_from_the_ground_truth_beside_it) {
  json data = json::object();
  for (int i = 0; i < 40; ++i)
    data[std::to_string(1000 + i)] = {{"QUESTION", "Q" + std::to_string(i) + "?"},
                                      {"CONTEXTS", {"One.", "Two."}},
                                      {"LONG_ANSWER", "Long."},
                                      {"final_decision", i % 2 == 0 ? "yes" : "maybe"}};
  const fs::path path = write("ori_pqal.json", data.dump(1));
  EXPECT_EQ(load(path).report.splits_note.substr(0, 18), "no official splits");
  const fs::path truth = write("test_ground_truth.json", R"({"1001": "maybe", "1002": "yes"})");
  const Loaded loaded = load(path);
  ASSERT_EQ(loaded.dataset->size(Split::test), 2U);
  const Example e = loaded.dataset->at(Split::test, 0);
  EXPECT_EQ(e.id, "pubmedqa/1001");
  EXPECT_EQ(e.question, "Abstract: One.\nTwo.\nQuestion: Q1?");
  EXPECT_EQ(e.answer, "maybe");
  expect_in("open ori_pqal.json", failure(truth));
  const json hub = {{"pubid", 1001},
                    {"question", "Q?"},
                    {"final_decision", "no"},
                    {"context", {{"contexts", {"One."}}, {"labels", {"X"}}}}};
  EXPECT_EQ(first("train.jsonl", {hub}, "pubmedqa", Split::test).answer, "no");
  expect_in("must be one of yes, no, maybe", bad(hub, "final_decision", "perhaps"));
}

TEST(LegalPrompts, are_cut_at_their_slots) {
  const std::string text =
      "Instructions.\n\nQ: one Is it?\nA: Yes\n\nQ: two Is it?\nA: No\n\nQ: {{text}} Is it?\nA: \n";
  const LegalPrompt prompt = cut_prompt(text);
  EXPECT_EQ(prompt.before + prompt.question + prompt.after, text.substr(0, text.size() - 2));
  EXPECT_EQ(prompt.question, "Q: {{text}} Is it?");
  EXPECT_EQ(prompt.after, "\nA:");
  EXPECT_EQ(prompt.instructions, "Instructions.\n\n");
  EXPECT_EQ(cut_prompt("no slots").question, "");
  EXPECT_EQ(cut_prompt("}} {{").question, "");
}

TEST(LegalBenchGrading, follows_the_rule_of_the_task) {
  const auto grader = make_legalbench_grader();
  const auto score = [&](const std::string& rule, const std::string& gold, std::string_view text) {
    Example e;
    e.answer = gold;
    e.extra["rule"] = rule;
    return grader->grade(e, text).score;
  };
  EXPECT_EQ(score("amount", "$27,181", "It is $27181."), 1.0);
  EXPECT_EQ(score("amount", "$27181", "about 25,000 dollars"), 1.0);
  EXPECT_EQ(score("amount", "$27181", "20000"), 0.0);
  EXPECT_EQ(score("amount", "$0", "0"), 1.0);
  EXPECT_EQ(score("amount", "$0", "no idea"), 0.0);
  EXPECT_EQ(score("exceptions", "mere continuation,fraudulent conveyance",
                  "Mere continuation; fraudulent conveyance."),
            1.0);
  EXPECT_NEAR(score("exceptions", "mere continuation", "mere continuation, de facto merger"),
              2.0 / 3.0, 1e-12);
  EXPECT_EQ(score("parties", "Ruth C May, Donna E Ledgerwood", "donna e ledgerwood, ruth c. may"),
            1.0);
  EXPECT_EQ(score("term", "hawkers and peddlers", "Hawker and peddler"), 1.0);
  EXPECT_EQ(score("term", "statute", "law, statutes"), 1.0);
  EXPECT_EQ(score("term", "statute", "law"), 0.0);
  EXPECT_EQ(score("citation", "Phillips v. AWH Corp.", "See Phillips v. AWH Corp., 415 F.3d"), 1.0);
  for (const char* rule : {"amount", "exceptions", "parties", "term", "citation"})
    EXPECT_EQ(score(rule, rule == std::string("amount") ? "1" : "x", ""), 0.0) << rule;
  EXPECT_THROW(score("none", "x", "x"), Error);
}

TEST_F(Readers, humaneval_has_no_training_rows) {
  const json row = {{"task_id", "HumanEval/7"},
                    {"prompt", "def f():\n"},
                    {"entry_point", "f"},
                    {"canonical_solution", "    return 1\n"},
                    {"test", "def check(c): pass"}};
  const Example e = first("train.jsonl", {row}, "humaneval", Split::test);
  EXPECT_EQ(e.id, "humaneval/7");
  EXPECT_EQ(e.extra.at("entry_point"), "f");
  EXPECT_EQ(e.extra.at("prompt"), e.question);
  expect_in("\"test\"", bad(row, "test", absent));
  expect_in("answers to HumanEval's tasks",
            failure(write("s.jsonl", R"({"task_id": "x", "completion": "y"})")));
}

TEST_F(Readers, math_answers_are_the_last_box) {
  const auto answer = [&](const std::string& solution) {
    const json row = {{"problem", "P"},
                      {"level", "Level 3"},
                      {"type", "Counting & Probability"},
                      {"solution", solution}};
    const Example e = first("test.jsonl", {row}, "math", Split::test);
    EXPECT_EQ(e.kind, "counting_and_probability");
    EXPECT_EQ(e.extra.at("level"), "3");
    return e.answer;
  };
  EXPECT_EQ(answer(R"(\boxed{1} then $\boxed{\frac{1}{2}}$.)"), R"(\frac{1}{2})");
  EXPECT_EQ(answer(R"(so \boxed 3.)"), "3");
  EXPECT_EQ(answer(R"(\fbox{a\}b})"), R"(a\}b)");
  const json row = {{"problem", "P"}, {"solution", "none"}};
  expect_in("\\boxed", failure(write("bad.jsonl", row.dump())));
  expect_in("\\boxed", failure(write("open.jsonl",
                                     json{{"problem", "P"}, {"solution", "\\boxed{{1}"}}.dump())));
}

}  // namespace
}  // namespace xfer::domains
