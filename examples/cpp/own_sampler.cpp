// SPDX-License-Identifier: Apache-2.0
// A sampler of one's own: the smallest language model there is, letter pairs counted in a text.
#include "xfer/rng.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/sampler.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t letters = 128;

class PairSampler : public xfer::Sampler {
public:
  explicit PairSampler(std::string_view text) {
    for (auto& row : counts_) row.fill(0.001);
    for (std::size_t i = 1; i < text.size(); ++i)
      counts_[index(text[i - 1])][index(text[i])] += 1.0;
  }

private:
  // The base class has checked the request: the prompt is not empty, and so on.
  xfer::task<std::vector<xfer::Completion>> do_sample(xfer::SampleRequest request) override {
    std::vector<xfer::Completion> completions;
    for (int i = 0; i < request.num_samples; ++i) {
      xfer::Rng rng(request.seed, static_cast<std::uint64_t>(i));
      xfer::Completion completion;
      std::int32_t last = request.prompt.back();
      for (int t = 0; t < request.max_tokens; ++t) {
        last = draw(last, rng.uniform());
        completion.tokens.push_back(last);
        completion.logprobs.push_back(0.0F);
      }
      fill_logprobs(request.prompt.back(), completion.tokens, completion.logprobs);
      completions.push_back(std::move(completion));
    }
    co_return completions;
  }

  xfer::task<std::vector<float>> do_score(xfer::ScoreRequest request) override {
    const auto first = request.tokens.begin() + static_cast<std::ptrdiff_t>(request.first);
    const std::vector<std::int32_t> scored(first, request.tokens.end());
    std::vector<float> logprobs(scored.size());
    fill_logprobs(request.tokens[request.first - 1], scored, logprobs);
    co_return logprobs;
  }

  void fill_logprobs(std::int32_t last, const std::vector<std::int32_t>& tokens,
                     std::vector<float>& logprobs) const {
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const auto& row = counts_[index(last)];
      logprobs[t] = static_cast<float>(std::log(row[index(tokens[t])] / sum(row)));
      last = tokens[t];
    }
  }

  std::int32_t draw(std::int32_t last, double uniform) const {
    const auto& row = counts_[index(last)];
    double rest = uniform * sum(row);
    std::size_t chosen = 0;
    while (chosen + 1 < letters && (rest -= row[chosen]) > 0.0) ++chosen;
    return static_cast<std::int32_t>(chosen);
  }

  static double sum(const std::array<double, letters>& row) {
    double total = 0.0;
    for (const double count : row) total += count;
    return total;
  }
  static std::size_t index(std::int32_t token) { return static_cast<std::size_t>(token) % letters; }

  std::array<std::array<double, letters>, letters> counts_{};
};

}  // namespace

int main() {
  PairSampler sampler("the theory that the other mother gathers there with them then");
  const std::vector<std::int32_t> prompt = {'t'};
  xfer::SampleRequest request(prompt);
  request.max_tokens = 40;
  const auto completions = xfer::run_blocking(sampler.sample(request));
  std::string text = "t";
  for (const std::int32_t token : completions.at(0).tokens) text += static_cast<char>(token);
  std::puts(text.c_str());

  const std::vector<std::int32_t> word = {'t', 'h', 'e'};
  xfer::ScoreRequest question(word, 1);
  double logprob = 0.0;
  for (const float value : xfer::run_blocking(sampler.score(question))) logprob += value;
  std::printf("probability of \"he\" after \"t\": %.3f\n", std::exp(logprob));
}
