// SPDX-License-Identifier: Apache-2.0
#include "study/ledger/ledger.hpp"

#include "study/ledger/ledger_schema.hpp"
#include "study/ledger/surroundings.hpp"
#include "study/spec/spec_fields.hpp"

#include "xfer/error.hpp"

namespace xfer::study {
namespace {

namespace fs = std::filesystem;

fs::path make_run_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder, error))
    throw Error(Errc::io, "run folder " + folder.string() + ": cannot be made: " +
                              (error ? error.message() : "a file is in its place"));
  return folder;
}

/// "-1.25 -0.5", with all digits.
std::string listed_numbers(const std::vector<double>& numbers) {
  std::string text;
  for (const double number : numbers) text += (text.empty() ? "" : " ") + spell(number);
  return text;
}

std::int64_t id_of(std::size_t index) { return static_cast<std::int64_t>(index); }

void insert_pairs(Sqlite& database, const std::string& table, const Facts& pairs) {
  Statement insert(database, "INSERT INTO " + table + " VALUES(?, ?)");
  for (const auto& [name, value] : pairs) insert.bind(1, name).bind(2, value).run();
}

void insert_plan(Sqlite& database, const Plan& plan, const StudySpec& spec) {
  Statement leg(database,
                "INSERT INTO legs(id, key, description, parent, learning, steps) VALUES(?, ?, ?, "
                "nullif(?, -1), ?, ?)");
  for (std::size_t i = 0; i < plan.legs.size(); ++i) {
    const PlannedLeg& l = plan.legs[i];
    leg.bind(1, id_of(i)).bind(2, l.key).bind(3, l.description);
    leg.bind(4, l.parent ? id_of(*l.parent) : -1).bind(5, to_string(l.learning));
    leg.bind(6, l.steps).run();
  }
  Statement evaluation(database,
                       "INSERT INTO evaluations(id, key, description, leg, step, domain, split, "
                       "protocol, items) VALUES(?, ?, ?, nullif(?, -1), ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < plan.evaluations.size(); ++i) {
    const PlannedEvaluation& e = plan.evaluations[i];
    evaluation.bind(1, id_of(i)).bind(2, e.key).bind(3, e.description);
    evaluation.bind(4, e.leg ? id_of(*e.leg) : -1).bind(5, e.step).bind(6, e.domain);
    evaluation.bind(7, to_string(e.split)).bind(8, e.protocol_hash).bind(9, e.items).run();
  }
  Statement condition(database, "INSERT INTO conditions VALUES(?, ?, ?, ?, ?, ?, ?)");
  Statement stage(database, "INSERT INTO stages VALUES(?, ?, ?)");
  Statement point(database, "INSERT INTO curve_points VALUES(?, ?, ?)");
  Statement further(database, "INSERT INTO further_tests VALUES(?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < plan.conditions.size(); ++i) {
    const PlannedCondition& c = plan.conditions[i];
    const auto& [source, target] = spec.pairs[c.pair];
    condition.bind(1, id_of(i)).bind(2, source).bind(3, target).bind(4, to_string(c.method));
    condition.bind(5, to_string(c.condition)).bind(6, static_cast<std::int64_t>(c.seed));
    condition.bind(7, id_of(c.evaluation)).run();
    for (const PlannedStage& s : c.stages)
      stage.bind(1, id_of(i)).bind(2, s.steps_before).bind(3, id_of(s.leg)).run();
    for (const PlannedPoint& p : c.curve)
      point.bind(1, id_of(i)).bind(2, p.step).bind(3, id_of(p.evaluation)).run();
    for (std::size_t k = 0; k < c.further.size(); ++k) {
      const PlannedTest& t = c.further[k];
      further.bind(1, id_of(i)).bind(2, id_of(k)).bind(3, to_string(t.kind)).bind(4, t.name);
      further.bind(5, id_of(t.evaluation)).run();
    }
  }
}

}  // namespace

Ledger::Ledger(const fs::path& run_folder)
    : lock_(make_run_folder(run_folder)),
      database_(run_folder / "study.db", Sqlite::Mode::read_write, "ledger") {
  // FULL makes every commit of a WAL database durable, not merely consistent.
  database_.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
}

