// SPDX-License-Identifier: Apache-2.0
// What every Sampler promises, whoever implements it. Include in one test file of a backend and
// instantiate:
//
//   INSTANTIATE_TEST_SUITE_P(Local, SamplerConformance, testing::Values(&make_my_sampler),
//                            [](const auto&) { return "mine"; });
#pragma once

#include "xfer/run_blocking.hpp"
#include "xfer/sampler.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cmath>
#include <memory>
#include <thread>

namespace xfer {

struct SamplerUnderTest {
  std::shared_ptr<Sampler> sampler;
  int vocab_size = 0;
};
using SamplerFactory = SamplerUnderTest (*)();

class SamplerConformance : public ::testing::TestWithParam<SamplerFactory> {
protected:
  static SampleRequest request(std::uint64_t seed = 0, int samples = 1) {
    SampleRequest r({1, 2, 3});
    r.max_tokens = 12;
    r.num_samples = samples;
    r.seed = seed;
    r.stop_tokens.emplace();
    return r;
  }
};

TEST_P(SamplerConformance, returns_what_was_asked_for) {
  auto s = GetParam()();
  const auto completions = run_blocking(s.sampler->sample(request(7, 3)));
  ASSERT_EQ(completions.size(), 3U);
  for (const Completion& c : completions) {
    EXPECT_EQ(c.tokens.size(), 12U);
    EXPECT_EQ(c.logprobs.size(), 12U);
    EXPECT_EQ(c.stop_reason, StopReason::length);
    for (const auto token : c.tokens) {
      EXPECT_GE(token, 0);
      EXPECT_LT(token, s.vocab_size);
    }
    for (const float p : c.logprobs) EXPECT_LE(p, 0.0F);
  }
  EXPECT_NE(completions[0].tokens, completions[1].tokens);
}

TEST_P(SamplerConformance, counts_the_tokens_it_draws) {
  auto s = GetParam()();
  SampleRequest counted = request(7, 3);
  counted.tokens_drawn = std::make_shared<std::atomic<std::int64_t>>(5);
  const auto counter = counted.tokens_drawn;
  run_blocking(s.sampler->sample(std::move(counted)));
  EXPECT_EQ(counter->load(), 5 + 3 * 12);
}

TEST_P(SamplerConformance, the_same_seed_gives_the_same_tokens) {
  auto s = GetParam()();
  const auto first = run_blocking(s.sampler->sample(request(3)));
  EXPECT_EQ(run_blocking(s.sampler->sample(request(3)))[0].tokens, first[0].tokens);
  EXPECT_NE(run_blocking(s.sampler->sample(request(4)))[0].tokens, first[0].tokens);
}

TEST_P(SamplerConformance, log_probabilities_equal_the_scores_of_the_same_text) {
  auto s = GetParam()();
  const auto completion = run_blocking(s.sampler->sample(request(5)))[0];
  std::vector<std::int32_t> text = {1, 2, 3};
  text.insert(text.end(), completion.tokens.begin(), completion.tokens.end());
  const auto scores = run_blocking(s.sampler->score(ScoreRequest(text, 3)));
  ASSERT_EQ(scores.size(), completion.logprobs.size());
  for (std::size_t i = 0; i < scores.size(); ++i)
    EXPECT_NEAR(scores[i], completion.logprobs[i], 1e-3);
}

TEST_P(SamplerConformance, greedy_takes_the_most_probable_token) {
  auto s = GetParam()();
  auto greedy = request();
  greedy.temperature = 0.0;
  greedy.max_tokens = 1;
  const auto best = run_blocking(s.sampler->sample(std::move(greedy)))[0];
  for (std::int32_t token = 0; token < s.vocab_size; ++token)
    EXPECT_LE(run_blocking(s.sampler->score(ScoreRequest({1, 2, 3, token}, 3)))[0],
              best.logprobs[0] + 1e-4F);
  auto narrow = request(9);
  narrow.max_tokens = 1;
  narrow.top_k = 1;
  EXPECT_EQ(run_blocking(s.sampler->sample(std::move(narrow)))[0].tokens, best.tokens);
  auto nucleus = request(9);
  nucleus.max_tokens = 1;
  nucleus.top_p = 1e-9;
  EXPECT_EQ(run_blocking(s.sampler->sample(std::move(nucleus)))[0].tokens, best.tokens);
}

TEST_P(SamplerConformance, a_stop_token_ends_the_completion_and_is_part_of_it) {
  auto s = GetParam()();
  const auto free = run_blocking(s.sampler->sample(request(11)))[0];
  auto stopped = request(11);
  stopped.stop_tokens = std::vector<std::int32_t>{free.tokens[4]};
  const auto got = run_blocking(s.sampler->sample(std::move(stopped)))[0];
  EXPECT_EQ(got.stop_reason, StopReason::stop);
  EXPECT_EQ(got.tokens.back(), free.tokens[4]);
  EXPECT_LE(got.tokens.size(), 5U);
}

TEST_P(SamplerConformance, concurrent_requests_do_not_disturb_each_other) {
  auto s = GetParam()();
  std::vector<std::vector<std::int32_t>> alone;
  for (std::uint64_t seed = 0; seed < 6; ++seed)
    alone.push_back(run_blocking(s.sampler->sample(request(seed)))[0].tokens);
  std::vector<std::vector<std::int32_t>> together(6);
  boost::asio::io_context loop(1);
  for (std::uint64_t seed = 0; seed < 6; ++seed)
    boost::asio::co_spawn(
        loop, s.sampler->sample(request(seed)),
        [&together, seed](std::exception_ptr failure, std::vector<Completion> got) {
          if (!failure) together[seed] = got[0].tokens;
        });
  loop.run();
  EXPECT_EQ(together, alone);
  std::vector<std::thread> threads;
  std::vector<std::vector<std::int32_t>> from_threads(6);
  for (std::uint64_t seed = 0; seed < 6; ++seed)
    threads.emplace_back([&, seed] {
      from_threads[seed] = run_blocking(s.sampler->sample(request(seed)))[0].tokens;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(from_threads, alone);
}

TEST_P(SamplerConformance, bad_requests_are_refused) {
  auto s = GetParam()();
  const auto refused = [&](SampleRequest r) {
    try {
      run_blocking(s.sampler->sample(std::move(r)));
    } catch (const Error& e) {
      return e.code() == Errc::invalid_argument;
    }
    return false;
  };
  EXPECT_TRUE(refused(SampleRequest({})));
  EXPECT_TRUE(refused(SampleRequest({s.vocab_size})));
  EXPECT_TRUE(refused(SampleRequest({-1})));
  auto r = request();
  r.num_samples = 0;
  EXPECT_TRUE(refused(r));
  r = request();
  r.max_tokens = 0;
  EXPECT_TRUE(refused(r));
  r = request();
  r.temperature = -1.0;
  EXPECT_TRUE(refused(r));
  r = request();
  r.top_p = 0.0;
  EXPECT_TRUE(refused(r));
  EXPECT_THROW(run_blocking(s.sampler->score(ScoreRequest({1, 2}, 0))), Error);
  EXPECT_THROW(run_blocking(s.sampler->score(ScoreRequest({1, 2}, 3))), Error);
}

}  // namespace xfer
