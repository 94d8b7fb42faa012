// SPDX-License-Identifier: Apache-2.0
#include "xfer/tinker/remote.hpp"

#include <cmath>
#include <limits>

namespace xfer::tinker {
namespace {

class RemoteSampler final : public Sampler {
public:
  explicit RemoteSampler(SamplingClient client) : client_(std::move(client)) {}

private:
  static SampleCall call_of(SampleRequest request);
  static std::vector<Completion> completions_of(SampleResponse response);

  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    const SamplingClient client = client_;
    const auto tokens_drawn = request.tokens_drawn;
    auto sampling = client.sample(call_of(std::move(request)));
    SampleResponse response = co_await std::move(sampling);
    std::vector<Completion> completions = completions_of(std::move(response));
    if (tokens_drawn)
      for (const Completion& c : completions)
        *tokens_drawn += static_cast<std::int64_t>(c.tokens.size());
    co_return completions;
  }

  task<std::vector<float>> do_score(ScoreRequest request) override {
    const SamplingClient client = client_;
    const std::size_t tokens = request.tokens.size();
    const std::size_t first = request.first;
    auto scoring = client.compute_logprobs(ModelInput(std::move(request.tokens)));
    std::vector<float> all = co_await std::move(scoring);
    // Some services leave out the first token, which has no log-probability.
    if (all.size() + 1 == tokens) all.insert(all.begin(), std::numeric_limits<float>::quiet_NaN());
    if (all.size() != tokens)
      throw ServiceError(Errc::bad_data,
                         "score: " + std::to_string(all.size()) +
                             " log-probabilities came back for " + std::to_string(tokens) +
                             " tokens",
                         200, "");
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first));
    for (const float p : all)
      if (std::isnan(p))
        throw ServiceError(Errc::bad_data, "score: a log-probability is undefined", 200, "");
    co_return all;
  }

  SamplingClient client_;
};

SampleCall RemoteSampler::call_of(SampleRequest request) {
  const bool tokens = request.stop_tokens && !request.stop_tokens->empty();
  if (tokens && !request.stop_strings.empty())
    throw Error(Errc::not_available,
                "sample: a Tinker service takes stop tokens or stop strings, not both");
  SampleCall call{ModelInput(std::move(request.prompt))};
  call.num_samples = request.num_samples;
  call.params.max_tokens = request.max_tokens;
  call.params.temperature = request.temperature;
  call.params.top_k = request.top_k > 0 ? request.top_k : -1;
  call.params.top_p = request.top_p;
  call.params.seed = request.seed;
  if (!request.stop_strings.empty())
    call.params.stop = std::move(request.stop_strings);
  else if (request.stop_tokens)
    call.params.stop = std::move(*request.stop_tokens);
  return call;
}

std::vector<Completion> RemoteSampler::completions_of(SampleResponse response) {
  std::vector<Completion> out;
  for (SampledSequence& sequence : response.sequences) {
    if (!sequence.logprobs)
      throw ServiceError(Errc::bad_data, "sample: the service sent no log-probabilities", 200, "");
    Completion completion;
    completion.tokens = std::move(sequence.tokens);
    completion.logprobs = std::move(*sequence.logprobs);
    completion.stop_reason = sequence.stop_reason;
    out.push_back(std::move(completion));
  }
  return out;
}

}  // namespace

std::shared_ptr<Sampler> make_remote_sampler(SamplingClient client) {
  return std::make_shared<RemoteSampler>(std::move(client));
}

task<std::shared_ptr<Sampler>> make_remote_sampler(ServiceClient service, std::string base_model) {
  auto creating = service.create_sampling_client_of_model(std::move(base_model));
  SamplingClient client = co_await std::move(creating);
  co_return make_remote_sampler(std::move(client));
}

task<std::shared_ptr<Sampler>> make_remote_sampler_of_path(ServiceClient service,
                                                           std::string path) {
  auto creating = service.create_sampling_client_of_path(std::move(path));
  SamplingClient client = co_await std::move(creating);
  co_return make_remote_sampler(std::move(client));
}

}  // namespace xfer::tinker
