// SPDX-License-Identifier: Apache-2.0
#include "similarity/cross_perplexity.hpp"

#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace xfer::similarity {

task<stats::Value> CrossPerplexity::bits_per_byte(std::filesystem::path adapter,
                                                  std::size_t index) {
  if (sampler_ == nullptr || open_ != adapter) {
    sampler_ = adapter.empty() ? engine::make_local_sampler(model_)
                               : engine::make_local_sampler(model_, adapter);
    open_ = adapter;
  }
  const ModelInputs& inputs = inputs_[index];
  double bits = 0.0;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < inputs.data.size(); ++i) {
    const Datum& datum = inputs.data[i];
    const auto& weights = std::get<std::vector<float>>(datum.loss_fn_inputs.at("weights").data);
    const auto& next =
        std::get<std::vector<std::int64_t>>(datum.loss_fn_inputs.at("target_tokens").data);
    const auto first = static_cast<std::size_t>(
        std::find_if(weights.begin(), weights.end(), [](float w) { return w > 0.0F; }) -
        weights.begin());
    std::vector<std::int32_t> tokens = datum.tokens;
    tokens.push_back(static_cast<std::int32_t>(next.back()));
    auto scoring = sampler_->score(ScoreRequest(std::move(tokens), first + 1));
    const std::vector<float> logprobs = co_await std::move(scoring);
    for (std::size_t t = 0; t < logprobs.size(); ++t)
      if (weights[first + t] > 0.0F) bits -= static_cast<double>(logprobs[t]) / std::numbers::ln2;
    bytes += inputs.answer_bytes[i];
  }
  if (bytes == 0 || !std::isfinite(bits))
    co_return stats::Value(Undefined{"no answer that the model can score"});
  co_return stats::Value(bits / static_cast<double>(bytes));
}

}  // namespace xfer::similarity
