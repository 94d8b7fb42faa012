// SPDX-License-Identifier: Apache-2.0
#include "engine/sample_scheduler.hpp"

#include "engine/memory.hpp"
#include "engine/token_choice.hpp"
#include "xfer/error.hpp"

#include <algorithm>

namespace xfer::engine {
namespace {

namespace asio = boost::asio;

// Sequences decoded together, and the memory their caches may take.
constexpr std::size_t sequences_max = 64;
constexpr std::int64_t cache_bytes_max = 2LL << 30U;
constexpr std::size_t rows_per_prefill = 2'048;
constexpr std::size_t rows_per_score = 4'096;

std::exception_ptr cancelled_error(const char* what) {
  return std::make_exception_ptr(
      Error(Errc::cancelled, std::string(what) + ": cancelled by the caller"));
}

}  // namespace

SampleScheduler::Sequence::Sequence(std::shared_ptr<SampleJob> owner, int number, KvCache prefilled)
    : job(std::move(owner)), index(static_cast<std::size_t>(number)), cache(std::move(prefilled)),
      rng(job->request.seed, static_cast<std::uint64_t>(number)) {}

SampleScheduler::SampleScheduler(Runtime& runtime, std::shared_ptr<const Network> network,
                                 const text::Tokenizer& tokenizer, std::size_t waiting_max)
    : runtime_(runtime), network_(std::move(network)), tokenizer_(tokenizer),
      waiting_max_(waiting_max), infer_(runtime.pool()), score_pass_(runtime.pool()),
      prefixes_(network_->config) {}

void SampleScheduler::take_place() {
  const std::lock_guard lock(mutex_);
  if (waiting_ >= waiting_max_)
    throw Error(Errc::rate_limited,
                "sample: " + std::to_string(waiting_max_) + " requests wait already");
  ++waiting_;
}

task<std::vector<Completion>> SampleScheduler::sample(SampleRequest request,
                                                      std::shared_ptr<const Adapter> adapter) {
  take_place();
  auto job = std::make_shared<SampleJob>(std::move(request), std::move(adapter));
  const auto start = [self = shared_from_this()](const std::shared_ptr<SampleJob>& ready) {
    {
      const std::lock_guard lock(self->mutex_);
      self->sample_queue_.push_back(ready);
    }
    self->schedule();
  };
  auto work = until_end(std::move(job), start);
  auto result = co_await std::move(work);
  co_return result;
}

task<std::vector<float>> SampleScheduler::score(ScoreRequest request,
                                                std::shared_ptr<const Adapter> adapter) {
  take_place();
  auto job = std::make_shared<ScoreJob>(std::move(request), std::move(adapter));
  const auto start = [self = shared_from_this()](const std::shared_ptr<ScoreJob>& ready) {
    {
      const std::lock_guard lock(self->mutex_);
      self->score_queue_.push_back(ready);
    }
    self->schedule();
  };
  auto work = until_end(std::move(job), start);
  auto result = co_await std::move(work);
  co_return result;
}

void SampleScheduler::schedule() {
  {
    const std::lock_guard lock(mutex_);
    if (scheduled_) return;
    scheduled_ = true;
  }
  asio::post(runtime_.executor(), [self = shared_from_this()] { self->pump(); });
}

// One round on the engine's thread: scores what waits, lets new prompts in, decodes one token of
// every running sequence; then makes room for whoever else uses the engine.
void SampleScheduler::pump() {
  try {
    score_some();
    admit();
    decode();
  } catch (...) {
    fail_all(std::current_exception());
  }
  {
    const std::lock_guard lock(mutex_);
    if (active_.empty() && sample_queue_.empty() && score_queue_.empty()) {
      scheduled_ = false;
      return;
    }
  }
  asio::post(runtime_.executor(), [self = shared_from_this()] { self->pump(); });
}

void SampleScheduler::fail_all(const std::exception_ptr& failure) {
  std::vector<std::shared_ptr<SampleJob>> samples;
  std::vector<std::shared_ptr<ScoreJob>> scores;
  for (const auto& s : active_) samples.push_back(s->job);
  active_.clear();
  held_bytes_ = 0;
  {
    const std::lock_guard lock(mutex_);
    waiting_ -= sample_queue_.size() + score_queue_.size();
    samples.insert(samples.end(), sample_queue_.begin(), sample_queue_.end());
    scores.insert(scores.end(), score_queue_.begin(), score_queue_.end());
    sample_queue_.clear();
    score_queue_.clear();
  }
  for (const auto& job : samples) job->end(failure);
  for (const auto& job : scores) job->end(failure);
}

// Texts that wait and use the same adapter, in order, as many as fit into one pass.
void SampleScheduler::score_some() {
  std::vector<std::shared_ptr<ScoreJob>> jobs;
  std::size_t rows = 0;
  {
    const std::lock_guard lock(mutex_);
    while (!score_queue_.empty()) {
      const auto& next = score_queue_.front();
      const auto size = next->request.tokens.size();
      if (!jobs.empty() && (rows + size > rows_per_score || next->adapter != jobs.front()->adapter))
        break;
      rows += size;
      jobs.push_back(std::move(score_queue_.front()));
      score_queue_.pop_front();
      --waiting_;
    }
  }
  if (jobs.empty()) return;
  PassBatch batch;
  for (const auto& job : jobs) {
    const auto& tokens = job->request.tokens;
    const int start = batch.rows();
    for (std::size_t t = job->request.first; t < tokens.size(); ++t) {
      batch.scored_rows.push_back(start + static_cast<int>(t) - 1);
      batch.targets.push_back(tokens[t]);
    }
    batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
    batch.starts.push_back(batch.rows());
  }
  std::vector<float> logprobs;
  std::exception_ptr failure;
  try {
    const Adapter* adapter = jobs.front()->adapter.get();
    require_memory(
        TrainPass::activation_bytes(network_->config, adapter != nullptr ? adapter->rank : 0,
                                    static_cast<std::int64_t>(rows), false),
        "score of " + std::to_string(rows) + " tokens");
    logprobs = score_pass_.run(*network_, adapter, batch, nullptr, LossCall{});
  } catch (...) {
    failure = std::current_exception();
  }
  auto at = logprobs.begin();
  for (const auto& job : jobs) {
    const auto count = static_cast<std::ptrdiff_t>(job->request.tokens.size() - job->request.first);
    if (!failure) {
      job->result.assign(at, at + count);
      at += count;
    }
    job->end(job->cancelled ? cancelled_error("score") : failure);
  }
}

std::int64_t SampleScheduler::cache_bytes(const SampleRequest& request) const {
  const auto longest = std::min<std::int64_t>(
      network_->positions(), static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens);
  return KvCache::bytes_per_token(network_->config) * longest * request.num_samples;
}

// Waiting requests for which there is room, in order. One whose beginning another of them has stays
// for the next round, when it can be copied.
std::vector<std::shared_ptr<SampleJob>> SampleScheduler::next_jobs() {
  std::vector<std::shared_ptr<SampleJob>> jobs;
  std::size_t rows = 0;
  std::size_t sequences = active_.size();
  const std::lock_guard lock(mutex_);
  while (!sample_queue_.empty()) {
    const SampleJob& next = *sample_queue_.front();
    const auto& prompt = next.request.prompt;
    const auto samples = static_cast<std::size_t>(next.request.num_samples);
    const std::int64_t bytes = cache_bytes(next.request);
    const bool first = sequences == 0;  // a request larger than the bounds runs alone
    if (!first && (sequences + samples > sequences_max || held_bytes_ + bytes > cache_bytes_max ||
                   rows + prompt.size() > rows_per_prefill))
      break;
    const std::size_t known = prefixes_.find(next.adapter.get(), prompt);
    const bool later = std::any_of(jobs.begin(), jobs.end(), [&](const auto& job) {
      return job->adapter == next.adapter &&
             std::min(common_prefix(job->request.prompt, prompt), prompt.size() - 1) >=
                 known + PrefixCache::least_tokens;
    });
    if (later) break;
    held_bytes_ += bytes;
    sequences += samples;
    rows += prompt.size() - known;
    jobs.push_back(std::move(sample_queue_.front()));
    sample_queue_.pop_front();
    --waiting_;
  }
  return jobs;
}

// Takes waiting requests while there is room, runs their prompts, draws the first tokens.
void SampleScheduler::admit() {
  auto jobs = next_jobs();
  std::erase_if(jobs, [&](const std::shared_ptr<SampleJob>& job) {
    std::exception_ptr failure;
    if (job->cancelled) failure = cancelled_error("sample");
    try {
      if (!failure)
        require_memory(
            cache_bytes(job->request) +
                InferPass::bytes(network_->config,
                                 static_cast<std::int64_t>(job->request.prompt.size()),
                                 job->request.num_samples),
            "sample: the caches of " + std::to_string(job->request.num_samples) + " samples");
    } catch (...) {
      failure = std::current_exception();
    }
    if (!failure) return false;
    held_bytes_ -= cache_bytes(job->request);
    job->end(failure);
    return true;
  });
  if (jobs.empty()) return;
  std::vector<KvCache> caches(jobs.size(), KvCache(network_->config));
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& prompt = jobs[i]->request.prompt;
    const std::size_t known = prefixes_.fill(jobs[i]->adapter.get(), prompt, caches[i]);
    segments.push_back({&caches[i], std::span(prompt).subspan(known), jobs[i]->adapter.get()});
  }
  const auto vocab = static_cast<std::size_t>(network_->config.vocab_size);
  std::vector<Sequence*> fresh;
  std::vector<const float*> logits;
  try {
    const float* all = infer_.run(*network_, segments);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      prefixes_.keep(jobs[i]->adapter, jobs[i]->request.prompt, caches[i]);
      const int samples = jobs[i]->request.num_samples;
      jobs[i]->result.resize(static_cast<std::size_t>(samples));
      for (int s = 0; s < samples; ++s) {
        active_.push_back(std::make_unique<Sequence>(
            jobs[i], s, s + 1 < samples ? caches[i] : std::move(caches[i])));
        fresh.push_back(active_.back().get());
        logits.push_back(all + i * vocab);
      }
    }
  } catch (...) {  // those not among the running ones yet
    for (const auto& job : jobs) job->end(std::current_exception());
    throw;
  }
  advance(fresh, logits);
  std::stable_sort(active_.begin(), active_.end(), [](const auto& a, const auto& b) {
    return std::less<>()(a->job->adapter.get(), b->job->adapter.get());
  });
}

