// SPDX-License-Identifier: Apache-2.0
// How answers are read: strictly and leniently, by choosing among options, and again later.
#include "tests/study/study_testing.hpp"

#include "study/plan/protocol.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/study/adapters.hpp"
#include "xfer/study/regrade.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

namespace xfer::study {
namespace {

using testing::FakeBackend;

/// Reads any letter leniently, and strictly only one behind a mark.
class MarkedLetterGrader final : public grade::Grader {
public:
  explicit MarkedLetterGrader(std::string version) : version_(std::move(version)) {}
  std::string_view name() const noexcept override { return "marked_letter"; }
  std::string_view version() const noexcept override { return version_; }
  grade::Verdict grade(const Example&, std::string_view completion) const override {
    grade::Verdict verdict;
    verdict.extracted = !completion.empty();
    verdict.score = verdict.extracted ? 0.75 : 0.0;
    verdict.strict_extracted = completion.starts_with('#');
    verdict.strict_score = verdict.strict_extracted ? 0.75 : 0.0;
    if (version_ == "2") verdict.score = 1.0;
    return verdict;
  }

private:
  std::string version_;
};

DomainSet marked_domains(const std::string& version) {
  DomainSet domains = letter_domains();
  for (auto& [name, domain] : domains)
    domain.grader = std::make_shared<MarkedLetterGrader>(version);
  return domains;
}

/// The letter domain's questions with three options each, of which the second is right.
class OptionDataset final : public Dataset {
public:
  std::string_view name() const noexcept override { return "options"; }

private:
  std::size_t do_size(Split split) const override { return split == Split::heldout ? 0 : 20; }
  Example do_at(Split split, std::size_t index) const override {
    Example example;
    example.id = std::string(to_string(split)) + std::to_string(index);
    example.choices = {"cc", "a", std::string(1 + index % 2, 'b')};
    example.extra["stem"] = "pick " + std::to_string(index);
    example.question = example.extra["stem"] + " A. B. C.";
    example.answer = example.solution = "B";
    return example;
  }
  std::string do_manifest_hash(Split split) const override {
    return "options " + std::string(to_string(split));
  }
};

DomainSet option_domains() {
  DomainSet domains = letter_domains();
  domains.at("high").dataset = std::make_shared<OptionDataset>();
  return domains;
}

StudySpec short_study() {
  StudySpec spec = letter_study();
  spec.conditions = {Condition::baseline, Condition::transfer};
  spec.seeds = {0};
  spec.steps = 2;
  spec.validation_items = 0;
  return spec;
}

TEST(Scoring, keeps_both_readings_of_every_answer) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const StudyResult result =
      run(short_study(), folder.path() / "run", backend, {}, nullptr, marked_domains("1"));
  for (const EvaluationResult& e : result.cells.at(0).evaluations)
    for (const ItemResult& item : e.items) {
      EXPECT_FALSE(item.chosen);
      EXPECT_EQ(item.strict_extracted, item.completion.starts_with('#'));
      EXPECT_EQ(item.strict_score, item.strict_extracted ? 0.75 : 0.0);
      EXPECT_EQ(item.score, item.completion.empty() ? 0.0 : 0.75);
      EXPECT_FALSE(item.truncated && item.stopped_by_text);
      EXPECT_TRUE(item.gold == "p" || item.gold == "pp" || item.gold.size() <= 2) << item.gold;
      EXPECT_TRUE(item.option_logprobs.empty());
    }
}

TEST(Scoring, chooses_the_most_probable_option) {
  const TemporaryFolder folder;
  FakeBackend backend;
  StudySpec spec = short_study();
  spec.scoring = "acc";
  const DomainSet domains = option_domains();
  const StudyResult result = run(spec, folder.path() / "run", backend, {}, nullptr, domains);
  const EvaluationResult& base = result.cells.at(0).evaluations.at(0);
  ASSERT_EQ(base.items.size(), 9U);
  for (const ItemResult& item : base.items) {
    EXPECT_TRUE(item.chosen);
    EXPECT_TRUE(item.extracted);
    EXPECT_EQ(item.sampled_tokens, 0);
    EXPECT_EQ(item.right_option, 1);
    ASSERT_EQ(item.option_logprobs.size(), 3U);
    const auto best = std::max_element(item.option_logprobs.begin(), item.option_logprobs.end()) -
                      item.option_logprobs.begin();
    EXPECT_EQ(item.answer, std::string(1, static_cast<char>('A' + best)));
    EXPECT_EQ(item.score, best == 1 ? 1.0 : 0.0);
    EXPECT_EQ(item.score, item.strict_score);
    EXPECT_EQ(item.gold, "B");
  }
  // The base model's log-probability of "a" behind the question without its options.
  const Materials materials = gather_materials(spec, backend, domains);
  const Protocol protocol(spec, materials, "high");
  const Example example = domains.at("high").dataset->at(
      Split::test, evaluation_items(domains.at("high"), Split::test, 9).front());
  const Reference option = protocol.options(example).at(1);
  const auto sampler = run_blocking(backend.base_sampler());
  double sum = 0.0;
  for (const float lp : run_blocking(sampler->score(ScoreRequest(option.tokens, option.first))))
    sum += static_cast<double>(lp);
  EXPECT_EQ(base.items.front().option_logprobs.at(1), sum);
  EXPECT_GE(option.bytes, 1);
}

TEST(Scoring, modes_are_protocols_of_their_own) {
  FakeBackend backend;
  std::set<std::string> hashes;
  for (const char* scoring : {"generate", "acc", "acc_norm", "acc_mutual_info"}) {
    const TemporaryFolder folder;
    StudySpec spec = short_study();
    spec.scoring = scoring;
    const StudyResult result =
        run(spec, folder.path() / "run", backend, {}, nullptr, option_domains());
    hashes.insert(result.cells.at(0).evaluations.at(0).protocol_hash);
  }
  EXPECT_EQ(hashes.size(), 4U);
  StudySpec spec = short_study();
  spec.scoring = "likelihood";
  const std::string message =
      error_of(Errc::invalid_argument, [&] { check(spec, option_domains()); });
  EXPECT_NE(message.find("acc_norm"), std::string::npos) << message;
}

TEST(Regrade, keeps_the_first_grades_beside_the_latest) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "run";
  FakeBackend backend;
  const StudyResult first = run(short_study(), path, backend, {}, nullptr, marked_domains("1"));
  const auto graded = regrade(path, marked_domains("2"));
  ASSERT_EQ(graded.size(), 1U);
  EXPECT_EQ(graded[0].domain, "high");
  EXPECT_EQ(graded[0].grader, "marked_letter");
  EXPECT_EQ(graded[0].version, "2");
  EXPECT_EQ(graded[0].items, 18);
  EXPECT_EQ(graded[0].changed, 18);
  EXPECT_EQ(graded[0].after, 1.0);
  EXPECT_LE(graded[0].before, 0.75);
  ASSERT_FALSE(graded[0].changes.empty());
  EXPECT_EQ(graded[0].changes[0].after, 1.0);

