// SPDX-License-Identifier: Apache-2.0
// One adapter trained at a Tinker service, and a sample of it. The address and the key come from
// TINKER_BASE_URL and TINKER_API_KEY; `xfer serve` is such a service on this machine.
#include "xfer/run_blocking.hpp"
#include "xfer/tinker/service_client.hpp"

#include <cstdio>

namespace {

xfer::task<void> train(xfer::tinker::ServiceClient service) {
  const auto models = co_await service.capabilities();
  if (models.empty()) throw xfer::Error(xfer::Errc::unavailable, "the service has no models");
  const std::string model = models.front().model_name;
  std::printf("training %s\n", model.c_str());

  xfer::tinker::TrainingOptions options;
  options.rank = 16;
  auto training = co_await service.create_training_client(model, options);
  const std::vector<std::int32_t> prompt = {70, 80, 90};
  const std::vector<std::int32_t> answer = {75, 85, 95};
  const xfer::tinker::Datum datum(xfer::supervised_datum(prompt, answer));
  for (int step = 0; step < 30; ++step) {
    std::vector<xfer::tinker::Datum> batch(1, datum);
    xfer::tinker::LossCallOptions loss;
    const auto result = co_await training.forward_backward(batch, loss);
    xfer::AdamParams adam;
    adam.learning_rate = 1e-3;
    co_await training.optim_step(adam);
    std::printf("step %d: loss %.4f\n", step, result.metrics.at("loss:sum"));
  }

  auto sampling = co_await training.snapshot();
  xfer::tinker::ModelInput input(prompt);
  xfer::tinker::SampleCall call(input);
  call.params.max_tokens = 3;
  call.params.temperature = 0.0;
  const auto response = co_await sampling.sample(call);
  std::printf("sampled:");
  for (const std::int32_t token : response.sequences.at(0).tokens) std::printf(" %d", token);
  std::puts("");
}

}  // namespace

int main() {
  try {
    xfer::tinker::ServiceClient service(xfer::tinker::ClientOptions::from_environment());
    xfer::run_blocking(train(service));
  } catch (const xfer::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
