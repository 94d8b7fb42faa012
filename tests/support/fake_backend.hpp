// SPDX-License-Identifier: Apache-2.0
// A model small enough to train in microseconds, behind the real interfaces: softmax regression of
// the next token on a hash of the last two, trained with Adam, by cross_entropy or, whatever the
// loss is called, importance sampling. Deterministic; its state survives
// save and load bit by bit, moments included.
#pragma once

#include "xfer/error.hpp"
#include "xfer/hash.hpp"
#include "xfer/rng.hpp"
#include "xfer/study/backend.hpp"
#include "xfer/text/tokenizer.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xfer::testing {

/// A tokenizer whose tokens are the 256 bytes and "<|end|>".
inline text::Tokenizer byte_tokenizer() {
  // GPT-2's printable stand-ins for bytes: themselves where printable, else from U+0100 on.
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b != 173); };
  std::string vocab;
  int stand_ins = 0;
  for (int b = 0; b < 256; ++b) {
    const int code = printable(b) ? b : 256 + stand_ins++;
    char escape[16];
    std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(code));
    vocab += (b == 0 ? "" : ",") + std::string("\"") + escape + "\":" + std::to_string(b);
  }
  const std::string json =
      R"({"version":"1.0","added_tokens":[{"id":256,"content":"<|end|>","single_word":false,)"
      R"("lstrip":false,"rstrip":false,"normalized":false,"special":true}],"normalizer":null,)"
      R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,)"
      R"("use_regex":true},"post_processor":null,"decoder":{"type":"ByteLevel",)"
      R"("add_prefix_space":true,"trim_offsets":true,"use_regex":true},"model":{"type":"BPE",)"
      R"("dropout":null,"unk_token":null,"continuing_subword_prefix":null,)"
      R"("end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{)" +
      vocab + R"(},"merges":[]}})";
  return text::Tokenizer::from_huggingface(json, "byte tokenizer");
}

inline constexpr std::int32_t fake_vocab = 257;
inline constexpr std::int32_t fake_contexts = 32;

struct FakeWeights {
  FakeWeights() : value(size(), 0.0F), m(size(), 0.0F), v(size(), 0.0F) {
    Rng rng(7, "fake weights");
    for (float& x : value) x = static_cast<float>(rng.uniform() * 0.1);
  }
  static std::size_t size() { return std::size_t{fake_contexts} * std::size_t{fake_vocab}; }
  static std::size_t row(std::int32_t before_last, std::int32_t last) {
    return static_cast<std::size_t>((before_last * 7 + last) % fake_contexts) *
           static_cast<std::size_t>(fake_vocab);
  }
  /// Log-probabilities of every next token.
  std::vector<double> logprobs(std::int32_t before_last, std::int32_t last) const {
    const float* w = value.data() + row(before_last, last);
    double sum = 0.0;
    for (std::int32_t t = 0; t < fake_vocab; ++t) sum += std::exp(static_cast<double>(w[t]));
    std::vector<double> all;
    for (std::int32_t t = 0; t < fake_vocab; ++t)
      all.push_back(static_cast<double>(w[t]) - std::log(sum));
    return all;
  }
  std::vector<float> value;
  std::vector<float> m;
  std::vector<float> v;
  std::int64_t steps = 0;
};

