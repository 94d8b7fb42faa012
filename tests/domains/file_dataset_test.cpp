// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>

namespace xfer::domains {
namespace {

class QuestionFiles : public Files {
protected:
  static std::string gsm8k_row(int n) {
    return R"({"question":"What is )" + std::to_string(n) + R"(+1?","answer":"It is <<)" +
           std::to_string(n) + "+1=" + std::to_string(n + 1) + ">>" + std::to_string(n + 1) +
           R"(.\n#### 1,)" + std::to_string(100 + n) + "\"}";
  }
  static std::string gsm8k_rows(int count, int first = 0) {
    std::string text;
    for (int i = first; i < first + count; ++i) text += gsm8k_row(i) + "\n";
    return text;
  }
  static std::string mbpp_row(int id) {
    return R"x({"text":"Write f.","code":"def f():\r\n\treturn 1","task_id":)x" +
           std::to_string(id) +
           R"x(,"test_setup_code":"","test_list":["assert f() == 1","assert f()"],)x" +
           R"x("challenge_test_list":["assert f() > 0"]})x";
  }
};

TEST_F(QuestionFiles, gsm8k_rows_lose_their_notes_and_keep_their_mark) {
  const Domain d = domain_from_file(write("rows.jsonl", gsm8k_rows(40)));
  EXPECT_EQ(d.name, "gsm8k");
  EXPECT_EQ(d.grader->name(), "gsm8k");
  EXPECT_EQ(total(*d.dataset), 40U);
  const Example e = d.dataset->at(Split::train, 0);
  EXPECT_EQ(e.solution.find("<<"), std::string::npos);
  EXPECT_NE(e.solution.find("\n#### 1,1"), std::string::npos);
  EXPECT_EQ(e.answer.size(), 4U);
  EXPECT_EQ(e.answer.find(','), std::string::npos);
  EXPECT_TRUE(e.id.starts_with("gsm8k/rows/"));
  EXPECT_EQ(d.grader->grade(e, e.solution).score, 1.0);
  EXPECT_EQ(d.prompts[0].apply("X"), "Question: X\nAnswer:");
}

TEST_F(QuestionFiles, rows_of_no_split_are_cut_by_hash_and_the_title_says_so) {
  const Domain d = domain_from_file(write("rows.jsonl", gsm8k_rows(1000)));
  EXPECT_NEAR(static_cast<double>(d.dataset->size(Split::train)), 800, 40);
  EXPECT_NEAR(static_cast<double>(d.dataset->size(Split::validation)), 100, 30);
  EXPECT_NEAR(static_cast<double>(d.dataset->size(Split::test)), 100, 30);
  EXPECT_NE(d.title.find("80/10/10"), std::string::npos);
  EXPECT_EQ(d.few_shot.size(), 8U);
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_EQ(d.few_shot[i].id, d.dataset->at(Split::train, i).id);
}

TEST_F(QuestionFiles, gsm8k_train_and_test_in_one_folder_keep_the_official_test) {
  write("train.jsonl", gsm8k_rows(500));
  const fs::path test = write("test.jsonl", gsm8k_rows(50, 1000));
  for (const fs::path& path : {test, folder_ / "train.jsonl"}) {
    const Domain d = domain_from_file(path);
    EXPECT_EQ(d.dataset->size(Split::test), 50U);
    EXPECT_EQ(d.dataset->at(Split::test, 3).id, "gsm8k/test/3");
    EXPECT_EQ(d.dataset->size(Split::train) + d.dataset->size(Split::validation), 500U);
    EXPECT_GT(d.dataset->size(Split::validation), 20U);
    EXPECT_NE(d.title.find("official"), std::string::npos);
  }
}

TEST_F(QuestionFiles, the_manifest_hash_follows_the_content) {
  const auto hash = [&](const std::string& content) {
    return domain_from_file(write("a.jsonl", content)).dataset->manifest_hash(Split::train);
  };
  const std::string first = hash(gsm8k_rows(30));
  EXPECT_EQ(first, hash(gsm8k_rows(30)));
  EXPECT_NE(first, hash(gsm8k_rows(31)));
}

TEST_F(QuestionFiles, byte_order_mark_line_ends_and_blank_lines_do_no_harm) {
  const auto count = [&](const std::string& name, const std::string& text) {
    return total(*domain_from_file(write(name, text)).dataset);
  };
  std::string text = "\xEF\xBB\xBF";
  for (int i = 0; i < 20; ++i) text += gsm8k_row(i) + "\r\n";
  EXPECT_EQ(count("a.jsonl", text + "\r\n \n\n"), 20U);
  EXPECT_EQ(count("b.jsonl", gsm8k_rows(19) + gsm8k_row(19)), 20U);
}

TEST_F(QuestionFiles, only_newline_ends_a_line) {
  const std::string odd =
      "{\"question\":\"a\xE2\x80\xA8"
      "b\xC2\x85"
      "c?\",\"answer\":\"#### 5\"}\n";
  const Domain d = domain_from_file(write("a.jsonl", odd));
  EXPECT_EQ(total(*d.dataset), 1U);
}

TEST_F(QuestionFiles, malformed_gsm8k_lines_are_named) {
  const auto with = [&](const std::string& line) {
    return failure(write("bad.jsonl", gsm8k_rows(2) + line + "\n" + gsm8k_row(4)));
  };
  for (const std::string line :
       {"{\"question\": 3, \"answer\": \"#### 1\"}", "{\"question\": \"x\"}",
        "{\"question\":\"x\",\"answer\":\"none\"}", "{\"question\":\"x\",\"answer\":\"#### many\"}",
        "{\"question\":", "[1, 2]", "\xFF\xFE", "{\"question\":\"\",\"answer\":\"#### 1\"}"}) {
    const std::string message = with(line);
    EXPECT_NE(message.find("bad.jsonl:3"), std::string::npos) << message;
  }
  EXPECT_NE(with("{\"question\": 3, \"answer\": \"#### 1\"}").find("\"question\" must be a string"),
            std::string::npos);
  EXPECT_NE(with("{\"question\":\"x\",\"answer\":\"none\"}").find("\"answer\""), std::string::npos);
}

TEST_F(QuestionFiles, what_is_no_known_dataset_is_refused) {
  EXPECT_NE(failure(write("a.jsonl", "{\"a\":1}\n")).find("GSM8K"), std::string::npos);
  EXPECT_NE(failure(write("b.jsonl", "")).find("no content"), std::string::npos);
  EXPECT_NE(failure(write("c.jsonl", "\n\n  \n")).find("no content"), std::string::npos);
  expect_in("not a dataset", failure(write("d.json", "[{\"task_id\": 2}]")));
  failure(write("e.jsonl", std::string(200000, '[')));
  failure(write("f.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"));
  failure(folder_ / "absent.jsonl", Errc::io);
}

TEST_F(QuestionFiles, mbpp_tasks_go_to_the_splits_of_their_authors) {
  std::string text;
  for (int id = 1; id <= 974; ++id) text += mbpp_row(id) + "\n";
  const Domain d = domain_from_file(write("mbpp.jsonl", text));
  EXPECT_EQ(d.name, "mbpp");
  EXPECT_EQ(d.grader->name(), "python_tests");
  EXPECT_EQ(d.dataset->size(Split::test), 500U);
  EXPECT_EQ(d.dataset->size(Split::validation), 90U);
  EXPECT_EQ(d.dataset->size(Split::train), 374U);
  EXPECT_EQ(d.dataset->at(Split::test, 0).id, "mbpp/11");
  ASSERT_EQ(d.few_shot.size(), 3U);
  EXPECT_EQ(d.few_shot[2].id, "mbpp/4");
  const Example e = d.dataset->at(Split::train, 0);
  EXPECT_EQ(e.question,
            "Write f. Your code should pass these tests:\n\nassert f() == 1\nassert f()");
  EXPECT_EQ(e.solution, "def f():\n\treturn 1");
  EXPECT_EQ(nlohmann::json::parse(e.extra.at("test_list")).size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(e.extra.at("challenge_test_list")).size(), 1U);
  EXPECT_TRUE(
      d.prompts[0]
          .apply(e.question)
          .starts_with("You are an expert Python programmer, and here is your task: Write f."));
}

TEST_F(QuestionFiles, malformed_mbpp_lines_are_named) {
  const auto with = [&](const std::string& line) {
    const std::string message = failure(write("m.jsonl", mbpp_row(11) + "\n" + line));
    EXPECT_NE(message.find("m.jsonl:2"), std::string::npos) << message;
    return message;
  };
  EXPECT_NE(with(mbpp_row(11)).find("twice"), std::string::npos);
  EXPECT_NE(with(mbpp_row(975)).find("1..974"), std::string::npos);
  EXPECT_NE(with(R"({"task_id":12,"text":"t","code":"c","test_list":[]})").find("test_list"),
            std::string::npos);
  EXPECT_NE(with(R"({"task_id":12,"text":"t","code":"c","test_list":[1]})").find("strings"),
            std::string::npos);
  EXPECT_NE(with(R"({"task_id":1e30,"text":"t","code":"c","test_list":["a"]})").find("integer"),
            std::string::npos);
  EXPECT_NE(with(R"({"task_id":12,"text":"t","code":" ","test_list":["a"]})").find("\"code\""),
            std::string::npos);
}

}  // namespace
}  // namespace xfer::domains
