#include "engine/local_sampler.hpp"

#include "engine/checkpoint.hpp"
#include "engine/infer_pass.hpp"
#include "engine/runtime.hpp"
#include "engine/token_choice.hpp"
#include "engine/train_pass.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>

namespace xfer::engine {
namespace {

namespace asio = boost::asio;

// Sequences decoded together, and the memory their caches may take.
constexpr std::size_t sequences_max = 64;
constexpr std::int64_t cache_bytes_max = 2LL << 30U;
constexpr std::size_t rows_per_prefill = 2'048;
constexpr std::size_t rows_per_score = 4'096;

// A request on its way: filled by the engine's thread, finished exactly once.
template <class Request, class Result>
struct Job {
  explicit Job(Request r) : request(std::move(r)) {}
  Request request;
  Result result;
  std::function<void(std::exception_ptr, Result)> finish;
  std::atomic<bool> cancelled{false};
};
using SampleJob = Job<SampleRequest, std::vector<Completion>>;
using ScoreJob = Job<ScoreRequest, std::vector<float>>;

struct Sequence {
  Sequence(std::shared_ptr<SampleJob> owner, int number, KvCache prefilled)
      : job(std::move(owner)), index(static_cast<std::size_t>(number)),
        cache(std::move(prefilled)),
        rng(job->request.seed, static_cast<std::uint64_t>(number)) {}
  std::shared_ptr<SampleJob> job;
  std::size_t index;
  KvCache cache;
  Rng rng;
  std::string text;  // kept only while stop strings are looked for
  std::int32_t last = 0;
  bool done = false;
};

class LocalSampler final : public Sampler {
public:
  LocalSampler(std::shared_ptr<const Model> model, std::shared_ptr<const Network> network,
               std::shared_ptr<const Adapter> adapter)
      : model_(std::move(model)), network_(std::move(network)), adapter_(std::move(adapter)),
        infer_(model_->runtime().pool()), score_pass_(model_->runtime().pool()) {}

