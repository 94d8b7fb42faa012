// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/training_state.hpp"

#include "tinker/client/chunking.hpp"
#include "tinker/wire/answers.hpp"
#include "tinker/wire/requests.hpp"
#include "tinker/wire/url_segment.hpp"
#include "xfer/tinker/codec.hpp"

namespace xfer::tinker {
namespace {

constexpr std::size_t waiting_max = 4096;

}  // namespace

TrainingState::TrainingState(std::shared_ptr<CoreThread> owner, std::shared_ptr<Session> session,
                             ModelInfo info)
    : owner_(std::move(owner)), session_(std::move(session)), info_(std::move(info)),
      order_(owner_->core().executor(), 1, waiting_max) {}

void TrainingState::check_usable() const {
  if (!uncertain_.empty())
    throw ServiceError(Errc::unavailable,
                       "the state of model " + info_.model_id + " is uncertain since " +
                           uncertain_ + "; load its last checkpoint into a new model",
                       0, "");
  if (session_->ended)
    throw ServiceError(Errc::unavailable,
                       "the session of model " + info_.model_id +
                           " has ended; load its last checkpoint into a new model",
                       0, "");
}

void TrainingState::note_failure(const std::string& operation, Stage stage,
                                 const std::exception_ptr& failure) {
  if (stage == Stage::waiting || !uncertain_.empty()) return;
  try {
    std::rethrow_exception(failure);
  } catch (const ServiceError& e) {
    // Once sent, the operation itself fails with 200 (or 400, at some services); other statuses are
    // about the waiting for it.
    const bool refused = stage == Stage::sending || e.http_status() <= 400;
    if (e.code() != Errc::invalid_argument || !refused)
      uncertain_ = operation + " failed: " + e.what();
  } catch (const Error& e) {
    if (e.code() != Errc::invalid_argument) uncertain_ = operation + " failed: " + e.what();
  } catch (...) {
    uncertain_ = operation + " was cancelled";
  }
}

Repeat TrainingState::step_repeat(const ClientConfig& config) const {
  return config.idempotent_steps ? Repeat::freely : Repeat::when_refused;
}

task<std::string> TrainingState::submit(HttpRequest request, Repeat repeat, bool* maybe_done) {
  std::string request_id;
  CallRules rules;
  rules.repeat = repeat;
  rules.maybe_done = maybe_done;
  rules.take = [&request_id](std::string_view body) { request_id = read_request_id(body); };
  auto calling = core().call(std::move(request), std::move(rules));
  co_await std::move(calling);
  co_return request_id;
}

task<std::vector<std::string>> TrainingState::submit_chunks(const std::vector<Datum>& data,
                                                            const LossCallOptions& options,
                                                            bool forward_only) {
  auto configuring = core().config();
  const ClientConfig config = co_await std::move(configuring);
  ChunkLimits limits;
  limits.datums_max = config.fwdbwd_max_chunk_len;
  limits.bytes_max = config.fwdbwd_max_chunk_bytes_count;
  const Repeat repeat = forward_only ? Repeat::freely : step_repeat(config);
  LossCall call;
  call.model_id = info_.model_id;
  call.loss_fn = options.loss_fn;
  call.config = options.config;
  call.forward_only = forward_only;
  // Refuse what cannot be sent before anything is.
  const std::vector<std::size_t> sizes = chunk_sizes(data, limits);
  std::vector<std::string> bodies;
  std::size_t first = 0;
  for (const std::size_t size : sizes) {
    call.seq_id = last_seq_ + 1 + static_cast<int>(bodies.size());
    bodies.push_back(encode_forward_backward(call, std::span(data).subspan(first, size)));
    first += size;
  }
  std::vector<std::string> requests;
  for (std::string& body : bodies) {
    HttpRequest request(Method::post, "/api/v1/forward_backward");
    request.body = std::move(body);
    request.content_type = "application/x-protobuf";
    request.compress = config.proto_compress_fwdbwd;
    ++last_seq_;
    auto submitting = submit(std::move(request), repeat, nullptr);
    try {
      requests.push_back(co_await std::move(submitting));
    } catch (const Error& e) {
      // A part of the batch is in the gradients already.
      if (!forward_only && !requests.empty() && uncertain_.empty())
        uncertain_ = std::string("a part of a batch was refused: ") + e.what();
      throw;
    }
  }
  co_return requests;
}

task<ForwardBackwardOutput> TrainingState::collect(std::vector<std::string> requests,
                                                   bool forward_only) {
  std::vector<ForwardBackwardOutput> chunks;
  for (std::string& id : requests) {
    ForwardBackwardOutput output;
    FutureCall future(std::move(id), forward_only ? "Forward" : "ForwardBackward");
    future.binary = true;
    future.take = [&output](std::string_view body) {
      output = decode_forward_backward_output(body);
    };
    auto waiting = core().wait(std::move(future));
    const bool there = co_await std::move(waiting);
    if (!there)
      throw ServiceError(Errc::unavailable, "forward_backward: the service lost the result", 410,
                         "");
    chunks.push_back(std::move(output));
  }
  ForwardBackwardOutput joined = join_chunks(std::move(chunks));
  co_return joined;
}

task<ForwardBackwardOutput> TrainingState::pass(std::vector<Datum> data, LossCallOptions options,
                                                bool forward_only) {
  if (data.empty()) throw Error(Errc::invalid_argument, "forward_backward: no data");
  std::vector<std::string> requests;
  std::exception_ptr failure;
  Stage stage = Stage::waiting;
  ForwardBackwardOutput output;
  try {
    {
      auto entering = order_.enter();
      const Gate::Pass turn = co_await std::move(entering);
      check_usable();
      stage = Stage::sending;
      auto submitting = submit_chunks(data, options, forward_only);
      requests = co_await std::move(submitting);
      stage = Stage::sent;
    }
    const bool several = requests.size() > 1;
    const std::size_t expected = data.size();
    auto collecting = collect(std::move(requests), forward_only);
    try {
      output = co_await std::move(collecting);
    } catch (const Error& e) {
      if (several && !forward_only && uncertain_.empty())
        uncertain_ = std::string("a part of a batch failed: ") + e.what();
      throw;
    }
    if (output.loss_fn_outputs.size() != expected)
      throw ServiceError(Errc::bad_data,
                         "forward_backward: " + std::to_string(output.loss_fn_outputs.size()) +
                             " outputs came back for " + std::to_string(expected) + " datums",
                         200, "");
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    if (!forward_only) note_failure("forward_backward", stage, failure);
    std::rethrow_exception(failure);
  }
  co_return output;
}

task<std::map<std::string, double>> TrainingState::optim_step(AdamParams params) {
  std::map<std::string, double> metrics;
  std::exception_ptr failure;
  Stage stage = Stage::waiting;
  try {
    std::string request_id;
    {
      auto entering = order_.enter();
      const Gate::Pass turn = co_await std::move(entering);
      check_usable();
      auto configuring = core().config();
      const ClientConfig config = co_await std::move(configuring);
      stage = Stage::sending;
      HttpRequest request(Method::post, "/api/v1/optim_step");
      request.body = optim_step_body(info_.model_id, ++last_seq_, params);
      request.content_type = "application/json";
      auto submitting = submit(std::move(request), step_repeat(config), nullptr);
      request_id = co_await std::move(submitting);
      stage = Stage::sent;
    }
    FutureCall future(request_id, "OptimStep");
    future.take = [&metrics](std::string_view body) { metrics = read_metrics(body); };
    auto waiting = core().wait(std::move(future));
    const bool there = co_await std::move(waiting);
    if (!there)
      throw ServiceError(Errc::unavailable, "optim_step: the service lost the result", 410, "");
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    note_failure("optim_step", stage, failure);
    std::rethrow_exception(failure);
  }
  co_return metrics;
}

task<std::string> TrainingState::save_once(std::string name, SaveOptions options, bool for_sampler,
                                           bool* maybe_done) {
  SaveWeights save;
  save.model_id = info_.model_id;
  save.name = std::move(name);
  save.ttl = options.ttl;
  save.overwrite = options.overwrite;
  save.user_metadata = std::move(options.user_metadata);
  std::string request_id;
  {
    auto entering = order_.enter();
    const Gate::Pass turn = co_await std::move(entering);
    check_usable();
    save.seq_id = ++last_seq_;
    HttpRequest request(Method::post,
                        for_sampler ? "/api/v1/save_weights_for_sampler" : "/api/v1/save_weights");
    request.body = for_sampler ? save_for_sampler_body(save) : save_weights_body(save);
    request.content_type = "application/json";
    auto submitting = submit(std::move(request), Repeat::freely, maybe_done);
    request_id = co_await std::move(submitting);
  }
  std::string path;
  FutureCall future(request_id, for_sampler ? "SaveWeightsForSampler" : "SaveWeights");
  future.take = [&path](std::string_view body) { path = read_path(body); };
  auto waiting = core().wait(std::move(future));
  const bool there = co_await std::move(waiting);
  if (!there) {
    *maybe_done = true;
    throw ServiceError(Errc::unavailable, "save: the service lost the result", 410, "");
  }
  co_return path;
}

task<std::string> TrainingState::find_checkpoint(std::string checkpoint_id) {
  std::vector<Checkpoint> checkpoints;
  CallRules rules;
  rules.take = [&checkpoints](std::string_view body) { checkpoints = read_checkpoints(body); };
  HttpRequest request(Method::get, "/api/v1/training_runs/" +
                                       url_segment(info_.model_id, "model id") + "/checkpoints");
  auto asking = core().call(std::move(request), std::move(rules));
  co_await std::move(asking);
  for (const Checkpoint& c : checkpoints)
    if (c.tinker_path.ends_with("/" + checkpoint_id)) co_return c.tinker_path;
  co_return std::string();
}

task<std::string> TrainingState::save(std::string name, SaveOptions options, bool for_sampler) {
  if (name.empty() || name.find('/') != std::string::npos)
    throw Error(Errc::invalid_argument, "save: the name must not be empty or hold a slash");
  bool maybe_done = false;
  std::exception_ptr failure;
  std::string path;
  const std::string id = (for_sampler ? "sampler_weights/" : "weights/") + name;
  try {
    auto saving = save_once(name, options, for_sampler, &maybe_done);
    path = co_await std::move(saving);
  } catch (const ServiceError&) {
    failure = std::current_exception();
  }
  // An attempt whose answer got lost may have saved the weights, and the next one been refused for
  // it. A name this model has not used before can come from that attempt only.
  if (failure && maybe_done && saved_.count(id) == 0) {
    auto finding = find_checkpoint(id);
    path = co_await std::move(finding);
  }
  if (failure && path.empty()) std::rethrow_exception(failure);
  saved_.insert(id);
  co_return path;
}

task<std::string> TrainingState::snapshot() {
  std::string request_id;
  {
    auto entering = order_.enter();
    const Gate::Pass turn = co_await std::move(entering);
    check_usable();
    HttpRequest request(Method::post, "/api/v1/save_weights_for_sampler");
    request.body = save_ephemeral_body(info_.model_id, session_->samplers++, ++last_seq_);
    request.content_type = "application/json";
    auto submitting = submit(std::move(request), Repeat::freely, nullptr);
    request_id = co_await std::move(submitting);
  }
  std::string sampling_session;
  FutureCall future(request_id, "SaveWeightsForSampler");
  future.take = [&sampling_session](std::string_view body) {
    sampling_session = read_sampling_session_id(body);
  };
  auto waiting = core().wait(std::move(future));
  const bool there = co_await std::move(waiting);
  if (!there)
    throw ServiceError(Errc::unavailable, "snapshot: the service lost the result", 410, "");
  co_return sampling_session;
}

task<void> TrainingState::load(std::string path, bool with_optimizer) {
  std::exception_ptr failure;
  Stage stage = Stage::waiting;
  try {
    std::string request_id;
    {
      auto entering = order_.enter();
      const Gate::Pass turn = co_await std::move(entering);
      check_usable();
      stage = Stage::sending;
      HttpRequest request(Method::post, "/api/v1/load_weights");
      request.body = load_weights_body(info_.model_id, ++last_seq_, path, with_optimizer);
      request.content_type = "application/json";
      // The same weights loaded twice are the same weights.
      auto submitting = submit(std::move(request), Repeat::freely, nullptr);
      request_id = co_await std::move(submitting);
      stage = Stage::sent;
    }
    FutureCall future(request_id, "LoadWeights");
    future.take = [](std::string_view body) { read_future_state(body); };
    auto waiting = core().wait(std::move(future));
    const bool there = co_await std::move(waiting);
    if (!there)
      throw ServiceError(Errc::unavailable, "load_state: the service lost the result", 410, "");
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    note_failure("load_state", stage, failure);
    std::rethrow_exception(failure);
  }
}

}  // namespace xfer::tinker
