// SPDX-License-Identifier: Apache-2.0
// Reinforcement learning: sample answers from the current weights, grade them, learn from them.
#include "study/run/study_run.hpp"

#include "study/run/workers.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <algorithm>

namespace xfer::study {
namespace {

/// Problems in flight, so that a sampler can answer them together.
constexpr std::size_t problems_at_once = 64;

Groups rewards_of(const PlannedLeg& leg, int step, const Groups& scores, const Groups& found) {
  switch (leg.reward) {
    case Reward::grader: return scores;
    case Reward::format: return found;
    case Reward::random: break;
  }
  const double chance = mean(scores);
  const Rng coins = Rng(leg.seed, "coin " + leg.key).fork(static_cast<std::uint64_t>(step));
  Groups rewards = scores;
  for (std::size_t g = 0; g < rewards.size(); ++g) {
    Rng coin = coins.fork(g);
    for (double& reward : rewards[g]) reward = coin.uniform() < chance ? 1.0 : 0.0;
  }
  return rewards;
}

/// `advantage` on every token of the answer; prompt tokens have none and change nothing.
Datum reinforcement_datum(const std::vector<std::int32_t>& prompt, const Completion& answer,
                          float advantage) {
  std::vector<std::int32_t> all = prompt;
  all.insert(all.end(), answer.tokens.begin(), answer.tokens.end());
  std::vector<std::int64_t> targets(all.begin() + 1, all.end());
  std::vector<float> logprobs(targets.size(), 0.0F);
  std::vector<float> advantages(targets.size(), 0.0F);
  const std::size_t first = prompt.size() - 1;
  std::copy(answer.logprobs.begin(), answer.logprobs.end(),
            logprobs.begin() + static_cast<std::ptrdiff_t>(first));
  std::fill(advantages.begin() + static_cast<std::ptrdiff_t>(first), advantages.end(), advantage);
  all.pop_back();
  Datum datum(std::move(all));
  datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::move(targets)));
  datum.loss_fn_inputs.emplace("logprobs", Tensor(std::move(logprobs)));
  datum.loss_fn_inputs.emplace("advantages", Tensor(std::move(advantages)));
  return datum;
}

}  // namespace

/// Does the next step, or nothing when the study is asked to stop while answers are sampled.
task<void> StudyRun::reinforce_step(LegCursor& cursor, const Problems& problems) {
  const PlannedLeg& leg = plan_.legs[cursor.index];
  if (cursor.sampled.empty()) {
    auto sampling = sample_ahead(cursor, problems);
    co_await std::move(sampling);
    if (cursor.sampled.empty()) co_return;
  }
  const SampledStep sampled = std::move(cursor.sampled.front());
  cursor.sampled.pop_front();

  StepRow row;
  row.step = cursor.step + 1;
  row.skipped = sampled.skipped;
  RewardRow seen;
  Groups scores;
  Groups found;
  double log_ratio = 0.0;
  for (const AnswerGroup& group : sampled.groups) {
    scores.push_back(group.scores);
    found.push_back(group.found);
    seen.prefill_tokens += std::ssize(group.problem.prompt);
    log_ratio += group.log_ratio;
    for (const Completion& answer : group.answers) {
      seen.sampled_tokens += std::ssize(answer.tokens);
      if (sampled.kl_measured)
        seen.prefill_tokens += std::ssize(group.problem.prompt) + std::ssize(answer.tokens);
    }
    seen.answers += std::ssize(group.answers);
  }
  const Groups rewards = rewards_of(leg, cursor.step, scores, found);
  const Groups gains = advantages(rewards, spec_.rl.advantage);
  seen.reward = mean(scores);
  seen.trained_reward = mean(rewards);
  seen.groups = static_cast<int>(gains.size());
  seen.silent_groups = silent_groups(gains);
  if (sampled.kl_measured) seen.kl_to_base = log_ratio / static_cast<double>(seen.sampled_tokens);

  // The losses are sums: divided by the answer tokens of the step, whether they teach or not, they
  // become the mean that a learning rate of any batch size means.
  row.target_tokens = seen.sampled_tokens;
  std::vector<Datum> data;
  for (std::size_t g = 0; g < gains.size(); ++g) {
    const AnswerGroup& group = sampled.groups[g];
    for (std::size_t a = 0; a < gains[g].size(); ++a) {
      if (gains[g][a] == 0.0) continue;
      data.push_back(reinforcement_datum(
          group.problem.prompt, group.answers[a],
          static_cast<float>(gains[g][a] / static_cast<double>(seen.sampled_tokens))));
      row.tokens += std::ssize(data.back().tokens);
    }
  }
  row.rewards = seen;
  if (!data.empty()) {
    ForwardBackwardRequest request(std::move(data));
    request.loss_fn = spec_.rl.loss;
    auto updating = update(cursor, std::move(request), row);
    co_await std::move(updating);
  }
  finish_step(cursor, std::move(row));
}

