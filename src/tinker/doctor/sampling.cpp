// SPDX-License-Identifier: Apache-2.0
// What sampling does.
#include "tinker/doctor/patient.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace xfer::tinker {
namespace {

SamplingClient base_of(Patient& patient) {
  return run_blocking(patient.client().create_sampling_client_of_model(patient.base_model()));
}

SampleCall a_call(std::uint64_t seed, int max_tokens) {
  SampleCall call{ModelInput(Patient::text())};
  call.params.max_tokens = max_tokens;
  call.params.seed = seed;
  call.params.stop = std::vector<std::int32_t>{};
  return call;
}

SampledSequence one(const SamplingClient& client, const SampleCall& call) {
  const SampleResponse response = run_blocking(client.sample(call));
  if (response.sequences.size() != 1)
    fail_check("one sample was asked for, " + std::to_string(response.sequences.size()) + " came");
  return response.sequences.front();
}

std::string prompt_logprobs(Patient& patient) {
  const auto scores = run_blocking(base_of(patient).compute_logprobs(ModelInput(Patient::text())));
  if (scores.size() != Patient::text().size())
    fail_check(std::to_string(scores.size()) + " for a prompt of " +
               std::to_string(Patient::text().size()) + " tokens");
  if (!std::isnan(scores[0])) fail_check("the first token has one, though nothing precedes it");
  for (std::size_t i = 1; i < scores.size(); ++i)
    if (!(scores[i] <= 0.0F)) fail_check("one is " + std::to_string(scores[i]));
  return "one for each token but the first";
}

std::string sampled_logprobs(Patient& patient) {
  const SamplingClient base = base_of(patient);
  const SampledSequence sequence = one(base, a_call(5, 8));
  if (!sequence.logprobs) fail_check("samples come without log-probabilities");
  std::vector<std::int32_t> text = Patient::text();
  text.insert(text.end(), sequence.tokens.begin(), sequence.tokens.end());
  auto scores = run_blocking(base.compute_logprobs(ModelInput(std::move(text))));
  scores.erase(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                    scores.size(), Patient::text().size())));
  const double difference = largest_difference(scores, *sequence.logprobs);
  if (!(difference <= 0.05))
    fail_check("those of a sample differ from the scores of its text by " +
               std::to_string(difference));
  return "largest difference from scores " + std::to_string(difference);
}

std::string seeds(Patient& patient) {
  const SamplingClient base = base_of(patient);
  const auto first = one(base, a_call(1, 16)).tokens;
  if (one(base, a_call(1, 16)).tokens != first) fail_check("the same seed gives different tokens");
  bool different = false;
  for (std::uint64_t seed = 2; seed < 6 && !different; ++seed)
    different = one(base, a_call(seed, 16)).tokens != first;
  if (!different) fail_check("five seeds give the same tokens");
  return "honoured";
}

std::string truncation(Patient& patient) {
  const SamplingClient base = base_of(patient);
  const SampledSequence cut = one(base, a_call(3, 5));
  if (cut.tokens.size() != 5)
    fail_check("max_tokens 5 gave " + std::to_string(cut.tokens.size()) + " tokens");
  if (cut.stop_reason != StopReason::length)
    fail_check("a sample that was cut says that it stopped");
  SampleCall stopped = a_call(3, 5);
  stopped.params.stop = std::vector<std::int32_t>{cut.tokens[1]};
  const SampledSequence got = one(base, stopped);
  if (got.stop_reason != StopReason::stop || got.tokens.empty() ||
      got.tokens.back() != cut.tokens[1])
    fail_check("a sample does not end with the stop token that ended it");
  const std::int64_t context = patient.context_length();
  if (context < 1 || context > 200'000) return "max_tokens and stop tokens are honoured";
  std::vector<std::int32_t> too_long(static_cast<std::size_t>(context) + 1, 11);
  SampleCall longer{ModelInput(std::move(too_long))};
  longer.params.max_tokens = 1;
  try {
    run_blocking(base.sample(longer));
  } catch (const Error& e) {
    if (e.code() == Errc::invalid_argument)
      return "max_tokens and stop tokens are honoured, longer prompts than the context refused";
    throw;
  }
  fail_check("a prompt longer than the context is accepted");
}

std::string greedy(Patient& patient) {
  const SamplingClient base = base_of(patient);
  SampleCall call = a_call(1, 6);
  call.params.temperature = 0.0;
  const auto best = one(base, call).tokens;
  call.params.seed = 2;
  if (one(base, call).tokens != best) fail_check("temperature 0 depends on the seed");
  SampleCall narrow = a_call(7, 6);
  narrow.params.top_k = 1;
  if (one(base, narrow).tokens != best) fail_check("top_k 1 is not what temperature 0 gives");
  return "temperature 0 and top_k 1 agree";
}

std::string top_logprobs(Patient& patient) {
  SampleCall call = a_call(1, 3);
  call.params.temperature = 0.0;
  call.topk_sample_logprobs = 2;
  call.topk_prompt_logprobs = 2;
  SampleResponse response;
  try {
    response = run_blocking(base_of(patient).sample(call));
  } catch (const Error& e) {
    throw NotOffered(e.what());
  }
  if (!response.topk_prompt_logprobs || !response.sequences.at(0).topk_logprobs)
    throw NotOffered("asked for, they do not come");
  const SampledSequence& sequence = response.sequences[0];
  for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
    const auto& row = sequence.topk_logprobs->at(i);
    if (row.size() != 2 || row[0].token != sequence.tokens[i])
      fail_check("the first is not the token that temperature 0 takes");
  }
  return "at prompt and sampled positions";
}

std::string many_at_once(Patient& patient) {
  using Clock = std::chrono::steady_clock;
  const SamplingClient base = base_of(patient);
  const int count = patient.options().samples_at_once;
  boost::asio::io_context loop(1);
  int done = 0;
  std::exception_ptr failure;
  for (int i = 0; i < count; ++i)
    boost::asio::co_spawn(loop, base.sample(a_call(static_cast<std::uint64_t>(i), 4)),
                          [&](const std::exception_ptr& e, const SampleResponse&) {
                            if (e)
                              failure = e;
                            else
                              ++done;
                          });
  const auto start = Clock::now();
  loop.run();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      fail_check(std::to_string(count - done) + " of " + std::to_string(count) +
                 " failed: " + e.what());
    }
  }
  char text[64];
  std::snprintf(text, sizeof text, "%d in %.1f s", count, seconds);
  return text;
}

}  // namespace

const std::vector<Check>& sampling_checks() {
  static const std::vector<Check> checks = {{"prompt log-probabilities", prompt_logprobs},
                                            {"sampled log-probabilities", sampled_logprobs},
                                            {"seeds", seeds},
                                            {"truncation", truncation},
                                            {"greedy sampling", greedy},
                                            {"top log-probabilities", top_logprobs},
                                            {"many samples at once", many_at_once}};
  return checks;
}

}  // namespace xfer::tinker
