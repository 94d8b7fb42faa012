// SPDX-License-Identifier: Apache-2.0
#include "study/ledger/regrade.hpp"

#include "study/ledger/ledger_schema.hpp"
#include "study/ledger/run_lock.hpp"
#include "study/plan/protocol.hpp"
#include "study/spec/spec_fields.hpp"
#include "study/spec/utf8.hpp"

#include "xfer/error.hpp"
#include "xfer/study/regrade.hpp"

#include <map>
#include <utility>

namespace xfer::study {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t changes_max = 100;

/// Made with the first grading again, so that runs without one are as they always were.
constexpr const char* tables = R"sql(
CREATE TABLE IF NOT EXISTS gradings(id INTEGER PRIMARY KEY, evaluation INTEGER NOT NULL
  REFERENCES evaluations(id), grader TEXT NOT NULL, version TEXT NOT NULL,
  at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')));
CREATE TABLE IF NOT EXISTS grades(grading INTEGER NOT NULL REFERENCES gradings(id),
  position INTEGER NOT NULL, score REAL NOT NULL, extracted INTEGER NOT NULL,
  strict_score REAL NOT NULL, strict_extracted INTEGER NOT NULL, answer TEXT NOT NULL,
  failure TEXT NOT NULL, PRIMARY KEY(grading, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sample_grades(grading INTEGER NOT NULL REFERENCES gradings(id),
  position INTEGER NOT NULL, number INTEGER NOT NULL, score REAL NOT NULL,
  PRIMARY KEY(grading, position, number)) WITHOUT ROWID;
)sql";

/// Temporary views hide the tables of the same names.
constexpr const char* latest_views = R"sql(
CREATE TEMP VIEW latest AS SELECT evaluation, max(id) AS grading FROM main.gradings
  GROUP BY evaluation;
CREATE TEMP VIEW items AS SELECT i.evaluation, i.position, i.item_id, i.kind, i.cluster,
  coalesce(g.score, i.score) AS score, coalesce(g.extracted, i.extracted) AS extracted,
  i.truncated, coalesce(g.strict_score, i.strict_score) AS strict_score,
  coalesce(g.strict_extracted, i.strict_extracted) AS strict_extracted, i.stopped_by_text,
  i.chosen, i.option_logprobs, i.right_option, i.gold, i.completion,
  coalesce(g.answer, i.answer) AS answer, coalesce(g.failure, i.failure) AS failure,
  i.reference_bits, i.first_token_bits,
  i.reference_bytes, i.first_token_bytes, i.question, i.reference, i.prompt_tokens,
  i.sampled_tokens, i.scored_tokens
  FROM main.items i LEFT JOIN latest l ON l.evaluation = i.evaluation
  LEFT JOIN main.grades g ON g.grading = l.grading AND g.position = i.position;
CREATE TEMP VIEW samples AS SELECT s.evaluation, s.position, s.number, s.completion,
  coalesce(g.score, s.score) AS score, s.truncated
  FROM main.samples s LEFT JOIN latest l ON l.evaluation = s.evaluation
  LEFT JOIN main.sample_grades g ON g.grading = l.grading AND g.position = s.position
  AND g.number = s.number;
CREATE TEMP VIEW evaluations AS SELECT e.id, e.key, e.description, e.leg, e.step, e.domain, e.split,
  CASE WHEN g.id IS NULL THEN e.protocol
  ELSE e.protocol || ' graded by ' || g.grader || ' ' || g.version END AS protocol,
  e.items, e.finished
  FROM main.evaluations e LEFT JOIN latest l ON l.evaluation = e.id
  LEFT JOIN main.gradings g ON g.id = l.grading;
)sql";

struct StoredEvaluation {
  std::int64_t id = 0;
  std::string description;
  std::string domain;
  Split split = Split::test;
  int items = 0;
};

Split split_named(const std::string& name, const fs::path& path) {
  for (const Split split : all_splits)
    if (to_string(split) == name) return split;
  throw Error(Errc::bad_data, "ledger " + path.string() + ": unknown split '" + name + "'");
}

class Regrading {
public:
  Regrading(const fs::path& run_folder, const DomainSet& own)
      : lock_(run_folder), database_(run_folder / "study.db", Sqlite::Mode::read_write) {
    Statement version(database_, "PRAGMA user_version");
    version.step();
    if (version.integer(0) != ledger_schema_version)
      throw Error(Errc::bad_data,
                  "ledger " + database_.path().string() + ": written by another version of xfer");
    Statement about(database_, "SELECT value FROM about WHERE name = 'spec'");
    if (!about.step())
      throw Error(Errc::bad_data,
                  "ledger " + database_.path().string() + ": the entry 'spec' is missing");
    domains_ = open_domains(read_stored_spec(about.text(0), database_.path().string()), own);
  }

  std::vector<RegradedDomain> run() {
    database_.execute("BEGIN IMMEDIATE");
    try {
      database_.execute(tables);
      for (const StoredEvaluation& evaluation : finished_evaluations()) grade(evaluation);
      database_.execute("COMMIT");
    } catch (...) {
      try {
        database_.execute("ROLLBACK");
      } catch (const Error&) {
        // SQLite has rolled back by itself; the first failure is the one to tell.
      }
      throw;
    }
    std::vector<RegradedDomain> all;
    for (auto& [name, domain] : graded_) {
      if (domain.items > 0) {
        domain.before /= static_cast<double>(domain.items);
        domain.after /= static_cast<double>(domain.items);
      }
      all.push_back(std::move(domain));
    }
    return all;
  }

private:
  std::vector<StoredEvaluation> finished_evaluations() {
    std::vector<StoredEvaluation> all;
    Statement select(database_,
                     "SELECT id, description, domain, split, items FROM evaluations WHERE finished "
                     "= 1 ORDER BY id");
    while (select.step()) {
      StoredEvaluation e;
      e.id = select.integer(0);
      e.description = select.text(1);
      e.domain = select.text(2);
      e.split = split_named(select.text(3), database_.path());
      e.items = static_cast<int>(select.integer(4));
      all.push_back(std::move(e));
    }
    return all;
  }

  void grade(const StoredEvaluation& evaluation) {
    const auto found = domains_.find(evaluation.domain);
    if (found == domains_.end())
      throw Error(Errc::run_mismatch, "regrade: the run tests on " + evaluation.domain +
                                          ", which is not among its domains");
    const domains::Domain& domain = found->second;
    RegradedDomain& sum = graded_[evaluation.domain];
    sum.domain = evaluation.domain;
    sum.grader = domain.grader->name();
    sum.version = domain.grader->version();
    Statement grading(database_,
                      "INSERT INTO gradings(evaluation, grader, version) VALUES(?, ?, ?)");
    grading.bind(1, evaluation.id).bind(2, sum.grader).bind(3, sum.version).run();
    Statement id(database_, "SELECT max(id) FROM gradings");
    id.step();
    const std::vector<std::size_t> indices =
        evaluation_items(domain, evaluation.split, evaluation.items);
    Statement select(database_,
                     "SELECT position, item_id, completion, score FROM items WHERE evaluation = ? "
                     "AND chosen = 0 ORDER BY position");
    select.bind(1, evaluation.id);
    while (select.step()) {
      const std::int64_t position = select.integer(0);
      if (position < 0 || position >= std::ssize(indices))
        throw Error(Errc::run_mismatch, "regrade: domain " + evaluation.domain + " has no item " +
                                            std::to_string(position) + " of '" +
                                            evaluation.description + "'");
      const Example example =
          domain.dataset->at(evaluation.split, indices[static_cast<std::size_t>(position)]);
      const std::string item = select.text(1);
      if (to_valid_utf8(example.id) != item)
        throw Error(Errc::run_mismatch, "regrade: domain " + evaluation.domain + " now has item " +
                                            example.id + " where the run answered " + item);
      const grade::Verdict verdict = domain.grader->grade(example, select.text(2));
      keep(id.integer(0), position, verdict);
      count(sum, {item, evaluation.description, select.real(3), verdict.score});
      grade_samples(evaluation, id.integer(0), position, example);
    }
  }

  /// The answers drawn for pass@k. They are not counted among the items.
  void grade_samples(const StoredEvaluation& evaluation, std::int64_t grading,
                     std::int64_t position, const Example& example) {
    const grade::Grader& grader = *domains_.at(evaluation.domain).grader;
    Statement select(database_,
                     "SELECT number, completion FROM samples WHERE evaluation = ? AND position = "
                     "? ORDER BY number");
    Statement insert(database_, "INSERT INTO sample_grades VALUES(?, ?, ?, ?)");
    select.bind(1, evaluation.id).bind(2, position);
    while (select.step()) {
      const grade::Verdict verdict = grader.grade(example, select.text(1));
      insert.bind(1, grading).bind(2, position).bind(3, select.integer(0));
      insert.bind(4, verdict.score).run();
    }
  }

  void keep(std::int64_t grading, std::int64_t position, const grade::Verdict& verdict) {
    Statement insert(database_, "INSERT INTO grades VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    insert.bind(1, grading).bind(2, position).bind(3, verdict.score);
    insert.bind(4, verdict.extracted ? 1 : 0).bind(5, verdict.strict_score);
    insert.bind(6, verdict.strict_extracted ? 1 : 0).bind(7, to_valid_utf8(verdict.answer));
    insert.bind(8, to_valid_utf8(verdict.failure)).run();
  }

  static void count(RegradedDomain& sum, RegradedItem item) {
    ++sum.items;
    sum.before += item.before;
    sum.after += item.after;
    if (item.before == item.after) return;
    ++sum.changed;
    if (sum.changes.size() < changes_max) sum.changes.push_back(std::move(item));
  }

  RunLock lock_;
  Sqlite database_;
  DomainSet domains_;
  std::map<std::string, RegradedDomain> graded_;
};

}  // namespace

void show_latest_grading(Sqlite& database) {
  Statement there(database,
                  "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'gradings'");
  there.step();
  if (there.integer(0) == 0) return;
  there.reset();
  database.execute(latest_views);
}

std::vector<RegradedDomain> regrade(const fs::path& run_folder, const DomainSet& own_domains) {
  std::error_code ignored;
  if (!fs::is_regular_file(run_folder / "study.db", ignored))
    throw Error(Errc::io, "run folder " + run_folder.string() + ": holds no study.db");
  return Regrading(run_folder, own_domains).run();
}

}  // namespace xfer::study