void Ledger::transaction(const std::function<void()>& work) {
  struct Watch {
    std::chrono::duration<double>& sum;
    std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
    ~Watch() { sum += std::chrono::steady_clock::now() - begun; }
  };
  const Watch watch{busy_};
  database_.execute("BEGIN IMMEDIATE");
  try {
    work();
    // Kept up to date with every commit, so that a killed attempt's time is not lost.
    if (attempt_ != 0) {
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started_;
      Statement update(database_,
                       "UPDATE attempts SET seconds = ?, done_units = ?, total_units = ?, "
                       "seconds_left = ? WHERE id = ?");
      update.bind(seconds.count()).bind(done_units_).bind(total_units_).bind(seconds_left_);
      update.bind(attempt_).run();
    }
    if (commit_hook_) commit_hook_();
    database_.execute("COMMIT");
  } catch (...) {
    try {
      database_.execute("ROLLBACK");
    } catch (const Error&) {
      // SQLite has rolled back by itself; the first failure is the one to tell.
    }
    throw;
  }
  if (commit_hook_) commit_hook_();
}

void Ledger::start(const StudySpec& spec, const Facts& facts, const Facts& about,
                   const Plan& plan) {
  Statement version(database_, "PRAGMA user_version");
  version.step();
  const std::int64_t schema = version.integer(0);
  version.reset();
  if (schema != 0 && schema != ledger_schema_version)
    throw Error(Errc::run_mismatch,
                "ledger " + database_.path().string() + ": written by " +
                    (schema > ledger_schema_version ? "a newer" : "an earlier") +
                    " version of xfer (schema " + std::to_string(schema) + ", here " +
                    std::to_string(ledger_schema_version) +
                    "); finish it with that version or choose another folder");
  if (schema != 0) check_same(facts, plan);
  transaction([&] {
    if (schema == 0) {
      database_.execute(std::string(ledger_schema));
      database_.execute("PRAGMA user_version=" + std::to_string(ledger_schema_version));
      insert_pairs(database_, "facts", facts);
      insert_pairs(database_, "about", about);
      insert_plan(database_, plan, spec);
    }
    // What an attempt paid for and never committed is done again.
    database_.execute("UPDATE spending SET lost = lost + pending, pending = 0");
    Statement attempt(database_,
                      "INSERT INTO attempts(process, version, machine, git) VALUES(?, ?, ?, ?)");
    attempt.bind(1, process_name()).bind(2, about.at("xfer_version"));
    attempt.bind(3, machine_description());
    attempt.bind(4, git_state(std::filesystem::current_path())).run();
    Statement id(database_, "SELECT max(id) FROM attempts");
    id.step();
    attempt_ = id.integer(0);
  });
}

void Ledger::check_same(const Facts& facts, const Plan& plan) {
  Facts stored;
  Statement select(database_, "SELECT name, value FROM facts");
  while (select.step()) stored[select.text(0)] = select.text(1);
  std::string differences;
  const auto differ = [&](const std::string& name, const std::string& here,
                          const std::string& asked) {
    differences += (differences.empty() ? "" : "; ") + name + ": the folder has " + here +
                   ", asked for " + asked;
  };
  for (const auto& [name, value] : facts) {
    const auto other = stored.find(name);
    if (other == stored.end()) differ(name, "none", value);
    if (other != stored.end() && other->second != value) differ(name, other->second, value);
  }
  for (const auto& [name, value] : stored)
    if (!facts.count(name)) differ(name, value, "none");
  if (!differences.empty())
    throw Error(Errc::run_mismatch,
                "run folder " + database_.path().parent_path().string() +
                    " holds another study; choose another folder, or undo: " + differences);
  // The facts decide the plan; this catches a version of xfer that plans in another way.
  std::vector<std::string> keys;
  Statement legs(database_, "SELECT key FROM legs ORDER BY id");
  while (legs.step()) keys.push_back(legs.text(0));
  Statement evaluations(database_, "SELECT key FROM evaluations ORDER BY id");
  while (evaluations.step()) keys.push_back(evaluations.text(0));
  std::vector<std::string> planned;
  for (const PlannedLeg& leg : plan.legs) planned.push_back(leg.key);
  for (const PlannedEvaluation& e : plan.evaluations) planned.push_back(e.key);
  if (keys != planned)
    throw Error(Errc::run_mismatch, "run folder " + database_.path().parent_path().string() +
                                        " was planned by another version of xfer; finish it with "
                                        "that version or choose another folder");
}

LegState Ledger::leg(std::size_t leg) {
  Statement select(database_, "SELECT steps_done, checkpoint FROM legs WHERE id = ?");
  if (!select.bind(1, id_of(leg)).step())
    throw Error(Errc::internal, "ledger: no leg " + std::to_string(leg));
  return {static_cast<int>(select.integer(0)), select.text(1)};
}

