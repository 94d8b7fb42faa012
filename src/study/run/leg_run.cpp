// SPDX-License-Identifier: Apache-2.0
// Training: one leg from its parent's weights to its last step.
#include "study/run/study_run.hpp"

#include "study/run/workers.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>
#include <utility>

namespace xfer::study {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string checkpoint_name(int step) { return "step-" + std::to_string(step); }

void make_checkpoint_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw Error(Errc::io,
                "checkpoint folder " + folder.string() + ": cannot be made: " + error.message());
}

}  // namespace

fs::path StudyRun::state_folder(std::size_t leg) const {
  return options_.run_folder / "checkpoints" / plan_.legs[leg].key;
}

std::string StudyRun::stored_form(const std::string& checkpoint) const {
  const fs::path path = checkpoint;
  if (!path.is_absolute()) return checkpoint;  // a service's own address
  const fs::path relative = path.lexically_normal().lexically_relative(options_.run_folder);
  return relative.empty() || *relative.begin() == ".." ? checkpoint : relative.string();
}

std::string StudyRun::loadable_form(const std::string& stored) const {
  return stored.starts_with("checkpoints/") ? (options_.run_folder / stored).string() : stored;
}

double StudyRun::learning_rate(const PlannedLeg& leg, int step) const {
  const double way = leg.steps > 1 ? static_cast<double>(step) / (leg.steps - 1) : 0.0;
  const bool reinforced = leg.learning == Learning::reinforcement;
  const double start = reinforced ? spec_.rl.learning_rate : spec_.learning_rate;
  const double end_share =
      reinforced ? spec_.rl.learning_rate_end_share : spec_.learning_rate_end_share;
  return start * (1.0 - (1.0 - end_share) * way);
}

bool StudyRun::evaluations_pending(std::size_t leg, int step) {
  for (const std::size_t e : evaluations_of_leg_[leg])
    if (plan_.evaluations[e].step == step && !ledger_.evaluation_finished(e)) return true;
  return false;
}

task<void> StudyRun::run_leg(std::size_t index) {
  const PlannedLeg& leg = plan_.legs[index];
  const LegState state = ledger_.leg(index);
  const bool trained = state.steps_done == leg.steps;
  const double step_units = leg.steps > 0 ? leg.units / leg.steps : 0.0;
  progress_.skip(Progress::Work::training, step_units * state.steps_done);
  for (const std::size_t e : evaluations_of_leg_[index])
    if (ledger_.evaluation_finished(e)) announce_reused(e);

  Event event;
  event.kind = trained && leg.steps > 0 ? Event::Kind::leg_reused : Event::Kind::leg_started;
  event.text = leg.description;
  event.step = state.steps_done;
  event.steps = leg.steps;
  emit(event);
  if (trained && !evaluations_pending(index, leg.steps)) co_return;

  LegCursor cursor;
  cursor.index = index;
  cursor.step = state.steps_done;
  cursor.checkpoint = state.checkpoint;
  auto opening = open_leg(cursor);
  co_await std::move(opening);
  std::optional<TrainingData> data;
  std::optional<Problems> problems;
  if (leg.learning == Learning::reinforcement)
    problems.emplace(spec_, materials_, leg);
  else
    data.emplace(spec_, materials_, leg);
  cursor.started = cursor.committed = Clock::now();
  progress_.mark();
  while (true) {
    auto testing = evaluate_leg(cursor);
    co_await std::move(testing);
    if (cursor.step == leg.steps) break;
    std::exception_ptr failure;
    try {
      auto training = problems ? reinforce_step(cursor, *problems) : train_step(cursor, *data);
      co_await std::move(training);
    } catch (const Error& e) {
      if (e.code() != Errc::cancelled) throw;
      failure = std::current_exception();  // a limit of the budget: what is paid for is kept
    }
    if (failure) {
      if (may_save(cursor)) {
        auto saving = save(cursor);
        co_await std::move(saving);
      }
      std::rethrow_exception(failure);
    }
    const bool stop = stopping();
    if (may_save(cursor) &&
        (stop || cursor.step == leg.steps || evaluations_pending(index, cursor.step) ||
         Clock::now() - cursor.committed >= tuning_.checkpoint_every)) {
      auto saving = save(cursor);
      co_await std::move(saving);
    }
    if (stop) cancel();
    if (cursor.step == leg.steps) {
      event.kind = Event::Kind::leg_finished;
      event.step = cursor.step;
      emit(event);
    }
  }
}

task<void> StudyRun::open_leg(LegCursor& cursor) {
  const PlannedLeg& leg = plan_.legs[cursor.index];
  const fs::path folder = state_folder(cursor.index);
  make_checkpoint_folder(folder);
  LoraConfig lora = spec_.lora;
  lora.seed = Rng(leg.seed, "adapter").next_u64();
  auto creating = backend_.create_trainer(lora, folder);
  cursor.trainer = co_await std::move(creating);
  std::string from = cursor.checkpoint;
  if (from.empty() && leg.parent) from = ledger_.leg(*leg.parent).checkpoint;
  if (from.empty()) co_return;
  // The optimizer goes on only within a leg; the next stage starts it afresh.
  const bool with_optimizer = !cursor.checkpoint.empty() && cursor.step < leg.steps;
  auto loading = cursor.trainer->load_state(loadable_form(from), with_optimizer);
  co_await std::move(loading);
}