  EXPECT_EQ(comparable(load_result(path, Grading::first)), comparable(first));
  const StudyResult latest = load_result(path);
  for (std::size_t e = 0; e < latest.cells[0].evaluations.size(); ++e) {
    const EvaluationResult& now = latest.cells[0].evaluations[e];
    const EvaluationResult& before = first.cells[0].evaluations[e];
    EXPECT_NE(now.protocol_hash, before.protocol_hash);
    EXPECT_EQ(now.protocol_hash, latest.cells[0].evaluations[0].protocol_hash);
    ASSERT_EQ(now.items.size(), before.items.size());
    for (std::size_t i = 0; i < now.items.size(); ++i) {
      EXPECT_EQ(now.items[i].score, 1.0);
      EXPECT_EQ(now.items[i].completion, before.items[i].completion);
      EXPECT_EQ(now.items[i].reference_bits, before.items[i].reference_bits);
      EXPECT_EQ(now.items[i].gold, before.items[i].gold);
    }
  }
  // A third grading that is the first again shows the first scores.
  regrade(path, marked_domains("1"));
  const StudyResult again = load_result(path);
  EXPECT_EQ(again.cells[0].evaluations[0].items[0].score,
            first.cells[0].evaluations[0].items[0].score);
}

TEST(Regrade, refuses_other_items_and_broken_graders_and_keeps_nothing) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "run";
  FakeBackend backend;
  const StudyResult first = run(short_study(), path, backend);
  DomainSet others = letter_domains();
  others.at("high") = letter_domain("elsewhere", 'p');
  const std::string message = error_of(Errc::run_mismatch, [&] { regrade(path, others); });
  EXPECT_NE(message.find("elsewhere/test/"), std::string::npos) << message;
  DomainSet broken = letter_domains();
  const auto grader = std::make_shared<FirstLetterGrader>();
  grader->broken = true;
  broken.at("high").grader = grader;
  error_of(Errc::not_available, [&] { regrade(path, broken); });
  EXPECT_EQ(comparable(load_result(path)), comparable(first));
  error_of(Errc::io, [&] { regrade(folder.path() / "none", others); });
}

TEST(Regrade, leaves_chosen_options_alone) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "run";
  FakeBackend backend;
  StudySpec spec = short_study();
  spec.scoring = "acc_norm";
  run(spec, path, backend, {}, nullptr, option_domains());
  const auto graded = regrade(path, option_domains());
  ASSERT_EQ(graded.size(), 1U);
  EXPECT_EQ(graded[0].items, 0);
  EXPECT_EQ(graded[0].changed, 0);
}

TEST(Adapters, are_those_of_finished_runs_in_pefts_layout) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "run";
  FakeBackend backend;
  StudySpec spec = short_study();
  spec.conditions.push_back(Condition::direct);
  run(spec, path, backend);
  EXPECT_TRUE(trained_adapters(path).empty());  // the fake trainer writes no adapter
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path / "checkpoints"))
    if (entry.path().filename() == "state")
      std::ofstream(entry.path().parent_path() / "adapter_config.json") << "{}";
  const auto adapters = trained_adapters(path);
  EXPECT_EQ(adapters.size(), 2U);
  EXPECT_TRUE(adapters.count("low"));
  EXPECT_TRUE(adapters.count("high"));
  error_of(Errc::io, [&] { trained_adapters(folder.path()); });
}

TEST(Domains, bad_rows_are_passed_over_when_asked) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "gsm8k.jsonl";
  {
    std::ofstream out(file);
    for (int i = 0; i < 40; ++i)
      out << R"({"question": "What is )" << i << R"( + 1?", "answer": "It is.\n#### )" << i + 1
          << "\"}\n";
    out << "{\"question\": \"no answer\"}\n";
  }
  StudySpec spec = short_study();
  spec.pairs = {{"mine", "code"}};
  spec.domain_files["mine"] = file;
  error_of(Errc::bad_data, [&] { open_domains(spec); });
  spec.skip_bad = true;
  EXPECT_NE(open_domains(spec).at("mine").title.find("1"), std::string::npos);
  EXPECT_TRUE(StudySpec::from_toml(spec.to_toml(), "spec", ".").skip_bad);
}

}  // namespace
}  // namespace xfer::study
