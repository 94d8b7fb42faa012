// SPDX-License-Identifier: Apache-2.0
// The study's database: what is to be done, and what is done for good.
#pragma once

#include "study/ledger/run_lock.hpp"
#include "study/ledger/sqlite.hpp"

#include "xfer/study/budget.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/study/result.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xfer::study {

/// What decides a run, by name, e.g. {"train.steps", "150"}; all of it must be equal to go on.
using Facts = std::map<std::string, std::string>;

/// What a step of reinforcement learning saw. See `RewardPoint`.
struct RewardRow {
  double reward = 0.0;
  double trained_reward = 0.0;
  std::optional<double> kl_to_base;
  int groups = 0;
  int silent_groups = 0;
  std::int64_t answers = 0;
  std::int64_t sampled_tokens = 0;
  std::int64_t prefill_tokens = 0;
};

struct StepRow {
  int step = 0;  ///< counted from 1
  double loss = 0.0;
  std::int64_t tokens = 0;
  std::int64_t target_tokens = 0;
  int skipped = 0;
  std::optional<RewardRow> rewards;
};

struct LegState {
  int steps_done = 0;
  /// What `Trainer::save_state` returned for them, "" before the first; paths inside the run
  /// folder are relative to it, so that the folder can be moved.
  std::string checkpoint;
};

/// `study.db` in a run folder, open for writing by one process. Legs and evaluations are numbered
/// as in the plan. Every function throws `io` naming the file when a write does not reach the disk;
/// what was committed before stays as it is.
class Ledger {
public:
  /// Makes the folder and the file where there are none. Throws `unavailable` naming the holder
  /// when another process runs here.
  explicit Ledger(const std::filesystem::path& run_folder);

  /// Writes the plan into a new ledger, or checks that the old one holds the same. `about` needs
  /// "xfer_version". Throws `run_mismatch` naming every fact that differs.
  void start(const StudySpec& spec, const Facts& facts, const Facts& about, const Plan& plan);

  LegState leg(std::size_t leg);
  /// Steps that a durable checkpoint covers. `seconds` is added to the leg's time.
  void commit_steps(std::size_t leg, std::span<const StepRow> steps, const std::string& checkpoint,
                    double seconds);

  /// The leg's checkpoint is lost: it is to be trained again from its start. Its finished
  /// evaluations stay, those half done begin anew.
  void forget_training(std::size_t leg);

  bool evaluation_finished(std::size_t evaluation);
  /// For each item whether it is there.
  std::vector<bool> items_done(std::size_t evaluation, int items);
  void commit_items(std::size_t evaluation, std::span<const std::pair<int, ItemResult>> items,
                    bool finished);
  struct Scores {
    double accuracy = 0.0;
    double bits_per_byte = 0.0;
  };
  Scores scores(std::size_t evaluation);
  struct ItemScore {
    double score = 0.0;
    double reference_bits = 0.0;
    std::int64_t reference_bytes = 0;
    std::string cluster;
  };
  /// In the order of the items.
  std::vector<ItemScore> item_scores(std::size_t evaluation);

  /// One round of an adaptive study. Rounds that are there already must be the same: throws
  /// `internal` when a run that is taken up again decides otherwise than it did.
  void note_looks(std::span<const Look> looks);

  /// Replaces what the ledger says of the learning rates that were tried.
  void note_tried_rates(std::span<const TriedRate> tried);

  bool overlap_is_noted();
  /// Replaces what the ledger says of test items among training text.
  void note_overlap(std::span<const OverlapCheck> checks);

  /// What earlier attempts spent, for a `Budget`. Call after `start`.
  std::vector<Spend> spending();
  /// A `Budget`'s store. Survives a kill of the process; to survive the loss of power too, a row
  /// waits for the next commit of steps or items.
  void keep(const Spend& spend);

  /// Written with the next commit, for other processes to see.
  void note_progress(double done_units, double total_units, double seconds_left) {
    done_units_ = done_units;
    total_units_ = total_units;
    seconds_left_ = seconds_left;
  }

  /// How this attempt ended: "finished", "cancelled", an error's code, or what the budget said.
  void note_outcome(std::string_view outcome);

  /// Time that this object has spent in transactions.
  std::chrono::duration<double> time_in_transactions() const noexcept { return busy_; }

  /// Called right before and right after each transaction is committed; for tests of interruption.
  void set_commit_hook(std::function<void()> hook) { commit_hook_ = std::move(hook); }

private:
  void check_same(const Facts& facts, const Plan& plan);
  void transaction(const std::function<void()>& work);

  RunLock lock_;
  Sqlite database_;
  std::int64_t attempt_ = 0;  ///< 0 before `start`
  std::chrono::duration<double> busy_{0.0};
  double done_units_ = 0.0;
  double total_units_ = 0.0;
  double seconds_left_ = 0.0;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::function<void()> commit_hook_;
};

/// Every look of an adaptive study, by round and in the order of writing. Throws `bad_data` for a
/// method that does not exist.
std::vector<Look> read_looks(Sqlite& database);

/// What the runs in other folders have spent, the searches below them included, settled and open
/// alike: for a `Budget` that does not keep it. Folders without a ledger have spent nothing.
std::vector<Spend> spending_of(std::span<const std::filesystem::path> run_folders);

}  // namespace xfer::study