class FakeSampler final : public Sampler {
public:
  explicit FakeSampler(FakeWeights weights, std::chrono::milliseconds answer_after = {})
      : weights_(std::move(weights)), answer_after_(answer_after) {}

private:
  static std::int32_t at(const std::vector<std::int32_t>& tokens, std::size_t back) {
    return tokens.size() >= back ? tokens[tokens.size() - back] : 0;
  }
  /// The most probable token at temperature 0, else a draw from the sample's own stream.
  static std::int32_t choose(const std::vector<double>& logprobs, double temperature, Rng& rng) {
    if (temperature == 0.0)
      return static_cast<std::int32_t>(std::max_element(logprobs.begin(), logprobs.end()) -
                                       logprobs.begin());
    double all = 0.0;
    for (const double lp : logprobs) all += std::exp(lp / temperature);
    double left = rng.uniform() * all;
    for (std::int32_t t = 0; t + 1 < fake_vocab; ++t) {
      left -= std::exp(logprobs[static_cast<std::size_t>(t)] / temperature);
      if (left < 0.0) return t;
    }
    return fake_vocab - 1;
  }
  Completion complete(const SampleRequest& request, Rng rng) const {
    Completion c;
    std::vector<std::int32_t> tokens = request.prompt;
    while (c.tokens.size() < static_cast<std::size_t>(request.max_tokens)) {
      const auto logprobs = weights_.logprobs(at(tokens, 2), at(tokens, 1));
      const std::int32_t token = choose(logprobs, request.temperature, rng);
      c.tokens.push_back(token);
      c.logprobs.push_back(static_cast<float>(logprobs[static_cast<std::size_t>(token)]));
      tokens.push_back(token);
      if (request.tokens_drawn) ++*request.tokens_drawn;
      if (token == fake_vocab - 1) {
        c.stop_reason = StopReason::stop;
        break;
      }
    }
    return c;
  }
  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    std::vector<Completion> all;
    const Rng rng(request.seed, "fake samples");
    for (int i = 0; i < request.num_samples; ++i)
      all.push_back(complete(request, rng.fork(static_cast<std::uint64_t>(i))));
    if (answer_after_.count() > 0) {
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, answer_after_);
      auto waiting = timer.async_wait(boost::asio::use_awaitable);
      co_await std::move(waiting);
    }
    co_return all;
  }
  task<std::vector<float>> do_score(ScoreRequest request) override {
    std::vector<float> scores;
    for (std::size_t i = request.first; i < request.tokens.size(); ++i) {
      const auto logprobs =
          weights_.logprobs(i >= 2 ? request.tokens[i - 2] : 0, request.tokens[i - 1]);
      scores.push_back(static_cast<float>(logprobs[static_cast<std::size_t>(request.tokens[i])]));
    }
    co_return scores;
  }
  FakeWeights weights_;
  std::chrono::milliseconds answer_after_;
};

class FakeTrainer final : public Trainer {
public:
  FakeTrainer(LoraConfig lora, std::filesystem::path folder, int diverge_at)
      : lora_(lora), folder_(std::move(folder)), diverge_at_(diverge_at),
        gradient_(FakeWeights::size(), 0.0F) {}

