// SPDX-License-Identifier: Apache-2.0
#include "study/backends/tinker_leg.hpp"

#include "xfer/error.hpp"
#include "xfer/tinker/remote.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>

namespace xfer::study {

namespace asio = boost::asio;

struct Farewells::Farewell {
  explicit Farewell(tinker::ServiceClient client) : service(std::move(client)) {}
  tinker::ServiceClient service;
  std::shared_ptr<asio::cancellation_signal> signal = std::make_shared<asio::cancellation_signal>();
  std::future<void> done;
};

Farewells::Farewells() = default;

void Farewells::finish(tinker::ServiceClient service) {
  under_way_.remove_if([](const Farewell& one) {
    return one.done.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  Farewell& one = under_way_.emplace_back(std::move(service));
  one.done = asio::co_spawn(one.service.executor(), one.service.finish_session("success", ""),
                            asio::bind_cancellation_slot(one.signal->slot(), asio::use_future));
}

Farewells::~Farewells() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (Farewell& one : under_way_) {
    if (one.done.wait_until(end) == std::future_status::ready) continue;
    asio::post(one.service.executor(),
               [signal = one.signal] { signal->emit(asio::cancellation_type::terminal); });
    one.done.wait();
  }
}

namespace {

using Renew = std::function<task<std::shared_ptr<Sampler>>()>;

constexpr int renewals_max = 3;

/// Whether another sampler may do better than the one that failed.
bool is_lost(const ServiceError& e) {
  return e.code() == Errc::unavailable || e.http_status() == 404 || e.http_status() == 410;
}

/// Cuts a completion behind the first token that would have stopped it.
void cut(Completion& completion, const std::vector<std::int32_t>& stop_tokens,
         const std::vector<std::string>& stop_texts, const text::Tokenizer& tokenizer) {
  std::string text;
  for (std::size_t i = 0; i < completion.tokens.size(); ++i) {
    const std::int32_t token = completion.tokens[i];
    bool over = std::find(stop_tokens.begin(), stop_tokens.end(), token) != stop_tokens.end();
    const std::size_t before = text.size();
    if (token >= 0 && token < tokenizer.vocab_size()) text += tokenizer.token_bytes(token);
    for (const std::string& stop : stop_texts)
      over = over || (!stop.empty() &&
                      text.find(stop, before - std::min(before, stop.size())) != std::string::npos);
    if (!over) continue;
    completion.tokens.resize(i + 1);
    completion.logprobs.resize(i + 1);
    completion.stop_reason = StopReason::stop;
    return;
  }
}

class LastingSampler final : public Sampler {
public:
  LastingSampler(std::shared_ptr<Sampler> first, text::Tokenizer tokenizer, Renew renew)
      : state_(std::make_shared<State>(std::move(first), std::move(tokenizer), std::move(renew))) {}

private:
  /// Shared with calls under way. On one thread.
  struct State {
    State(std::shared_ptr<Sampler> first, text::Tokenizer text, Renew again)
        : sampler(std::move(first)), tokenizer(std::move(text)), renew(std::move(again)) {}
    std::shared_ptr<Sampler> sampler;
    text::Tokenizer tokenizer;
    Renew renew;
  };

  /// A call that found its sampler lost: one of several such opens another, the rest find that.
  static task<void> replace(std::shared_ptr<State> state, std::shared_ptr<Sampler> lost) {
    if (state->sampler != lost) co_return;
    auto renewing = state->renew();
    auto fresh = co_await std::move(renewing);
    if (state->sampler == lost) state->sampler = std::move(fresh);
  }

  template <class Request>
  static auto ask(Sampler& sampler, Request request) {
    if constexpr (std::is_same_v<Request, SampleRequest>)
      return sampler.sample(std::move(request));
    else
      return sampler.score(std::move(request));
  }

  template <class Result, class Request>
  static task<Result> persist(std::shared_ptr<State> state, Request request) {
    for (int renewals = 0;; ++renewals) {
      const std::shared_ptr<Sampler> sampler = state->sampler;
      try {
        auto work = ask(*sampler, request);
        Result result = co_await std::move(work);
        co_return result;
      } catch (const ServiceError& e) {
        if (renewals == renewals_max || !is_lost(e)) throw;
      }
      auto replacing = replace(state, sampler);
      co_await std::move(replacing);
    }
  }

  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    const auto state = state_;
    const auto drawn = std::exchange(request.tokens_drawn, nullptr);
    const std::vector<std::string> stop_texts = request.stop_strings;
    std::vector<std::int32_t> stop_tokens;
    const bool both = !stop_texts.empty() && request.stop_tokens && !request.stop_tokens->empty();
    // Texts are what answers stop at most often; the model's own end stops them at most services.
    if (both) stop_tokens = *std::exchange(request.stop_tokens, std::nullopt);
    auto work = persist<std::vector<Completion>>(state, std::move(request));
    std::vector<Completion> completions = co_await std::move(work);
    for (Completion& completion : completions) {
      if (both) cut(completion, stop_tokens, stop_texts, state->tokenizer);
      if (drawn) *drawn += std::ssize(completion.tokens);
    }
    co_return completions;
  }

  task<std::vector<float>> do_score(ScoreRequest request) override {
    const auto state = state_;
    auto work = persist<std::vector<float>>(state, std::move(request));
    std::vector<float> scores = co_await std::move(work);
    co_return scores;
  }

  std::shared_ptr<State> state_;
};

/// The model of one training run, shared by its trainer and its snapshots. On one thread.
struct Leg {
  Leg(tinker::ServiceClient client, std::string name, LoraConfig config, text::Tokenizer text,
      std::shared_ptr<Farewells> ends)
      : service(std::move(client)), model(std::move(name)), lora(config),
        tokenizer(std::move(text)), farewells(std::move(ends)) {}
  Leg(const Leg&) = delete;
  Leg& operator=(const Leg&) = delete;
  ~Leg() {
    trainer.reset();
    if (begun) farewells->finish(std::move(service));
  }

  tinker::ServiceClient service;
  std::string model;
  LoraConfig lora;
  text::Tokenizer tokenizer;
  std::shared_ptr<Farewells> farewells;
  std::unique_ptr<Trainer> trainer;  ///< null before its first use
  /// There may be a session.
  bool begun = false;
  /// Counts the changes of the weights.
  int version = 0;
};

task<void> open(std::shared_ptr<Leg> leg) {
  if (leg->trainer) co_return;
  leg->begun = true;
  auto making = tinker::make_remote_trainer(leg->service, leg->model, leg->lora);
  leg->trainer = co_await std::move(making);
}

/// Another sampler of the same weights, while the model still has them.
task<std::shared_ptr<Sampler>> snapshot_again(std::shared_ptr<Leg> leg, int version) {
  if (leg->version != version)
    throw ServiceError(Errc::unavailable,
                       "the snapshot is gone, and the model has been trained on since", 0, "");
  auto taking = leg->trainer->snapshot();
  auto sampler = co_await std::move(taking);
  co_return sampler;
}

class LegTrainer final : public Trainer {
public:
  explicit LegTrainer(std::shared_ptr<Leg> leg) : leg_(std::move(leg)) {}

  TrainerInfo info() const override {
    if (leg_->trainer) return leg_->trainer->info();
    TrainerInfo info;
    info.base_model = leg_->model;
    info.lora = leg_->lora;
    return info;
  }

private:
  task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request,
                                                  bool backward) override {
    const auto leg = leg_;
    auto opening = open(leg);
    co_await std::move(opening);
    auto work = backward ? leg->trainer->forward_backward(std::move(request))
                         : leg->trainer->forward(std::move(request));
    ForwardBackwardResult result = co_await std::move(work);
    co_return result;
  }
  task<OptimStepResult> do_optim_step(AdamParams params) override {
    const auto leg = leg_;
    auto opening = open(leg);
    co_await std::move(opening);
    ++leg->version;
    auto work = leg->trainer->optim_step(params);
    OptimStepResult result = co_await std::move(work);
    co_return result;
  }
  task<std::string> do_save_state(std::string name, bool with_optimizer) override {
    const auto leg = leg_;
    auto opening = open(leg);
    co_await std::move(opening);
    auto work = leg->trainer->save_state(std::move(name), with_optimizer);
    std::string path = co_await std::move(work);
    co_return path;
  }
  task<void> do_load_state(std::string path, bool with_optimizer) override {
    const auto leg = leg_;
    ++leg->version;
    if (leg->trainer) {
      auto loading = leg->trainer->load_state(std::move(path), with_optimizer);
      co_await std::move(loading);
      co_return;
    }
    leg->begun = true;
    auto making = tinker::make_remote_trainer_of_state(leg->service, leg->model, leg->lora,
                                                       std::move(path), with_optimizer);
    leg->trainer = co_await std::move(making);
  }
  task<std::shared_ptr<Sampler>> do_snapshot() override {
    const auto leg = leg_;
    auto opening = open(leg);
    co_await std::move(opening);
    auto taking = leg->trainer->snapshot();
    auto sampler = co_await std::move(taking);
    const auto renew = [leg, version = leg->version] { return snapshot_again(leg, version); };
    co_return make_lasting_sampler(std::move(sampler), leg->tokenizer, renew);
  }

  std::shared_ptr<Leg> leg_;
};

}  // namespace

std::shared_ptr<Sampler> make_lasting_sampler(std::shared_ptr<Sampler> first,
                                              text::Tokenizer tokenizer, Renew renew) {
  return std::make_shared<LastingSampler>(std::move(first), std::move(tokenizer), std::move(renew));
}

std::unique_ptr<Trainer> make_leg_trainer(tinker::ServiceClient service, std::string model,
                                          LoraConfig lora, text::Tokenizer tokenizer,
                                          std::shared_ptr<Farewells> farewells) {
  return std::make_unique<LegTrainer>(std::make_shared<Leg>(
      std::move(service), std::move(model), lora, std::move(tokenizer), std::move(farewells)));
}

}  // namespace xfer::study
