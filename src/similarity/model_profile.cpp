// SPDX-License-Identifier: Apache-2.0
#include "similarity/model_profile.hpp"

#include "similarity/linear_probe.hpp"

#include "xfer/error.hpp"
#include "xfer/stats/similarity.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

namespace xfer::similarity {
namespace {

using engine::FeatureRows;

/// Fewer of a class say nothing about it.
constexpr int examples_per_class_min = 3;
/// Rows whose distances are looked at: the median of 100,000 pairs is sure enough.
constexpr std::size_t median_rows_max = 450;
/// Added to the root of a squared gradient, as a share of its mean over all weights: what the
/// source hardly ever moves must not decide.
constexpr double adam_eps_share = 0.1;

stats::MatrixView view(const FeatureRows& features) {
  return {features.values, features.rows, features.columns};
}

double cosine(double product, double square_a, double square_b) {
  if (square_a <= 0.0 || square_b <= 0.0) return square_a == square_b ? 1.0 : 0.0;
  return std::clamp(product / std::sqrt(square_a) / std::sqrt(square_b), -1.0, 1.0);
}

std::vector<double> centroid(const FeatureRows& features) {
  std::vector<double> mean(features.columns);
  for (std::size_t i = 0; i < features.values.size(); ++i)
    mean[i % features.columns] += features.values[i];
  for (double& value : mean) value /= static_cast<double>(features.rows);
  return mean;
}

/// The loss of the answer's tokens, each with the same weight, adding up to 1.
std::optional<Datum> datum_of(const text::RenderedExample& example, std::size_t tokens_max) {
  if (example.tokens.size() < 2 || example.tokens.size() > tokens_max) return std::nullopt;
  const auto targets = std::count(example.is_target.begin() + 1, example.is_target.end(), true);
  if (targets == 0) return std::nullopt;
  Datum datum(std::vector<std::int32_t>(example.tokens.begin(), example.tokens.end() - 1));
  std::vector<std::int64_t> next(example.tokens.begin() + 1, example.tokens.end());
  std::vector<float> weights(next.size(), 0.0F);
  for (std::size_t t = 0; t < weights.size(); ++t)
    if (example.is_target[t + 1]) weights[t] = 1.0F / static_cast<float>(targets);
  datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::move(next)));
  datum.loss_fn_inputs.emplace("weights", Tensor(std::move(weights)));
  return datum;
}

/// Numbers the classes in the order of their tokens.
void set_labels(const std::vector<std::int32_t>& first_tokens, ModelInputs& inputs) {
  std::map<std::int32_t, int> counts;
  for (const std::int32_t token : first_tokens) ++counts[token];
  std::map<std::int32_t, std::int64_t> numbers;
  std::int64_t classes = 0;
  for (const auto& [token, count] : counts)
    if (count >= examples_per_class_min) numbers[token] = classes++;
  bool others = false;
  for (const std::int32_t token : first_tokens) {
    const auto known = numbers.find(token);
    others = others || known == numbers.end();
    inputs.labels.push_back(known == numbers.end() ? classes : known->second);
  }
  inputs.classes = static_cast<std::size_t>(classes) + (others ? 1 : 0);
}

/// The diagonal of the Fisher information, summed over the weights of each output.
std::vector<double> fisher_of_outputs(const ModelProfile& profile) {
  const std::vector<double>& each = profile.gradients.mean_square;
  const auto group = static_cast<std::size_t>(profile.rank);
  std::vector<double> sums;
  for (std::size_t first = 0; first < each.size(); first += group) {
    double& sum = sums.emplace_back(0.0);
    for (std::size_t i = first; i < std::min(first + group, each.size()); ++i) sum += each[i];
  }
  return sums;
}

/// 1 - cos(f / (f + g), g / (f + g)).
double fisher_distance(const std::vector<double>& f, const std::vector<double>& g) {
  double product = 0.0;
  double square_f = 0.0;
  double square_g = 0.0;
  for (std::size_t i = 0; i < f.size(); ++i) {
    if (f[i] + g[i] <= 0.0) continue;
    const double u = f[i] / (f[i] + g[i]);
    const double v = g[i] / (f[i] + g[i]);
    product += u * v;
    square_f += u * u;
    square_g += v * v;
  }
  return 1.0 - cosine(product, square_f, square_g);
}

}  // namespace

