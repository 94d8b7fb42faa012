// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/status.hpp"

#include "study/ledger/ledger_schema.hpp"
#include "study/ledger/run_lock.hpp"
#include "study/ledger/sqlite.hpp"
#include "study/spec/spec_fields.hpp"

#include "xfer/error.hpp"

#include <algorithm>

namespace xfer::study {
namespace {

constexpr int shown_at_most = 8;

class StatusReader {
public:
  explicit StatusReader(const std::filesystem::path& path)
      : path_(path), database_(path, Sqlite::Mode::read_only, "ledger") {}

  RunStatus read() {
    Statement version(database_, "PRAGMA user_version");
    version.step();
    if (version.integer(0) == 0) fail("no study has started here");
    if (version.integer(0) != ledger_schema_version) fail("written by another version of xfer");
    version.reset();
    database_.execute("BEGIN");  // one consistent view, also while a run goes on
    RunStatus status;
    read_about(status);
    read_counts(status);
    read_attempts(status);
    read_money(status);
    read_cells(status);
    read_work(status);
    return status;
  }

private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Errc::bad_data, "ledger " + path_.string() + ": " + what);
  }

  void read_about(RunStatus& status) {
    Statement select(database_, "SELECT name, value FROM about");
    while (select.step()) {
      if (select.text(0) == "model_name") status.model = select.text(1);
      if (select.text(0) != "spec") continue;
      const StudySpec spec = read_stored_spec(select.text(1), path_.string());
      status.name = spec.name;
      status.max_dollars = spec.budget.max_dollars;
    }
  }

  void read_counts(RunStatus& status) {
    Statement legs(database_, "SELECT count(*), total(steps_done = steps) FROM legs");
    legs.step();
    status.legs_planned = static_cast<int>(legs.integer(0));
    status.legs_done = static_cast<int>(legs.real(1));
    Statement tests(database_,
                    "SELECT count(*), total(finished), total(items), total(items * finished) FROM "
                    "evaluations");
    tests.step();
    status.evaluations_planned = static_cast<int>(tests.integer(0));
    status.evaluations_done = static_cast<int>(tests.real(1));
    status.items_planned = static_cast<std::int64_t>(tests.real(2));
    status.items_done = static_cast<std::int64_t>(tests.real(3));
    Statement rounds(database_, "SELECT coalesce(max(round), 0) FROM looks");
    rounds.step();
    status.rounds = static_cast<int>(rounds.integer(0));
  }

  void read_attempts(RunStatus& status) {
    Statement seconds(database_, "SELECT total(seconds) FROM attempts");
    seconds.step();
    status.seconds = seconds.real(0);
    Statement last(
        database_,
        "SELECT outcome, done_units, total_units, seconds_left, machine, git FROM attempts "
        "ORDER BY id DESC LIMIT 1");
    if (!last.step()) return;
    status.outcome = last.text(0);
    status.finished = status.outcome == "finished";
    status.machine = last.text(4);
    status.git = last.text(5);
    if (last.real(2) > 0.0) status.share = std::clamp(last.real(1) / last.real(2), 0.0, 1.0);
    if (status.finished) status.share = 1.0;
    if (!status.finished && last.real(3) > 0.0) status.seconds_left = last.real(3);
  }

  void read_money(RunStatus& status) {
    Statement sums(database_,
                   "SELECT total(useful + pending), total(lost), (SELECT total(amount) FROM "
                   "reservations) FROM spending");
    sums.step();
    status.useful_dollars = sums.real(0) / 1e9;
    status.lost_dollars = sums.real(1) / 1e9;
    status.reserved_dollars = sums.real(2) / 1e9;
  }

  void read_cells(RunStatus& status) {
    Statement select(database_,
                     "SELECT c.source, c.target, c.method, count(*), total(e.finished) FROM "
                     "conditions c JOIN evaluations e ON e.id = c.evaluation GROUP BY c.source, "
                     "c.target, c.method ORDER BY min(c.id)");
    while (select.step()) {
      CellStatus& cell = status.cells.emplace_back();
      cell.source = select.text(0);
      cell.target = select.text(1);
      const auto method = parse_method(select.text(2));
      if (!method) fail("unknown method '" + select.text(2) + "'");
      cell.method = *method;
      cell.planned = static_cast<int>(select.integer(3));
      cell.done = static_cast<int>(select.real(4));
    }
  }

  void read_work(RunStatus& status) {
    Statement legs(database_,
                   "SELECT l.description, l.steps_done, l.steps, s.loss, r.reward FROM legs l LEFT "
                   "JOIN steps s ON s.leg = l.id AND s.step = l.steps_done LEFT JOIN rewards r ON "
                   "r.leg = l.id AND r.step = l.steps_done WHERE l.steps_done > 0 AND l.steps_done "
                   "< l.steps ORDER BY l.id DESC LIMIT ?");
    legs.bind(1, shown_at_most);
    while (legs.step()) {
      WorkStatus& work = status.training.emplace_back();
      work.description = legs.text(0);
      work.done = static_cast<int>(legs.integer(1));
      work.planned = static_cast<int>(legs.integer(2));
      work.loss = legs.optional_real(3);
      work.reward = legs.optional_real(4);
    }
    Statement tests(database_,
                    "SELECT e.description, (SELECT count(*) FROM items i WHERE i.evaluation = "
                    "e.id) AS done, e.items FROM evaluations e WHERE e.finished = 0 AND EXISTS "
                    "(SELECT 1 FROM items i WHERE i.evaluation = e.id) ORDER BY e.id DESC LIMIT ?");
    tests.bind(1, shown_at_most);
    while (tests.step()) {
      WorkStatus& work = status.testing.emplace_back();
      work.description = tests.text(0);
      work.done = static_cast<int>(tests.integer(1));
      work.planned = static_cast<int>(tests.integer(2));
    }
  }

  std::filesystem::path path_;
  Sqlite database_;
};

}  // namespace

RunStatus read_status(const std::filesystem::path& run_folder) {
  const std::filesystem::path path = run_folder / "study.db";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw Error(Errc::io, "run folder " + run_folder.string() + ": holds no study.db");
  RunStatus status = StatusReader(path).read();
  status.holder = holder_of(run_folder);
  status.running = !status.holder.empty();
  return status;
}

}  // namespace xfer::study
