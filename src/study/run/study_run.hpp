// SPDX-License-Identifier: Apache-2.0
// One attempt at a study.
#pragma once

#include "study/ledger/ledger.hpp"
#include "study/ledger/progress.hpp"
#include "study/plan/problems.hpp"
#include "study/plan/protocol.hpp"
#include "study/plan/training_data.hpp"
#include "study/run/adaptive.hpp"
#include "study/run/advantage.hpp"

#include "xfer/study/backend.hpp"
#include "xfer/study/runner.hpp"
#include "xfer/task.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xfer::study {

class Schedule;

/// What tests of interruption set; the defaults are right for everything else.
struct RunTuning {
  /// Called around every ledger transaction.
  std::function<void()> on_commit;
  std::chrono::duration<double> checkpoint_every = std::chrono::seconds(20);
  /// Answers are committed when there are so many of an evaluation, and the last commit of answers
  /// was so long ago: a commit waits for the disk however few it brings.
  std::size_t items_per_commit = 32;
  std::chrono::duration<double> commit_every = std::chrono::milliseconds(100);
};

/// Carries a plan out on a backend. Coroutines of this class refer to it: it must outlive them.
class StudyRun {
public:
  StudyRun(const StudySpec& spec, const Materials& materials, const Plan& plan,
           const Wanted& wanted, Backend& backend, Ledger& ledger, const RunOptions& options,
           const RunTuning& tuning);

  /// Does everything wanted that the ledger does not hold. Throws `cancelled` at a safe point after
  /// `options.stop` became true.
  task<void> run();

private:
  /// A problem with the answers that a policy gave to it.
  struct AnswerGroup {
    explicit AnswerGroup(Problem asked) : problem(std::move(asked)) {}
    Problem problem;
    std::vector<Completion> answers;
    /// The grader's score of each answer, and 1 or 0 for whether a final answer was found in it.
    std::vector<double> scores;
    std::vector<double> found;
    /// Sum over the answers' tokens of ln p(policy) - ln p(base); 0 unless it was measured.
    double log_ratio = 0.0;
  };
  /// What one step of reinforcement learning learns from.
  struct SampledStep {
    std::vector<AnswerGroup> groups;
    int skipped = 0;
    bool kl_measured = false;
  };
  /// Groups on their way from problem to graded answers.
  struct GroupQueue {
    const Problems* problems = nullptr;
    const PlannedLeg* leg = nullptr;
    std::shared_ptr<Sampler> policy;
    std::shared_ptr<Sampler> base;  ///< null unless the divergence from it is measured
    std::vector<std::pair<AnswerGroup*, bool>> groups;  ///< with whether to measure
    std::size_t next = 0;
    int done = 0;
    bool failed = false;
  };
  /// A leg while it is being trained.
  struct LegCursor {
    std::size_t index = 0;
    std::unique_ptr<Trainer> trainer;
    int step = 0;
    std::vector<StepRow> uncommitted;
    std::string checkpoint;
    std::chrono::steady_clock::time_point started;
    std::chrono::steady_clock::time_point committed;
    std::int64_t tokens = 0;
    /// Answers sampled ahead for the next steps; empty for supervised legs.
    std::deque<SampledStep> sampled;
  };
  /// An evaluation while its items are being answered.
  struct ItemQueue {
    ItemQueue(std::size_t evaluation_index, Protocol evaluation_protocol,
              const boost::asio::any_io_executor& executor)
        : index(evaluation_index), protocol(std::move(evaluation_protocol)), ticker(executor) {}
    std::size_t index;
    Protocol protocol;
    std::shared_ptr<Sampler> sampler;
    std::vector<std::size_t> items;  ///< indices into the split
    std::vector<int> missing;        ///< positions in `items` to be answered
    std::size_t next = 0;
    int done = 0;
    bool failed = false;
    std::vector<std::pair<int, ItemResult>> uncommitted;
    std::size_t workers = 0;
    boost::asio::steady_timer ticker;
    std::shared_ptr<std::atomic<std::int64_t>> tokens_drawn =
        std::make_shared<std::atomic<std::int64_t>>(0);
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  };

  /// One of several that share the plan's work.
  task<void> work(Schedule& schedule);
  task<void> check_states();
  task<void> run_leg(std::size_t index);
  task<void> open_leg(LegCursor& cursor);
  task<void> train_step(LegCursor& cursor, const TrainingData& data);
  task<void> reinforce_step(LegCursor& cursor, const Problems& problems);
  task<void> sample_ahead(LegCursor& cursor, const Problems& problems);
  task<void> answer_problems(GroupQueue& queue);
  task<void> answer_problem(GroupQueue& queue, AnswerGroup& group, bool measure_kl);
  task<void> grade_answer(const Protocol& protocol, AnswerGroup& group, std::size_t answer);
  task<void> update(LegCursor& cursor, ForwardBackwardRequest request, StepRow& row);
  void finish_step(LegCursor& cursor, StepRow row);
  bool may_save(const LegCursor& cursor) const;
  task<void> save(LegCursor& cursor);
  task<void> evaluate_leg(LegCursor& cursor);
  void keep_only(std::size_t leg, const std::string& checkpoint) const;
  double learning_rate(const PlannedLeg& leg, int step) const;
  bool evaluations_pending(std::size_t leg, int step);

  task<void> run_base_evaluation(std::size_t index);
  task<void> run_evaluation(std::size_t index, std::shared_ptr<Sampler> sampler);
  task<void> answer_items(ItemQueue& queue);
  task<void> report_tokens(ItemQueue& queue);
  void emit_progress(const ItemQueue& queue);
  task<grade::Verdict> grade(const Protocol& protocol, const Example& example, std::string answer);
  task<std::shared_ptr<Sampler>> base_sampler();
  task<ItemResult> answer_item(ItemQueue& queue, int position);
  task<std::string> write_answer(ItemQueue& queue, const Example& example, ItemResult& item);
  task<void> draw_samples(ItemQueue& queue, const Example& example, int position, ItemResult& item);
  task<void> choose_option(ItemQueue& queue, const Example& example, ItemResult& item);
  bool commit_is_due(const ItemQueue& queue) const;
  void commit_answers(ItemQueue& queue, bool finished);
  void announce_reused(std::size_t evaluation);

  std::filesystem::path state_folder(std::size_t leg) const;
  std::string stored_form(const std::string& checkpoint) const;
  std::string loadable_form(const std::string& stored) const;
  bool stopping() const { return failing_ || (options_.stop && options_.stop->load()); }
  [[noreturn]] void cancel() const;
  void emit(Event event);

  const StudySpec& spec_;
  const Materials& materials_;
  const Plan& plan_;
  const Wanted& wanted_;
  Backend& backend_;
  Ledger& ledger_;
  const RunOptions& options_;
  const RunTuning& tuning_;
  Progress progress_;
  std::vector<std::vector<std::size_t>> evaluations_of_leg_;
  std::shared_ptr<Sampler> base_sampler_;
  std::chrono::steady_clock::time_point answers_committed_;
  /// Something else of the study has failed.
  bool failing_ = false;
  boost::asio::thread_pool graders_;
};

/// `run_study` with its seams open.
StudyResult run_study(const StudySpec& spec, const RunOptions& options, Backend* backend,
                      const DomainSet& own_domains, const RunTuning& tuning);

}  // namespace xfer::study
