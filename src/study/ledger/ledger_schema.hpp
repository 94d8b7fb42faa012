// SPDX-License-Identifier: Apache-2.0
// The tables of `study.db`.
#pragma once

#include <string_view>

namespace xfer::study {

inline constexpr int ledger_schema_version = 4;
/// Entry of `about` with what the field measures a domain by, whose name follows.
inline constexpr std::string_view metric_entry = "field metric of ";

/// `facts` decide a run; `about` describes it. Rows of legs, evaluations and conditions are the
/// plan, numbered as there; the rest is what has been done. `method`, `condition`, `learning` and
/// `split` hold names, `kind` those of `FurtherTest`. Money is in billionths of a dollar:
/// `reservations` are calls under way (or cut off), `spending` sums the settled ones, of which the
/// `pending` paid for work that is not committed yet. `looks` holds the rounds of an adaptive
/// study.
inline constexpr std::string_view ledger_schema = R"sql(
CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE about(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE attempts(id INTEGER PRIMARY KEY, process TEXT NOT NULL, version TEXT NOT NULL,
  machine TEXT NOT NULL, git TEXT NOT NULL,
  started TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
  seconds REAL NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT 'interrupted',
  done_units REAL NOT NULL DEFAULT 0, total_units REAL NOT NULL DEFAULT 0,
  seconds_left REAL NOT NULL DEFAULT 0);
CREATE TABLE legs(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, description TEXT NOT NULL,
  parent INTEGER REFERENCES legs(id), learning TEXT NOT NULL, steps INTEGER NOT NULL,
  steps_done INTEGER NOT NULL DEFAULT 0, checkpoint TEXT NOT NULL DEFAULT '',
  seconds REAL NOT NULL DEFAULT 0);
CREATE TABLE tried_rates(id INTEGER PRIMARY KEY, learning TEXT NOT NULL, rate REAL NOT NULL,
  accuracy REAL NOT NULL, bits_per_byte REAL NOT NULL);
CREATE TABLE looks(round INTEGER NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
  method TEXT NOT NULL, seeds INTEGER NOT NULL, gain REAL NOT NULL, lower REAL NOT NULL,
  upper REAL NOT NULL, bound REAL NOT NULL, spent REAL NOT NULL, verdict TEXT NOT NULL,
  goes_on INTEGER NOT NULL, PRIMARY KEY(round, source, target, method));
CREATE TABLE reservations(id INTEGER PRIMARY KEY, leg TEXT NOT NULL, day TEXT NOT NULL,
  amount INTEGER NOT NULL);
CREATE TABLE spending(leg TEXT NOT NULL, day TEXT NOT NULL, pending INTEGER NOT NULL DEFAULT 0,
  useful INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(leg, day))
  WITHOUT ROWID;
CREATE TABLE steps(leg INTEGER NOT NULL REFERENCES legs(id), step INTEGER NOT NULL,
  loss REAL NOT NULL, tokens INTEGER NOT NULL, target_tokens INTEGER NOT NULL,
  skipped INTEGER NOT NULL, PRIMARY KEY(leg, step)) WITHOUT ROWID;
CREATE TABLE rewards(leg INTEGER NOT NULL REFERENCES legs(id), step INTEGER NOT NULL,
  reward REAL NOT NULL, trained_reward REAL NOT NULL, kl_to_base REAL, groups INTEGER NOT NULL,
  silent_groups INTEGER NOT NULL, answers INTEGER NOT NULL, sampled_tokens INTEGER NOT NULL,
  prefill_tokens INTEGER NOT NULL, PRIMARY KEY(leg, step)) WITHOUT ROWID;
CREATE TABLE evaluations(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL, leg INTEGER REFERENCES legs(id), step INTEGER NOT NULL,
  domain TEXT NOT NULL, split TEXT NOT NULL, protocol TEXT NOT NULL, items INTEGER NOT NULL,
  finished INTEGER NOT NULL DEFAULT 0);
CREATE TABLE items(evaluation INTEGER NOT NULL REFERENCES evaluations(id),
  position INTEGER NOT NULL, item_id TEXT NOT NULL, kind TEXT NOT NULL, cluster TEXT NOT NULL,
  score REAL NOT NULL, extracted INTEGER NOT NULL, truncated INTEGER NOT NULL,
  strict_score REAL NOT NULL, strict_extracted INTEGER NOT NULL,
  stopped_by_text INTEGER NOT NULL, chosen INTEGER NOT NULL,
  option_logprobs TEXT NOT NULL, right_option INTEGER NOT NULL, gold TEXT NOT NULL,
  completion TEXT NOT NULL, answer TEXT NOT NULL, failure TEXT NOT NULL,
  reference_bits REAL NOT NULL, first_token_bits REAL NOT NULL, reference_bytes INTEGER NOT NULL,
  first_token_bytes INTEGER NOT NULL, question TEXT NOT NULL, reference TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL, sampled_tokens INTEGER NOT NULL, scored_tokens INTEGER NOT NULL,
  PRIMARY KEY(evaluation, position)) WITHOUT ROWID;
CREATE TABLE samples(evaluation INTEGER NOT NULL, position INTEGER NOT NULL,
  number INTEGER NOT NULL, completion TEXT NOT NULL, score REAL NOT NULL,
  truncated INTEGER NOT NULL, PRIMARY KEY(evaluation, position, number),
  FOREIGN KEY(evaluation, position) REFERENCES items(evaluation, position) ON DELETE CASCADE)
  WITHOUT ROWID;
CREATE TABLE overlap_checks(id INTEGER PRIMARY KEY, train TEXT NOT NULL, test TEXT NOT NULL,
  train_items INTEGER NOT NULL, test_items INTEGER NOT NULL);
CREATE TABLE overlaps(check_id INTEGER NOT NULL REFERENCES overlap_checks(id),
  position INTEGER NOT NULL, item_id TEXT NOT NULL, train_id TEXT NOT NULL, kind TEXT NOT NULL,
  PRIMARY KEY(check_id, position)) WITHOUT ROWID;
CREATE TABLE conditions(id INTEGER PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL,
  method TEXT NOT NULL, condition TEXT NOT NULL, seed INTEGER NOT NULL,
  evaluation INTEGER NOT NULL REFERENCES evaluations(id));
CREATE TABLE curve_points(condition INTEGER NOT NULL REFERENCES conditions(id),
  step INTEGER NOT NULL, evaluation INTEGER NOT NULL REFERENCES evaluations(id),
  PRIMARY KEY(condition, step)) WITHOUT ROWID;
CREATE TABLE further_tests(condition INTEGER NOT NULL REFERENCES conditions(id),
  position INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  evaluation INTEGER NOT NULL REFERENCES evaluations(id), PRIMARY KEY(condition, position))
  WITHOUT ROWID;
CREATE TABLE stages(condition INTEGER NOT NULL REFERENCES conditions(id),
  steps_before INTEGER NOT NULL, leg INTEGER NOT NULL REFERENCES legs(id),
  PRIMARY KEY(condition, leg)) WITHOUT ROWID;
)sql";

}  // namespace xfer::study
