// SPDX-License-Identifier: Apache-2.0
#include "engine/local_sampler.hpp"

#include "engine/checkpoint.hpp"
#include "engine/runtime.hpp"
#include "engine/sample_scheduler.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"

namespace xfer::engine {
namespace {

class LocalSampler final : public Sampler {
public:
  LocalSampler(std::shared_ptr<const Model> model, std::shared_ptr<SampleScheduler> scheduler,
               std::shared_ptr<const Adapter> adapter)
      : model_(std::move(model)), scheduler_(std::move(scheduler)), adapter_(std::move(adapter)) {}

private:
  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    check("sample", request.prompt);
    auto work = scheduler_->sample(std::move(request), adapter_);
    auto result = co_await std::move(work);
    co_return result;
  }

  task<std::vector<float>> do_score(ScoreRequest request) override {
    check("score", request.tokens);
    auto work = scheduler_->score(std::move(request), adapter_);
    auto result = co_await std::move(work);
    co_return result;
  }

  void check(const std::string& what, const std::vector<std::int32_t>& tokens) const {
    const int vocab = model_->config().vocab_size;
    const auto limit = static_cast<std::size_t>(scheduler_->network().positions());
    if (tokens.size() > limit)
      throw Error(Errc::invalid_argument, what + ": " + std::to_string(tokens.size()) +
                                              " tokens, the model takes " + std::to_string(limit));
    for (const std::int32_t token : tokens)
      if (token < 0 || token >= vocab)
        throw Error(Errc::invalid_argument, what + ": token " + std::to_string(token) +
                                                " is outside the vocabulary of " +
                                                std::to_string(vocab));
  }

  std::shared_ptr<const Model> model_;
  std::shared_ptr<SampleScheduler> scheduler_;
  std::shared_ptr<const Adapter> adapter_;
};

}  // namespace

std::shared_ptr<Sampler> make_sampler(std::shared_ptr<const Model> model,
                                      std::shared_ptr<const Network> network,
                                      std::shared_ptr<const Adapter> adapter) {
  auto scheduler = network == model->network()
                       ? model->runtime().base_scheduler(network, model->tokenizer())
                       : std::make_shared<SampleScheduler>(model->runtime(), std::move(network),
                                                           model->tokenizer());
  return std::make_shared<LocalSampler>(std::move(model), std::move(scheduler), std::move(adapter));
}

std::shared_ptr<Sampler> make_local_sampler(std::shared_ptr<const Model> model) {
  auto network = model->network();
  return make_sampler(std::move(model), std::move(network), nullptr);
}

std::shared_ptr<Sampler> make_local_sampler(std::shared_ptr<const Model> model,
                                            const std::filesystem::path& adapter_folder) {
  const ParameterSet parameters = load_adapter(adapter_folder, model->config());
  // Packing is cheap and does not use the engine's workers, which may be busy.
  ThreadPool alone(1);
  auto adapter = pack_adapter(alone, *model->network(), parameters, false);
  auto network = model->network();
  return make_sampler(std::move(model), std::move(network), std::move(adapter));
}

}  // namespace xfer::engine