/// Samples and grades the answers of the steps that may use the present weights. Leaves
/// `cursor.sampled` empty when the study is asked to stop.
task<void> StudyRun::sample_ahead(LegCursor& cursor, const Problems& problems) {
  const PlannedLeg& leg = plan_.legs[cursor.index];
  std::deque<SampledStep> steps;
  GroupQueue queue;
  queue.problems = &problems;
  queue.leg = &leg;
  const int end = std::min(leg.steps, cursor.step + spec_.rl.max_staleness + 1);
  bool measure = false;
  for (int step = cursor.step; step < end; ++step) {
    ProblemSet set = problems.step(step);
    SampledStep& sampled = steps.emplace_back();
    sampled.skipped = set.skipped;
    sampled.kl_measured = step % spec_.eval_every == 0 || step + 1 == leg.steps;
    measure = measure || sampled.kl_measured;
    for (Problem& problem : set.problems) sampled.groups.emplace_back(std::move(problem));
    for (AnswerGroup& group : sampled.groups)
      queue.groups.emplace_back(&group, sampled.kl_measured);
  }
  auto taking = cursor.trainer->snapshot();
  queue.policy = co_await std::move(taking);
  if (measure) {
    auto opening = base_sampler();
    queue.base = co_await std::move(opening);
  }
  std::vector<task<void>> workers;
  for (std::size_t i = 0; i < std::min(problems_at_once, queue.groups.size()); ++i)
    workers.push_back(answer_problems(queue));
  auto answering = all_of(std::move(workers));
  co_await std::move(answering);
  if (queue.done == static_cast<int>(queue.groups.size())) cursor.sampled = std::move(steps);
}

task<void> StudyRun::answer_problems(GroupQueue& queue) {
  while (queue.next < queue.groups.size() && !queue.failed && !stopping()) {
    const auto group = queue.groups[queue.next++];
    try {
      auto answering = answer_problem(queue, *group.first, group.second);
      co_await std::move(answering);
      ++queue.done;
      Event event;
      event.kind = Event::Kind::sampling;
      event.text = queue.leg->description;
      event.step = queue.done;
      event.steps = static_cast<int>(queue.groups.size());
      emit(event);
    } catch (const ServiceError&) {
      queue.failed = true;  // the others finish what they have begun and stop
      throw;
    } catch (const Error& e) {
      queue.failed = true;
      throw Error(e.code(), "leg '" + queue.leg->description + "': " + e.what());
    }
  }
}

task<void> StudyRun::answer_problem(GroupQueue& queue, AnswerGroup& group, bool measure_kl) {
  const Protocol& protocol = queue.problems->protocol(group.problem);
  SampleRequest request(group.problem.prompt);
  request.num_samples = spec_.rl.group_size;
  request.temperature = spec_.rl.temperature;
  request.max_tokens = protocol.max_answer_tokens();
  request.seed = group.problem.seed;
  request.stop_tokens = protocol.stop_tokens();
  request.stop_strings = protocol.stop_strings();
  auto sampling = queue.policy->sample(std::move(request));
  group.answers = co_await std::move(sampling);
  for (const Completion& answer : group.answers)
    if (answer.tokens.empty())
      throw Error(Errc::internal, "item " + group.problem.example.id + ": an answer has no token");

  group.scores.resize(group.answers.size());
  group.found.resize(group.answers.size());
  std::vector<task<void>> grading;
  for (std::size_t i = 0; i < group.answers.size(); ++i)
    grading.push_back(grade_answer(protocol, group, i));
  auto all = all_of(std::move(grading));
  co_await std::move(all);

  for (std::size_t i = 0; measure_kl && i < group.answers.size(); ++i) {
    const Completion& answer = group.answers[i];
    std::vector<std::int32_t> tokens = group.problem.prompt;
    tokens.insert(tokens.end(), answer.tokens.begin(), answer.tokens.end());
    ScoreRequest scored(std::move(tokens), group.problem.prompt.size());
    auto scoring = queue.base->score(std::move(scored));
    const std::vector<float> base = co_await std::move(scoring);
    for (std::size_t t = 0; t < base.size(); ++t)
      group.log_ratio += static_cast<double>(answer.logprobs[t]) - static_cast<double>(base[t]);
  }
}

task<void> StudyRun::grade_answer(const Protocol& protocol, AnswerGroup& group,
                                  std::size_t answer) {
  auto grading =
      grade(protocol, group.problem.example, protocol.answer_text(group.answers[answer].tokens));
  const grade::Verdict verdict = co_await std::move(grading);
  group.scores[answer] = verdict.score;
  group.found[answer] = verdict.extracted ? 1.0 : 0.0;
}

}  // namespace xfer::study
