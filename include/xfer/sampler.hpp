// SPDX-License-Identifier: Apache-2.0
// Interface 4 of 5: a fixed set of weights that answers and scores.
#pragma once

#include "xfer/error.hpp"
#include "xfer/task.hpp"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer {

/// Why a completion ended.
enum class StopReason { stop, length };

/// One request for completions of a single prompt.
///
/// Not an aggregate on purpose: g++ 12 destroys aggregate temporaries in `co_await` twice.
struct SampleRequest {
  explicit SampleRequest(std::vector<std::int32_t> prompt_tokens)
      : prompt(std::move(prompt_tokens)) {}

  /// Token ids; at least one.
  std::vector<std::int32_t> prompt;
  int num_samples = 1;
  /// Most new tokens per sample, at least 1.
  int max_tokens = 256;
  /// 0 means greedy.
  double temperature = 1.0;
  /// Keep the k most probable tokens; 0 or negative keeps all.
  int top_k = 0;
  /// Keep the smallest set of tokens with at least this much probability, in (0, 1].
  double top_p = 1.0;
  /// Same seed and request give the same tokens on the embedded engine, whatever else is being
  /// sampled at the time. Remote services treat it as a hint.
  std::uint64_t seed = 0;
  /// Sampling ends after any of these tokens. Unset: the model's own end-of-text tokens.
  /// Set and empty: never.
  std::optional<std::vector<std::int32_t>> stop_tokens;
  /// Sampling ends once the decoded text contains any of these.
  std::vector<std::string> stop_strings;
  /// Where new tokens are counted as they are drawn, for displays, and all of them by the time the
  /// completions are returned; may be null.
  std::shared_ptr<std::atomic<std::int64_t>> tokens_drawn;
};

/// One completion. `tokens` includes the token that stopped it.
struct Completion {
  Completion() = default;
  std::vector<std::int32_t> tokens;
  /// Log-probability of each token under the model (temperature 1, nothing cut off).
  std::vector<float> logprobs;
  StopReason stop_reason = StopReason::length;
};

/// One request for the log-probabilities of given text.
struct ScoreRequest {
  ScoreRequest(std::vector<std::int32_t> all_tokens, std::size_t first_scored)
      : tokens(std::move(all_tokens)), first(first_scored) {}
  std::vector<std::int32_t> tokens;
  /// Index of the first token to score, at least 1 (token 0 has no context).
  std::size_t first;
};

/// Answers and scores with one fixed set of weights. Safe to call concurrently; concurrent
/// requests may be computed together.
class Sampler {
public:
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  virtual ~Sampler() = default;

  /// Returns exactly `request.num_samples` completions. Throws `Error` (`invalid_argument`) before
  /// any work is done when the request is malformed. Honours cancellation of the awaiting
  /// coroutine. The sampler must outlive the returned task.
  task<std::vector<Completion>> sample(SampleRequest request) {
    check(request);
    const auto expected = static_cast<std::size_t>(request.num_samples);
    auto work = do_sample(std::move(request));
    auto result = co_await std::move(work);
    if (result.size() != expected)
      throw Error(Errc::internal, "sample: wrong number of completions returned");
    for (const Completion& c : result)
      if (c.tokens.size() != c.logprobs.size())
        throw Error(Errc::internal, "sample: a completion has tokens without log-probabilities");
    co_return result;
  }

  /// Natural log-probability of each of `tokens[first..]` given everything before it; size
  /// `tokens.size() - first`. Same rules as `sample`.
  task<std::vector<float>> score(ScoreRequest request) {
    if (request.first < 1 || request.first > request.tokens.size())
      throw Error(Errc::invalid_argument, "score: first must be in 1..tokens (got " +
                                              std::to_string(request.first) + " of " +
                                              std::to_string(request.tokens.size()) + ")");
    const std::size_t expected = request.tokens.size() - request.first;
    auto work = do_score(std::move(request));
    auto result = co_await std::move(work);
    if (result.size() != expected)
      throw Error(Errc::internal, "score: wrong number of log-probabilities returned");
    co_return result;
  }

protected:
  Sampler() = default;

private:
  static void check(const SampleRequest& r) {
    const auto refuse = [](const std::string& what) {
      throw Error(Errc::invalid_argument, "sample: " + what);
    };
    if (r.prompt.empty()) refuse("prompt is empty");
    if (r.num_samples < 1)
      refuse("num_samples must be at least 1 (got " + std::to_string(r.num_samples) + ")");
    if (r.max_tokens < 1)
      refuse("max_tokens must be at least 1 (got " + std::to_string(r.max_tokens) + ")");
    if (!(r.temperature >= 0.0) || !std::isfinite(r.temperature))
      refuse("temperature must be finite and at least 0 (got " + std::to_string(r.temperature) +
             ")");
    if (!(r.top_p > 0.0 && r.top_p <= 1.0))
      refuse("top_p must be in (0, 1] (got " + std::to_string(r.top_p) + ")");
  }

  virtual task<std::vector<Completion>> do_sample(SampleRequest request) = 0;
  virtual task<std::vector<float>> do_score(ScoreRequest request) = 0;
};

}  // namespace xfer
#pragma GCC visibility pop