task<void> StudyRun::train_step(LegCursor& cursor, const TrainingData& data) {
  Batch batch = data.batch(cursor.step);
  StepRow row;
  row.step = cursor.step + 1;
  row.tokens = batch.tokens;
  row.target_tokens = batch.target_tokens;
  row.skipped = batch.skipped;
  ForwardBackwardRequest request(std::move(batch.data));
  auto updating = update(cursor, std::move(request), row);
  co_await std::move(updating);
  finish_step(cursor, row);
}

/// One pass forward and backward and one step of the optimizer. Sets the row's loss.
task<void> StudyRun::update(LegCursor& cursor, ForwardBackwardRequest request, StepRow& row) {
  const PlannedLeg& leg = plan_.legs[cursor.index];
  std::string problem;
  try {
    // Only the loss is read: what the prompts score is not worth its time.
    request.all_logprobs = false;
    auto computing = cursor.trainer->forward_backward(std::move(request));
    const ForwardBackwardResult result = co_await std::move(computing);
    row.loss = result.metrics.at("loss:sum");
    if (!std::isfinite(row.loss)) problem = "the loss is not a finite number";
  } catch (const Error& e) {
    if (e.code() != Errc::diverged) throw;
    problem = e.what();
  }
  const bool reinforced = leg.learning == Learning::reinforcement;
  if (!problem.empty())
    throw Error(Errc::diverged,
                "leg '" + leg.description + "', step " + std::to_string(row.step) +
                    ": training diverged (" + problem + "); try a lower " +
                    (reinforced ? "rl" : "train") + ".learning_rate (now " +
                    std::to_string(reinforced ? spec_.rl.learning_rate : spec_.learning_rate) +
                    ") or a lower train.grad_clip_norm (now " +
                    std::to_string(spec_.grad_clip_norm) +
                    ", 0 means none). Finished legs and evaluations are kept");
  AdamParams adam;
  adam.learning_rate = learning_rate(leg, cursor.step);
  adam.grad_clip_norm = spec_.grad_clip_norm;
  auto stepping = cursor.trainer->optim_step(adam);
  co_await std::move(stepping);
}

void StudyRun::finish_step(LegCursor& cursor, StepRow row) {
  const PlannedLeg& leg = plan_.legs[cursor.index];
  ++cursor.step;
  cursor.tokens += row.tokens;
  if (row.rewards) cursor.tokens += row.rewards->sampled_tokens;

  progress_.finish(Progress::Work::training, leg.units / leg.steps);
  Event event;
  event.kind = Event::Kind::step;
  event.text = leg.description;
  event.step = cursor.step;
  event.steps = leg.steps;
  event.loss = row.loss;
  if (row.rewards) event.reward = row.rewards->reward;
  event.tokens_per_second =
      static_cast<double>(cursor.tokens) / std::max(seconds_since(cursor.started), 1e-9);
  cursor.uncommitted.push_back(std::move(row));
  emit(event);
}

/// Answers sampled ahead are not in a checkpoint: while there are some, the steps since they were
/// sampled would be done again.
bool StudyRun::may_save(const LegCursor& cursor) const {
  return cursor.sampled.empty() && !cursor.uncommitted.empty();
}

task<void> StudyRun::save(LegCursor& cursor) {
  const PlannedLeg& leg = plan_.legs[cursor.index];
  const std::string name = checkpoint_name(cursor.step);
  // Left by an attempt that was stopped between the checkpoint and its row.
  std::error_code ignored;
  fs::remove_all(state_folder(cursor.index) / name, ignored);
  auto saving = cursor.trainer->save_state(name, cursor.step < leg.steps);
  const std::string path = co_await std::move(saving);
  // Services give some states a lifetime of their own accord.
  auto keeping = backend_.keep_state(path);
  co_await std::move(keeping);
  const std::string last = std::exchange(cursor.checkpoint, stored_form(path));
  ledger_.commit_steps(cursor.index, cursor.uncommitted, cursor.checkpoint,
                       seconds_since(cursor.committed));
  cursor.uncommitted.clear();
  cursor.committed = Clock::now();
  keep_only(cursor.index, name);
  if (last.empty() || last == cursor.checkpoint || last.starts_with("checkpoints/")) co_return;
  auto dropping = backend_.drop_state(last);
  co_await std::move(dropping);
}

void StudyRun::keep_only(std::size_t leg, const std::string& checkpoint) const {
  std::error_code ignored;
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(state_folder(leg), ignored))
    if (entry.path().filename() != checkpoint) old.push_back(entry.path());
  for (const fs::path& path : old) fs::remove_all(path, ignored);
}

task<void> StudyRun::evaluate_leg(LegCursor& cursor) {
  if (!evaluations_pending(cursor.index, cursor.step)) co_return;
  auto taking = cursor.trainer->snapshot();
  const std::shared_ptr<Sampler> sampler = co_await std::move(taking);
  const auto before = Clock::now();
  for (const std::size_t e : evaluations_of_leg_[cursor.index]) {
    if (plan_.evaluations[e].step != cursor.step || ledger_.evaluation_finished(e)) continue;
    auto testing = run_evaluation(e, sampler);
    co_await std::move(testing);
  }
  // Testing is not part of the leg's own time.
  cursor.started += Clock::now() - before;
  cursor.committed += Clock::now() - before;
}

}  // namespace xfer::study
