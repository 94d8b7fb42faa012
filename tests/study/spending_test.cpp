// SPDX-License-Identifier: Apache-2.0
// Calls that cost money: limits hold whatever happens, and what was paid for is kept.
#include "tests/study/study_testing.hpp"

#include "study/backends/metered.hpp"
#include "study/run/study_run.hpp"
#include "study/run/workers.hpp"

#include "xfer/run_blocking.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>

namespace xfer::study {
namespace {

using testing::FakeBackend;
namespace fs = std::filesystem;

/// Bills every call when it arrives, then takes its time, and fails now and then.
class BillingSampler final : public Sampler {
public:
  BillingSampler(const Price& price, Rng rng, Nanodollars& billed)
      : price_(price), rng_(rng), billed_(billed) {}

private:
  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    const auto drawn = 1 + rng_.below(static_cast<std::uint64_t>(request.max_tokens));
    billed_ +=
        Meter::cost(request.prompt.size(), price_.prefill) + Meter::cost(drawn, price_.sample);
    const bool fails = rng_.below(8) == 0;
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                    std::chrono::microseconds(rng_.below(300)));
    auto waiting = timer.async_wait(boost::asio::use_awaitable);
    co_await std::move(waiting);
    if (fails) throw Error(Errc::unavailable, "service: no answer");
    Completion answer;
    answer.tokens.assign(drawn, 1);
    answer.logprobs.assign(drawn, -1.0F);
    co_return std::vector<Completion>(1, answer);
  }
  task<std::vector<float>> do_score(ScoreRequest request) override {
    billed_ += Meter::cost(request.tokens.size(), price_.prefill);
    co_return std::vector<float>(request.tokens.size() - request.first, -1.0F);
  }

  Price price_;
  Rng rng_;
  Nanodollars& billed_;
};

class BillingBackend final : public Backend {
public:
  BillingBackend(const Price& price, Rng rng, Nanodollars& billed)
      : sampler_(std::make_shared<BillingSampler>(price, rng, billed)) {}
  const text::Tokenizer& tokenizer() const override { return inner_.tokenizer(); }
  std::string model_name() const override { return "billing"; }
  std::string model_hash() const override { return "billing"; }
  std::int64_t parameters() const override { return 1; }
  std::string version() const override { return "1"; }
  task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                std::filesystem::path folder) override {
    auto creating = inner_.create_trainer(lora, std::move(folder));
    auto trainer = co_await std::move(creating);
    co_return trainer;
  }
  task<std::shared_ptr<Sampler>> base_sampler() override { co_return sampler_; }

private:
  FakeBackend inner_;
  std::shared_ptr<Sampler> sampler_;
};

/// Calls until the budget says no; a failed call is made again.
task<void> call_again_and_again(std::shared_ptr<Sampler> sampler, std::size_t prompt, int longest) {
  while (true) {
    try {
      SampleRequest request(std::vector<std::int32_t>(prompt, 1));
      request.max_tokens = longest;
      auto sampling = sampler->sample(std::move(request));
      co_await std::move(sampling);
    } catch (const Error& e) {
      if (e.code() == Errc::cancelled) co_return;
    }
  }
}

struct Kept {
  std::map<std::int64_t, Spend> open;
  std::vector<Spend> settled;
  bool dead = false;

  void keep(const Spend& spend) {
    if (dead) return;
    if (spend.outcome == Outcome::open) {
      open[spend.id] = spend;
      return;
    }
    open.erase(spend.id);
    settled.push_back(spend);
  }
  std::vector<Spend> all() const {
    std::vector<Spend> rows = settled;
    for (const auto& [id, spend] : open) rows.push_back(spend);
    return rows;
  }
};

