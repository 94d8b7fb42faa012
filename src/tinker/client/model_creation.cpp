// SPDX-License-Identifier: Apache-2.0
// New models: from a base model, and from a checkpoint.
#include "tinker/client/training_state.hpp"
#include "tinker/wire/answers.hpp"
#include "tinker/wire/requests.hpp"

namespace xfer::tinker {
namespace {

/// Submits and waits; for requests that may be sent again.
task<void> create(Core& core, std::string path, std::string body, std::string type,
                  TakeBody take_result) {
  std::string request_id;
  CallRules rules;
  rules.take = [&request_id](std::string_view answer) { request_id = read_request_id(answer); };
  auto submitting = core.post_json(std::move(path), std::move(body), std::move(rules));
  co_await std::move(submitting);
  FutureCall future(request_id, type);
  future.take = std::move(take_result);
  auto waiting = core.wait(std::move(future));
  const bool there = co_await std::move(waiting);
  if (!there)
    throw ServiceError(Errc::unavailable, type + ": the service lost the result", 410, request_id);
}

task<TrainingClient> open_model(std::shared_ptr<CoreThread> owner, std::shared_ptr<Session> session,
                                std::string model_id) {
  ModelInfo info;
  CallRules rules;
  rules.take = [&info](std::string_view body) { info = read_model_info(body); };
  auto asking =
      owner->core().post_json("/api/v1/get_info", get_info_body(model_id), std::move(rules));
  co_await std::move(asking);
  co_return TrainingClient(
      std::make_shared<TrainingState>(std::move(owner), std::move(session), std::move(info)));
}

task<std::string> new_model(Core& core, std::shared_ptr<Session> session, std::string base_model,
                            TrainingOptions options) {
  NewModel model;
  model.session_id = session->id;
  model.model_seq_id = session->models++;
  model.base_model = std::move(base_model);
  model.rank = options.rank;
  if (options.seed) model.seed = core.seed_on_wire(*options.seed);
  model.train_unembed = options.train_unembed;
  model.train_mlp = options.train_mlp;
  model.train_attn = options.train_attn;
  model.user_metadata = options.user_metadata;
  std::string model_id;
  auto creating = create(core, "/api/v1/create_model", create_model_body(model), "CreateModel",
                         [&model_id](std::string_view body) { model_id = read_model_id(body); });
  co_await std::move(creating);
  co_return model_id;
}

/// As services did before models could be created from a checkpoint in one request.
task<TrainingClient> create_then_load(std::shared_ptr<CoreThread> owner,
                                      std::shared_ptr<Session> session, std::string path,
                                      bool with_optimizer, Metadata user_metadata) {
  Core& core = owner->core();
  WeightsInfo weights;
  CallRules rules;
  rules.take = [&weights](std::string_view body) { weights = read_weights_info(body); };
  auto asking = core.post_json("/api/v1/weights_info", weights_info_body(path), std::move(rules));
  co_await std::move(asking);
  TrainingOptions options;
  options.rank = weights.lora_rank.value_or(options.rank);
  options.train_unembed = weights.train_unembed.value_or(true);
  options.train_mlp = weights.train_mlp.value_or(true);
  options.train_attn = weights.train_attn.value_or(true);
  options.user_metadata = std::move(user_metadata);
  auto creating = new_model(core, session, weights.base_model, options);
  std::string model_id = co_await std::move(creating);
  auto opening = open_model(std::move(owner), std::move(session), std::move(model_id));
  TrainingClient client = co_await std::move(opening);
  auto loading = client.load_state(std::move(path), with_optimizer);
  co_await std::move(loading);
  co_return client;
}

}  // namespace

task<TrainingClient> create_model(std::shared_ptr<CoreThread> owner, std::string base_model,
                                  TrainingOptions options) {
  auto starting = owner->core().session();
  const auto session = co_await std::move(starting);
  auto creating = new_model(owner->core(), session, std::move(base_model), std::move(options));
  std::string model_id = co_await std::move(creating);
  auto opening = open_model(owner, session, std::move(model_id));
  TrainingClient client = co_await std::move(opening);
  co_return client;
}

task<TrainingClient> create_model_from_state(std::shared_ptr<CoreThread> owner, std::string path,
                                             bool with_optimizer, Metadata user_metadata) {
  parse_tinker_path(path);
  auto starting = owner->core().session();
  const auto session = co_await std::move(starting);
  const int number = session->models++;
  // The service gives the model this very id.
  std::string model_id = session->id + ":train:" + std::to_string(number);
  bool old_service = false;
  try {
    auto loading =
        create(owner->core(), "/api/v1/load_weights",
               load_new_model_body(session->id, number, path, with_optimizer, user_metadata),
               "LoadWeights", [](std::string_view body) { read_future_state(body); });
    co_await std::move(loading);
  } catch (const ServiceError& e) {
    if (e.http_status() != 422) throw;
    old_service = true;
  }
  auto opening = old_service ? create_then_load(owner, session, std::move(path), with_optimizer,
                                                std::move(user_metadata))
                             : open_model(owner, session, std::move(model_id));
  TrainingClient client = co_await std::move(opening);
  co_return client;
}

}  // namespace xfer::tinker