  TrainerInfo info() const override {
    TrainerInfo info;
    info.lora = lora_;
    info.base_model = "fake";
    info.optimizer_steps = weights_.steps;
    info.trainable_parameters = static_cast<std::int64_t>(FakeWeights::size());
    return info;
  }

private:
  static double input(const Datum& datum, const std::string& name, std::size_t t) {
    const auto& values = std::get<std::vector<float>>(datum.loss_fn_inputs.at(name).data);
    return static_cast<double>(values[t]);
  }
  task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request,
                                                  bool backward) override {
    ForwardBackwardResult result;
    double loss = 0.0;
    const bool supervised = request.loss_fn == "cross_entropy";
    for (const Datum& datum : request.data) {
      const auto& targets =
          std::get<std::vector<std::int64_t>>(datum.loss_fn_inputs.at("target_tokens").data);
      for (std::size_t t = 0; t < targets.size(); ++t) {
        const double factor = input(datum, supervised ? "weights" : "advantages", t);
        if (factor == 0.0) continue;
        const std::int32_t before = t > 0 ? datum.tokens[t - 1] : 0;
        const auto logprobs = weights_.logprobs(before, datum.tokens[t]);
        const double lp = logprobs[static_cast<std::size_t>(targets[t])];
        // Reinforcement: -sum r A with r = p / q, whose gradient is that of -r A ln p.
        const double ratio = supervised ? 1.0 : std::exp(lp - input(datum, "logprobs", t));
        loss -= supervised ? factor * lp : factor * ratio;
        float* g = gradient_.data() + FakeWeights::row(before, datum.tokens[t]);
        for (std::size_t k = 0; backward && k < logprobs.size(); ++k)
          g[k] += static_cast<float>(factor * ratio) *
                  static_cast<float>(std::exp(logprobs[k]) -
                                     (static_cast<std::int64_t>(k) == targets[t]));
      }
    }
    if (diverge_at_ >= 0 && weights_.steps == diverge_at_) loss = NAN;
    result.loss_fn_outputs.resize(request.data.size());
    result.metrics["loss:sum"] = loss;
    co_return result;
  }
  task<OptimStepResult> do_optim_step(AdamParams adam) override {
    ++weights_.steps;
    const double n = static_cast<double>(weights_.steps);
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
      const double g = static_cast<double>(gradient_[i]);
      const double m = adam.beta1 * static_cast<double>(weights_.m[i]) + (1 - adam.beta1) * g;
      const double v = adam.beta2 * static_cast<double>(weights_.v[i]) + (1 - adam.beta2) * g * g;
      weights_.m[i] = static_cast<float>(m);
      weights_.v[i] = static_cast<float>(v);
      const double step =
          m / (1 - std::pow(adam.beta1, n)) / (std::sqrt(v / (1 - std::pow(adam.beta2, n))) + 1e-8);
      weights_.value[i] -= static_cast<float>(adam.learning_rate * step);
      gradient_[i] = 0.0F;
    }
    co_return OptimStepResult();
  }
  task<std::string> do_save_state(std::string name, bool with_optimizer) override {
    const std::filesystem::path folder = folder_ / name;
    std::filesystem::create_directory(folder);
    std::ofstream out(folder / "state", std::ios::binary);
    const auto write = [&](const std::vector<float>& x) {
      out.write(reinterpret_cast<const char*>(x.data()),
                static_cast<std::streamsize>(x.size() * sizeof(float)));
    };
    write(weights_.value);
    if (with_optimizer) {
      write(weights_.m);
      write(weights_.v);
      out.write(reinterpret_cast<const char*>(&weights_.steps), sizeof weights_.steps);
    }
    if (!out.flush()) throw Error(Errc::io, "fake state " + folder.string() + " cannot be written");
    co_return folder.string();
  }
  task<void> do_load_state(std::string path, bool with_optimizer) override {
    std::ifstream in(std::filesystem::path(path) / "state", std::ios::binary);
    const auto read = [&](std::vector<float>& x) {
      in.read(reinterpret_cast<char*>(x.data()),
              static_cast<std::streamsize>(x.size() * sizeof(float)));
    };
    weights_ = FakeWeights();
    read(weights_.value);
    if (with_optimizer) {
      read(weights_.m);
      read(weights_.v);
      in.read(reinterpret_cast<char*>(&weights_.steps), sizeof weights_.steps);
    }
    if (!in) throw Error(Errc::io, "fake state " + path + " cannot be read");
    co_return;
  }
  task<std::shared_ptr<Sampler>> do_snapshot() override {
    co_return std::make_shared<FakeSampler>(weights_);
  }

  LoraConfig lora_;
  std::filesystem::path folder_;
  int diverge_at_;
  FakeWeights weights_;
  std::vector<float> gradient_;
};

class FakeBackend final : public study::Backend {
public:
  /// Optimizer step before which every leg's loss becomes NaN; negative: never.
  int diverge_at = -1;
  /// Counts, for tests of sharing and resuming.
  int trainers_created = 0;
  int base_samplers_opened = 0;
  std::string model = "fake model";
  /// How long the base model keeps its answers to itself.
  std::chrono::milliseconds answer_after{0};
  /// Legs that may run at the same time.
  int at_once = 1;

  const text::Tokenizer& tokenizer() const override { return tokenizer_; }
  std::string model_name() const override { return model; }
  std::string model_hash() const override { return Sha256().update(model).hex(); }
  std::int64_t parameters() const override {
    return static_cast<std::int64_t>(FakeWeights::size());
  }
  std::string version() const override { return "fake 1"; }
  int concurrency() const override { return at_once; }
  task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                std::filesystem::path state_folder) override {
    ++trainers_created;
    co_return std::make_unique<FakeTrainer>(lora, std::move(state_folder), diverge_at);
  }
  task<std::shared_ptr<Sampler>> base_sampler() override {
    ++base_samplers_opened;
    co_return std::make_shared<FakeSampler>(FakeWeights(), answer_after);
  }

private:
  text::Tokenizer tokenizer_ = byte_tokenizer();
};

}  // namespace xfer::testing
