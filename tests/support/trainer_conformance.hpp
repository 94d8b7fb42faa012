// SPDX-License-Identifier: Apache-2.0
// What every Trainer promises, whoever implements it. Include in one test file of a backend and
// instantiate:
//
//   INSTANTIATE_TEST_SUITE_P(Local, TrainerConformance, testing::Values(&make_my_trainer),
//                            [](const auto&) { return "mine"; });
#pragma once

#include "xfer/run_blocking.hpp"
#include "xfer/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

namespace xfer {

/// A trainer with a fresh adapter, the vocabulary it knows, and a folder of its own.
struct TrainerUnderTest {
  std::unique_ptr<Trainer> trainer;
  int vocab_size = 0;
};
using TrainerFactory = TrainerUnderTest (*)();

class TrainerConformance : public ::testing::TestWithParam<TrainerFactory> {
protected:
  static ForwardBackwardRequest batch(int vocab) {
    std::vector<Datum> data;
    for (int i = 0; i < 3; ++i) {
      std::vector<std::int32_t> prompt;
      std::vector<std::int32_t> answer;
      for (int t = 0; t < 4 + i; ++t) prompt.push_back((7 * t + 3 * i + 1) % vocab);
      for (int t = 0; t < 3 + 2 * i; ++t) answer.push_back((5 * t + i + 2) % vocab);
      data.push_back(supervised_datum(prompt, answer));
    }
    return ForwardBackwardRequest(std::move(data));
  }
  static double loss(Trainer& trainer, int vocab) {
    return run_blocking(trainer.forward(batch(vocab))).metrics.at("loss:sum");
  }
  static void step(Trainer& trainer, int vocab, double learning_rate = 1e-2) {
    run_blocking(trainer.forward_backward(batch(vocab)));
    AdamParams params;
    params.learning_rate = learning_rate;
    run_blocking(trainer.optim_step(params));
  }
  static std::vector<float> logprobs(Trainer& trainer, int vocab) {
    auto result = run_blocking(trainer.forward(batch(vocab)));
    return std::get<std::vector<float>>(result.loss_fn_outputs.back().at("logprobs").data);
  }
  template <class Call>
  static Errc code_of(const Call& call) {
    try {
      call();
    } catch (const Error& e) {
      return e.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Errc::internal;
  }
};

TEST_P(TrainerConformance, loss_is_the_weighted_sum_of_log_probabilities) {
  auto t = GetParam()();
  const auto request = batch(t.vocab_size);
  const auto result = run_blocking(t.trainer->forward(batch(t.vocab_size)));
  double sum = 0.0;
  ASSERT_EQ(result.loss_fn_outputs.size(), request.data.size());
  for (std::size_t i = 0; i < request.data.size(); ++i) {
    const auto& got = std::get<std::vector<float>>(result.loss_fn_outputs[i].at("logprobs").data);
    const auto& weights =
        std::get<std::vector<float>>(request.data[i].loss_fn_inputs.at("weights").data);
    ASSERT_EQ(got.size(), weights.size());
    for (std::size_t k = 0; k < got.size(); ++k) {
      EXPECT_LE(got[k], 0.0F);
      sum -= static_cast<double>(weights[k]) * static_cast<double>(got[k]);
    }
  }
  EXPECT_NEAR(result.metrics.at("loss:sum"), sum, 1e-4 * std::abs(sum));
}

TEST_P(TrainerConformance, steps_lower_the_loss) {
  auto t = GetParam()();
  const double before = loss(*t.trainer, t.vocab_size);
  for (int i = 0; i < 5; ++i) step(*t.trainer, t.vocab_size);
  EXPECT_LT(loss(*t.trainer, t.vocab_size), before);
  EXPECT_EQ(t.trainer->info().optimizer_steps, 5);
}

TEST_P(TrainerConformance, forward_changes_nothing) {
  auto t = GetParam()();
  const double first = loss(*t.trainer, t.vocab_size);
  AdamParams params;
  params.learning_rate = 1e-2;
  run_blocking(t.trainer->optim_step(params));  // no gradients were gathered
  EXPECT_EQ(loss(*t.trainer, t.vocab_size), first);
}

TEST_P(TrainerConformance, gradients_add_up_over_calls) {
  auto one = GetParam()();
  auto two = GetParam()();
  AdamParams params;
  params.learning_rate = 1e-2;
  run_blocking(one.trainer->forward_backward(batch(one.vocab_size)));
  run_blocking(one.trainer->optim_step(params));
  auto all = batch(two.vocab_size);
  for (Datum& datum : all.data) {
    std::vector<Datum> single;
    single.push_back(std::move(datum));
    run_blocking(two.trainer->forward_backward(ForwardBackwardRequest(std::move(single))));
  }
  run_blocking(two.trainer->optim_step(params));
  EXPECT_NEAR(loss(*one.trainer, one.vocab_size), loss(*two.trainer, two.vocab_size), 2e-3);
}

TEST_P(TrainerConformance, a_saved_state_continues_as_if_never_interrupted) {
  auto straight = GetParam()();
  auto stopped = GetParam()();
  for (int i = 0; i < 4; ++i) step(*straight.trainer, straight.vocab_size);
  for (int i = 0; i < 2; ++i) step(*stopped.trainer, stopped.vocab_size);
  const auto path = run_blocking(stopped.trainer->save_state("half-way", true));
  auto resumed = GetParam()();
  run_blocking(resumed.trainer->load_state(path, true));
  EXPECT_EQ(resumed.trainer->info().optimizer_steps, 2);
  for (int i = 0; i < 2; ++i) step(*resumed.trainer, resumed.vocab_size);
  EXPECT_EQ(logprobs(*straight.trainer, straight.vocab_size),
            logprobs(*resumed.trainer, resumed.vocab_size));
}

TEST_P(TrainerConformance, loading_without_the_optimizer_starts_its_moments_afresh) {
  auto t = GetParam()();
  step(*t.trainer, t.vocab_size);
  const auto path = run_blocking(t.trainer->save_state("weights", false));
  auto other = GetParam()();
  run_blocking(other.trainer->load_state(path, false));
  EXPECT_EQ(other.trainer->info().optimizer_steps, 0);
  EXPECT_EQ(logprobs(*t.trainer, t.vocab_size), logprobs(*other.trainer, other.vocab_size));
  EXPECT_THROW(run_blocking(other.trainer->load_state(path, true)), Error);
}

TEST_P(TrainerConformance, a_snapshot_keeps_its_weights) {
  auto t = GetParam()();
  step(*t.trainer, t.vocab_size);
  const auto sampler = run_blocking(t.trainer->snapshot());
  const std::vector<std::int32_t> text = {1, 2, 3, 4, 5};
  const auto before = run_blocking(sampler->score(ScoreRequest(text, 1)));
  for (int i = 0; i < 3; ++i) step(*t.trainer, t.vocab_size);
  EXPECT_EQ(run_blocking(sampler->score(ScoreRequest(text, 1))), before);
  const auto later = run_blocking(t.trainer->snapshot());
  EXPECT_NE(run_blocking(later->score(ScoreRequest(text, 1))), before);
}

TEST_P(TrainerConformance, bad_calls_are_refused_before_any_work) {
  auto t = GetParam()();
  const double before = loss(*t.trainer, t.vocab_size);
  const auto refused = [&](ForwardBackwardRequest request) {
    return code_of([&] { run_blocking(t.trainer->forward_backward(std::move(request))); });
  };
  EXPECT_EQ(refused(ForwardBackwardRequest({})), Errc::invalid_argument);
  auto unknown_loss = batch(t.vocab_size);
  unknown_loss.loss_fn = "no_such_loss";
  EXPECT_EQ(refused(std::move(unknown_loss)), Errc::invalid_argument);
  auto short_weights = batch(t.vocab_size);
  short_weights.data[1].loss_fn_inputs["weights"] = Tensor(std::vector<float>{1.0F});
  EXPECT_EQ(refused(std::move(short_weights)), Errc::invalid_argument);
  auto no_targets = batch(t.vocab_size);
  no_targets.data[0].loss_fn_inputs.erase("target_tokens");
  EXPECT_EQ(refused(std::move(no_targets)), Errc::invalid_argument);
  auto outside = batch(t.vocab_size);
  outside.data[2].tokens[0] = t.vocab_size;
  EXPECT_EQ(refused(std::move(outside)), Errc::invalid_argument);
  AdamParams params;
  params.learning_rate = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(code_of([&] { run_blocking(t.trainer->optim_step(params)); }), Errc::invalid_argument);
  EXPECT_EQ(code_of([&] { run_blocking(t.trainer->save_state("", true)); }),
            Errc::invalid_argument);
  EXPECT_THROW(run_blocking(t.trainer->load_state("/nonexistent/state", false)), Error);
  EXPECT_EQ(loss(*t.trainer, t.vocab_size), before);
}

}  // namespace xfer
