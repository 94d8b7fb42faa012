// SPDX-License-Identifier: Apache-2.0
#include "tests/study/study_testing.hpp"

#include "study/spec/utf8.hpp"
#include "xfer/study/runner.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <fstream>
#include <set>

namespace xfer::study {
namespace {

using testing::FakeBackend;
namespace fs = std::filesystem;

const EvaluationResult& evaluation(const StudyResult& result, Condition condition,
                                   std::uint64_t seed) {
  for (const EvaluationResult& e : result.cells.at(0).evaluations)
    if (e.condition == condition && e.seed == seed) return e;
  throw std::runtime_error("no such evaluation");
}

double bits_per_byte(const EvaluationResult& e) {
  double bits = 0.0;
  double bytes = 0.0;
  for (const ItemResult& item : e.items) {
    bits += item.reference_bits;
    bytes += static_cast<double>(item.reference_bytes);
  }
  return bits / bytes;
}

TEST(RunStudy, shows_that_long_answers_are_being_written) {
  const TemporaryFolder folder;
  FakeBackend backend;
  backend.answer_after = std::chrono::milliseconds(1200);  // more than two signs of life
  StudySpec spec = letter_study();
  spec.conditions = {Condition::baseline};
  spec.validation_items = 0;
  int before_any_answer = 0;
  run(spec, folder.path() / "run", backend, [&](const Event& e) {
    if (e.kind == Event::Kind::eval_progress && e.step == 0 && e.tokens_per_second > 0.0)
      ++before_any_answer;
  });
  EXPECT_GE(before_any_answer, 1);
}

TEST(RunStudy, gives_every_condition_seed_and_curve) {
  const TemporaryFolder folder;
  FakeBackend backend;
  StudySpec spec = letter_study();
  spec.conditions.push_back(Condition::zero_step);
  const StudyResult result = run(spec, folder.path() / "run", backend);
  ASSERT_EQ(result.cells.size(), 1U);
  const CellResult& cell = result.cells[0];
  EXPECT_EQ(cell.evaluations.size(), 1U + 2U * 6U);
  for (const EvaluationResult& e : cell.evaluations) {
    ASSERT_EQ(e.items.size(), 9U);
    std::set<std::string> ids;
    for (const ItemResult& item : e.items) {
      ids.insert(item.item_id);
      EXPECT_GT(item.reference_bits, item.first_token_bits);
      EXPECT_GT(item.first_token_bits, 0.0);
    }
    EXPECT_EQ(ids.size(), 9U);
    EXPECT_EQ(e.protocol_hash, cell.evaluations[0].protocol_hash);
    for (std::size_t i = 0; i < 9; ++i)
      EXPECT_EQ(e.items[i].item_id, cell.evaluations[0].items[i].item_id);
  }
  const double base = bits_per_byte(evaluation(result, Condition::baseline, 0));
  EXPECT_LT(bits_per_byte(evaluation(result, Condition::direct, 0)), base - 1.0);
  EXPECT_EQ(bits_per_byte(evaluation(result, Condition::zero_step, 1)), base);
  EXPECT_EQ(result.legs.size(), 2U * 6U);
  EXPECT_EQ(backend.trainers_created, 12);
  EXPECT_EQ(backend.base_samplers_opened, 1);

  for (const Curve& curve : cell.curves) {
    std::vector<int> steps;
    for (const CurvePoint& p : curve.points) steps.push_back(p.step);
    if (curve.condition == Condition::direct) {
      EXPECT_EQ(steps, (std::vector<int>{0, 3, 6, 7}));
      EXPECT_LT(curve.points.back().bits_per_byte, curve.points.front().bits_per_byte);
      EXPECT_LT(curve.points.back().train_loss_per_token,
                curve.points.front().train_loss_per_token);
      EXPECT_NEAR(curve.points.front().train_loss_per_token, std::log(257.0), 0.1);
    }
    if (curve.condition == Condition::sequential) {
      EXPECT_EQ(steps, (std::vector<int>{0, 3, 6, 7, 10, 13, 14}));
    }
  }
}

TEST(RunStudy, a_second_call_repeats_nothing) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const StudyResult first = run(letter_study(), folder.path(), backend);
  FakeBackend again;
  std::set<Event::Kind> kinds;
  Event last;
  const StudyResult second = run(letter_study(), folder.path(), again, [&](const Event& e) {
    kinds.insert(e.kind);
    last = e;
  });
  EXPECT_EQ(comparable(first), comparable(second));
  EXPECT_EQ(comparable(first), comparable(load_result(folder.path())));
  EXPECT_EQ(again.trainers_created, 0);
  EXPECT_EQ(kinds, (std::set<Event::Kind>{Event::Kind::started, Event::Kind::leg_reused,
                                          Event::Kind::eval_reused, Event::Kind::finished}));
  EXPECT_NEAR(last.done_units, last.total_units, last.total_units * 1e-9);
}

TEST(RunStudy, events_tell_the_whole_way_in_order) {
  const TemporaryFolder folder;
  FakeBackend backend;
  std::vector<Event> events;
  run(letter_study(), folder.path(), backend, [&](const Event& e) { events.push_back(e); });
  EXPECT_EQ(events.front().kind, Event::Kind::started);
  EXPECT_GT(events.front().total_units, 0.0);
  EXPECT_EQ(events.front().done_units, 0.0);
  EXPECT_EQ(events.back().kind, Event::Kind::finished);
  EXPECT_NEAR(events.back().done_units, events.back().total_units,
              events.back().total_units * 1e-9);
  double done = 0.0;
  int steps = 0;
  for (const Event& e : events) {
    EXPECT_GE(e.done_units, done);
    done = e.done_units;
    if (e.kind == Event::Kind::step) {
      ++steps;
      EXPECT_GT(e.loss, 0.0);
      EXPECT_GT(e.tokens_per_second, 0.0);
      EXPECT_GT(e.seconds_left, 0.0);
    }
  }
  EXPECT_EQ(steps, 7 * 5 * 2);
}

TEST(RunStudy, a_second_process_is_refused_with_the_holders_name) {
  const TemporaryFolder folder;
  FakeBackend backend;
  std::string text;
  run(letter_study(), folder.path(), backend, [&](const Event& e) {
    if (e.kind != Event::Kind::started) return;
    FakeBackend other;
    text = error_of(Errc::unavailable, [&] { run(letter_study(), folder.path(), other); });
  });
  EXPECT_NE(text.find("pid " + std::to_string(getpid()) + " on "), std::string::npos) << text;
}

TEST(RunStudy, another_study_in_the_folder_is_refused_with_the_differences) {
  const TemporaryFolder folder;
  FakeBackend backend;
  StudySpec spec = letter_study();
  const std::string before = comparable(run(spec, folder.path(), backend));
  spec.threads = 3;  // no influence on results
  EXPECT_EQ(comparable(run(spec, folder.path(), backend)), before);
  spec.steps = 8;
  spec.seeds = {0};
  const std::string text = error_of(Errc::run_mismatch, [&] { run(spec, folder.path(), backend); });
  EXPECT_NE(text.find("train.steps: the folder has 7, asked for 8"), std::string::npos) << text;
  EXPECT_NE(text.find("seeds: the folder has [0, 1], asked for [0]"), std::string::npos) << text;
  EXPECT_EQ(text.find("threads"), std::string::npos) << text;

  FakeBackend other_model;
  other_model.model = "another";
  EXPECT_NE(error_of(Errc::run_mismatch, [&] { run(letter_study(), folder.path(), other_model); })
                .find("model: "),
            std::string::npos);
  DomainSet changed = letter_domains();
  changed["low"] = letter_domain("low", 'a', 39);
  RunOptions options;
  options.run_folder = folder.path();
  EXPECT_NE(
      error_of(Errc::run_mismatch, [&] { run_study(letter_study(), options, backend, changed); })
          .find("data of low (train)"),
      std::string::npos);
  EXPECT_EQ(comparable(load_result(folder.path())), before);
}

TEST(RunStudy, a_diverging_leg_is_named_and_earlier_results_are_kept) {
  const TemporaryFolder folder;
  FakeBackend backend;
  backend.diverge_at = 5;
  const std::string text =
      error_of(Errc::diverged, [&] { run(letter_study(), folder.path(), backend); });
  EXPECT_NE(text.find("leg 'low, seed 0', step 6"), std::string::npos) << text;
  EXPECT_NE(text.find("train.learning_rate"), std::string::npos) << text;
  const StudyResult kept = load_result(folder.path());
  ASSERT_EQ(kept.cells[0].evaluations.size(), 1U);
  EXPECT_EQ(kept.cells[0].evaluations[0].items.size(), 9U);
}

TEST(RunStudy, a_broken_grader_is_not_a_wrong_answer) {
  const TemporaryFolder folder;
  FakeBackend backend;
  DomainSet domains = letter_domains();
  auto grader = std::make_shared<FirstLetterGrader>();
  grader->broken = true;
  domains["high"].grader = grader;
  RunOptions options;
  options.run_folder = folder.path();
  const std::string text =
      error_of(Errc::not_available, [&] { run_study(letter_study(), options, backend, domains); });
  EXPECT_NE(text.find("high test: base model"), std::string::npos) << text;
  EXPECT_NE(text.find("sandbox: cannot start"), std::string::npos) << text;
  grader->broken = false;
  EXPECT_EQ(run_study(letter_study(), options, backend, domains).cells[0].evaluations.size(), 11U);
}

TEST(RunStudy, unusable_folders_are_named) {
  const TemporaryFolder folder;
  FakeBackend backend;
  std::ofstream(folder.path() / "file") << "x";
  const std::string text =
      error_of(Errc::io, [&] { run(letter_study(), folder.path() / "file" / "run", backend); });
  EXPECT_NE(text.find("file/run"), std::string::npos) << text;
  error_of(Errc::io, [&] { run(letter_study(), folder.path() / "file", backend); });
  error_of(Errc::io, [&] { run(letter_study(), "/dev/full/run", backend); });

  fs::create_directories(folder.path() / "rubbish");
  std::ofstream(folder.path() / "rubbish" / "study.db") << std::string(5000, 'x');
  const std::string rubbish =
      error_of(Errc::bad_data, [&] { run(letter_study(), folder.path() / "rubbish", backend); });
  EXPECT_NE(rubbish.find("study.db"), std::string::npos) << rubbish;
  error_of(Errc::bad_data, [&] { load_result(folder.path() / "rubbish"); });
  EXPECT_NE(error_of(Errc::io, [&] { load_result(folder.path() / "nothing"); }).find("nothing"),
            std::string::npos);
}

TEST(RunStudy, a_checkpoint_that_cannot_be_written_stops_cleanly) {
  const TemporaryFolder folder;
  FakeBackend backend;
  // A file where the folder of checkpoints should be.
  std::ofstream(folder.path() / "checkpoints") << "x";
  const std::string text = error_of(Errc::io, [&] { run(letter_study(), folder.path(), backend); });
  EXPECT_NE(text.find("checkpoint"), std::string::npos) << text;
  fs::remove(folder.path() / "checkpoints");
  EXPECT_EQ(run(letter_study(), folder.path(), backend).cells[0].evaluations.size(), 11U);
}

TEST(Utf8, bytes_that_are_not_text_are_replaced) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(to_valid_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
            "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(to_valid_utf8("x\xC3"), "x" + mark);
  EXPECT_EQ(to_valid_utf8("\xC0\x80"), mark + mark);             // overlong
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80"), mark + mark + mark);  // surrogate
  EXPECT_EQ(to_valid_utf8("\xF4\x90\x80\x80"), mark + mark + mark + mark);
  EXPECT_EQ(to_valid_utf8(std::string("\0", 1)), std::string("\0", 1));
}

}  // namespace
}  // namespace xfer::study
