// SPDX-License-Identifier: Apache-2.0
// Answering an item by the option that the model finds most probable.
#include "study/run/study_run.hpp"

#include "study/spec/utf8.hpp"

#include "xfer/error.hpp"

#include <cmath>
#include <utility>

namespace xfer::study {

task<void> StudyRun::choose_option(ItemQueue& queue, const Example& example, ItemResult& item) {
  const Protocol& protocol = queue.protocol;
  const grade::ChoiceScore by = protocol.choice_score();
  std::vector<std::vector<Reference>> asked = {protocol.options(example)};
  if (by == grade::ChoiceScore::acc_mutual_info) asked.push_back(protocol.options(example, true));
  std::vector<std::vector<double>> sums(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i)
    for (const Reference& option : asked[i]) {
      auto scoring = queue.sampler->score(ScoreRequest(option.tokens, option.first));
      const std::vector<float> logprobs = co_await std::move(scoring);
      double sum = 0.0;
      for (const float logprob : logprobs) sum += static_cast<double>(logprob);
      if (!std::isfinite(sum))
        throw Error(Errc::diverged, "item " + item.item_id +
                                        ": the model gives a log-probability that is not finite");
      sums[i].push_back(sum);
      item.scored_tokens += std::ssize(option.tokens);
    }
  grade::OptionLogprobs known;
  known.conditional = sums.front();
  if (sums.size() > 1) known.unconditional = sums.back();
  const std::vector<std::string> options = option_texts(example);
  known.options = options;
  const std::size_t chosen = grade::chosen_option(by, known);
  const std::size_t right = right_option(example, options);
  item.completion = to_valid_utf8(options[chosen]);
  item.answer =
      example.choices.empty() ? item.completion : std::string(1, static_cast<char>('A' + chosen));
  item.score = item.strict_score = chosen == right ? 1.0 : 0.0;
  item.extracted = item.strict_extracted = true;
  if (chosen != right) item.failure = "another option is more probable";
  item.option_logprobs = std::move(sums.front());
  item.right_option = static_cast<int>(right);
}

}  // namespace xfer::study
