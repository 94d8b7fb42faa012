// SPDX-License-Identifier: Apache-2.0
// What is done to a model in training, one thing after another.
#include "serve/refusal.hpp"
#include "serve/training.hpp"
#include "tinker/wire/server_answers.hpp"

#include "files/in_quotes.hpp"

namespace xfer::serve {

task<Result> Training::carry_out(ModelPtr model, Work work) {
  if (auto* faulty = std::get_if<Faulty>(&work)) throw Error(Errc::bad_data, faulty->why);
  if (auto* batch = std::get_if<Pass>(&work)) return pass(std::move(model), std::move(*batch));
  if (auto* params = std::get_if<AdamParams>(&work)) return step(std::move(model), *params);
  if (auto* load_work = std::get_if<Load>(&work))
    return load(std::move(model), std::move(*load_work));
  if (auto* save_work = std::get_if<Save>(&work))
    return save(std::move(model), std::move(*save_work), "weights", "save_weights");
  auto& for_sampler = std::get<SaveForSampler>(work);
  if (for_sampler.save.name.empty())
    return snapshot(std::move(model), for_sampler.sampling_session_seq_id);
  return save(std::move(model), std::move(for_sampler.save), "sampler_weights",
              "save_weights_for_sampler");
}

task<Result> Training::pass(ModelPtr model, Pass work) {
  auto computing = work.forward_only ? model->trainer->forward(std::move(work.request))
                                     : model->trainer->forward_backward(std::move(work.request));
  ForwardBackwardResult result = co_await std::move(computing);
  const auto shared = std::make_shared<ForwardBackwardResult>(std::move(result));
  auto writing = on_worker(context_, [shared] { return write_result(std::move(*shared)); });
  std::string bytes = co_await std::move(writing);
  co_return Result(true, std::move(bytes));
}

task<Result> Training::step(ModelPtr model, AdamParams params) {
  auto stepping = model->trainer->optim_step(params);
  const OptimStepResult result = co_await std::move(stepping);
  co_return Result(false, tinker::metrics_result(result.metrics));
}

task<std::int64_t> Training::save_to(ModelPtr model, std::filesystem::path folder,
                                     bool with_optimizer) {
  auto saving = model->trainer->save_state("saving-" + std::to_string(++saves_), with_optimizer);
  const std::string saved = co_await std::move(saving);
  auto moving =
      on_worker(context_, [saved, folder] { return Checkpoints::install(saved, folder); });
  const std::int64_t bytes = co_await std::move(moving);
  co_return bytes;
}

task<Result> Training::save(ModelPtr model, Save work, std::string kind, std::string type) {
  CheckpointRow row;
  row.run_id = model->run.id;
  row.kind = kind;
  row.name = work.name;
  row.user_metadata = std::move(work.user_metadata);
  if (!work.overwrite && context_.store.checkpoint(row.run_id, row.kind, row.name))
    throw Error(Errc::invalid_argument,
                type + ": this run has a checkpoint " + files::in_quotes(work.name) + " already");
  auto saving = save_to(model, context_.checkpoints.folder_of(row), kind == "weights");
  row.bytes = co_await std::move(saving);
  row.created = now_us();
  if (work.ttl)
    row.expires =
        row.created + std::chrono::duration_cast<std::chrono::microseconds>(*work.ttl).count();
  context_.store.put(row);
  context_.store.touch_run(row.run_id, row.created);
  co_return Result(false, tinker::saved_result(row.tinker_path(), type));
}

task<Result> Training::snapshot(ModelPtr model, int number) {
  SamplerRow row;
  row.id = Sampling::id_of(model->run.session_id, number);
  row.session_id = model->run.session_id;
  row.account = model->run.account;
  row.base_model = model->run.base_model;
  row.snapshot = Checkpoints::snapshot_name(model->run.id, row.id);
  if (context_.store.sampler(row.id))
    throw Error(Errc::invalid_argument,
                "save_weights_for_sampler: sampling_session_seq_id was used before");
  auto saving = save_to(model, context_.checkpoints.folder_of_snapshot(row.snapshot), false);
  co_await std::move(saving);
  if (model->ended) throw gone("the session is over");
  row.created = now_us();
  sampling_.create_of_snapshot(row);
  co_return Result(false, tinker::sampling_session_result(row.id, "save_weights_for_sampler"));
}

task<Result> Training::load(ModelPtr model, Load work) {
  const CheckpointRow checkpoint = context_.checkpoints.find(work.path, model->run.account);
  if (work.optimizer && checkpoint.kind != "weights")
    throw Error(Errc::invalid_argument, "load_weights: " + files::in_quotes(work.path) +
                                            " was saved without the optimizer's state");
  auto loading = model->trainer->load_state(context_.checkpoints.folder_of(checkpoint).string(),
                                            work.optimizer);
  co_await std::move(loading);
  co_return Result(false, tinker::loaded_result(checkpoint.tinker_path(), model->run.id));
}

}  // namespace xfer::serve