ModelInputs model_inputs(const domains::Domain& domain, const std::vector<Example>& examples,
                         const text::Renderer& renderer, const text::Tokenizer& tokenizer,
                         std::size_t tokens_max) {
  ModelInputs inputs;
  std::vector<std::int32_t> first_tokens;
  for (const Example& example : examples) {
    std::vector<text::Message> messages = {
        {"user", domain.prompts.front().apply(example.question)}};
    std::vector<std::int32_t> prompt = renderer.generation_prompt(messages);
    if (prompt.empty()) continue;
    if (prompt.size() > tokens_max) prompt.resize(tokens_max);
    inputs.ids.push_back(example.id);
    inputs.prompts.push_back(std::move(prompt));
    const auto answer = tokenizer.encode(example.answer, false);
    first_tokens.push_back(answer.empty() ? -1 : answer.front());
    messages.push_back({"assistant", example.solution});
    const text::RenderedExample rendered = renderer.supervised_example(messages);
    if (auto datum = datum_of(rendered, tokens_max)) {
      std::int64_t bytes = 0;
      for (std::size_t t = 0; t < rendered.tokens.size(); ++t)
        if (rendered.is_target[t] && !tokenizer.is_special(rendered.tokens[t]))
          bytes += std::ssize(tokenizer.token_bytes(rendered.tokens[t]));
      inputs.data.push_back(std::move(*datum));
      inputs.answer_bytes.push_back(bytes);
    }
  }
  if (inputs.prompts.empty())
    throw Error(Errc::bad_data, "domain " + domain.name + ": no example gives a token to read");
  set_labels(first_tokens, inputs);
  return inputs;
}

double centroid_cosine(const ModelProfile& a, const ModelProfile& b) {
  const std::vector<double> x = centroid(a.hidden);
  const std::vector<double> y = centroid(b.hidden);
  double product = 0.0;
  double square_x = 0.0;
  double square_y = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    product += x[i] * y[i];
    square_x += x[i] * x[i];
    square_y += y[i] * y[i];
  }
  return cosine(product, square_x, square_y);
}

double median_distance(const std::vector<ModelProfile>& profiles) {
  std::vector<const double*> rows;
  std::size_t all = 0;
  for (const ModelProfile& p : profiles) all += p.hidden.rows;
  const std::size_t step = std::max<std::size_t>(1, (all + median_rows_max - 1) / median_rows_max);
  std::size_t at = 0;
  for (const ModelProfile& p : profiles)
    for (std::size_t i = 0; i < p.hidden.rows; ++i)
      if (at++ % step == 0) rows.push_back(p.hidden.values.data() + i * p.hidden.columns);
  const std::size_t columns = profiles.empty() ? 0 : profiles.front().hidden.columns;
  std::vector<double> squares;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = i + 1; j < rows.size(); ++j) {
      double sum = 0.0;
      for (std::size_t k = 0; k < columns; ++k)
        sum += (rows[i][k] - rows[j][k]) * (rows[i][k] - rows[j][k]);
      squares.push_back(sum);
    }
  if (squares.empty()) return 1.0;
  const auto middle = squares.begin() + std::ssize(squares) / 2;
  std::nth_element(squares.begin(), middle, squares.end());
  return *middle > 0.0 ? std::sqrt(*middle) : 1.0;
}

double hidden_mmd2(const ModelProfile& a, const ModelProfile& b, double bandwidth) {
  return std::max(
      0.0, stats::mmd2(view(a.hidden), view(b.hidden), bandwidth, stats::MmdEstimator::biased));
}

double a_distance(const ModelProfile& a, const ModelProfile& b) {
  return std::max(0.0, stats::proxy_a_distance(held_out_error(a.hidden, a.ids, b.hidden, b.ids)));
}

double head_leep(const ModelProfile& source, const ModelProfile& target) {
  const LinearProbe head(source.hidden, source.labels, source.classes);
  return stats::leep(view(head.probabilities(target.hidden)), target.labels);
}

double head_logme(const ModelProfile& source, const ModelProfile& target) {
  const LinearProbe head(source.hidden, source.labels, source.classes);
  return stats::logme(view(head.scores(target.hidden)), target.labels);
}

double task2vec_distance(const ModelProfile& a, const ModelProfile& b) {
  return fisher_distance(fisher_of_outputs(a), fisher_of_outputs(b));
}

double task2vec_asymmetric(const ModelProfile& source, const ModelProfile& target) {
  constexpr double share = 0.15;
  const std::vector<double> fisher = fisher_of_outputs(source);
  const double mean = std::accumulate(fisher.begin(), fisher.end(), 0.0) /
                      static_cast<double>(std::max<std::size_t>(fisher.size(), 1));
  const std::vector<double> even(fisher.size(), mean);
  return fisher_distance(fisher, fisher_of_outputs(target)) - share * fisher_distance(fisher, even);
}

double gradient_cosine(const ModelProfile& source, const ModelProfile& target) {
  const engine::GradientMoments& s = source.gradients;
  const engine::GradientMoments& t = target.gradients;
  double roots = 0.0;
  for (const double square : s.mean_square) roots += std::sqrt(square);
  const double eps = adam_eps_share * roots / static_cast<double>(s.mean_square.size());
  if (!(eps > 0.0)) return 0.0;  // the source has nothing to teach
  double product = 0.0;
  double square_s = 0.0;
  double square_t = 0.0;
  for (std::size_t i = 0; i < s.mean.size(); ++i) {
    const double metric = 1.0 / (std::sqrt(s.mean_square[i]) + eps);
    product += metric * s.mean[i] * t.mean[i];
    square_s += metric * s.mean[i] * s.mean[i];
    square_t += metric * t.mean[i] * t.mean[i];
  }
  return cosine(product, square_s, square_t);
}

}  // namespace xfer::similarity
