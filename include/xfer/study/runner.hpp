// SPDX-License-Identifier: Apache-2.0
// Runs a study to its end, or takes it up where it stopped.
#pragma once

#include "xfer/study/materials.hpp"
#include "xfer/study/result.hpp"
#include "xfer/study/spec.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// What is going on, for people. Sent from the running thread, in order.
struct Event {
  enum class Kind {
    started,      ///< plan is known: `total_units` is set
    leg_started,  ///< `text` says which
    sampling,     ///< `step` of `steps` problems answered, for steps of reinforcement to come
    step,         ///< `step` of `steps`, `loss`, `tokens_per_second`, `reward`
    leg_finished,
    leg_reused,  ///< found complete in the ledger
    leg_lost,    ///< its checkpoint is gone from the service: it is trained again
    eval_started,
    eval_progress,  ///< `step` of `steps` items
    eval_finished,  ///< `score` and `bits_per_byte` are set
    eval_reused,
    decided,  ///< an adaptive study has looked at a cell: `text` says what it saw
    finished,
    cancelled,
  };
  Kind kind = Kind::started;
  std::string text;
  int step = 0;
  int steps = 0;
  double loss = 0.0;  ///< mean over target tokens of this step
  /// Mean score of this step's answers; reinforcement learning only.
  std::optional<double> reward;
  double tokens_per_second = 0.0;
  double score = 0.0;
  double bits_per_byte = 0.0;
  /// Work done and planned, in units proportional to estimated time.
  double done_units = 0.0;
  double total_units = 0.0;
  double seconds_left = 0.0;  ///< estimate; 0 while unknown
};

struct RunOptions {
  std::filesystem::path run_folder;
  std::function<void(const Event&)> on_event;
  /// Set to true from anywhere to stop at the next safe point; `run_study` then throws `cancelled`.
  const std::atomic<bool>* stop = nullptr;
  /// Where every exchange with a Tinker service is written, without secrets; empty: nowhere.
  std::filesystem::path record_file;
  /// Run folders whose spending counts against the limits of [budget] too: the other parts of one
  /// study. Those that do not exist have spent nothing. Parts run one after the other.
  std::vector<std::filesystem::path> budget_shared_with;
};

/// Runs what the ledger in `run_folder` does not hold yet and returns everything. Safe to call
/// again after a kill: finished steps are not repeated, and the result is the same as undisturbed.
/// Returns early, with `StudyResult::stopped` set, when a limit of [budget] is reached.
/// Throws `run_mismatch` when the folder holds another study, naming what differs; `unavailable`
/// naming the process that runs in the folder already; `diverged` naming leg and step; `cancelled`;
/// `io` when something cannot be written. What was finished before stays in the folder.
/// For the names they cover, domains of the caller's take the place of files and built-in ones.
StudyResult run_study(const StudySpec& spec, const RunOptions& options,
                      const DomainSet& own_domains = {});

/// The same on a backend of the caller's.
StudyResult run_study(const StudySpec& spec, const RunOptions& options, Backend& backend,
                      const DomainSet& own_domains = {});

}  // namespace xfer::study
#pragma GCC visibility pop
