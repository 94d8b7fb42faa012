// SPDX-License-Identifier: Apache-2.0
// What a plan says it will take, against what the study then takes.
#include "tests/study/study_testing.hpp"

#include "study/plan/detectable.hpp"
#include "xfer/study/forecast.hpp"
#include "xfer/study/plan.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

namespace xfer::study {
namespace {

using testing::FakeBackend;

constexpr const char* prices = R"(
date = "2026-01-02"
source = "a page"
[models."org/a"]
prefill = 1
sample = 10
train = 100
[models."org/b"]
per_1000_steps = 90
)";

struct Planned {
  Plan plan;
  Forecast forecast;
};

Planned forecast_of(StudySpec spec, const std::string& priced_as = "org/a") {
  FakeBackend backend;
  spec.priced_as = priced_as;
  const Materials materials =
      gather_materials(spec, backend, open_domains(spec, rewarding_domains()));
  Planned planned;
  planned.plan = make_plan(spec, materials);
  planned.forecast = make_forecast(spec, materials, planned.plan,
                                   PriceList::from_toml(prices, "p.toml"), backend.parameters());
  return planned;
}

void expect_exact(const Range& range, double value) {
  EXPECT_EQ(range.low, value);
  EXPECT_EQ(range.expected, value);
  EXPECT_EQ(range.high, value);
}

void expect_within(const Range& range, double value, const std::string& what) {
  EXPECT_LE(range.low, range.expected) << what;
  EXPECT_LE(range.expected, range.high) << what;
  EXPECT_LE(value, range.high + 1e-9) << what;
}

TEST(Forecast, counts_what_the_study_then_takes) {
  const TemporaryFolder folder;
  StudySpec spec = reward_study({Method::sl, Method::rl});
  const auto [plan, forecast] = forecast_of(spec);
  FakeBackend backend;
  const StudyResult result = run(spec, folder.path(), backend, {}, nullptr, rewarding_domains());
  ASSERT_EQ(result.legs.size(), plan.legs.size());
  for (std::size_t i = 0; i < plan.legs.size(); ++i) {
    const LegSummary& leg = result.legs[i];
    const TokenForecast& tokens = forecast.legs[i];
    if (leg.learning == Learning::supervised) {
      expect_exact(tokens.train, static_cast<double>(leg.train_tokens));
      expect_exact(tokens.sample, 0.0);
    } else {
      expect_within(tokens.train, static_cast<double>(leg.train_tokens), leg.description);
      expect_within(tokens.sample, static_cast<double>(leg.sampled_tokens), leg.description);
      EXPECT_NEAR(tokens.prefill.expected, static_cast<double>(leg.prefill_tokens),
                  0.2 * tokens.prefill.expected);
    }
  }
  EXPECT_FALSE(forecast.training_exact);
  // The test of the base model: prompts and references are known exactly, answers are not.
  const auto& items = result.cells.at(0).evaluations.at(0).items;
  double read = 0.0;
  double drawn = 0.0;
  for (const ItemResult& item : items) {
    read += static_cast<double>(item.prompt_tokens + item.scored_tokens);
    drawn += static_cast<double>(item.sampled_tokens);
  }
  expect_exact(forecast.evaluations.at(0).prefill, read);
  expect_within(forecast.evaluations.at(0).sample, drawn, "base test");
}

TEST(Forecast, multiplies_with_prices_and_says_what_sharing_saves) {
  StudySpec spec = letter_study();
  const auto [plan, forecast] = forecast_of(spec);
  EXPECT_TRUE(forecast.training_exact);
  EXPECT_NEAR(forecast.training_dollars.expected, forecast.training.train.expected * 100e-6, 1e-12);
  EXPECT_NEAR(forecast.testing_dollars.high,
              forecast.testing.prefill.high * 1e-6 + forecast.testing.sample.high * 10e-6, 1e-12);
  EXPECT_GT(forecast.naive_training_dollars, forecast.training_dollars.expected * 1.1);
  EXPECT_EQ(forecast.price_date, "2026-01-02");
  EXPECT_EQ(forecast.priced_model, "org/a");
  EXPECT_GT(forecast.hours.expected, 0.0);
  EXPECT_LT(forecast.hours.expected, forecast.hours.high);

  const Forecast by_step = forecast_of(spec, "org/b").forecast;
  EXPECT_NEAR(by_step.training_dollars.low, 90.0 * 10 * 7 / 1000.0, 1e-9);
  EXPECT_EQ(by_step.training_dollars.low, by_step.training_dollars.high);
  EXPECT_NEAR(by_step.naive_training_dollars, 90.0 * 12 * 7 / 1000.0, 1e-9);
  expect_exact(by_step.testing_dollars, 0.0);

  const std::string text =
      error_of(Errc::invalid_argument, [&] { forecast_of(spec, "tinker:org/c"); });
  EXPECT_NE(text.find("no price"), std::string::npos) << text;
  expect_exact(forecast_of(spec, "embedded:small").forecast.training_dollars, 0.0);
}

TEST(Forecast, says_what_the_design_can_show) {
  StudySpec spec = letter_study();
  const Forecast one_pair = forecast_of(spec).forecast;
  EXPECT_FALSE(one_pair.correlation.effect);
  EXPECT_NE(one_pair.correlation.assumptions.find("at least 4"), std::string::npos);
  ASSERT_EQ(one_pair.advice.size(), 2U);
  for (const Advice& advice : one_pair.advice) {
    EXPECT_LT(advice.gain_effect, *one_pair.gain.effect) << advice.change;
    EXPECT_GT(advice.more_dollars, 0.0) << advice.change;
  }
  // 200 items of which a fifth change: 8.9 points; 1,319: 3.5.
  EXPECT_NEAR(smallest_gain(200, 1), 0.0886, 0.0005);
  EXPECT_NEAR(smallest_gain(1319, 1), 0.0345, 0.0005);
  // Three seeds that spread by 2 points: 3.26 times that.
  EXPECT_NEAR(smallest_gain(1'000'000'000, 3), 0.0652, 0.0003);
}

TEST(Forecast, and_plans_stop_when_asked) {
  StudySpec spec = letter_study();
  FakeBackend backend;
  const Materials materials = gather_materials(spec, backend, open_domains(spec, letter_domains()));
  std::atomic<bool> stop = true;
  error_of(Errc::cancelled, [&] { make_plan(spec, materials, &stop); });
  const Plan plan = make_plan(spec, materials);
  error_of(Errc::cancelled,
           [&] { make_forecast(spec, materials, plan, PriceList::built_in(), 1, &stop); });
}

TEST(Forecast, prices_come_from_the_studys_file) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "prices.toml") << prices;
  std::ofstream(folder.path() / "study.toml")
      << "price_file = \"prices.toml\"\npriced_as = \"org/b\"\n";
  const StudySpec spec = StudySpec::from_toml_file(folder.path() / "study.toml");
  EXPECT_EQ(prices_of(spec).of(spec.priced_as).per_1000_steps, 90.0);
  EXPECT_EQ(prices_of(StudySpec()).origin, "built-in");
}

class OutOfMemory final : public grade::Grader {
public:
  std::string_view name() const noexcept override { return "greedy"; }
  std::string_view version() const noexcept override { return "1"; }
  grade::Verdict grade(const Example&, std::string_view) const override { throw std::bad_alloc(); }
};

TEST(RunStudy, says_what_to_reduce_when_memory_is_out) {
  const TemporaryFolder folder;
  DomainSet domains = letter_domains();
  for (auto& [name, domain] : domains) domain.grader = std::make_shared<OutOfMemory>();
  FakeBackend backend;
  const std::string text = error_of(Errc::out_of_memory, [&] {
    run(letter_study(), folder.path(), backend, {}, nullptr, domains);
  });
  EXPECT_NE(text.find("train.batch_size (now 4)"), std::string::npos) << text;
}

}  // namespace
}  // namespace xfer::study
