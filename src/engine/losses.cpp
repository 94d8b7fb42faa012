// SPDX-License-Identifier: Apache-2.0
#include "engine/losses.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace xfer::engine {
namespace {

constexpr std::array names = {
    std::pair{LossKind::cross_entropy, "cross_entropy"},
    std::pair{LossKind::importance_sampling, "importance_sampling"},
    std::pair{LossKind::ppo, "ppo"},
    std::pair{LossKind::cispo, "cispo"},
    std::pair{LossKind::dro, "dro"},
    std::pair{LossKind::gspo, "gspo"},
};

struct Term {
  double value;
  double slope;  // by the log-probability
};

// One target of any loss but gspo. a: advantage, q: old log-probability.
Term term(const Loss& loss, double lp, double a, double q) {
  const double ratio = std::exp(lp - q);
  switch (loss.kind) {
    case LossKind::importance_sampling: return {-ratio * a, -ratio * a};
    case LossKind::ppo: {
      const double clipped = std::clamp(ratio, loss.clip_low, loss.clip_high) * a;
      const bool free = ratio * a <= clipped;
      return {-std::min(ratio * a, clipped), free ? -ratio * a : 0.0};
    }
    case LossKind::cispo: {
      const double factor = std::clamp(ratio, loss.clip_low, loss.clip_high) * a;
      return {-factor * lp, -factor};
    }
    case LossKind::dro: {
      const double distance = lp - q;
      return {-(lp * a - 0.5 * loss.beta * distance * distance), -(a - loss.beta * distance)};
    }
    default: return {-lp, -1.0};
  }
}

double evaluate_gspo(const Loss& loss, const LossInputs& in, std::span<const float> logprobs,
                     std::span<float> gradient) {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < in.sequences.size(); ++i) {
    double distance = 0.0;
    std::size_t count = 0;
    for (std::size_t t = in.sequences[i]; t < in.sequences[i + 1]; ++t) {
      if (in.mask[t] == 0.0F) continue;
      distance += static_cast<double>(logprobs[t]) - static_cast<double>(in.old_logprobs[t]);
      ++count;
    }
    const double ratio = count > 0 ? std::exp(distance / static_cast<double>(count)) : 1.0;
    const double clipped = std::clamp(ratio, loss.clip_low, loss.clip_high);
    for (std::size_t t = in.sequences[i]; t < in.sequences[i + 1]; ++t) {
      const double a = static_cast<double>(in.advantages[t]);
      const double w = static_cast<double>(in.weights[t]);
      const bool free = ratio * a <= clipped * a;
      sum -= w * std::min(ratio * a, clipped * a);
      if (!gradient.empty()) gradient[t] = free ? static_cast<float>(-w * ratio * a) : 0.0F;
    }
  }
  return sum;
}

}  // namespace

std::string_view to_string(LossKind kind) noexcept {
  for (const auto& [known, name] : names)
    if (known == kind) return name;
  return "";
}

Loss Loss::parse(const std::string& name, const std::map<std::string, double>& config) {
  const auto refuse = [](const std::string& what) -> Error {
    return Error(Errc::invalid_argument, "forward_backward: " + what);
  };
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.second == name; });
  if (found == names.end()) {
    std::string known;
    for (const auto& [ignored, text] : names)
      known += (known.empty() ? "" : ", ") + std::string(text);
    throw refuse("unknown loss '" + name + "'; known: " + known);
  }
  Loss loss;
  loss.kind = found->first;
  std::map<std::string, double*> settings;
  if (loss.kind == LossKind::ppo || loss.kind == LossKind::cispo || loss.kind == LossKind::gspo) {
    const bool cispo = loss.kind == LossKind::cispo;
    loss.clip_low = cispo ? 0.0 : 0.8;
    loss.clip_high = cispo ? 4.0 : 1.2;
    settings = {{"clip_low_threshold", &loss.clip_low}, {"clip_high_threshold", &loss.clip_high}};
  } else if (loss.kind == LossKind::dro) {
    loss.beta = 0.05;
    settings = {{"beta", &loss.beta}};
  }
  for (const auto& [key, value] : config) {
    const auto it = settings.find(key);
    if (it == settings.end()) throw refuse(name + " has no setting '" + key + "'");
    if (!std::isfinite(value) || value < 0.0)
      throw refuse(name + ": " + key + " must be finite and at least 0 (got " +
                   std::to_string(value) + ")");
    *it->second = value;
  }
  if (loss.clip_low > loss.clip_high)
    throw refuse(name + ": clip_low_threshold must not be above clip_high_threshold (got " +
                 std::to_string(loss.clip_low) + " and " + std::to_string(loss.clip_high) + ")");
  return loss;
}

double evaluate(const Loss& loss, const LossInputs& in, std::size_t first,
                std::span<const float> logprobs, std::span<float> gradient) {
  if (loss.kind == LossKind::gspo) return evaluate_gspo(loss, in, logprobs, gradient);
  const bool rl = loss.is_reinforcement();
  double sum = 0.0;
  for (std::size_t i = 0; i < logprobs.size(); ++i) {
    const std::size_t t = first + i;
    const Term one = term(loss, static_cast<double>(logprobs[i]),
                          rl ? static_cast<double>(in.advantages[t]) : 0.0,
                          rl ? static_cast<double>(in.old_logprobs[t]) : 0.0);
    const auto w = static_cast<double>(in.weights[t]);
    sum += w * one.value;
    if (!gradient.empty()) gradient[i] = static_cast<float>(w * one.slope);
  }
  return sum;
}

}  // namespace xfer::engine
