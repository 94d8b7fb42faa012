// SPDX-License-Identifier: Apache-2.0
// Small domains, studies and comparisons for the tests of this room.
#pragma once

#include "tests/support/fake_backend.hpp"

#include "xfer/study/materials.hpp"
#include "xfer/study/result.hpp"
#include "xfer/study/runner.hpp"
#include "xfer/study/spec.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <bit>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xfer::study {

/// A folder that is gone when the test is over; in memory where the machine has such a place, as
/// these tests commit thousands of transactions.
class TemporaryFolder {
public:
  TemporaryFolder() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::filesystem::path root = "/dev/shm";
    if (access(root.c_str(), W_OK) != 0) root = std::filesystem::temp_directory_path();
    path_ = root / ("xfer_study_" + std::string(info->test_suite_name()) + "_" + info->name() +
                    "_" + std::to_string(getpid()));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

/// "repeat <letter>" -> the letter so many times; the letters tell the domains apart.
class LetterDataset final : public Dataset {
public:
  LetterDataset(std::string name, char first_letter, std::size_t train_size, std::string version)
      : name_(std::move(name)), first_letter_(first_letter), train_size_(train_size),
        version_(std::move(version)) {}
  std::string_view name() const noexcept override { return name_; }

private:
  std::size_t do_size(Split split) const override {
    return split == Split::train ? train_size_ : split == Split::heldout ? 8 : 12;
  }
  Example do_at(Split split, std::size_t index) const override {
    const char letter = static_cast<char>(first_letter_ + static_cast<char>(index % 3));
    Example example;
    example.id = name_ + "/" + std::string(to_string(split)) + "/" + std::to_string(index);
    example.question = "repeat " + std::string(1, letter) + " no " + std::to_string(index);
    example.answer = std::string(1 + index % 2, letter);
    example.solution = example.answer;
    example.kind = index % 2 == 0 ? "once" : "twice";
    return example;
  }
  std::string do_manifest_hash(Split split) const override {
    return HashBuilder("letters")
        .field("first", std::string(1, first_letter_))
        .field("size", static_cast<std::uint64_t>(do_size(split)))
        .field("split", to_string(split))
        .field("version", version_)
        .hex();
  }
  std::string name_;
  char first_letter_;
  std::size_t train_size_;
  std::string version_;
};

class FirstLetterGrader final : public grade::Grader {
public:
  std::string_view name() const noexcept override { return "first_letter"; }
  std::string_view version() const noexcept override { return "1"; }
  grade::Verdict grade(const Example& example, std::string_view completion) const override {
    if (broken) throw Error(Errc::not_available, "sandbox: cannot start");
    grade::Verdict verdict;
    verdict.extracted = !completion.empty();
    verdict.answer = std::string(completion.substr(0, 1));
    verdict.score = verdict.answer == example.answer.substr(0, 1) ? 1.0 : 0.0;
    if (verdict.score < 1.0) verdict.failure = "another letter";
    return verdict;
  }
  bool broken = false;
};

/// Right is any answer whose first mark is a small letter; found is any that has a mark at all.
class AnyLetterGrader final : public grade::Grader {
public:
  std::string_view name() const noexcept override { return "any_letter"; }
  std::string_view version() const noexcept override { return "1"; }
  grade::Verdict grade(const Example&, std::string_view completion) const override {
    const std::size_t first = completion.find_first_not_of(' ');
    grade::Verdict verdict;
    verdict.extracted = first != std::string_view::npos && completion[first] > ' ';
    if (verdict.extracted) verdict.answer = std::string(1, completion[first]);
    if (verdict.extracted && completion[first] >= 'a' && completion[first] <= 'z')
      verdict.score = 1.0;
    else
      verdict.failure = "no small letter";
    return verdict;
  }
};

inline domains::Domain letter_domain(const std::string& name, char first_letter,
                                     std::size_t train_size = 40,
                                     const std::string& version = "1") {
  domains::Domain domain;
  domain.name = name;
  domain.title = name;
  domain.dataset = std::make_shared<LetterDataset>(name, first_letter, train_size, version);
  domain.grader = std::make_shared<FirstLetterGrader>();
  domain.prompts = {{"", "="}, {"say ", ":"}, {"do ", "->"}};
  domain.max_answer_tokens = 6;
  return domain;
}

inline DomainSet letter_domains() {
  return {{"low", letter_domain("low", 'a')}, {"high", letter_domain("high", 'p')}};
}

/// Domains whose reward a policy can raise without seeing a worked answer.
inline DomainSet rewarding_domains() {
  DomainSet domains = letter_domains();
  for (auto& [name, domain] : domains) domain.grader = std::make_shared<AnyLetterGrader>();
  return domains;
}

/// A study of a second or less: low -> high with every condition of the pilot.
inline StudySpec letter_study() {
  StudySpec spec;
  spec.name = "letters";
  spec.pairs = {{"low", "high"}};
  spec.seeds = {0, 1};
  spec.steps = 7;
  spec.batch_size = 4;
  spec.learning_rate = 0.2;
  spec.items = 9;
  spec.validation_items = 5;
  spec.eval_every = 3;
  return spec;
}

/// The same with held-out items, other wordings and items of other domains.
inline StudySpec letter_study_tested_further() {
  StudySpec spec = letter_study();
  spec.held_out_items = 6;
  spec.prompt_variants = 2;
  spec.forgetting_items = 7;
  return spec;
}

/// The same with reinforcement learning.
inline StudySpec reward_study(std::vector<Method> methods) {
  StudySpec spec = letter_study();
  spec.methods = std::move(methods);
  spec.conditions = default_conditions(spec.methods);
  spec.seeds = {3};
  spec.rl.steps = 5;
  spec.rl.problems = 4;
  spec.rl.group_size = 4;
  spec.rl.learning_rate = 1.0;
  return spec;
}

inline StudyResult run(const StudySpec& spec, const std::filesystem::path& folder, Backend& backend,
                       std::function<void(const Event&)> on_event = {},
                       const std::atomic<bool>* stop = nullptr,
                       const DomainSet& domains = letter_domains()) {
  RunOptions options;
  options.run_folder = folder;
  options.on_event = std::move(on_event);
  options.stop = stop;
  return run_study(spec, options, backend, domains);
}

/// Everything in a result but the times, as text; floating-point numbers by their bits.
inline std::string comparable(const StudyResult& result) {
  std::string text = result.spec.to_toml() + result.model_name + result.model_hash +
                     std::to_string(result.model_parameters) + result.xfer_version + "\n";
  const auto bits = [](double x) { return std::to_string(std::bit_cast<std::uint64_t>(x)) + " "; };
  const auto rewards = [&](const std::vector<RewardPoint>& points) {
    std::string all;
    for (const RewardPoint& p : points)
      all += std::to_string(p.step) + ":" + bits(p.reward) + bits(p.trained_reward) +
             bits(p.kl_to_base.value_or(-1.0)) + std::to_string(p.groups) + " " +
             std::to_string(p.silent_groups) + " " + bits(p.answer_tokens) + "\n";
    return all;
  };
  const auto samples = [&](const std::vector<SampledAnswer>& drawn) {
    std::string all;
    for (const SampledAnswer& s : drawn)
      all += s.completion + bits(s.score) + std::to_string(s.truncated) + "\n";
    return all;
  };
  const auto tested = [&](const std::string& where, const std::vector<EvaluationResult>& all) {
    text += where + "\n";
    for (const EvaluationResult& e : all) {
      for (const std::string& leg : e.legs) text += leg + " ";
      text += std::string(to_string(e.condition)) + std::to_string(e.seed) + e.protocol_hash + "\n";
      for (const ItemResult& i : e.items)
        text +=
            i.item_id + i.kind + i.cluster + bits(i.score) + std::to_string(i.extracted) +
            std::to_string(i.truncated) + bits(i.strict_score) +
            std::to_string(i.strict_extracted) + std::to_string(i.stopped_by_text) +
            std::to_string(i.chosen) + i.gold + i.question + i.reference + i.completion + i.answer +
            i.failure + std::to_string(i.prompt_tokens + i.sampled_tokens + i.scored_tokens) +
            bits(i.reference_bits) + bits(i.first_token_bits) + std::to_string(i.reference_bytes) +
            std::to_string(i.first_token_bytes) + "\n" + samples(i.samples);
    }
  };
  for (const CellResult& cell : result.cells) {
    tested(cell.source + ">" + cell.target + std::string(to_string(cell.method)), cell.evaluations);
    tested("held out", cell.held_out);
    for (const PromptVariantResult& variant : cell.variants)
      tested(variant.name, variant.evaluations);
    for (const OtherDomainResult& other : cell.other_domains)
      tested(other.domain, other.evaluations);
    for (const Curve& c : cell.curves) {
      text += std::string(to_string(c.condition)) + std::to_string(c.seed) + "\n";
      for (const CurvePoint& p : c.points)
        text += std::to_string(p.step) + ":" + bits(p.train_loss_per_token) + bits(p.accuracy) +
                bits(p.bits_per_byte) + "\n";
      text += rewards(c.rewards);
    }
  }
  for (const LegSummary& leg : result.legs)
    text += leg.key + leg.description + std::to_string(leg.steps) + " " +
            std::to_string(leg.train_tokens) + " " + std::to_string(leg.skipped_examples) + " " +
            std::to_string(leg.sampled_tokens) + " " + std::to_string(leg.prefill_tokens) + "\n" +
            rewards(leg.rewards);
  return text;
}

/// The message of the error that `work` throws; checks its code.
template <class Work>
std::string error_of(Errc code, Work work) {
  try {
    work();
  } catch (const Error& e) {
    EXPECT_EQ(to_string(e.code()), to_string(code)) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace xfer::study
