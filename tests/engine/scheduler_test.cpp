// SPDX-License-Identifier: Apache-2.0
// Many requests on one network: what one yields does not depend on the others.
#include "engine/local_sampler.hpp"
#include "engine/runtime.hpp"
#include "engine/sample_scheduler.hpp"
#include "tests/engine/support.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"
#include "xfer/run_blocking.hpp"

#include <gtest/gtest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <future>

namespace xfer::engine {
namespace {

std::vector<std::int32_t> tokens_of(int length, int seed) {
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < length; ++i) tokens.push_back((7 * i + 3 * seed + i * i) % 40);
  return tokens;
}

SampleRequest request_of(std::vector<std::int32_t> prompt, std::uint64_t seed) {
  SampleRequest request(std::move(prompt));
  request.max_tokens = 8;
  request.seed = seed;
  request.stop_tokens.emplace();
  return request;
}

struct Answer {
  std::vector<Completion> completions;
  std::exception_ptr failure;
};

// Starts all calls before any can end, and waits for all of them.
std::vector<Answer> together(std::vector<task<std::vector<Completion>>> calls) {
  std::vector<Answer> answers(calls.size());
  boost::asio::io_context loop(1);
  for (std::size_t i = 0; i < calls.size(); ++i)
    boost::asio::co_spawn(loop, std::move(calls[i]),
                          [&answers, i](std::exception_ptr failure, std::vector<Completion> got) {
                            answers[i] = {std::move(got), failure};
                          });
  loop.run();
  return answers;
}

void expect_same(const std::vector<Completion>& got, const std::vector<Completion>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].tokens, want[i].tokens);
    EXPECT_EQ(got[i].logprobs, want[i].logprobs);
  }
}

// Prompts with a common beginning of 60 tokens, twice the same one, and one of its own.
std::vector<SampleRequest> few_shot_requests() {
  std::vector<SampleRequest> requests;
  for (int i = 0; i < 4; ++i) {
    auto prompt = tokens_of(60, 1);
    const auto rest = tokens_of(20 + i, 5 + i);
    prompt.insert(prompt.end(), rest.begin(), rest.end());
    requests.push_back(request_of(std::move(prompt), static_cast<std::uint64_t>(i)));
  }
  requests.push_back(requests[2]);
  requests.back().seed = 99;
  requests.push_back(request_of(tokens_of(60, 1), 7));
  requests.push_back(request_of(tokens_of(50, 4), 8));
  requests[1].num_samples = 3;
  return requests;
}

TEST(Scheduler, a_shared_beginning_changes_no_bit) {
  std::vector<std::vector<Completion>> alone;
  for (const SampleRequest& request : few_shot_requests()) {
    const auto model = tiny_model(1);  // a new one: nothing is remembered
    alone.push_back(run_blocking(make_local_sampler(model)->sample(request)));
  }
  const auto model = tiny_model(2);
  const auto sampler = make_local_sampler(model);
  for (int round = 0; round < 2; ++round) {  // the second time everything is remembered
    std::vector<task<std::vector<Completion>>> calls;
    for (SampleRequest& request : few_shot_requests())
      calls.push_back(sampler->sample(std::move(request)));
    const auto answers = together(std::move(calls));
    for (std::size_t i = 0; i < answers.size(); ++i) expect_same(answers[i].completions, alone[i]);
  }
}

std::shared_ptr<Sampler> trained(const std::shared_ptr<const Model>& model, std::uint64_t seed) {
  LoraConfig lora;
  lora.rank = static_cast<int>(2 + seed);
  lora.seed = seed;
  const auto trainer = make_local_trainer(model, lora, scratch_folder("scheduler"));
  run_blocking(trainer->forward_backward(tiny_batch(model->config().vocab_size, seed)));
  AdamParams params;
  params.learning_rate = 2e-2;
  run_blocking(trainer->optim_step(params));
  return run_blocking(trainer->snapshot());
}

TEST(Scheduler, several_adapters_run_in_one_batch) {
  const auto model = tiny_model(2);
  const std::vector<std::shared_ptr<Sampler>> samplers = {make_local_sampler(model),
                                                          trained(model, 1), trained(model, 2)};
  std::vector<std::vector<Completion>> alone;
  std::vector<task<std::vector<Completion>>> calls;
  for (std::uint64_t i = 0; i < 9; ++i) {
    const auto& sampler = samplers[i % 3];
    alone.push_back(run_blocking(sampler->sample(request_of(tokens_of(30, 2), i))));
    calls.push_back(sampler->sample(request_of(tokens_of(30, 2), i)));
  }
  const auto answers = together(std::move(calls));
  for (std::size_t i = 0; i < answers.size(); ++i) expect_same(answers[i].completions, alone[i]);
  const auto first_logprob = [&](std::size_t i) { return alone[i][0].logprobs[0]; };
  EXPECT_NE(first_logprob(0), first_logprob(1));
  EXPECT_NE(first_logprob(1), first_logprob(2));
}

