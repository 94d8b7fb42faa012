// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/support.hpp"
#include "tests/support/sampler_conformance.hpp"
#include "xfer/engine/local_trainer.hpp"

#include <gtest/gtest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <map>

namespace xfer {
namespace {

SamplerUnderTest base_sampler() {
  const auto model = engine::tiny_model(2);
  return {engine::make_local_sampler(model), model->config().vocab_size};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Local, SamplerConformance, ::testing::Values(&base_sampler),
                         [](const auto&) { return "base_sampler"; });

namespace engine {
namespace {

SampleRequest request(int max_tokens, std::uint64_t seed = 1) {
  SampleRequest r({1, 2, 3});
  r.max_tokens = max_tokens;
  r.seed = seed;
  r.stop_tokens.emplace();
  return r;
}

TEST(LocalSampler, follows_the_distribution_of_the_model) {
  const auto model = tiny_model(2);
  const auto sampler = make_local_sampler(model);
  auto r = request(1);
  r.num_samples = 4000;
  r.temperature = 0.7;
  std::map<std::int32_t, int> counts;
  for (const Completion& c : run_blocking(sampler->sample(std::move(r)))) ++counts[c.tokens[0]];
  double total = 0.0;
  std::vector<double> weights;
  for (std::int32_t t = 0; t < model->config().vocab_size; ++t) {
    const auto lp = run_blocking(sampler->score(ScoreRequest({1, 2, 3, t}, 3)))[0];
    weights.push_back(std::exp(static_cast<double>(lp) / 0.7));
    total += weights.back();
  }
  double chi2 = 0.0;
  for (std::int32_t t = 0; t < model->config().vocab_size; ++t) {
    const double expected = 4000.0 * weights[static_cast<std::size_t>(t)] / total;
    chi2 += (counts[t] - expected) * (counts[t] - expected) / expected;
  }
  EXPECT_LT(chi2, 76.1);  // 42 degrees of freedom, p = .001
}

TEST(LocalSampler, a_stop_string_ends_the_text_even_across_tokens) {
  const auto model = tiny_model(2);
  const auto sampler = make_local_sampler(model);
  const auto free = run_blocking(sampler->sample(request(30)))[0];
  const std::string text = model->tokenizer().decode(free.tokens);
  auto r = request(30);
  r.stop_strings = {text.substr(5, 3)};
  const auto stopped = run_blocking(sampler->sample(std::move(r)))[0];
  const std::string got = model->tokenizer().decode(stopped.tokens);
  EXPECT_EQ(stopped.stop_reason, StopReason::stop);
  EXPECT_TRUE(got.ends_with(text.substr(5, 3)));
  EXPECT_EQ(text.substr(0, got.size()), got);
}

TEST(LocalSampler, stops_at_the_models_own_end_by_default_and_never_past_its_positions) {
  const auto model = tiny_model(2);
  const auto sampler = make_local_sampler(model);
  auto r = request(400);
  r.stop_tokens.reset();
  r.num_samples = 8;
  for (const Completion& c : run_blocking(sampler->sample(std::move(r))))
    EXPECT_EQ(c.stop_reason == StopReason::stop, c.tokens.back() == model->config().end_tokens[0]);
  auto longest = request(100'000);
  const auto full = run_blocking(sampler->sample(std::move(longest)))[0];
  EXPECT_EQ(full.stop_reason, StopReason::length);
  EXPECT_LE(full.tokens.size() + 3, 513U);
}

TEST(LocalSampler, more_requests_than_fit_together_are_all_answered) {
  const auto model = tiny_model(2);
  const auto sampler = make_local_sampler(model);
  const auto alone = run_blocking(sampler->sample(request(6, 77)))[0].tokens;
  int answered = 0;
  boost::asio::io_context loop(1);
  for (std::uint64_t i = 0; i < 150; ++i)
    boost::asio::co_spawn(loop, sampler->sample(request(6, i)),
                          [&, i](std::exception_ptr failure, std::vector<Completion> got) {
                            answered += !failure;
                            if (i == 77) {
                              EXPECT_EQ(got[0].tokens, alone);
                            }
                          });
  loop.run();
  EXPECT_EQ(answered, 150);
}

TEST(LocalSampler, a_cancelled_request_ends_early) {
  const auto model = tiny_model(2);
  const auto sampler = make_local_sampler(model);
  boost::asio::io_context loop(1);
  boost::asio::cancellation_signal signal;
  bool cancelled = false;
  auto r = request(505);
  r.num_samples = 60;
  boost::asio::co_spawn(
      loop, sampler->sample(std::move(r)),
      boost::asio::bind_cancellation_slot(signal.slot(),
                                          [&](std::exception_ptr failure, std::vector<Completion>) {
                                            try {
                                              if (failure) std::rethrow_exception(failure);
                                            } catch (const Error& e) {
                                              cancelled = e.code() == Errc::cancelled;
                                            } catch (const boost::system::system_error&) {
                                              cancelled = true;
                                            }
                                          }));
  boost::asio::steady_timer timer(loop, std::chrono::milliseconds(5));
  timer.async_wait(
      [&](boost::system::error_code) { signal.emit(boost::asio::cancellation_type::terminal); });
  loop.run();
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(run_blocking(sampler->sample(request(2))).size(), 1U);
}

TEST(LocalSampler, uses_an_adapter_saved_on_disk) {
  const auto model = tiny_model(2);
  const auto trainer = make_local_trainer(model, LoraConfig(), scratch_folder("adapter"));
  run_blocking(trainer->forward_backward(tiny_batch(model->config().vocab_size)));
  AdamParams params;
  params.learning_rate = 1e-2;
  run_blocking(trainer->optim_step(params));
  const auto path = run_blocking(trainer->save_state("a", false));
  const auto live = run_blocking(trainer->snapshot());
  const auto stored = make_local_sampler(model, path);
  EXPECT_EQ(run_blocking(stored->sample(request(10)))[0].tokens,
            run_blocking(live->sample(request(10)))[0].tokens);
  EXPECT_THROW(make_local_sampler(model, "/nonexistent"), Error);
}

}  // namespace
}  // namespace engine
}  // namespace xfer