/// 512 callers in each of a few attempts, all but the last killed in the middle.
void one_trial(std::uint64_t seed) {
  Rng rng(seed, "spending trial");
  Price price;
  price.prefill = 1.0 + static_cast<double>(rng.below(50)) / 10.0;
  price.sample = 1.0 + static_cast<double>(rng.below(500)) / 10.0;
  constexpr int callers = 512;
  const int longest = 16;
  const Nanodollars typical = Meter::cost(40, price.prefill) + Meter::cost(8, price.sample);
  BudgetLimits limits;
  limits.study = typical * static_cast<Nanodollars>(100 + rng.below(3000));
  Nanodollars billed = 0;
  Kept kept;
  const int kills = static_cast<int>(rng.below(3));
  for (int attempt = 0; attempt <= kills; ++attempt) {
    Kept now = kept;
    now.dead = false;
    {
      Budget budget(limits, kept.all(), [&](const Spend& spend) { now.keep(spend); });
      const Meter meter(price, budget);
      BillingBackend service(price, rng.fork(static_cast<std::uint64_t>(attempt)), billed);
      const auto metered = make_metered_backend(service, meter);
      auto opening = metered->base_sampler();
      const std::shared_ptr<Sampler> sampler = run_blocking(std::move(opening));
      boost::asio::io_context loop(1);
      for (int i = 0; i < callers; ++i)
        boost::asio::co_spawn(loop, call_again_and_again(sampler, 1 + rng.below(80), longest),
                              boost::asio::detached);
      if (attempt < kills) {
        const auto moments = rng.below(2000);
        for (std::uint64_t moment = 0; moment < moments; ++moment)
          if (loop.run_one() == 0) break;
        now.dead = true;  // what a killed process does afterwards is never written
      } else {
        loop.run();
      }
      ASSERT_LE(billed, *limits.study) << "trial " << seed;
    }
    kept = now;
  }
  Nanodollars written = 0;
  for (const Spend& spend : kept.all())
    written += spend.outcome == Outcome::open ? spend.reserved : spend.spent;
  EXPECT_GE(written, billed) << "trial " << seed;
}

/// The long form is XFER_BUDGET_TRIALS=10000.
TEST(Spending, never_passes_the_limit_with_512_callers_failures_and_kills) {
  const char* wanted = std::getenv("XFER_BUDGET_TRIALS");
  const std::uint64_t trials = wanted ? std::strtoull(wanted, nullptr, 10) : 8;
  for (std::uint64_t trial = 0; trial < trials && !::testing::Test::HasFailure(); ++trial)
    one_trial(trial);
}

class PricedStudy : public ::testing::Test {
protected:
  StudySpec priced(StudySpec spec) const {
    const fs::path file = folder.path() / "prices.toml";
    std::ofstream(file) << "date = \"2026-01-02\"\nsource = \"a page\"\n[models.\"org/a\"]\n"
                           "prefill = 1\nsample = 10\ntrain = 100\n"
                           "[models.\"org/b\"]\nper_1000_steps = 90\n";
    spec.price_file = file.string();
    if (spec.priced_as.empty()) spec.priced_as = "org/a";
    return spec;
  }
  StudyResult run_here(const StudySpec& spec, const std::string& name) {
    return run(spec, folder.path() / name, backend, {}, nullptr, rewarding_domains());
  }
  static std::string without_budget(StudyResult result) {
    result.spec.budget = {};
    return comparable(result);
  }

  const TemporaryFolder folder;
  FakeBackend backend;
};

TEST_F(PricedStudy, costs_what_was_used_and_loses_nothing_undisturbed) {
  const StudyResult result = run_here(priced(reward_study({Method::sl, Method::rl})), "whole");
  EXPECT_EQ(result.stopped, "");
  EXPECT_EQ(result.lost_dollars, 0.0);
  double dollars = 0.0;
  for (const LegSummary& leg : result.legs)
    dollars +=
        (static_cast<double>(leg.train_tokens) * 100 +
         static_cast<double>(leg.sampled_tokens) * 10 + static_cast<double>(leg.prefill_tokens)) /
        1e6;
  EXPECT_GT(result.useful_dollars, dollars);  // tests come on top
  EXPECT_LT(result.useful_dollars, 3 * dollars);
}

TEST_F(PricedStudy, steps_can_have_the_price) {
  StudySpec spec = letter_study();
  spec.priced_as = "org/b";
  const StudyResult result = run_here(priced(spec), "whole");
  std::int64_t steps = 0;
  for (const LegSummary& leg : result.legs) steps += leg.steps;
  EXPECT_NEAR(result.useful_dollars, 0.09 * static_cast<double>(steps), 1e-6);
}

