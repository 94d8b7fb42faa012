// SPDX-License-Identifier: Apache-2.0
#include "study/backends/metered.hpp"

#include "xfer/error.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace xfer::study {
namespace {

constexpr std::chrono::milliseconds look_again_after(20);
constexpr double tokens_per_million = 1e6;
constexpr double steps_per_price = 1000.0;

std::size_t tokens_in(const std::vector<Datum>& data) {
  std::size_t tokens = 0;
  for (const Datum& datum : data) tokens += datum.tokens.size();
  return tokens;
}

class MeteredSampler final : public Sampler {
public:
  MeteredSampler(std::shared_ptr<Sampler> inner, const Meter& meter, std::string leg)
      : inner_(std::move(inner)), meter_(meter), leg_(std::move(leg)) {}

private:
  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    const Price& price = meter_.price();
    const Nanodollars prompt = Meter::cost(request.prompt.size(), price.prefill);
    const Nanodollars worst = prompt + Meter::cost(static_cast<std::size_t>(request.num_samples) *
                                                       static_cast<std::size_t>(request.max_tokens),
                                                   price.sample);
    auto reserving = meter_.reserve(leg_, worst);
    Budget::Hold hold = co_await std::move(reserving);
    auto sampling = inner_->sample(std::move(request));
    std::vector<Completion> answers = co_await std::move(sampling);
    std::size_t drawn = 0;
    for (const Completion& answer : answers) drawn += answer.tokens.size();
    hold.settle(prompt + Meter::cost(drawn, price.sample));
    co_return answers;
  }

  task<std::vector<float>> do_score(ScoreRequest request) override {
    const Nanodollars cost = Meter::cost(request.tokens.size(), meter_.price().prefill);
    auto reserving = meter_.reserve(leg_, cost);
    Budget::Hold hold = co_await std::move(reserving);
    auto scoring = inner_->score(std::move(request));
    std::vector<float> scores = co_await std::move(scoring);
    hold.settle(cost);
    co_return scores;
  }

  std::shared_ptr<Sampler> inner_;
  const Meter& meter_;
  std::string leg_;
};

class MeteredTrainer final : public Trainer {
public:
  MeteredTrainer(std::unique_ptr<Trainer> inner, const Meter& meter, std::string leg)
      : inner_(std::move(inner)), meter_(meter), leg_(std::move(leg)) {}

  TrainerInfo info() const override { return inner_->info(); }

private:
  task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request,
                                                  bool backward) override {
    const Price& price = meter_.price();
    const Nanodollars cost =
        Meter::cost(tokens_in(request.data), backward ? price.train : price.prefill);
    auto reserving = meter_.reserve(leg_, cost);
    Budget::Hold hold = co_await std::move(reserving);
    auto computing = backward ? inner_->forward_backward(std::move(request))
                              : inner_->forward(std::move(request));
    ForwardBackwardResult result = co_await std::move(computing);
    hold.settle(cost);
    co_return result;
  }

  task<OptimStepResult> do_optim_step(AdamParams params) override {
    const double per_step = meter_.price().per_1000_steps.value_or(0.0) / steps_per_price;
    const Nanodollars cost = to_nanodollars(per_step);
    auto reserving = meter_.reserve(leg_, cost);
    Budget::Hold hold = co_await std::move(reserving);
    auto stepping = inner_->optim_step(params);
    OptimStepResult result = co_await std::move(stepping);
    hold.settle(cost);
    co_return result;
  }

  task<std::string> do_save_state(std::string name, bool with_optimizer) override {
    auto saving = inner_->save_state(std::move(name), with_optimizer);
    std::string path = co_await std::move(saving);
    co_return path;
  }

  task<void> do_load_state(std::string path, bool with_optimizer) override {
    auto loading = inner_->load_state(std::move(path), with_optimizer);
    co_await std::move(loading);
  }

  task<std::shared_ptr<Sampler>> do_snapshot() override {
    auto taking = inner_->snapshot();
    std::shared_ptr<Sampler> sampler = co_await std::move(taking);
    co_return std::make_shared<MeteredSampler>(std::move(sampler), meter_, leg_);
  }

  std::unique_ptr<Trainer> inner_;
  const Meter& meter_;
  std::string leg_;
};

class MeteredBackend final : public Backend {
public:
  MeteredBackend(Backend& inner, const Meter& meter) : inner_(inner), meter_(meter) {}

  const text::Tokenizer& tokenizer() const override { return inner_.tokenizer(); }
  std::string model_name() const override { return inner_.model_name(); }
  std::string model_hash() const override { return inner_.model_hash(); }
  std::int64_t parameters() const override { return inner_.parameters(); }
  std::string version() const override { return inner_.version(); }
  std::string architecture() const override { return inner_.architecture(); }
  int hidden_size() const override { return inner_.hidden_size(); }
  std::string recommended_renderer() const override { return inner_.recommended_renderer(); }

  task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                std::filesystem::path state_folder) override {
    std::string leg = state_folder.filename().string();
    auto creating = inner_.create_trainer(lora, std::move(state_folder));
    std::unique_ptr<Trainer> trainer = co_await std::move(creating);
    co_return std::make_unique<MeteredTrainer>(std::move(trainer), meter_, std::move(leg));
  }

  int concurrency() const override { return inner_.concurrency(); }
  task<bool> keep_state(std::string path) override { return inner_.keep_state(std::move(path)); }
  task<void> drop_state(std::string path) override { return inner_.drop_state(std::move(path)); }

  task<std::shared_ptr<Sampler>> base_sampler() override {
    auto opening = inner_.base_sampler();
    std::shared_ptr<Sampler> sampler = co_await std::move(opening);
    co_return std::make_shared<MeteredSampler>(std::move(sampler), meter_, "");
  }

private:
  Backend& inner_;
  const Meter& meter_;
};

}  // namespace

std::optional<Price> price_of_calls(const StudySpec& spec) {
  const PriceList prices = prices_of(spec);
  Price price;
  try {
    price = price_of(prices, spec);
  } catch (const Error& e) {
    if (!spec.budget.limited()) return std::nullopt;
    throw Error(e.code(), std::string("budget: ") + e.what());
  }
  const bool costs_nothing = price.prefill == 0.0 && price.sample == 0.0 && price.train == 0.0 &&
                             price.per_1000_steps.value_or(0.0) == 0.0;
  if (costs_nothing) return std::nullopt;
  return price;
}

BudgetLimits limits_of(const BudgetSpec& budget, double spent) {
  const auto limit = [](double dollars, double gone) -> std::optional<Nanodollars> {
    if (dollars <= 0.0) return std::nullopt;
    return to_nanodollars(std::max(0.0, dollars - gone));
  };
  return {limit(budget.max_dollars, spent), limit(budget.max_dollars_per_leg, 0.0),
          limit(budget.max_dollars_per_day, spent)};
}

Nanodollars Meter::cost(std::size_t tokens, double per_million) {
  return to_nanodollars(static_cast<double>(tokens) * per_million / tokens_per_million);
}

task<Budget::Hold> Meter::reserve(std::string leg, Nanodollars worst_case) const {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  while (true) {
    std::optional<Budget::Hold> hold = budget_->try_reserve(leg, worst_case);
    if (hold) co_return std::move(*hold);
    timer.expires_after(look_again_after);
    auto waiting = timer.async_wait(boost::asio::use_awaitable);
    co_await std::move(waiting);
  }
}

std::unique_ptr<Backend> make_metered_backend(Backend& inner, const Meter& meter) {
  return std::make_unique<MeteredBackend>(inner, meter);
}

}  // namespace xfer::study
