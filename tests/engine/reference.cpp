// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/reference.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <variant>

namespace xfer::engine {
namespace {

double soft_cap(double x, double cap) { return cap > 0.0 ? cap * std::tanh(x / cap) : x; }

double dot(const double* a, const double* b, std::size_t n) {
  return std::inner_product(a, a + n, b, 0.0);
}

void soften(std::vector<double>& x) {
  const double max = *std::max_element(x.begin(), x.end());
  double sum = 0.0;
  for (double& v : x) sum += v = std::exp(v - max);
  for (double& v : x) v /= sum;
}

void add(std::vector<double>& x, const std::vector<double>& y, double factor = 1.0) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += factor * y[i];
}

std::vector<double> values_of(const Parameter& p, const Reference::Move& move) {
  std::vector<double> values(p.value.begin(), p.value.end());
  if (move.name == p.name) add(values, move.by);
  return values;
}

double clip(double x, double low, double high) { return std::min(std::max(x, low), high); }

}  // namespace

Reference::Reference(Network& network) : config_(network.config) {
  for (const auto& [name, slot] : network.slots()) {
    Floats values(static_cast<std::size_t>(slot.size()));
    Network::read(slot, values.data());
    weights_[name].assign(values.begin(), values.end());
  }
}

Reference Reference::with_adapter(const ParameterSet& adapter, const Move& move) const {
  Reference merged = *this;
  for (const LoraPair& pair : adapter.pairs()) {
    const Parameter& a = adapter.all()[static_cast<std::size_t>(pair.a)];
    const Parameter& b = adapter.all()[static_cast<std::size_t>(pair.b)];
    const auto a_values = values_of(a, move);
    const auto b_values = values_of(b, move);
    const std::string name = module_name(pair.module, pair.layer, pair.expert) + ".weight";
    if (pair.module == Module::head && config_.tied_head) {
      // The head has a copy of its own from here on; the embedding stays.
      merged.weights_.emplace(name, weights_.at("model.embed_tokens.weight"));
      merged.config_.tied_head = false;
    }
    auto& w = merged.weights_.at(name);
    for (int row = 0; row < b.rows; ++row)
      for (int col = 0; col < a.cols; ++col)
        for (int r = 0; r < a.rows; ++r)
          w[static_cast<std::size_t>(row * a.cols + col)] +=
              static_cast<double>(adapter.scale()) *
              b_values[static_cast<std::size_t>(row * b.cols + r)] *
              a_values[static_cast<std::size_t>(r * a.cols + col)];
  }
  return merged;
}

Reference Reference::with_weights(const ParameterSet& parameters, const Move& move) const {
  Reference changed = *this;
  for (const Parameter& p : parameters.all()) changed.weights_.at(p.name) = values_of(p, move);
  return changed;
}

Reference::Row Reference::apply(const std::string& name, const Row& x) const {
  const auto& w = weights_.at(name + ".weight");
  Row y(w.size() / x.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = dot(w.data() + i * x.size(), x.data(), x.size());
  const auto bias = weights_.find(name + ".bias");
  if (bias != weights_.end()) add(y, bias->second);
  return y;
}

Reference::Row Reference::norm(const std::string& name, const Row& x) const {
  const auto& w = weights_.at(name + ".weight");
  const double mean = dot(x.data(), x.data(), x.size()) / static_cast<double>(x.size());
  Row y = x;
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] *= (w[i] + (config_.is_gemma() ? 1.0 : 0.0)) / std::sqrt(mean + config_.rms_eps);
  return y;
}

void Reference::rotate(double* x, int position, bool sliding) const {
  const int half = config_.head_dim / 2;
  const bool local = sliding && config_.sliding_rope_theta > 0.0;
  for (int i = 0; i < half; ++i) {
    const double theta = local ? config_.sliding_rope_theta : config_.rope_theta;
    double angle = position / std::pow(theta, 2.0 * i / config_.head_dim);
    if (!local && config_.rope_scaling.linear) angle /= config_.rope_scaling.factor;
    const double a = x[i];
    const double b = x[i + half];
    x[i] = a * std::cos(angle) - b * std::sin(angle);
    x[i + half] = b * std::cos(angle) + a * std::sin(angle);
  }
}