void Ledger::commit_steps(std::size_t leg, std::span<const StepRow> steps,
                          const std::string& checkpoint, double seconds) {
  transaction([&] {
    Statement insert(database_, "INSERT INTO steps VALUES(?, ?, ?, ?, ?, ?)");
    Statement reward(database_, "INSERT INTO rewards VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (const StepRow& row : steps) {
      insert.bind(1, id_of(leg)).bind(2, row.step).bind(3, row.loss).bind(4, row.tokens);
      insert.bind(5, row.target_tokens).bind(6, row.skipped).run();
      if (!row.rewards) continue;
      const RewardRow& r = *row.rewards;
      reward.bind(1, id_of(leg)).bind(2, row.step).bind(3, r.reward).bind(4, r.trained_reward);
      reward.bind(5, r.kl_to_base).bind(6, r.groups).bind(7, r.silent_groups);
      reward.bind(8, r.answers).bind(9, r.sampled_tokens).bind(10, r.prefill_tokens).run();
    }
    Statement update(database_,
                     "UPDATE legs SET steps_done = steps_done + ?, checkpoint = ?, seconds = "
                     "seconds + ? WHERE id = ?");
    update.bind(1, id_of(steps.size())).bind(2, checkpoint).bind(3, seconds);
    update.bind(4, id_of(leg)).run();
    // The base model's part is what measuring the divergence from it cost.
    Statement paid(database_,
                   "UPDATE spending SET useful = useful + pending, pending = 0 WHERE pending > 0 "
                   "AND leg IN ('', (SELECT key FROM legs WHERE id = ?))");
    paid.bind(1, id_of(leg)).run();
  });
}

void Ledger::forget_training(std::size_t leg) {
  transaction([&] {
    for (const char* sql : {"DELETE FROM steps WHERE leg = ?", "DELETE FROM rewards WHERE leg = ?",
                            "DELETE FROM items WHERE evaluation IN "
                            "(SELECT id FROM evaluations WHERE leg = ? AND finished = 0)",
                            "UPDATE legs SET steps_done = 0, checkpoint = '' WHERE id = ?"}) {
      Statement statement(database_, sql);
      statement.bind(1, id_of(leg)).run();
    }
  });
}

bool Ledger::evaluation_finished(std::size_t evaluation) {
  Statement select(database_, "SELECT finished FROM evaluations WHERE id = ?");
  if (!select.bind(1, id_of(evaluation)).step())
    throw Error(Errc::internal, "ledger: no evaluation " + std::to_string(evaluation));
  return select.integer(0) != 0;
}

std::vector<bool> Ledger::items_done(std::size_t evaluation, int items) {
  std::vector<bool> done(static_cast<std::size_t>(items), false);
  Statement select(database_, "SELECT position FROM items WHERE evaluation = ?");
  select.bind(1, id_of(evaluation));
  while (select.step()) {
    const std::int64_t position = select.integer(0);
    if (position < 0 || position >= items)
      throw Error(Errc::bad_data, "ledger " + database_.path().string() + ": evaluation " +
                                      std::to_string(evaluation) + " holds item " +
                                      std::to_string(position) + " of " + std::to_string(items));
    done[static_cast<std::size_t>(position)] = true;
  }
  return done;
}