TEST_F(PricedStudy, stops_at_a_limit_with_everything_usable_and_goes_on_when_it_is_raised) {
  const StudySpec spec = priced(reward_study({Method::sl, Method::rl}));
  const StudyResult whole = run_here(spec, "whole");
  const std::string undisturbed = without_budget(whole);
  StudySpec limited = spec;
  double last = 0.0;
  for (const double share : {0.05, 0.2, 0.5, 0.8, 0.95}) {
    limited.budget.max_dollars = share * whole.useful_dollars;
    const StudyResult part = run_here(limited, "limited");
    EXPECT_NE(part.stopped.find("the limit budget.max_dollars of $"), std::string::npos);
    const double spent = part.useful_dollars + part.lost_dollars;
    EXPECT_LE(spent, limited.budget.max_dollars + 2e-9);
    EXPECT_GE(spent, last);
    last = spent;
    EXPECT_LE(part.legs.size(), whole.legs.size());
  }
  limited.budget.max_dollars = 10 * whole.useful_dollars;
  const StudyResult rest = run_here(limited, "limited");
  EXPECT_EQ(rest.stopped, "");
  EXPECT_EQ(without_budget(rest), undisturbed);
  EXPECT_GE(rest.useful_dollars + rest.lost_dollars, whole.useful_dollars * (1 - 1e-9));
}

TEST_F(PricedStudy, has_limits_of_a_leg_and_a_day) {
  StudySpec spec = priced(letter_study());
  spec.budget.max_dollars_per_leg = 0.001;
  EXPECT_NE(run_here(spec, "leg").stopped.find("budget.max_dollars_per_leg of $0.0010"),
            std::string::npos);
  spec.budget = {};
  spec.budget.max_dollars_per_day = 0.002;
  EXPECT_NE(run_here(spec, "day").stopped.find("budget.max_dollars_per_day of $0.0020"),
            std::string::npos);
}

/// The parts of one study have one limit together.
TEST_F(PricedStudy, what_other_parts_spent_counts_against_the_limit) {
  StudySpec spec = priced(letter_study());
  const StudyResult first = run_here(spec, "first");
  RunOptions options;
  options.run_folder = folder.path() / "second";
  options.budget_shared_with = {folder.path() / "first", folder.path() / "never begun"};
  spec.budget.max_dollars = 1.5 * first.useful_dollars;
  const StudyResult second = run_study(spec, options, backend, rewarding_domains());
  EXPECT_NE(second.stopped.find("the limit budget.max_dollars of $"), std::string::npos);
  EXPECT_LE(first.useful_dollars + second.useful_dollars + second.lost_dollars,
            spec.budget.max_dollars + 1e-9);
  EXPECT_GT(second.useful_dollars, 0.2 * first.useful_dollars);
  spec.budget.max_dollars = 2.5 * first.useful_dollars;
  EXPECT_EQ(run_study(spec, options, backend, rewarding_domains()).stopped, "");
  // A day's limit too: both were spent today.
  spec.budget = {};
  spec.budget.max_dollars_per_day = 1.1 * first.useful_dollars;
  options.run_folder = folder.path() / "third";
  options.budget_shared_with = {folder.path() / "first"};
  EXPECT_NE(run_study(spec, options, backend, rewarding_domains()).stopped, "");
}

TEST_F(PricedStudy, an_unknown_price_is_an_error_where_a_limit_depends_on_it) {
  StudySpec spec = letter_study();
  spec.priced_as = "org/unheard-of";
  spec = priced(spec);
  EXPECT_EQ(run_here(spec, "unlimited").useful_dollars, 0.0);
  spec.budget.max_dollars = 5;
  const std::string text = error_of(Errc::invalid_argument, [&] { run_here(spec, "limited"); });
  EXPECT_NE(text.find("no price for the model 'org/unheard-of'"), std::string::npos) << text;
}

TEST_F(PricedStudy, work_that_is_done_again_is_counted_as_lost) {
  const StudySpec spec = priced(reward_study({Method::sl}));
  struct Kill {};
  RunOptions options;
  options.run_folder = folder.path() / "killed";
  RunTuning tuning;
  tuning.checkpoint_every = std::chrono::hours(1);  // steps since the last test are lost
  int commits = 0;
  tuning.on_commit = [&] {
    if (++commits == 400) throw Kill();
  };
  EXPECT_THROW(run_study(spec, options, &backend, rewarding_domains(), tuning), Kill);
  const StudyResult whole = run_here(spec, "whole");
  const StudyResult rest = run_here(spec, "killed");
  EXPECT_EQ(comparable(rest), comparable(whole));
  EXPECT_GT(rest.lost_dollars, 0.0);
  EXPECT_GE(rest.useful_dollars + rest.lost_dollars, whole.useful_dollars);
}

}  // namespace
}  // namespace xfer::study