Reference::Rows Reference::attention(int layer, const Rows& x) const {
  const std::string at = "model.layers." + std::to_string(layer) + ".self_attn.";
  const auto dim = static_cast<std::size_t>(config_.head_dim);
  const auto heads = static_cast<std::size_t>(config_.heads);
  const auto kv_heads = static_cast<std::size_t>(config_.kv_heads);
  const bool sliding = config_.is_sliding(layer);
  Rows q, k, v, out;
  const auto finish = [&](Row& row, const std::string& name) {
    for (std::size_t h = 0; h < row.size() / dim; ++h) {
      const auto first = row.begin() + static_cast<std::ptrdiff_t>(h * dim);
      if (config_.has_qk_norm()) {
        const Row normed = norm(at + name, Row(first, first + static_cast<std::ptrdiff_t>(dim)));
        std::copy(normed.begin(), normed.end(), first);
      }
      rotate(row.data() + h * dim, static_cast<int>(q.size()), sliding);
    }
  };
  const double scale =
      config_.query_scale > 0.0 ? config_.query_scale : 1.0 / std::sqrt(config_.head_dim);
  for (std::size_t t = 0; t < x.size(); ++t) {
    Row query = apply(at + "q_proj", x[t]);
    Row key = apply(at + "k_proj", x[t]);
    finish(query, "q_norm");
    finish(key, "k_norm");
    q.push_back(std::move(query));
    k.push_back(std::move(key));
    v.push_back(apply(at + "v_proj", x[t]));
    const auto window = static_cast<std::size_t>(config_.sliding_window);
    const std::size_t first = sliding && t + 1 > window ? t + 1 - window : 0;
    Row mixed(heads * dim, 0.0);
    for (std::size_t h = 0; h < heads; ++h) {
      const std::size_t kv = h / (heads / kv_heads) * dim;
      Row scores;
      for (std::size_t j = first; j <= t; ++j)
        scores.push_back(soft_cap(scale * dot(q[t].data() + h * dim, k[j].data() + kv, dim),
                                  config_.attention_soft_cap));
      soften(scores);
      for (std::size_t j = first; j <= t; ++j)
        for (std::size_t i = 0; i < dim; ++i)
          mixed[h * dim + i] += scores[j - first] * v[j][kv + i];
    }
    out.push_back(apply(at + "o_proj", mixed));
  }
  return out;
}

Reference::Row Reference::gated(const std::string& at, const Row& x) const {
  Row gate = apply(at + "gate_proj", x);
  const Row up = apply(at + "up_proj", x);
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double g = gate[i];
    const double inner = std::sqrt(2.0 / 3.14159265358979323846) * (g + 0.044715 * g * g * g);
    gate[i] = up[i] *
              (config_.is_gemma() ? 0.5 * g * (1.0 + std::tanh(inner)) : g / (1.0 + std::exp(-g)));
  }
  return apply(at + "down_proj", gate);
}

Reference::Row Reference::mlp(int layer, const Row& x) const {
  const std::string at = "model.layers." + std::to_string(layer) + ".mlp.";
  if (!config_.is_sparse(layer)) return gated(at, x);
  Row p = apply(at + "gate", x);
  soften(p);
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return p[a] > p[b]; });
  order.resize(static_cast<std::size_t>(config_.experts.per_token));
  double sum = 0.0;
  for (const std::size_t expert : order) sum += p[expert];
  Row out(x.size(), 0.0);
  for (const std::size_t expert : order)
    add(out, gated(at + "experts." + std::to_string(expert) + ".", x),
        config_.experts.normalised ? p[expert] / sum : p[expert]);
  return out;
}