void SampleScheduler::decode() {
  if (active_.empty()) return;
  std::vector<Segment> segments;
  for (const auto& s : active_)
    segments.push_back({&s->cache, std::span(&s->last, 1), s->job->adapter.get()});
  const float* all = infer_.run(*network_, segments);
  const auto vocab = static_cast<std::size_t>(network_->config.vocab_size);
  std::vector<Sequence*> sequences;
  std::vector<const float*> logits;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    sequences.push_back(active_[i].get());
    logits.push_back(all + i * vocab);
  }
  advance(sequences, logits);
}

// Draws the next token of each sequence, and lets the finished ones go.
void SampleScheduler::advance(const std::vector<Sequence*>& sequences,
                              const std::vector<const float*>& logits) {
  const auto vocab = static_cast<std::size_t>(network_->config.vocab_size);
  runtime_.pool().run(static_cast<std::int64_t>(sequences.size()), [&](std::int64_t i, int) {
    const auto at = static_cast<std::size_t>(i);
    Sequence& s = *sequences[at];
    std::vector<float> row(logits[at], logits[at] + vocab);
    const ChosenToken token = choose_token(row, s.job->request, s.rng);
    Completion& completion = s.job->result[s.index];
    completion.tokens.push_back(token.id);
    completion.logprobs.push_back(token.logprob);
    if (s.job->request.tokens_drawn != nullptr) ++*s.job->request.tokens_drawn;
    s.last = token.id;
    s.done = is_over(s, completion);
  });
  release();
}

