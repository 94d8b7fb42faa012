// SPDX-License-Identifier: Apache-2.0
#include "serve/training.hpp"

#include "files/in_quotes.hpp"
#include "serve/failure.hpp"
#include "serve/model_names.hpp"
#include "serve/refusal.hpp"
#include "tinker/wire/server_answers.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/tinker/remote.hpp"

namespace xfer::serve {
namespace {

std::string model_id_of(const std::string& session_id, int number) {
  return session_id + ":train:" + std::to_string(number);
}

LoraConfig lora_of(const RunRow& run, std::uint64_t seed) {
  LoraConfig lora;
  lora.rank = run.rank;
  lora.alpha = tinker::service_lora_alpha;
  lora.train_attn = run.train_attn;
  lora.train_mlp = run.train_mlp;
  lora.train_unembed = run.train_unembed;
  lora.seed = seed;
  return lora;
}

}  // namespace

std::string Training::create(const tinker::NewModel& wanted, const std::string& account) {
  context_.sessions.use(wanted.session_id, account);
  RunRow run;
  run.id = model_id_of(wanted.session_id, wanted.model_seq_id);
  run.session_id = wanted.session_id;
  run.account = account;
  run.base_model = wanted.base_model;
  run.rank = wanted.rank;
  run.train_attn = wanted.train_attn;
  run.train_mlp = wanted.train_mlp;
  run.train_unembed = wanted.train_unembed;
  run.user_metadata = wanted.user_metadata;
  run.seed = wanted.seed.value_or(0);
  return create(std::move(run), std::nullopt, false);
}

std::string Training::create(const tinker::LoadNewModel& wanted, const std::string& account) {
  context_.sessions.use(wanted.session_id, account);
  RunRow run;
  run.id = model_id_of(wanted.session_id, wanted.model_seq_id);
  // A repetition, even when the checkpoint has gone meanwhile.
  if (models_.count(run.id) != 0) return run.id + "/create";
  const CheckpointRow checkpoint = context_.checkpoints.find(wanted.load.path, account);
  if (wanted.load.optimizer && checkpoint.kind != "weights")
    throw Error(Errc::invalid_argument,
                "load_weights: " + files::in_quotes(wanted.load.path) +
                    " was saved for sampling, without the optimizer's state");
  const RunRow source = *context_.store.run(checkpoint.run_id);
  run.session_id = wanted.session_id;
  run.account = account;
  run.base_model = source.base_model;
  run.rank = source.rank;
  run.train_attn = source.train_attn;
  run.train_mlp = source.train_mlp;
  run.train_unembed = source.train_unembed;
  run.user_metadata = wanted.user_metadata;
  return create(std::move(run), checkpoint, wanted.load.optimizer);
}

std::string Training::create(RunRow run, std::optional<CheckpointRow> checkpoint,
                             bool with_optimizer) {
  const std::string request_id = run.id + "/create";
  if (models_.count(run.id) != 0 || context_.futures.contains(request_id)) return request_id;
  if (context_.stopping) throw stopping();
  if (context_.store.run(run.id))
    throw Refusal(409, Errc::invalid_argument,
                  "create_model: model_seq_id was used before in this session");
  run.created = now_us();
  run.last_request = run.created;
  context_.futures.add(request_id, run.account);
  auto model = std::make_shared<Model>(std::move(run), context_.options.limits.requests_per_model);
  models_[model->run.id] = model;
  context_.spawn(make(model, request_id, std::move(checkpoint), with_optimizer));
  return request_id;
}

task<void> Training::make(ModelPtr model, std::string request_id,
                          std::optional<CheckpointRow> checkpoint, bool with_optimizer) {
  Result result;
  try {
    check_model_name(context_.options, model->run.base_model);
    if (models_.size() > context_.options.limits.models)
      throw Error(Errc::invalid_argument,
                  "create_model: " + std::to_string(context_.options.limits.models) +
                      " models are in training already; finish other sessions first");
    auto making = on_worker(context_, [served = context_.model,
                                       lora = lora_of(model->run, model->run.seed),
                                       folder = context_.checkpoints.folder_of_run(model->run.id)] {
      std::error_code failed;
      std::filesystem::create_directories(folder, failed);
      if (failed)
        throw Error(Errc::io, "serve: cannot make " + folder.string() + ": " + failed.message());
      return engine::make_local_trainer(served, lora, folder);
    });
    auto trainer = co_await std::move(making);
    if (checkpoint) {
      auto loading =
          trainer->load_state(context_.checkpoints.folder_of(*checkpoint).string(), with_optimizer);
      co_await std::move(loading);
    }
    if (model->ended) throw gone("the session is over");
    context_.store.add(model->run);
    model->trainer = std::move(trainer);
    result =
        Result(false, checkpoint ? tinker::loaded_result(checkpoint->tinker_path(), model->run.id)
                                 : tinker::new_model_result(model->run.id));
  } catch (...) {
    result = failure_of(std::current_exception());
    fail_waiting(*model, "the model could not be made", "user");
    models_.erase(model->run.id);
  }
  context_.futures.settle(request_id, std::move(result));
  go_on(model);
}

Training::ModelPtr Training::find(const std::string& model_id, const std::string& account) {
  const auto found = models_.find(model_id);
  if (found != models_.end() && found->second->run.account == account) {
    context_.sessions.use(found->second->run.session_id, account);
    return found->second;
  }
  const auto row = context_.store.run(model_id);
  if (row && row->account == account)
    throw gone("model " + files::in_quotes(model_id) +
               " is not in memory any more; load its last checkpoint into a new model");
  throw not_found("there is no model " + files::in_quotes(model_id));
}

tinker::ModelInfo Training::info(const std::string& model_id, const std::string& account) {
  const ModelPtr model = find(model_id, account);
  tinker::ModelInfo info;
  info.model_id = model_id;
  info.model_name = model->run.base_model;
  info.arch = context_.model->config().architecture;
  info.tokenizer_id = context_.options.tokenizer_id;
  info.lora_rank = model->run.rank;
  return info;
}

std::string Training::submit(const tinker::Turn& turn, Work work, std::size_t bytes,
                             const std::string& account) {
  const ModelPtr model = find(turn.model_id, account);
  const std::string request_id = turn.model_id + "/" + std::to_string(turn.seq_id);
  if (context_.futures.contains(request_id)) return request_id;
  ByteBudget::Hold hold;
  if (context_.stopping) throw stopping();
  if (!context_.waiting.take(bytes, hold))
    throw too_many("too much training data waits already; try again later");
  Operation operation(request_id, std::move(work), std::move(hold));
  switch (model->queue.offer(turn.seq_id, std::move(operation))) {
    case SeqQueue<Operation>::Offer::taken: break;
    case SeqQueue<Operation>::Offer::repeated: return request_id;
    case SeqQueue<Operation>::Offer::full:
      throw too_many("too many requests of this model wait already; try again later");
  }
  context_.futures.add(request_id, account);
  go_on(model);
  return request_id;
}

void Training::go_on(const ModelPtr& model) {
  if (model->busy || !model->trainer || model->ended) return;
  if (!model->queue.waits_for_a_gap()) model->gap_since = Clock::time_point::max();
  if (model->queue.held() == 0 || model->queue.waits_for_a_gap()) return;
  model->busy = true;
  context_.spawn(run(model));
}

task<void> Training::run(ModelPtr model) {
  model->run.last_request = now_us();
  while (!model->ended && !context_.stopping) {
    std::optional<Operation> next = model->queue.take();
    if (!next) break;
    Result result;
    try {
      auto work = carry_out(model, std::move(next->work));
      result = co_await std::move(work);
    } catch (...) {
      result = failure_of(std::current_exception());
    }
    context_.futures.settle(next->request_id, std::move(result));
  }
  model->busy = false;
  if (model->ended || context_.stopping)
    fail_waiting(*model, context_.stopping ? "the server is stopping" : "the session is over",
                 "server");
}

void Training::fail_waiting(Model& model, const std::string& why, const char* category) {
  while (auto waiting = model.queue.take_any())
    context_.futures.settle(waiting->request_id,
                            Result(false, tinker::failure_answer(why, category)));
}

void Training::end_session(const std::string& session_id) {
  std::erase_if(models_, [&](const auto& entry) {
    Model& model = *entry.second;
    if (model.run.session_id != session_id) return false;
    model.ended = true;
    if (!model.busy) fail_waiting(model, "the session is over", "server");
    if (model.trainer) context_.store.touch_run(model.run.id, model.run.last_request);
    return true;
  });
}

void Training::sweep(Clock::time_point now) {
  for (const auto& [id, model] : models_) {
    if (model->busy || !model->queue.waits_for_a_gap()) continue;
    if (model->gap_since == Clock::time_point::max()) model->gap_since = now;
    if (now - model->gap_since < context_.options.timing.gap) continue;
    fail_waiting(*model,
                 "request " + std::to_string(model->queue.next()) +
                     " of this model, which comes before this one, did not arrive",
                 "user");
    model->gap_since = Clock::time_point::max();
  }
}

void Training::stop() {
  for (const auto& [id, model] : models_) {
    if (model->trainer) context_.store.touch_run(id, model->run.last_request);
    if (!model->busy) fail_waiting(*model, "the server is stopping", "server");
  }
}

}  // namespace xfer::serve