std::vector<std::vector<double>> Reference::logits(const std::vector<std::int32_t>& tokens) const {
  const auto h = static_cast<std::size_t>(config_.hidden_size);
  const auto& embedding = weights_.at("model.embed_tokens.weight");
  Rows x;
  for (const std::int32_t token : tokens) {
    const auto first =
        embedding.begin() + static_cast<std::ptrdiff_t>(token) * static_cast<std::ptrdiff_t>(h);
    x.emplace_back(first, first + static_cast<std::ptrdiff_t>(h));
    if (config_.is_gemma())
      for (double& v : x.back()) v *= std::sqrt(config_.hidden_size);
  }
  const bool gemma = config_.is_gemma();
  for (int layer = 0; layer < config_.layers; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    Rows normed;
    for (const Row& row : x) normed.push_back(norm(at + "input_layernorm", row));
    const Rows mixed = attention(layer, normed);
    for (std::size_t t = 0; t < x.size(); ++t) {
      add(x[t], gemma ? norm(at + "post_attention_layernorm", mixed[t]) : mixed[t]);
      const Row out =
          mlp(layer,
              norm(at + (gemma ? "pre_feedforward_layernorm" : "post_attention_layernorm"), x[t]));
      add(x[t], gemma ? norm(at + "post_feedforward_layernorm", out) : out);
    }
  }
  Rows all;
  for (const Row& row : x) {
    all.push_back(
        apply(config_.tied_head ? "model.embed_tokens" : "lm_head", norm("model.norm", row)));
    for (double& v : all.back()) v = soft_cap(v, config_.logit_soft_cap);
  }
  return all;
}

std::vector<std::vector<double>> Reference::logprobs(const ForwardBackwardRequest& request) const {
  std::vector<std::vector<double>> all;
  for (const Datum& datum : request.data) {
    const auto& targets =
        std::get<std::vector<std::int64_t>>(datum.loss_fn_inputs.at("target_tokens").data);
    const std::size_t columns = targets.size() / datum.tokens.size();
    auto rows = logits(datum.tokens);
    for (auto& row : rows) soften(row);
    all.emplace_back();
    for (std::size_t at = 0; at < targets.size(); ++at)
      all.back().push_back(std::log(rows[at / columns][static_cast<std::size_t>(targets[at])]));
  }
  return all;
}

double Reference::loss(const ForwardBackwardRequest& request,
                       const std::vector<std::vector<double>>& frozen) const {
  const auto setting = [&](const char* key, double otherwise) {
    const auto it = request.loss_fn_config.find(key);
    return it == request.loss_fn_config.end() ? otherwise : it->second;
  };
  const std::string& kind = request.loss_fn;
  const double low = setting("clip_low_threshold", kind == "cispo" ? 0.0 : 0.8);
  const double high = setting("clip_high_threshold", kind == "cispo" ? 4.0 : 1.2);
  const double beta = setting("beta", 0.05);
  const auto logprobs_now = logprobs(request);
  double total = 0.0;
  for (std::size_t i = 0; i < request.data.size(); ++i) {
    const auto& lp = logprobs_now[i];
    const auto& still = frozen[i];
    const auto input = [&](const char* name, std::size_t at, double otherwise) {
      const auto& inputs = request.data[i].loss_fn_inputs;
      const auto it = inputs.find(name);
      if (it == inputs.end()) return otherwise;
      return static_cast<double>(std::get<std::vector<float>>(it->second.data)[at]);
    };
    double distance = 0.0;
    double count = 0.0;
    for (std::size_t t = 0; t < lp.size(); ++t)
      if (input("sequence_ratio_mask", t, 0.0) != 0.0) {
        distance += still[t] - input("logprobs", t, 0.0);
        count += 1.0;
      }
    for (std::size_t t = 0; t < lp.size(); ++t) {
      const double a = input("advantages", t, 0.0);
      const double q = input("logprobs", t, 0.0);
      const double r = kind == "gspo" ? std::exp(distance / count) * std::exp(lp[t] - still[t])
                                      : std::exp(lp[t] - q);
      double term = lp[t];
      if (kind == "importance_sampling") term = r * a;
      if (kind == "ppo" || kind == "gspo") term = std::min(r * a, clip(r, low, high) * a);
      if (kind == "cispo") term = clip(std::exp(still[t] - q), low, high) * lp[t] * a;
      if (kind == "dro") term = lp[t] * a - 0.5 * beta * (lp[t] - q) * (lp[t] - q);
      total -= input("weights", t, 1.0) * term;
    }
  }
  return total;
}

}  // namespace xfer::engine
