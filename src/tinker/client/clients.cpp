// SPDX-License-Identifier: Apache-2.0
// The public clients: each call runs on the core's thread and keeps what it needs.
#include "tinker/client/core.hpp"
#include "tinker/client/sampling_state.hpp"
#include "tinker/client/training_state.hpp"
#include "tinker/wire/answers.hpp"
#include "xfer/tinker/service_client.hpp"

namespace xfer::tinker {
namespace {

std::unique_ptr<Transport> http_transport(boost::asio::any_io_executor executor,
                                          const ClientOptions& options) {
  return make_http_transport(std::move(executor), options.transport);
}

task<std::vector<ServerModel>> ask_capabilities(Core& core) {
  auto starting = core.config();
  co_await std::move(starting);
  std::vector<ServerModel> models;
  CallRules rules;
  rules.take = [&models](std::string_view body) { models = read_capabilities(body); };
  HttpRequest request(Method::get, "/api/v1/get_server_capabilities");
  auto asking = core.call(std::move(request), std::move(rules));
  co_await std::move(asking);
  co_return models;
}

task<void> leave(Core& core) {
  core.leave_session();
  co_return;
}

task<SamplingClient> snapshot_client(std::shared_ptr<TrainingState> state) {
  auto saving = state->snapshot();
  std::string id = co_await std::move(saving);
  co_return SamplingClient(
      std::make_shared<SamplingState>(state->owner(), state->shared_session(), std::move(id)));
}

task<std::vector<float>> prompt_logprobs(std::shared_ptr<SamplingState> state, ModelInput prompt) {
  SampleCall call(std::move(prompt));
  call.params.max_tokens = 1;
  call.prompt_logprobs = true;
  auto sampling = state->sample(std::move(call));
  SampleResponse response = co_await std::move(sampling);
  if (!response.prompt_logprobs)
    throw ServiceError(Errc::bad_data, "compute_logprobs: the service sent none", 200, "");
  co_return std::move(*response.prompt_logprobs);
}

}  // namespace

ServiceClient::ServiceClient(ClientOptions options)
    : ServiceClient(std::move(options), &http_transport) {}

ServiceClient::ServiceClient(ClientOptions options, const TransportFactory& transport)
    : owner_(std::make_shared<CoreThread>(std::move(options), transport)) {}

boost::asio::any_io_executor ServiceClient::executor() const { return owner_->executor(); }

task<ClientConfig> ServiceClient::config() const {
  return on_core(owner_, owner_->core().config());
}
task<std::vector<ServerModel>> ServiceClient::capabilities() const {
  return on_core(owner_, ask_capabilities(owner_->core()));
}
task<TrainingClient> ServiceClient::create_training_client(std::string base_model,
                                                           TrainingOptions options) const {
  return on_core(owner_, create_model(owner_, std::move(base_model), std::move(options)));
}
task<TrainingClient> ServiceClient::create_training_client_from_state(
    std::string path, bool with_optimizer, Metadata user_metadata) const {
  return on_core(owner_, create_model_from_state(owner_, std::move(path), with_optimizer,
                                                 std::move(user_metadata)));
}
task<SamplingClient> ServiceClient::create_sampling_client_of_model(std::string base_model) const {
  return on_core(owner_, create_sampler(owner_, std::move(base_model), ""));
}
task<SamplingClient> ServiceClient::create_sampling_client_of_path(std::string path) const {
  return on_core(owner_, create_sampler(owner_, "", std::move(path)));
}
task<void> ServiceClient::leave_session() const { return on_core(owner_, leave(owner_->core())); }
task<void> ServiceClient::finish_session(std::string reason, std::string detail) const {
  return on_core(owner_, owner_->core().finish_session(std::move(reason), std::move(detail)));
}

const ModelInfo& TrainingClient::info() const { return state_->info(); }
const std::string& TrainingClient::session_id() const { return state_->session().id; }
task<ForwardBackwardOutput> TrainingClient::forward(std::vector<Datum> data,
                                                    LossCallOptions options) const {
  return on_core(state_, state_->pass(std::move(data), std::move(options), true));
}
task<ForwardBackwardOutput> TrainingClient::forward_backward(std::vector<Datum> data,
                                                             LossCallOptions options) const {
  return on_core(state_, state_->pass(std::move(data), std::move(options), false));
}
task<std::map<std::string, double>> TrainingClient::optim_step(AdamParams params) const {
  return on_core(state_, state_->optim_step(params));
}
task<std::string> TrainingClient::save_state(std::string name, SaveOptions options) const {
  return on_core(state_, state_->save(std::move(name), options, false));
}
task<std::string> TrainingClient::save_weights_for_sampler(std::string name,
                                                           SaveOptions options) const {
  return on_core(state_, state_->save(std::move(name), options, true));
}
task<SamplingClient> TrainingClient::snapshot() const {
  return on_core(state_, snapshot_client(state_));
}
task<void> TrainingClient::load_state(std::string path, bool with_optimizer) const {
  return on_core(state_, state_->load(std::move(path), with_optimizer));
}

const std::string& SamplingClient::sampling_session_id() const { return state_->id(); }
task<SampleResponse> SamplingClient::sample(SampleCall call) const {
  return on_core(state_, state_->sample(std::move(call)));
}
task<std::vector<float>> SamplingClient::compute_logprobs(ModelInput prompt) const {
  return on_core(state_, prompt_logprobs(state_, std::move(prompt)));
}

}  // namespace xfer::tinker
