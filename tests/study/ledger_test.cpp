// SPDX-License-Identifier: Apache-2.0
// A ledger that something else than xfer has changed is refused, never read as if it were whole.
#include "tests/study/study_testing.hpp"

#include "study/ledger/sqlite.hpp"
#include "xfer/study/regrade.hpp"

#include <gtest/gtest.h>

namespace xfer::study {
namespace {

using testing::FakeBackend;

class ChangedLedger : public ::testing::Test {
protected:
  void SetUp() override {
    spec_.conditions = {Condition::baseline, Condition::transfer};
    spec_.seeds = {0};
    whole_ = comparable(run(spec_, folder_.path(), backend_));
  }

  /// Runs SQL as another program might, unless it changes nothing.
  void change(const std::string& sql) {
    Sqlite database(folder_.path() / "study.db", Sqlite::Mode::read_write);
    database.execute(sql);
    Statement changes(database, "SELECT changes()");
    changes.step();
    ASSERT_GT(changes.integer(0), 0) << sql;
  }

  std::string reading() {
    return error_of(Errc::bad_data, [&] { load_result(folder_.path()); });
  }

  StudySpec spec_ = letter_study();
  TemporaryFolder folder_;
  FakeBackend backend_;
  std::string whole_;
};

TEST_F(ChangedLedger, with_items_missing_from_a_finished_evaluation) {
  change("DELETE FROM items WHERE evaluation = 0 AND position = 3");
  const std::string text = reading();
  EXPECT_NE(text.find("evaluation 0 is finished and holds 8 items"), std::string::npos) << text;
  EXPECT_NE(text.find("study.db"), std::string::npos) << text;
}

TEST_F(ChangedLedger, with_an_item_that_no_evaluation_has) {
  change("UPDATE evaluations SET finished = 0 WHERE id = 0");
  change("UPDATE items SET position = 99 WHERE evaluation = 0 AND position = 3");
  const std::string text = error_of(Errc::bad_data, [&] { run(spec_, folder_.path(), backend_); });
  EXPECT_NE(text.find("evaluation 0 holds item 99 of 9"), std::string::npos) << text;
}

TEST_F(ChangedLedger, with_unfinished_items_is_finished_with_the_same_result) {
  change("UPDATE evaluations SET finished = 0 WHERE id = 0");
  change("DELETE FROM items WHERE evaluation = 0 AND position IN (3, 4)");
  EXPECT_EQ(comparable(run(spec_, folder_.path(), backend_)), whole_);
}

TEST_F(ChangedLedger, with_another_plan) {
  change("UPDATE legs SET key = 'another' WHERE id = 0");
  const std::string text =
      error_of(Errc::run_mismatch, [&] { run(spec_, folder_.path(), backend_); });
  EXPECT_NE(text.find("planned by another version"), std::string::npos) << text;
}

TEST_F(ChangedLedger, with_fewer_evaluations_planned) {
  change("PRAGMA foreign_keys=OFF; DELETE FROM evaluations WHERE id = 0");
  error_of(Errc::run_mismatch, [&] { run(spec_, folder_.path(), backend_); });
}

TEST_F(ChangedLedger, of_a_newer_version) {
  Sqlite(folder_.path() / "study.db", Sqlite::Mode::read_write).execute("PRAGMA user_version=99");
  EXPECT_NE(reading().find("a newer version"), std::string::npos);
  error_of(Errc::run_mismatch, [&] { run(spec_, folder_.path(), backend_); });
  error_of(Errc::bad_data, [&] { regrade(folder_.path(), letter_domains()); });
}

TEST_F(ChangedLedger, without_its_study) {
  change("DELETE FROM about WHERE name = 'spec'");
  EXPECT_NE(reading().find("'spec' is missing"), std::string::npos);
  error_of(Errc::bad_data, [&] { regrade(folder_.path(), letter_domains()); });
}

TEST_F(ChangedLedger, with_names_and_numbers_that_are_none) {
  const auto refuses = [&](const std::string& change_it, const std::string& undo,
                           const std::string& says) {
    change(change_it);
    const std::string text = reading();
    EXPECT_NE(text.find(says), std::string::npos) << text;
    change(undo);
    EXPECT_EQ(comparable(load_result(folder_.path())), whole_);
  };
  refuses("UPDATE conditions SET condition = 'x' || condition",
          "UPDATE conditions SET condition = substr(condition, 2)", "unknown condition 'x");
  refuses("UPDATE about SET value = value || 'x' WHERE name = 'model_parameters'",
          "UPDATE about SET value = rtrim(value, 'x') WHERE name = 'model_parameters'",
          "is not a count");
  refuses("UPDATE items SET option_logprobs = '-1.5 much'", "UPDATE items SET option_logprobs = ''",
          "'-1.5 much' is not a list of numbers");
}

TEST_F(ChangedLedger, with_a_split_that_is_none_is_not_graded_again) {
  change("UPDATE evaluations SET split = 'exam' WHERE id = 0");
  const std::string text =
      error_of(Errc::bad_data, [&] { regrade(folder_.path(), letter_domains()); });
  EXPECT_NE(text.find("unknown split 'exam'"), std::string::npos) << text;
}

TEST_F(ChangedLedger, with_items_beyond_the_domain_is_not_graded_again) {
  change("UPDATE items SET position = 99 WHERE evaluation = 0 AND position = 3");
  const std::string text =
      error_of(Errc::run_mismatch, [&] { regrade(folder_.path(), letter_domains()); });
  EXPECT_NE(text.find("has no item 99"), std::string::npos) << text;
}

}  // namespace
}  // namespace xfer::study