  ~LocalSampler() override {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return !scheduled_; });
  }

private:
  // Queues a job and waits for its end without holding a thread.
  template <class JobType, class Result, class Request>
  task<Result> submit(std::deque<std::shared_ptr<JobType>>& queue, Request request) {
    auto job = std::make_shared<JobType>(std::move(request));
    auto initiate = [this, &queue, job](auto handler) {
      using Handler = decltype(handler);
      auto guard = asio::make_work_guard(asio::get_associated_executor(handler));
      if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
        slot.assign([weak = std::weak_ptr<JobType>(job)](asio::cancellation_type) {
          if (const auto it = weak.lock()) it->cancelled = true;
        });
      }
      auto kept = std::make_shared<Handler>(std::move(handler));
      job->finish = [kept, guard](std::exception_ptr failure, Result result) {
        asio::post(guard.get_executor(),
                   [kept, failure, moved = std::move(result)]() mutable {
                     (*kept)(failure, std::move(moved));
                   });
      };
      {
        const std::lock_guard lock(mutex_);
        queue.push_back(job);
      }
      schedule();
    };
    auto operation =
        asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr, Result)>(
            initiate, asio::use_awaitable);
    auto result = co_await std::move(operation);
    co_return result;
  }

  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    check_tokens("sample", request.prompt);
    const auto limit = static_cast<std::int64_t>(positions());
    if (static_cast<std::int64_t>(request.prompt.size()) > limit)
      throw Error(Errc::invalid_argument,
                  "sample: the prompt has " + std::to_string(request.prompt.size()) +
                      " tokens, the model takes " + std::to_string(limit));
    auto work = submit<SampleJob, std::vector<Completion>>(sample_queue_, std::move(request));
    auto result = co_await std::move(work);
    co_return result;
  }

  task<std::vector<float>> do_score(ScoreRequest request) override {
    check_tokens("score", request.tokens);
    if (static_cast<std::int64_t>(request.tokens.size()) > positions())
      throw Error(Errc::invalid_argument,
                  "score: " + std::to_string(request.tokens.size()) +
                      " tokens, the model takes " + std::to_string(positions()));
    auto work = submit<ScoreJob, std::vector<float>>(score_queue_, std::move(request));
    auto result = co_await std::move(work);
    co_return result;
  }

  std::int64_t positions() const {
    return static_cast<std::int64_t>(network_->rope_cos.size()) /
           std::max(1, network_->config.head_dim / 2);
  }

  void check_tokens(const char* what, const std::vector<std::int32_t>& tokens) const {
    for (const std::int32_t token : tokens)
      if (token < 0 || token >= network_->config.vocab_size)
        throw Error(Errc::invalid_argument,
                    std::string(what) + ": token " + std::to_string(token) +
                        " is outside the vocabulary of " +
                        std::to_string(network_->config.vocab_size));
  }

  void schedule() {
    {
      const std::lock_guard lock(mutex_);
      if (scheduled_) return;
      scheduled_ = true;
    }
    asio::post(model_->runtime().executor(), [this] { pump(); });
  }

  // One round on the engine's thread: scores what waits, lets new prompts in, decodes one token of
  // every running sequence; then makes room for whoever else uses the engine.
  void pump() {
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
        idle_.notify_all();
        return;
      }
    }
    asio::post(model_->runtime().executor(), [this] { pump(); });
  }

  void fail_all(const std::exception_ptr& failure) {
    std::vector<std::shared_ptr<SampleJob>> samples;
    std::vector<std::shared_ptr<ScoreJob>> scores;
    for (const auto& s : active_)
      if (samples.empty() || samples.back() != s->job) samples.push_back(s->job);
    active_.clear();
    {
      const std::lock_guard lock(mutex_);
      samples.insert(samples.end(), sample_queue_.begin(), sample_queue_.end());
      scores.insert(scores.end(), score_queue_.begin(), score_queue_.end());
      sample_queue_.clear();
      score_queue_.clear();
    }
    for (const auto& job : samples) finish(*job, failure);
    for (const auto& job : scores) finish(*job, failure);
  }

  template <class JobType>
  static void finish(JobType& job, const std::exception_ptr& failure) {
    if (!job.finish) return;
    auto call = std::move(job.finish);
    job.finish = nullptr;
    call(failure, std::move(job.result));
  }

  static std::exception_ptr cancelled_error(const char* what) {
    return std::make_exception_ptr(
        Error(Errc::cancelled, std::string(what) + ": cancelled by the caller"));
  }

  void score_some() {
    std::vector<std::shared_ptr<ScoreJob>> jobs;
    std::size_t rows = 0;
    {
      const std::lock_guard lock(mutex_);
      while (!score_queue_.empty()) {
        const auto size = score_queue_.front()->request.tokens.size();
        if (!jobs.empty() && rows + size > rows_per_score) break;
        rows += size;
        jobs.push_back(std::move(score_queue_.front()));
        score_queue_.pop_front();
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
      logprobs = score_pass_.run(*network_, adapter_.get(), batch, nullptr, {});
    } catch (...) {
      failure = std::current_exception();
    }
    auto at = logprobs.begin();
    for (const auto& job : jobs) {
      const auto count =
          static_cast<std::ptrdiff_t>(job->request.tokens.size() - job->request.first);
      if (!failure) {
        job->result.assign(at, at + count);
        at += count;
      }
      finish(*job, job->cancelled ? cancelled_error("score") : failure);
    }
  }

  std::int64_t cache_bytes(const SampleRequest& request) const {
    const auto longest = std::min<std::int64_t>(
        positions(), static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens);
    return KvCache::bytes_per_token(network_->config) * longest * request.num_samples;
  }

  // Takes waiting requests while there is room, runs their prompts, draws the first tokens.
  void admit() {
    std::vector<std::shared_ptr<SampleJob>> jobs;
    std::size_t rows = 0;
    {
      const std::lock_guard lock(mutex_);
      std::size_t sequences = active_.size();
      while (!sample_queue_.empty()) {
        const SampleRequest& next = sample_queue_.front()->request;
        const auto samples = static_cast<std::size_t>(next.num_samples);
        const std::int64_t bytes = cache_bytes(next);
        const bool first = sequences == 0;  // a request larger than the bounds runs alone
        if (!first && (sequences + samples > sequences_max ||
                       held_bytes_ + bytes > cache_bytes_max ||
                       rows + next.prompt.size() > rows_per_prefill))
          break;
        held_bytes_ += bytes;
        sequences += samples;
        rows += next.prompt.size();
        jobs.push_back(std::move(sample_queue_.front()));
        sample_queue_.pop_front();
      }
    }
    if (jobs.empty()) return;
    std::vector<KvCache> caches(jobs.size(), KvCache(network_->config));
    std::vector<Segment> segments;
    for (std::size_t i = 0; i < jobs.size(); ++i)
      segments.push_back({&caches[i], jobs[i]->request.prompt});
    const float* logits = infer_.run(*network_, adapter_.get(), segments);
    const auto vocab = static_cast<std::size_t>(network_->config.vocab_size);
    const std::size_t begin = active_.size();
    std::vector<const float*> row_of;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const int samples = jobs[i]->request.num_samples;
      jobs[i]->result.resize(static_cast<std::size_t>(samples));
      for (int s = 0; s < samples; ++s) {
        active_.push_back(std::make_unique<Sequence>(
            jobs[i], s, s + 1 < samples ? caches[i] : std::move(caches[i])));
        row_of.push_back(logits + i * vocab);
      }
    }
    advance(begin, row_of);
  }

  void decode() {
    if (active_.empty()) return;
    std::vector<Segment> segments;
    for (const auto& s : active_) segments.push_back({&s->cache, std::span(&s->last, 1)});
    const float* logits = infer_.run(*network_, adapter_.get(), segments);
    const auto vocab = static_cast<std::size_t>(network_->config.vocab_size);
    std::vector<const float*> row_of;
    for (std::size_t i = 0; i < active_.size(); ++i) row_of.push_back(logits + i * vocab);
    advance(0, row_of);
  }

  // Draws the next token of sequences [begin, ...), and lets the finished ones go.
  void advance(std::size_t begin, const std::vector<const float*>& row_of) {
    const auto vocab = static_cast<std::size_t>(network_->config.vocab_size);
    model_->runtime().pool().run(
        static_cast<std::int64_t>(row_of.size()), [&](std::int64_t i, int) {
          const auto at = static_cast<std::size_t>(i);
          Sequence& s = *active_[begin + at];
          std::vector<float> row(row_of[at], row_of[at] + vocab);
          const ChosenToken token = choose_token(row, s.job->request, s.rng);
          Completion& completion = s.job->result[s.index];
          completion.tokens.push_back(token.id);
          completion.logprobs.push_back(token.logprob);
          s.last = token.id;
          s.done = is_over(s, completion);
        });
    release();
  }

  bool is_over(Sequence& s, Completion& completion) const {
    const SampleRequest& request = s.job->request;
    const auto& stops =
        request.stop_tokens ? *request.stop_tokens : network_->config.end_tokens;
    completion.stop_reason = StopReason::stop;
    if (std::find(stops.begin(), stops.end(), s.last) != stops.end()) return true;
    if (!request.stop_strings.empty() && s.last < model_->tokenizer().vocab_size()) {
      const std::size_t before = s.text.size();
      s.text += model_->tokenizer().token_bytes(s.last);
      for (const std::string& stop : request.stop_strings) {
        const std::size_t from = before - std::min(before, stop.size());
        if (!stop.empty() && s.text.find(stop, from) != std::string::npos) return true;
      }
    }
    completion.stop_reason = StopReason::length;
    return static_cast<int>(completion.tokens.size()) >= request.max_tokens ||
           s.cache.length() >= positions();
  }

  void release() {
    std::vector<std::shared_ptr<SampleJob>> touched;
    for (const auto& s : active_)
      if ((s->done || s->job->cancelled) && (touched.empty() || touched.back() != s->job))
        touched.push_back(s->job);
    std::erase_if(active_, [](const auto& s) { return s->done || s->job->cancelled; });
    for (const auto& job : touched) {
      const bool running = std::any_of(active_.begin(), active_.end(),
                                       [&](const auto& s) { return s->job == job; });
      if (running) continue;
      {
        const std::lock_guard lock(mutex_);
        held_bytes_ -= cache_bytes(job->request);
      }
      finish(*job, job->cancelled ? cancelled_error("sample") : nullptr);
    }
  }

  std::shared_ptr<const Model> model_;
  std::shared_ptr<const Network> network_;
  std::shared_ptr<const Adapter> adapter_;

  std::mutex mutex_;
  std::condition_variable idle_;
  bool scheduled_ = false;
  std::deque<std::shared_ptr<SampleJob>> sample_queue_;
  std::deque<std::shared_ptr<ScoreJob>> score_queue_;
  std::int64_t held_bytes_ = 0;

  // Only on the engine's thread.
  std::vector<std::unique_ptr<Sequence>> active_;
  InferPass infer_;
  TrainPass score_pass_;
};

}  // namespace

std::shared_ptr<Sampler> make_sampler(std::shared_ptr<const Model> model,
                                      std::shared_ptr<const Network> network,
                                      std::shared_ptr<const Adapter> adapter) {
  return std::make_shared<LocalSampler>(std::move(model), std::move(network), std::move(adapter));
}

std::shared_ptr<Sampler> make_local_sampler(std::shared_ptr<const Model> model) {
  auto network = model->network();
  return make_sampler(std::move(model), std::move(network), nullptr);
}

std::shared_ptr<Sampler> make_local_sampler(std::shared_ptr<const Model> model,
                                            const std::filesystem::path& adapter_folder) {
  const ParameterSet parameters = load_adapter(adapter_folder, model->config());
  // Packing is cheap and does not use the engine's workers, which may be busy.
  ThreadPool alone(1);
  auto adapter = pack_adapter(alone, model->config(), parameters, false);
  auto network = model->network();
  return make_sampler(std::move(model), std::move(network), std::move(adapter));
}

}  // namespace xfer::engine