void Ledger::commit_items(std::size_t evaluation, std::span<const std::pair<int, ItemResult>> items,
                          bool finished) {
  transaction([&] {
    Statement insert(database_,
                     "INSERT INTO items(evaluation, position, item_id, kind, cluster, score, "
                     "extracted, truncated, completion, answer, failure, reference_bits, "
                     "first_token_bits, reference_bytes, first_token_bytes, question, reference, "
                     "prompt_tokens, sampled_tokens, scored_tokens, strict_score, "
                     "strict_extracted, stopped_by_text, chosen, gold, option_logprobs, "
                     "right_option) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                     "?, ?, ?, ?, ?, ?, ?, ?, ?)");
    Statement sample(database_, "INSERT INTO samples VALUES(?, ?, ?, ?, ?, ?)");
    for (const auto& [position, item] : items) {
      insert.bind(1, id_of(evaluation)).bind(2, position).bind(3, item.item_id);
      insert.bind(4, item.kind).bind(5, item.cluster).bind(6, item.score);
      insert.bind(7, item.extracted ? 1 : 0).bind(8, item.truncated ? 1 : 0);
      insert.bind(9, item.completion).bind(10, item.answer).bind(11, item.failure);
      insert.bind(12, item.reference_bits).bind(13, item.first_token_bits);
      insert.bind(14, item.reference_bytes).bind(15, item.first_token_bytes);
      insert.bind(16, item.question).bind(17, item.reference).bind(18, item.prompt_tokens);
      insert.bind(19, item.sampled_tokens).bind(20, item.scored_tokens);
      insert.bind(21, item.strict_score).bind(22, item.strict_extracted ? 1 : 0);
      insert.bind(23, item.stopped_by_text ? 1 : 0).bind(24, item.chosen ? 1 : 0);
      insert.bind(25, item.gold).bind(26, listed_numbers(item.option_logprobs));
      insert.bind(27, item.right_option).run();
      for (std::size_t i = 0; i < item.samples.size(); ++i) {
        const SampledAnswer& drawn = item.samples[i];
        sample.bind(1, id_of(evaluation)).bind(2, position).bind(3, id_of(i));
        sample.bind(4, drawn.completion).bind(5, drawn.score).bind(6, drawn.truncated ? 1 : 0);
        sample.run();
      }
    }
    Statement paid(database_,
                   "UPDATE spending SET useful = useful + pending, pending = 0 WHERE pending > 0 "
                   "AND leg = coalesce((SELECT l.key FROM evaluations e JOIN legs l ON l.id = "
                   "e.leg WHERE e.id = ?), '')");
    paid.bind(1, id_of(evaluation)).run();
    if (finished) {
      Statement update(database_, "UPDATE evaluations SET finished = 1 WHERE id = ?");
      update.bind(1, id_of(evaluation)).run();
    }
  });
}

Ledger::Scores Ledger::scores(std::size_t evaluation) {
  Statement select(database_,
                   "SELECT avg(score), sum(reference_bits), sum(reference_bytes) FROM items WHERE "
                   "evaluation = ?");
  if (!select.bind(1, id_of(evaluation)).step() || select.integer(2) == 0) return {};
  return {select.real(0), select.real(1) / static_cast<double>(select.integer(2))};
}

std::vector<Ledger::ItemScore> Ledger::item_scores(std::size_t evaluation) {
  Statement select(database_,
                   "SELECT score, reference_bits, reference_bytes, cluster FROM items WHERE "
                   "evaluation = ? ORDER BY position");
  select.bind(1, id_of(evaluation));
  std::vector<ItemScore> all;
  while (select.step())
    all.push_back({select.real(0), select.real(1), select.integer(2), select.text(3)});
  return all;
}

void Ledger::note_tried_rates(std::span<const TriedRate> tried) {
  if (tried.empty()) return;
  transaction([&] {
    database_.execute("DELETE FROM tried_rates");
    Statement insert(database_,
                     "INSERT INTO tried_rates(learning, rate, accuracy, bits_per_byte) "
                     "VALUES(?, ?, ?, ?)");
    for (const TriedRate& one : tried) {
      insert.bind(1, to_string(one.learning)).bind(2, one.rate).bind(3, one.accuracy);
      insert.bind(4, one.bits_per_byte).run();
    }
  });
}

bool Ledger::overlap_is_noted() {
  Statement checks(database_, "SELECT count(*) FROM overlap_checks");
  checks.step();
  return checks.integer(0) > 0;
}

void Ledger::note_overlap(std::span<const OverlapCheck> checks) {
  if (checks.empty()) return;
  transaction([&] {
    database_.execute("DELETE FROM overlaps; DELETE FROM overlap_checks");
    Statement check(database_, "INSERT INTO overlap_checks VALUES(?, ?, ?, ?, ?)");
    Statement item(database_, "INSERT INTO overlaps VALUES(?, ?, ?, ?, ?)");
    for (std::size_t c = 0; c < checks.size(); ++c) {
      check.bind(1, id_of(c)).bind(2, checks[c].train).bind(3, checks[c].test);
      check.bind(4, checks[c].train_items).bind(5, checks[c].test_items).run();
      for (std::size_t i = 0; i < checks[c].items.size(); ++i) {
        const OverlappingItem& found = checks[c].items[i];
        item.bind(1, id_of(c)).bind(2, id_of(i)).bind(3, found.item_id);
        item.bind(4, found.train_id).bind(5, found.kind).run();
      }
    }
  });
}

void Ledger::note_outcome(std::string_view outcome) {
  transaction([&] {
    Statement update(database_, "UPDATE attempts SET outcome = ? WHERE id = ?");
    update.bind(1, outcome).bind(2, attempt_).run();
  });
}

}  // namespace xfer::study
