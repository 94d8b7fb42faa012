// SPDX-License-Identifier: Apache-2.0
#include "engine/datum_check.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace xfer::engine {
namespace {

// Reads one datum's fields; its errors name the datum and the field.
class DatumReader {
public:
  DatumReader(const Datum& datum, std::size_t number) : datum_(datum), number_(number) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Errc::invalid_argument,
                "forward_backward: datum " + std::to_string(number_) + ": " + what);
  }

  bool has(const std::string& name) const { return datum_.loss_fn_inputs.count(name) != 0; }

  template <class T>
  const std::vector<T>& values(const std::string& name, const char* type) const {
    const auto it = datum_.loss_fn_inputs.find(name);
    if (it == datum_.loss_fn_inputs.end()) refuse(name + " is missing");
    const auto* found = std::get_if<std::vector<T>>(&it->second.data);
    if (found == nullptr) refuse(name + " must be " + type);
    return *found;
  }

  // target_tokens of shape (N) or, for cross_entropy, (N, K); sets `columns`.
  std::span<const std::int64_t> targets(bool columns_allowed, std::size_t& columns) const {
    const auto& all = values<std::int64_t>("target_tokens", "int64");
    const auto& shape = datum_.loss_fn_inputs.at("target_tokens").shape;
    const std::size_t n = datum_.tokens.size();
    const bool flat = shape.size() < 2;
    if ((flat && all.size() != n) || (!shape.empty() && shape[0] != static_cast<std::int64_t>(n)) ||
        shape.size() > 2)
      refuse("target_tokens must have one row for each of the " + std::to_string(n) +
             " tokens (got " + shape_text(shape, all.size()) + ")");
    if (!flat && !columns_allowed)
      refuse("target_tokens must have one dimension for this loss (got " +
             shape_text(shape, all.size()) + ")");
    columns = flat ? 1 : all.size() / n;
    if (columns == 0 || columns * n != all.size() ||
        (!flat && shape[1] != static_cast<std::int64_t>(columns)))
      refuse("target_tokens: the shape " + shape_text(shape, all.size()) + " does not fit the " +
             std::to_string(all.size()) + " values");
    return all;
  }

  // A field of the same shape as target_tokens, all finite.
  std::span<const float> floats(const std::string& name) const {
    const auto& all = values<float>(name, "float32");
    const auto& want = datum_.loss_fn_inputs.at("target_tokens");
    const auto& shape = datum_.loss_fn_inputs.at(name).shape;
    const auto rank = [](const std::vector<std::int64_t>& s) { return s.empty() ? 1 : s.size(); };
    if (all.size() != want.size() || rank(shape) != rank(want.shape) ||
        (rank(shape) > 1 && shape != want.shape))
      refuse(name + " must have the shape of target_tokens, " +
             shape_text(want.shape, want.size()) + " (got " + shape_text(shape, all.size()) + ")");
    for (const float x : all)
      if (!std::isfinite(x)) refuse(name + " must be finite");
    return all;
  }

private:
  static std::string shape_text(const std::vector<std::int64_t>& shape, std::size_t size) {
    if (shape.empty()) return "[" + std::to_string(size) + "]";
    std::string text;
    for (const std::int64_t n : shape) text += (text.empty() ? "[" : ", ") + std::to_string(n);
    return text + "]";
  }

  const Datum& datum_;
  std::size_t number_;
};

std::set<std::string> inputs_of(const Loss& loss) {
  std::set<std::string> names = {"target_tokens", "weights"};
  if (loss.is_reinforcement()) names.insert({"logprobs", "advantages"});
  if (loss.kind == LossKind::gspo) names.insert("sequence_ratio_mask");
  return names;
}

void check_names(const DatumReader& reader, const Datum& datum, const Loss& loss) {
  const auto known = inputs_of(loss);
  for (const auto& [name, ignored] : datum.loss_fn_inputs) {
    if (known.count(name) != 0) continue;
    std::string all;
    for (const std::string& k : known) all += (all.empty() ? "" : ", ") + k;
    reader.refuse(std::string(to_string(loss.kind)) + " has no input '" + name + "'; it takes " +
                  all);
  }
}

