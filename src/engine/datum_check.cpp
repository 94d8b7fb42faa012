#include "engine/datum_check.hpp"

#include "xfer/error.hpp"

#include <cmath>

namespace xfer::engine {
namespace {

[[noreturn]] void refuse(std::size_t datum, const std::string& what) {
  throw Error(Errc::invalid_argument,
              "forward_backward: datum " + std::to_string(datum) + ": " + what);
}

template <class T>
const std::vector<T>& input(const Datum& datum, std::size_t index, const std::string& name,
                            const char* type) {
  const auto it = datum.loss_fn_inputs.find(name);
  if (it == datum.loss_fn_inputs.end()) refuse(index, name + " is missing");
  const auto* values = std::get_if<std::vector<T>>(&it->second.data);
  if (values == nullptr) refuse(index, name + " must be " + type);
  const std::size_t n = datum.tokens.size();
  const auto& shape = it->second.shape;
  const bool one_dimension =
      shape.empty() || (shape.size() == 1 && shape[0] == static_cast<std::int64_t>(n));
  if (values->size() != n || !one_dimension)
    refuse(index, name + " must have one value for each of the " + std::to_string(n) +
                      " tokens (got " + std::to_string(values->size()) + " in " +
                      std::to_string(shape.empty() ? 1 : shape.size()) + " dimensions)");
  return *values;
}

}  // namespace

std::vector<CheckedDatum> check_request(const ForwardBackwardRequest& request,
                                        const ModelConfig& config, int positions_max) {
  if (request.loss_fn != "cross_entropy")
    throw Error(Errc::invalid_argument, "forward_backward: unknown loss '" + request.loss_fn +
                                            "'; known: cross_entropy");
  for (const auto& [key, ignored] : request.loss_fn_config)
    throw Error(Errc::invalid_argument,
                "forward_backward: cross_entropy has no setting '" + key + "'");
  std::vector<CheckedDatum> checked;
  for (std::size_t i = 0; i < request.data.size(); ++i) {
    const Datum& datum = request.data[i];
    if (datum.tokens.size() > static_cast<std::size_t>(positions_max))
      refuse(i, "too long (" + std::to_string(datum.tokens.size()) + " tokens, at most " +
                    std::to_string(positions_max) + ")");
    for (const std::int32_t token : datum.tokens)
      if (token < 0 || token >= config.vocab_size)
        refuse(i, "token " + std::to_string(token) + " is outside the vocabulary of " +
                      std::to_string(config.vocab_size));
    for (const auto& [name, ignored] : datum.loss_fn_inputs)
      if (name != "target_tokens" && name != "weights")
        refuse(i, "cross_entropy has no input '" + name + "'; it takes target_tokens and weights");
    CheckedDatum c;
    c.tokens = &datum.tokens;
    c.targets = &input<std::int64_t>(datum, i, "target_tokens", "int64");
    c.weights = &input<float>(datum, i, "weights", "float32");
    for (const std::int64_t target : *c.targets)
      if (target < 0 || target >= config.vocab_size)
        refuse(i, "target_tokens: " + std::to_string(target) + " is outside the vocabulary of " +
                      std::to_string(config.vocab_size));
    for (const float weight : *c.weights)
      if (!std::isfinite(weight)) refuse(i, "weights must be finite");
    checked.push_back(c);
  }
  return checked;
}

}  // namespace xfer::engine
