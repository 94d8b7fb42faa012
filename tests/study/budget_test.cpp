// SPDX-License-Identifier: Apache-2.0
#include "tests/study/study_testing.hpp"

#include "xfer/study/budget.hpp"
#include "xfer/study/prices.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <thread>

namespace xfer::study {
namespace {

Budget::Today on(const std::string& day) {
  return [day] { return day; };
}

TEST(Money, rounds_up_and_has_a_range) {
  EXPECT_EQ(to_nanodollars(0.0), 0);
  EXPECT_EQ(to_nanodollars(1.5), 1'500'000'000);
  EXPECT_EQ(to_nanodollars(1e-12), 1);
  EXPECT_EQ(to_dollars(2'000'000'000), 2.0);
  for (const double bad : {-0.1, 1e10, std::nan(""), HUGE_VAL})
    error_of(Errc::invalid_argument, [&] { to_nanodollars(bad); });
}

TEST(Budget, reserves_settles_and_counts_lost_work_apart) {
  Budget budget({1000, {}, {}}, {}, {}, on("d"));
  {
    auto hold = budget.try_reserve("a", 400);
    ASSERT_TRUE(hold);
    EXPECT_EQ(budget.totals().open, 400);
    hold->settle(250);
    error_of(Errc::internal, [&] { hold->settle(1); });
  }
  budget.try_reserve("a", 300)->settle(300, Outcome::lost);
  { const auto forgotten = budget.try_reserve("b", 100); }
  const BudgetTotals totals = budget.totals();
  EXPECT_EQ(totals.useful, 250);
  EXPECT_EQ(totals.lost, 400);
  EXPECT_EQ(totals.open, 0);
  EXPECT_EQ(budget.spent_on_leg("a"), 550);
  EXPECT_EQ(budget.spent_on_leg("c"), 0);
}

TEST(Budget, says_whether_waiting_helps_and_names_the_limit) {
  Budget budget({1000, {}, {}}, {}, {}, on("d"));
  auto first = budget.try_reserve("a", 800);
  EXPECT_FALSE(budget.try_reserve("a", 300));  // may fit once the first is settled
  first->settle(100);
  EXPECT_TRUE(budget.try_reserve("a", 900));  // let go at once, and so spent
  const std::string text = error_of(Errc::cancelled, [&] { budget.try_reserve("a", 1); });
  EXPECT_NE(text.find("budget.max_dollars of $"), std::string::npos) << text;
  EXPECT_TRUE(budget.try_reserve("a", 0));

  Budget by_leg({{}, 500, {}}, {}, {}, on("d"));
  by_leg.try_reserve("a", 500)->settle(500);
  const std::string leg = error_of(Errc::cancelled, [&] { by_leg.try_reserve("a", 1); });
  EXPECT_NE(leg.find("max_dollars_per_leg"), std::string::npos) << leg;
  EXPECT_TRUE(by_leg.try_reserve("b", 500));

  std::string day = "2026-11-24";
  Budget by_day({{}, {}, 500}, {}, {}, [&] { return day; });
  by_day.try_reserve("a", 500)->settle(500);
  const std::string full = error_of(Errc::cancelled, [&] { by_day.try_reserve("b", 1); });
  EXPECT_NE(full.find("max_dollars_per_day"), std::string::npos) << full;
  day = "2026-11-25";
  EXPECT_TRUE(by_day.try_reserve("b", 500));
  error_of(Errc::invalid_argument, [&] { by_day.try_reserve("b", -1); });
}

TEST(Budget, a_call_that_costs_more_than_its_worst_case_is_counted_and_reported) {
  Budget budget({1000, {}, {}}, {}, {}, on("d"));
  auto hold = budget.try_reserve("a", 10);
  error_of(Errc::internal, [&] { hold->settle(11); });
  EXPECT_EQ(budget.totals().useful, 11);
}

TEST(Budget, a_store_that_fails_grants_nothing) {
  bool broken = false;
  Budget budget(
      {1000, {}, {}}, {},
      [&](const Spend&) {
        if (broken) throw Error(Errc::io, "disk full");
      },
      on("d"));
  broken = true;
  error_of(Errc::io, [&] { budget.try_reserve("a", 10); });
  EXPECT_EQ(budget.totals().open, 0);
  broken = false;
  auto hold = budget.try_reserve("a", 10);
  broken = true;
  error_of(Errc::io, [&] { hold->settle(5); });
  EXPECT_EQ(budget.totals().useful, 5);
}

/// A service that takes money at some moment between the reservation and its settling, and calls
/// that fail, are made again, or are killed at any moment. What it took never exceeds the limit.
TEST(Budget, is_never_exceeded_by_calls_failures_and_kills) {
  const char* long_form = std::getenv("XFER_BUDGET_TRIALS");
  const int trials = long_form != nullptr ? std::atoi(long_form) : 300;
  ASSERT_GT(trials, 0);
  constexpr int calls = 512;
  for (int trial = 0; trial < trials; ++trial) {
    Rng rng(static_cast<std::uint64_t>(trial), "budget");
    const auto limit = static_cast<Nanodollars>(500 + rng.below(20'000));
    const BudgetLimits limits{limit, limit * 2 / 3, limit * 3 / 4};
    std::map<std::int64_t, Spend> disk;
    std::map<std::string, Nanodollars> taken_from_leg;
    Nanodollars taken = 0;
    int left = calls;
    for (int life = 0; life < 3; ++life) {
      std::vector<Spend> past;
      for (const auto& [id, spend] : disk) past.push_back(spend);
      // A kill loses the process, not the disk: what is written after it goes nowhere.
      bool killed = false;
      const auto store = [&](const Spend& spend) {
        if (!killed) disk[spend.id] = spend;
      };
      Budget budget(limits, past, store, on("d"));
      std::vector<std::pair<std::unique_ptr<Budget::Hold>, Nanodollars>> under_way;
      const int dies_after = life < 2 ? static_cast<int>(rng.below(200)) : 1 << 30;
      bool full = false;
      for (int event = 0; (left > 0 && !full) || !under_way.empty(); ++event) {
        if (event == dies_after) break;
        if (left > 0 && !full && rng.below(3) != 0) {
          const auto worst = static_cast<Nanodollars>(1 + rng.below(200));
          const std::string leg = "leg " + std::to_string(rng.below(3));
          try {
            if (auto hold = budget.try_reserve(leg, worst)) {
              // Once granted, the service may take up to the worst case at any time.
              const auto cost =
                  static_cast<Nanodollars>(rng.below(static_cast<std::uint64_t>(worst) + 1));
              taken += cost;
              taken_from_leg[leg] += cost;
              under_way.emplace_back(std::make_unique<Budget::Hold>(std::move(*hold)), cost);
              --left;
            } else if (under_way.empty()) {
              ADD_FAILURE() << "told to wait for nothing";
              full = true;
            }
          } catch (const Error& e) {
            ASSERT_EQ(e.code(), Errc::cancelled);
            full = true;
          }
        } else if (!under_way.empty()) {
          const auto which = static_cast<std::size_t>(rng.below(under_way.size()));
          std::swap(under_way[which], under_way.back());
          auto call = std::move(under_way.back());
          under_way.pop_back();
          const std::uint64_t fate = rng.below(4);
          if (fate != 0)
            call.first->settle(call.second, fate == 1 ? Outcome::lost : Outcome::useful);
        }
        const BudgetTotals now = budget.totals();
        ASSERT_LE(now.useful + now.lost + now.open, limit);
        ASSERT_LE(taken, now.useful + now.lost + now.open);
      }
      killed = true;
    }
    ASSERT_LE(taken, limit) << trial;
    for (const auto& [leg, amount] : taken_from_leg) ASSERT_LE(amount, *limits.leg);
  }
}

TEST(Budget, holds_with_many_threads) {
  Budget budget({100'000, {}, {}}, {}, {}, on("d"));
  std::atomic<Nanodollars> taken = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      Rng rng(t, "threads");
      for (int i = 0; i < 2000; ++i) {
        const auto worst = static_cast<Nanodollars>(1 + rng.below(50));
        try {
          auto hold = budget.try_reserve("leg " + std::to_string(t), worst);
          if (!hold) continue;
          const auto cost =
              static_cast<Nanodollars>(rng.below(static_cast<std::uint64_t>(worst) + 1));
          taken += cost;
          hold->settle(cost);
        } catch (const Error&) {
          return;
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(taken.load(), 100'000);
  EXPECT_EQ(budget.totals().useful, taken.load());
  EXPECT_GT(taken.load(), 90'000);
}

constexpr const char* two_prices = R"(
date = "2026-01-02"
source = "a page"
[models."org/a"]
prefill = 0.03
sample = 0.09
train = 1
[models."org/b"]
per_1000_steps = 90
)";

TEST(Prices, are_read_and_unknown_ones_are_errors) {
  const PriceList list = PriceList::from_toml(two_prices, "p.toml");
  EXPECT_EQ(list.date, "2026-01-02");
  EXPECT_EQ(list.of("org/a").sample, 0.09);
  EXPECT_EQ(list.of("org/b").per_1000_steps, 90.0);
  EXPECT_EQ(list.of("embedded:small").train, 0.0);
  const std::string text = error_of(Errc::invalid_argument, [&] { list.of("tinker:org/c"); });
  EXPECT_NE(text.find("no price for the model 'tinker:org/c' (known: org/a, org/b)"),
            std::string::npos)
      << text;
  EXPECT_EQ(PriceList::built_in().of("meta-llama/Llama-3.2-1B").per_1000_steps, 90.0);
}

TEST(Prices, mistakes_are_answered_with_their_line) {
  const auto complaint = [](const std::string& text) {
    return error_of(Errc::bad_data, [&] { PriceList::from_toml(text, "p.toml"); });
  };
  EXPECT_NE(complaint("date = \"d\"\nsource = \"s\"").find("[models] names no model"),
            std::string::npos);
  EXPECT_NE(complaint("source = \"s\"\n[models.a]\nper_1000_steps = 1").find("'date' is missing"),
            std::string::npos);
  const std::string head = "date = \"d\"\nsource = \"s\"\n[models.a]\n";
  EXPECT_NE(complaint(head + "prefill = 1").find("p.toml:3: model a needs either"),
            std::string::npos);
  EXPECT_NE(complaint(head + "per_1000_step = 1")
                .find("p.toml:4: unknown key 'per_1000_step' of model a; did you mean "
                      "'per_1000_steps'?"),
            std::string::npos);
  EXPECT_NE(complaint(head + "per_1000_steps = -1").find("from 0 to 1000000"), std::string::npos);
  EXPECT_NE(complaint(head + "per_1000_steps = nan").find("from 0 to"), std::string::npos);
  EXPECT_NE(complaint(head + "per_1000_steps = \"1\"").find("got a string"), std::string::npos);
  EXPECT_NE(complaint("[[[").find("not valid TOML"), std::string::npos);
}

}  // namespace
}  // namespace xfer::study