TEST(Scheduler, a_queue_that_is_full_says_so) {
  const auto model = tiny_model(1);
  const auto scheduler =
      std::make_shared<SampleScheduler>(model->runtime(), model->network(), model->tokenizer(), 3);
  std::promise<void> go;
  boost::asio::post(model->runtime().executor(), [wait = go.get_future().share()] { wait.wait(); });
  std::vector<Answer> answers(5);
  boost::asio::io_context loop(1);
  for (std::size_t i = 0; i < answers.size(); ++i)
    boost::asio::co_spawn(loop, scheduler->sample(request_of(tokens_of(5, 1), i), nullptr),
                          [&answers, i](std::exception_ptr failure, std::vector<Completion> got) {
                            answers[i] = {std::move(got), failure};
                          });
  boost::asio::post(loop, [&go] { go.set_value(); });  // after all have asked
  loop.run();
  int refused = 0;
  for (const Answer& answer : answers) {
    if (!answer.failure) {
      EXPECT_EQ(answer.completions.size(), 1U);
      continue;
    }
    try {
      std::rethrow_exception(answer.failure);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::rate_limited);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(run_blocking(scheduler->sample(request_of(tokens_of(5, 1), 1), nullptr)).size(), 1U);
}

TEST(Scheduler, a_request_cancelled_while_it_waits_costs_nothing) {
  const auto model = tiny_model(1);
  const auto sampler = make_local_sampler(model);
  std::promise<void> go;
  boost::asio::post(model->runtime().executor(), [wait = go.get_future().share()] { wait.wait(); });
  boost::asio::io_context loop(1);
  boost::asio::cancellation_signal signal;
  Errc code = Errc::internal;
  boost::asio::co_spawn(
      loop, sampler->sample(request_of(tokens_of(5, 1), 1)),
      boost::asio::bind_cancellation_slot(signal.slot(),
                                          [&](std::exception_ptr failure, std::vector<Completion>) {
                                            try {
                                              if (failure) std::rethrow_exception(failure);
                                            } catch (const Error& e) {
                                              code = e.code();
                                            } catch (const boost::system::system_error&) {
                                              code = Errc::cancelled;
                                            }
                                          }));
  boost::asio::post(loop, [&] {
    signal.emit(boost::asio::cancellation_type::terminal);
    go.set_value();
  });
  loop.run();
  EXPECT_EQ(code, Errc::cancelled);
  EXPECT_EQ(run_blocking(sampler->sample(request_of(tokens_of(5, 1), 1))).size(), 1U);
}

TEST(PrefixCache, finds_the_longest_beginning_and_never_the_last_token) {
  const auto model = tiny_model(1);
  const ModelConfig& config = model->config();
  PrefixCache prefixes(config);
  const auto prompt = tokens_of(40, 1);
  EXPECT_EQ(prefixes.find(nullptr, prompt), 0U);
  KvCache cache(config);
  ThreadPool pool(1);
  InferPass pass(pool);
  pass.run(*model->network(), {{&cache, prompt}});
  prefixes.keep(nullptr, prompt, cache);
  EXPECT_EQ(prefixes.find(nullptr, prompt), 39U);
  auto longer = prompt;
  longer.push_back(1);
  EXPECT_EQ(prefixes.find(nullptr, longer), 40U);
  auto other = prompt;
  other[35] = other[35] == 0 ? 1 : 0;
  EXPECT_EQ(prefixes.find(nullptr, other), 35U);
  other[10] = other[10] == 0 ? 1 : 0;
  EXPECT_EQ(prefixes.find(nullptr, other), 0U);  // too short to be worth it
  auto adapter = std::make_shared<const Adapter>();
  EXPECT_EQ(prefixes.find(adapter.get(), prompt), 0U);
  const std::int64_t held = prefixes.bytes();
  prefixes.keep(adapter, prompt, cache);
  EXPECT_EQ(prefixes.find(adapter.get(), prompt), 39U);
  EXPECT_EQ(prefixes.bytes(), 2 * held);
  adapter.reset();
  prefixes.keep(nullptr, tokens_of(40, 3), cache);  // makes room of what is gone
  EXPECT_EQ(prefixes.bytes(), 2 * held);

  KvCache copy(config);
  EXPECT_EQ(prefixes.fill(nullptr, longer, copy), 40U);
  const std::int32_t last = longer.back();
  const float* got = pass.run(*model->network(), {{&copy, std::span(&last, 1)}});
  const std::vector<float> continued(got, got + config.vocab_size);
  KvCache fresh(config);
  const float* want = pass.run(*model->network(), {{&fresh, longer}});
  EXPECT_EQ(continued, std::vector<float>(want, want + config.vocab_size));
}

TEST(PrefixCache, holds_no_more_than_its_bound) {
  ModelConfig config = tiny_model(1)->config();
  config.layers = 64;
  config.kv_heads = 32;
  config.head_dim = 64;  // 1 MiB a token
  PrefixCache prefixes(config);
  KvCache cache(config);
  cache.reserve(40);
  cache.set_length(40);
  for (int i = 0; i < 6; ++i) {
    auto prompt = tokens_of(40, 1);
    prompt[0] = i;
    prefixes.keep(nullptr, prompt, cache);
    EXPECT_LE(prefixes.bytes(), 128LL << 20U);
    EXPECT_EQ(prefixes.find(nullptr, prompt), 39U);
  }
  auto first = tokens_of(40, 1);
  first[0] = 0;
  EXPECT_EQ(prefixes.find(nullptr, first), 0U);
}

}  // namespace
}  // namespace xfer::engine