void check_tokens(const DatumReader& reader, const CheckedDatum& datum, const ModelConfig& config,
                  int positions_max) {
  const auto outside = [&](std::int64_t token) { return token < 0 || token >= config.vocab_size; };
  const std::string vocabulary =
      " is outside the vocabulary of " + std::to_string(config.vocab_size);
  if (datum.tokens.size() > static_cast<std::size_t>(positions_max))
    reader.refuse("too long (" + std::to_string(datum.tokens.size()) + " tokens, at most " +
                  std::to_string(positions_max) + ")");
  for (const std::int32_t token : datum.tokens)
    if (outside(token)) reader.refuse("token " + std::to_string(token) + vocabulary);
  for (const std::int64_t target : datum.targets)
    if (outside(target)) reader.refuse("target_tokens: " + std::to_string(target) + vocabulary);
}

}  // namespace

std::vector<CheckedDatum> check_data(const std::vector<Datum>& data, const Loss& loss,
                                     const ModelConfig& config, int positions_max) {
  std::vector<CheckedDatum> checked;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const DatumReader reader(data[i], i);
    check_names(reader, data[i], loss);
    CheckedDatum c;
    c.tokens = data[i].tokens;
    c.targets = reader.targets(!loss.is_reinforcement(), c.columns);
    c.shape = &data[i].loss_fn_inputs.at("target_tokens").shape;
    check_tokens(reader, c, config, positions_max);
    if (!loss.is_reinforcement() || reader.has("weights")) c.weights = reader.floats("weights");
    if (loss.is_reinforcement()) {
      c.old_logprobs = reader.floats("logprobs");
      c.advantages = reader.floats("advantages");
    }
    if (loss.kind == LossKind::gspo) {
      c.mask = reader.floats("sequence_ratio_mask");
      if (std::all_of(c.mask.begin(), c.mask.end(), [](float m) { return m == 0.0F; }))
        reader.refuse("sequence_ratio_mask is 0 everywhere");
    }
    checked.push_back(c);
  }
  return checked;
}

LossBatch make_batch(const Loss& loss, std::span<const CheckedDatum> data, bool all_logprobs) {
  LossBatch batch;
  const bool several =
      std::any_of(data.begin(), data.end(), [](const CheckedDatum& d) { return d.columns > 1; });
  if (several) batch.pass.target_starts.push_back(0);
  const auto matters = [&](const CheckedDatum& d, std::size_t target) {
    return (d.weights.empty() || d.weights[target] != 0.0F) &&
           (d.advantages.empty() || d.advantages[target] != 0.0F);
  };
  batch.inputs.sequences.push_back(0);
  for (const CheckedDatum& d : data) {
    for (std::size_t t = 0; t < d.tokens.size(); ++t) {
      const std::size_t begin = t * d.columns;
      const std::size_t end = begin + d.columns;
      bool scored = all_logprobs || !loss.skips_zeros();
      for (std::size_t at = begin; at < end && !scored; ++at) scored = matters(d, at);
      for (std::size_t at = begin; at < end && scored; ++at) {
        batch.pass.targets.push_back(static_cast<std::int32_t>(d.targets[at]));
        batch.inputs.weights.push_back(d.weights.empty() ? 1.0F : d.weights[at]);
        if (!d.old_logprobs.empty()) batch.inputs.old_logprobs.push_back(d.old_logprobs[at]);
        if (!d.advantages.empty()) batch.inputs.advantages.push_back(d.advantages[at]);
        if (!d.mask.empty()) batch.inputs.mask.push_back(d.mask[at]);
      }
      if (scored) batch.pass.scored_rows.push_back(batch.pass.rows());
      if (scored && several)
        batch.pass.target_starts.push_back(static_cast<int>(batch.pass.targets.size()));
      batch.pass.tokens.push_back(d.tokens[t]);
    }
    batch.pass.starts.push_back(batch.pass.rows());
    batch.inputs.sequences.push_back(batch.pass.targets.size());
  }
  return batch;
}

}  // namespace xfer::engine
