// SPDX-License-Identifier: Apache-2.0
// What a check tells: bad rows, duplicates, labels, splits; and domains of one's own.
#include "files.hpp"

#include "domains/splitting.hpp"
#include "xfer/domains/cards.hpp"
#include "xfer/domains/mixture.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>

namespace xfer::domains {
namespace {

using nlohmann::json;

std::string sum(int n) {
  return json{{"question", "What is " + std::to_string(n) + " + 1?"},
              {"answer", "#### " + std::to_string(n + 1)}}
             .dump() +
         "\n";
}

TEST_F(Files, bad_rows_are_counted_and_listed_when_asked_for) {
  const fs::path path =
      write("train.jsonl", sum(1) + "{\"question\": \n" + sum(2) +
                               R"({"question": "x", "answer": "no mark"})" + "\n" + sum(3));
  expect_in("train.jsonl:2", failure(path));
  ReadOptions options;
  options.skip_bad = true;
  const Loaded loaded = load(path, options);
  EXPECT_EQ(total(*loaded.dataset), 3U);
  expect_in("2 bad rows skipped", loaded.report.title);
  const DataReport report = check_data(path);
  EXPECT_EQ(report.bad_rows, 2U);
  ASSERT_EQ(report.bad.size(), 2U);
  expect_in("train.jsonl:2: not a JSON object", report.bad[0]);
  expect_in("train.jsonl:4: field \"answer\" must end in", report.bad[1]);
  EXPECT_EQ(report.dataset, "gsm8k");
  EXPECT_EQ(report.domain, "math");
  EXPECT_EQ(report.licence, "MIT");
  EXPECT_EQ(report.files.at(0).rows, 5U);
  EXPECT_EQ(report.files.at(0).sha256.size(), 64U);
}

TEST_F(Files, a_bad_first_row_does_not_hide_the_dataset) {
  EXPECT_EQ(check_data(write("a.jsonl", "{oops\n" + sum(1) + sum(2))).bad_rows, 1U);
}

TEST_F(Files, questions_that_are_there_twice_are_reported_across_splits) {
  write("train.jsonl", sum(1) + sum(2) + sum(3));
  const json twin = {{"question", "what  is 2 + 1?"}, {"answer", "#### 3"}};
  const DataReport report = check_data(write("test.jsonl", twin.dump() + "\n" + sum(9)));
  EXPECT_EQ(report.duplicate_questions, 1U);
  ASSERT_EQ(report.duplicates.size(), 1U);
  EXPECT_EQ(report.duplicates[0].id, "gsm8k/test/0");
  EXPECT_EQ(report.duplicates[0].first_id, "gsm8k/train/1");
  EXPECT_EQ(report.duplicates[0].split, "test");
}

TEST_F(Files, splits_do_not_depend_on_order_spacing_or_neighbours) {
  std::string forwards;
  std::string backwards;
  for (int i = 0; i < 300; ++i) forwards += sum(i);
  for (int i = 299; i >= 0; i -= 2) {
    json row = json::parse(sum(i));
    row["question"] = "  WHAT is\t" + std::to_string(i) + " +  1? ";
    backwards += row.dump() + "\n";
  }
  const Loaded all = load(write("a.jsonl", forwards));
  const Loaded half = load(write("b.jsonl", backwards));
  std::map<std::string, Split> where;
  for (const Split split : all_splits)
    for (std::size_t i = 0; i < all.dataset->size(split); ++i)
      where[all.dataset->at(split, i).answer] = split;
  for (const Split split : all_splits)
    for (std::size_t i = 0; i < half.dataset->size(split); ++i)
      EXPECT_EQ(where.at(half.dataset->at(split, i).answer), split);
  // Stable for ever: a change here changes every study on such files.
  Example e;
  e.question = "What is 7 + 1?";
  EXPECT_EQ(int{percentile(e)}, 69);
}

TEST_F(Files, a_lone_test_file_is_never_trained_on) {
  const Loaded loaded = load(write("test.jsonl", sum(1) + sum(2)));
  EXPECT_EQ(loaded.dataset->size(Split::test), 2U);
  EXPECT_EQ(total(*loaded.dataset), 2U);
  expect_in("nothing to train on", loaded.report.title);
}

TEST_F(Files, shards_and_splits_of_a_folder_are_read_together) {
  for (int shard = 0; shard < 2; ++shard) {
    std::string rows;
    for (int i = 0; i < 50; ++i) rows += sum(50 * shard + i);
    write("data/train-0000" + std::to_string(shard) + "-of-00002.jsonl", rows);
  }
  write("data/validation-00000-of-00001.jsonl", sum(1000));
  write("data/test-00000-of-00001.jsonl", sum(2000) + sum(2001));
  const Loaded loaded = load(folder_ / "data");
  EXPECT_EQ(loaded.dataset->size(Split::train), 100U);
  EXPECT_EQ(loaded.dataset->size(Split::validation), 1U);
  EXPECT_EQ(loaded.dataset->size(Split::test), 2U);
  expect_in("official splits", loaded.report.title);
  write("data/other_test.jsonl", sum(1));
  expect_in("several datasets", failure(folder_ / "data"));
}

TEST_F(Files, a_neighbour_of_another_dataset_is_refused) {
  write("train.jsonl", R"({"problem": "P", "solution": "\\boxed{1}"})");
  const fs::path test = write("test.jsonl", sum(1));
  expect_in("like math", failure(test));
}

TEST_F(Files, an_id_that_is_there_twice_is_refused) {
  const std::string row = R"({"context": "P", "question": "Q", "answers": ["a", "b"], "label": 0, )"
                          R"("id_string": "train_1"})";
  expect_in("the id \"reclor/train_1\" is there twice",
            failure(write("train.jsonl", row + "\n" + row + "\n")));
}

TEST(Cards, say_everything_about_fifteen_datasets) {
  ASSERT_EQ(domain_cards().size(), 7U);
  std::set<std::string> names;
  for (const DomainCard& card : domain_cards())
    for (const DatasetCard& dataset : card.datasets) {
      EXPECT_TRUE(names.insert(dataset.name).second) << dataset.name;
      EXPECT_EQ(domain_of_dataset(dataset.name), card.name);
      EXPECT_GE(dataset.prompts.size(), 5U);
      std::set<std::string> prompts;
      for (const PromptTemplate& prompt : dataset.prompts)
        EXPECT_TRUE(prompts.insert(prompt.before + "|" + prompt.after).second) << dataset.name;
      EXPECT_FALSE(dataset.reasoning.empty());
    }
  names.insert("own");
  for (const Form& form : all_forms())
    EXPECT_TRUE(names.contains(std::string(form.dataset))) << form.dataset;
  EXPECT_THROW(dataset_card("none"), Error);
}

TEST(Mixtures, hold_their_parts_in_proportion_and_grade_each_by_its_own) {
  const Domain math = procedural_domain("math");
  const Domain code = procedural_domain("code");
  const Domain mixed = mixed_domain("both", {{math, 3.0}, {code, 1.0}});
  const std::size_t size = mixed.dataset->size(Split::test);
  std::map<std::string, int> kinds;
  for (std::size_t i = 0; i < 400; ++i) {
    const Example e = mixed.dataset->at(Split::test, size / 400 * i + size / 800);
    ++kinds[e.kind.substr(0, 4)];
    EXPECT_TRUE(e.question.starts_with("Q: ")) << e.question;
    EXPECT_EQ(mixed.grader->grade(e, e.solution).score, 1.0) << e.id;
  }
  EXPECT_EQ(kinds, (std::map<std::string, int>{{"code", 100}, {"math", 300}}));
  EXPECT_EQ(mixed.stop_strings, math.stop_strings);
  EXPECT_EQ(mixed.prompts.size(), 5U);
  EXPECT_NE(mixed.dataset->manifest_hash(Split::test),
            mixed_domain("both", {{math, 2.0}, {code, 1.0}}).dataset->manifest_hash(Split::test));
  EXPECT_THROW(mixed_domain("x", {}), Error);
  EXPECT_THROW(mixed_domain("x", {{math, 1.0}, {math, 1.0}}), Error);
  EXPECT_THROW(mixed_domain("x", {{math, 0.0}}), Error);
}

TEST_F(Files, own_rows_are_checked_and_keep_what_graders_look_for) {
  OwnDomain own;
  own.name = "biosignals";
  own.grader = "choice";
  std::string text;
  for (int i = 0; i < 50; ++i)
    text += json{{"q", "Signal " + std::to_string(i)},
                 {"options", {"normal", "not normal"}},
                 {"right", i % 3 == 0   ? json("B")
                           : i % 3 == 1 ? json("not normal")
                                        : json(0)},
                 {"hertz", 250}}
                .dump() +
            "\n";
  own.fields.question = "q";
  own.fields.choices = "options";
  own.fields.answer = "right";
  own.files[Split::train] = {write("mine.jsonl", text)};
  try {
    const Domain d = own_domain(own);
    EXPECT_EQ(d.name, "biosignals");
    EXPECT_EQ(total(*d.dataset), 50U);
    EXPECT_GT(d.dataset->size(Split::test), 0U);
    expect_in("no official test rows", d.title);
    const Example e = d.dataset->at(Split::train, 0);
    EXPECT_EQ(e.question.find("Signal"), 0U);
    EXPECT_EQ(e.choices.size(), 2U);
    EXPECT_EQ(e.extra.at("hertz"), "250");
    EXPECT_EQ(d.prompts.size(), 5U);
  } catch (const Error& e) {
    ASSERT_NE(std::string(e.what()).find("no grader named"), std::string::npos) << e.what();
  }
}

TEST_F(Files, own_rows_are_refused_by_field) {
  const auto refused = [&](const std::string& grader, const std::string& row) {
    OwnDomain own;
    own.name = "own";
    own.grader = grader;
    own.labels = {"up", "down"};
    own.files[Split::train] = {write("mine.jsonl", row)};
    // The reader alone: the graders have tests of their own.
    const auto file = open_records(own.files[Split::train][0]);
    const Reader reader = own_reader(own.fields, own.grader, own.labels, {file});
    try {
      reader.read(file->record(0));
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::bad_data);
      return std::string(e.what());
    }
    ADD_FAILURE() << "nothing was refused: " << row;
    return std::string();
  };
  expect_in("mine.jsonl:1: field \"choices\" is missing",
            refused("choice", R"({"question": "x", "answer": "a"})"));
  expect_in("must be one of the row's options",
            refused("choice", R"({"question": "x", "answer": "red", "choices": ["a", "b"]})"));
  expect_in("must be one of up, down", refused("label", R"({"question": "x", "answer": "left"})"));
  expect_in("must be a decimal number", refused("number", R"({"question": "x", "answer": "two"})"));
  expect_in("field \"answer\" is missing", refused("math", R"({"question": "x"})"));
  expect_in("field \"answer\" is null", refused("math", R"({"question": "x", "answer": null})"));
  expect_in("field \"question\" is empty", refused("math", R"({"question": " ", "answer": "1"})"));
}

TEST_F(Files, rows_that_say_their_grader_can_be_named_in_a_study) {
  std::string text;
  for (int i = 0; i < 30; ++i)
    text += json{{"question", "Say " + std::to_string(i)},
                 {"answer", std::to_string(i)},
                 {"grader", "final_answer"},
                 {"solution", "It is #" + std::to_string(i)}}
                .dump() +
            "\n";
  const Domain d = domain_from_file(write("mine.jsonl", text));
  EXPECT_EQ(d.name, "own");
  EXPECT_EQ(d.grader->name(), "final_answer");
  EXPECT_EQ(total(*d.dataset), 30U);
  const Example e = d.dataset->at(Split::train, 0);
  EXPECT_EQ(d.grader->grade(e, e.solution).score, 1.0);
}

TEST_F(Files, rows_from_elsewhere_are_named_after_where_they_come_from) {
  RowsFile rows;
  rows.lines = write("spool", sum(1) + sum(2));
  rows.origin = "data/test-00000-of-00001.parquet";
  rows.sha256 = std::string(64, 'a');
  const Domain d = domain_from_rows({rows});
  EXPECT_EQ(d.dataset->size(Split::test), 2U);
  EXPECT_EQ(d.dataset->at(Split::test, 1).id, "gsm8k/test-00000-of-00001/1");
  rows.lines = write("spool", sum(1) + R"({"question": "x", "answer": 3})" + "\n");
  const DataReport report = check_rows({rows});
  ASSERT_EQ(report.bad.size(), 1U);
  expect_in("data/test-00000-of-00001.parquet: row 1: field \"answer\" must be a string",
            report.bad[0]);
}

}  // namespace
}  // namespace xfer::domains
