// SPDX-License-Identifier: Apache-2.0
// Testing: one model state on one set of items.
#include "study/run/study_run.hpp"

#include "study/run/workers.hpp"
#include "study/spec/utf8.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <numbers>

namespace xfer::study {
namespace {

/// Items in flight, so that a sampler can answer them together.
constexpr std::size_t items_at_once = 64;
constexpr std::chrono::milliseconds ticker_period(500);

/// Throws what is being handled, with the evaluation named; to be called from a handler.
[[noreturn]] void throw_with_place(const std::string& evaluation) {
  try {
    throw;
  } catch (const ServiceError&) {
    throw;  // carries more than a text
  } catch (const Error& e) {
    throw Error(e.code(), "evaluation '" + evaluation + "': " + e.what());
  }
}

/// Runs on a grader thread.
task<grade::Verdict> grade_item(const grade::Grader& grader, const Example& example,
                                const std::string& answer) {
  co_return grader.grade(example, answer);
}

/// For greedy answers, unless the caller sets a temperature.
SampleRequest answer_request(const Protocol& protocol, const std::vector<std::int32_t>& prompt) {
  SampleRequest request(prompt);
  request.temperature = 0.0;
  request.max_tokens = protocol.max_answer_tokens();
  request.stop_tokens = protocol.stop_tokens();
  request.stop_strings = protocol.stop_strings();
  return request;
}

void add_reference_bits(const std::vector<float>& logprobs, ItemResult& item) {
  for (std::size_t i = 0; i < logprobs.size(); ++i) {
    const double bits = -static_cast<double>(logprobs[i]) / std::numbers::ln2;
    if (!std::isfinite(bits))
      throw Error(Errc::diverged, "item " + item.item_id +
                                      ": the model gives a log-probability that is not finite");
    if (i == 0) item.first_token_bits = bits;
    item.reference_bits += bits;
  }
}

}  // namespace

void StudyRun::announce_reused(std::size_t evaluation) {
  const PlannedEvaluation& planned = plan_.evaluations[evaluation];
  progress_.skip(Progress::Work::testing, planned.units);
  const Ledger::Scores scores = ledger_.scores(evaluation);
  Event event;
  event.kind = Event::Kind::eval_reused;
  event.text = planned.description;
  event.step = event.steps = planned.items;
  event.score = scores.accuracy;
  event.bits_per_byte = scores.bits_per_byte;
  emit(event);
}

task<void> StudyRun::run_base_evaluation(std::size_t index) {
  if (ledger_.evaluation_finished(index)) {
    announce_reused(index);
    co_return;
  }
  auto opening = base_sampler();
  auto sampler = co_await std::move(opening);
  auto testing = run_evaluation(index, std::move(sampler));
  co_await std::move(testing);
}

task<std::shared_ptr<Sampler>> StudyRun::base_sampler() {
  if (!base_sampler_) {
    auto opening = backend_.base_sampler();
    base_sampler_ = co_await std::move(opening);
  }
  co_return base_sampler_;
}

task<void> StudyRun::run_evaluation(std::size_t index, std::shared_ptr<Sampler> sampler) {
  const PlannedEvaluation& planned = plan_.evaluations[index];
  const auto executor = co_await boost::asio::this_coro::executor;
  ItemQueue queue(index, Protocol(spec_, materials_, planned.domain, planned.wording), executor);
  queue.sampler = std::move(sampler);
  queue.items = evaluation_items(queue.protocol.domain(), planned.split, planned.items);
  const std::vector<bool> done = ledger_.items_done(index, planned.items);
  for (int position = 0; position < planned.items; ++position)
    if (!done[static_cast<std::size_t>(position)]) queue.missing.push_back(position);
  queue.done = planned.items - static_cast<int>(queue.missing.size());
  progress_.skip(Progress::Work::testing, planned.units * queue.done / planned.items);
  progress_.mark();

  Event event;
  event.kind = Event::Kind::eval_started;
  event.text = planned.description;
  event.step = queue.done;
  event.steps = planned.items;
  emit(event);

  std::vector<task<void>> workers;
  queue.workers = std::min(items_at_once, queue.missing.size());
  for (std::size_t i = 0; i < queue.workers; ++i) workers.push_back(answer_items(queue));
  workers.push_back(report_tokens(queue));
  std::exception_ptr failure;
  try {
    auto answering = all_of(std::move(workers));
    co_await std::move(answering);
  } catch (const Error&) {
    failure = std::current_exception();
  }
  if (failure) {
    commit_answers(queue, false);  // those that were answered are kept
    std::rethrow_exception(failure);
  }
  const bool complete = queue.done == planned.items;
  commit_answers(queue, complete);
  if (!complete) cancel();

  const Ledger::Scores scores = ledger_.scores(index);
  event.kind = Event::Kind::eval_finished;
  event.step = planned.items;
  event.score = scores.accuracy;
  event.bits_per_byte = scores.bits_per_byte;
  emit(event);
}

void StudyRun::emit_progress(const ItemQueue& queue) {
  const PlannedEvaluation& planned = plan_.evaluations[queue.index];
  Event event;
  event.kind = Event::Kind::eval_progress;
  event.text = planned.description;
  event.step = queue.done;
  event.steps = planned.items;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - queue.started;
  if (passed.count() > 0.0)
    event.tokens_per_second = static_cast<double>(queue.tokens_drawn->load()) / passed.count();
  emit(event);
}

/// Long answers come in together, minutes after the first question: a sign of life in between.
task<void> StudyRun::report_tokens(ItemQueue& queue) {
  std::int64_t seen = 0;
  while (queue.workers > 0) {
    queue.ticker.expires_after(ticker_period);
    boost::system::error_code cancelled;
    auto waiting =
        queue.ticker.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    co_await std::move(waiting);
    const std::int64_t drawn = queue.tokens_drawn->load();
    if (drawn != seen) emit_progress(queue);
    seen = drawn;
  }
}

task<void> StudyRun::answer_items(ItemQueue& queue) {
  struct Leave {
    ItemQueue& queue;
    ~Leave() {
      if (--queue.workers == 0) queue.ticker.cancel();
    }
  };
  const Leave leave{queue};
  const PlannedEvaluation& planned = plan_.evaluations[queue.index];
  while (queue.next < queue.missing.size() && !queue.failed && !stopping()) {
    const int position = queue.missing[queue.next++];
    try {
      auto answering = answer_item(queue, position);
      ItemResult item = co_await std::move(answering);
      queue.uncommitted.emplace_back(position, std::move(item));
      ++queue.done;
      progress_.finish(Progress::Work::testing, planned.units / planned.items);
      if (commit_is_due(queue)) commit_answers(queue, false);
      emit_progress(queue);
    } catch (...) {
      queue.failed = true;  // the others finish what they have begun and stop
      throw_with_place(planned.description);
    }
  }
}

task<ItemResult> StudyRun::answer_item(ItemQueue& queue, int position) {
  const Protocol& protocol = queue.protocol;
  const PlannedEvaluation& planned = plan_.evaluations[queue.index];
  const Example example =
      protocol.domain().dataset->at(planned.split, queue.items[static_cast<std::size_t>(position)]);
  ItemResult item;
  item.item_id = to_valid_utf8(example.id);
  item.kind = to_valid_utf8(example.kind);
  item.cluster = to_valid_utf8(example.cluster);
  item.question = to_valid_utf8(example.question);
  item.reference = to_valid_utf8(example.solution);
  item.gold = to_valid_utf8(example.answer);

  std::string answer;
  item.chosen = protocol.chooses(example);
  if (item.chosen) {
    auto choosing = choose_option(queue, example, item);
    co_await std::move(choosing);
  } else {
    auto writing = write_answer(queue, example, item);
    answer = co_await std::move(writing);
  }
  const Reference reference = protocol.reference(example);
  auto scoring = queue.sampler->score(ScoreRequest(reference.tokens, reference.first));
  const std::vector<float> logprobs = co_await std::move(scoring);
  add_reference_bits(logprobs, item);
  item.scored_tokens += std::ssize(reference.tokens);
  item.reference_bytes = reference.bytes;
  item.first_token_bytes = reference.first_token_bytes;

  if (item.chosen) co_return item;
  auto grading = grade(protocol, example, answer);
  const grade::Verdict verdict = co_await std::move(grading);
  item.score = verdict.score;
  item.extracted = verdict.extracted;
  item.strict_score = verdict.strict_score;
  item.strict_extracted = verdict.strict_extracted;
  item.answer = to_valid_utf8(verdict.answer);
  item.failure = to_valid_utf8(verdict.failure);
  if (planned.samples > 0) {
    auto drawing = draw_samples(queue, example, position, item);
    co_await std::move(drawing);
  }
  co_return item;
}

task<void> StudyRun::draw_samples(ItemQueue& queue, const Example& example, int position,
                                  ItemResult& item) {
  const Protocol& protocol = queue.protocol;
  const PlannedEvaluation& planned = plan_.evaluations[queue.index];
  const std::vector<std::int32_t> prompt = protocol.prompt(example);
  SampleRequest request = answer_request(protocol, prompt);
  request.num_samples = planned.samples;
  request.temperature = spec_.sample_temperature;
  request.seed =
      Rng(stream_id(planned.key), "samples").fork(static_cast<std::uint64_t>(position)).next_u64();
  request.tokens_drawn = queue.tokens_drawn;
  auto sampling = queue.sampler->sample(std::move(request));
  const std::vector<Completion> completions = co_await std::move(sampling);
  item.prompt_tokens += std::ssize(prompt);
  for (const Completion& completion : completions) {
    SampledAnswer sample;
    const std::string answer = protocol.answer_text(completion.tokens);
    auto grading = grade(protocol, example, answer);
    const grade::Verdict verdict = co_await std::move(grading);
    sample.completion = to_valid_utf8(answer);
    sample.score = verdict.score;
    sample.truncated = completion.stop_reason == StopReason::length;
    item.sampled_tokens += std::ssize(completion.tokens);
    item.samples.push_back(std::move(sample));
  }
}

task<std::string> StudyRun::write_answer(ItemQueue& queue, const Example& example,
                                         ItemResult& item) {
  const Protocol& protocol = queue.protocol;
  const std::vector<std::int32_t> prompt = protocol.prompt(example);
  SampleRequest request = answer_request(protocol, prompt);
  request.tokens_drawn = queue.tokens_drawn;
  auto sampling = queue.sampler->sample(std::move(request));
  const std::vector<Completion> completions = co_await std::move(sampling);
  const Completion& completion = completions.front();
  std::string answer = protocol.answer_text(completion.tokens);
  const std::vector<std::int32_t>& ends = protocol.stop_tokens();
  item.truncated = completion.stop_reason == StopReason::length;
  item.stopped_by_text =
      !item.truncated && !completion.tokens.empty() &&
      std::find(ends.begin(), ends.end(), completion.tokens.back()) == ends.end();
  item.completion = to_valid_utf8(answer);
  item.prompt_tokens = std::ssize(prompt);
  item.sampled_tokens = std::ssize(completion.tokens);
  co_return answer;
}

task<grade::Verdict> StudyRun::grade(const Protocol& protocol, const Example& example,
                                     std::string answer) {
  std::string broken;
  Errc code = Errc::internal;
  try {
    auto grading = boost::asio::co_spawn(graders_.get_executor(),
                                         grade_item(*protocol.domain().grader, example, answer),
                                         boost::asio::use_awaitable);
    const grade::Verdict verdict = co_await std::move(grading);
    co_return verdict;
  } catch (const Error& e) {
    broken = e.what();
    code = e.code();
  }
  throw Error(code, "item " + to_valid_utf8(example.id) +
                        ": its answer could not be graded, which is not the same as a wrong "
                        "answer: " +
                        broken);
}

bool StudyRun::commit_is_due(const ItemQueue& queue) const {
  constexpr std::size_t most_at_once = 4096;
  return queue.uncommitted.size() >= most_at_once ||
         (queue.uncommitted.size() >= tuning_.items_per_commit &&
          std::chrono::steady_clock::now() - answers_committed_ >= tuning_.commit_every);
}

void StudyRun::commit_answers(ItemQueue& queue, bool finished) {
  if (queue.uncommitted.empty() && !finished) return;
  answers_committed_ = std::chrono::steady_clock::now();
  ledger_.commit_items(queue.index, queue.uncommitted, finished);
  queue.uncommitted.clear();
}

}  // namespace xfer::study