bool SampleScheduler::is_over(Sequence& s, Completion& completion) const {
  const SampleRequest& request = s.job->request;
  const auto& stops = request.stop_tokens ? *request.stop_tokens : network_->config.end_tokens;
  completion.stop_reason = StopReason::stop;
  if (std::find(stops.begin(), stops.end(), s.last) != stops.end()) return true;
  if (!request.stop_strings.empty() && s.last < tokenizer_.vocab_size()) {
    const std::size_t before = s.text.size();
    s.text += tokenizer_.token_bytes(s.last);
    for (const std::string& stop : request.stop_strings) {
      const std::size_t from = before - std::min(before, stop.size());
      if (!stop.empty() && s.text.find(stop, from) != std::string::npos) return true;
    }
  }
  completion.stop_reason = StopReason::length;
  return static_cast<int>(completion.tokens.size()) >= request.max_tokens ||
         s.cache.length() >= network_->positions();
}

void SampleScheduler::release() {
  std::vector<std::shared_ptr<SampleJob>> touched;
  for (const auto& s : active_)
    if ((s->done || s->job->cancelled) && (touched.empty() || touched.back() != s->job))
      touched.push_back(s->job);
  std::erase_if(active_, [](const auto& s) { return s->done || s->job->cancelled; });
  for (const auto& job : touched) {
    const bool running =
        std::any_of(active_.begin(), active_.end(), [&](const auto& s) { return s->job == job; });
    if (running) continue;
    held_bytes_ -= cache_bytes(job->request);
    job->end(job->cancelled ? cancelled_error("sample") : nullptr);
  }
}

}  // namespace xfer::engine
