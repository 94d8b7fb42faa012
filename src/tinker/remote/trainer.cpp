// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/core.hpp"
#include "tinker/remote/journal.hpp"
#include "xfer/tinker/remote.hpp"

#include <charconv>
#include <cmath>

namespace xfer::tinker {
namespace {

constexpr std::size_t journal_bytes_max = std::size_t{256} << 20U;
constexpr int recoveries_max = 3;
constexpr const char* steps_mark = "#steps=";
constexpr const char* weights_mark = "#weights";

/// A path as `save_state` returns it.
struct StatePath {
  StatePath() = default;
  std::string path;
  bool weights_only = false;
  std::int64_t steps = 0;
};

StatePath read_state_path(const std::string& text) {
  StatePath out;
  const std::size_t mark = text.find('#');
  out.path = text.substr(0, mark);
  parse_tinker_path(out.path);
  if (mark == std::string::npos) return out;
  const std::string rest = text.substr(mark);
  out.weights_only = rest == weights_mark;
  if (out.weights_only) return out;
  const std::string prefix = steps_mark;
  const char* const end = rest.data() + rest.size();
  const bool steps = rest.starts_with(prefix) &&
                     std::from_chars(rest.data() + prefix.size(), end, out.steps).ptr == end &&
                     out.steps >= 0;
  if (!steps)
    throw Error(Errc::invalid_argument, "load_state: '" + rest.substr(0, 80) +
                                            "' after the path is neither #steps=<n> nor #weights");
  return out;
}

/// Whether a new model, made from the last state, may do better: not when the request is at fault,
/// the credential, or the caller's own deadline.
bool is_recoverable(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const TransportError& e) {
    return is_transient(e.code()) || e.code() == Errc::bad_data;
  } catch (const ServiceError& e) {
    if (e.code() == Errc::timeout) return e.http_status() != 0;
    // A service that forgot the session knows no such model.
    return is_transient(e.code()) || e.code() == Errc::bad_data || e.http_status() == 404;
  } catch (const Error& e) {
    return e.code() == Errc::bad_data;
  } catch (...) {
    return false;
  }
}

/// The plain sum that services must send, from the outputs of one that does not.
double loss_sum(const std::vector<Datum>& data, const ForwardBackwardOutput& output) {
  double sum = 0.0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto weights = data[i].loss_fn_inputs.find("weights");
    const auto logprobs = output.loss_fn_outputs[i].find("logprobs");
    if (weights == data[i].loss_fn_inputs.end() || logprobs == output.loss_fn_outputs[i].end())
      throw ServiceError(Errc::bad_data, "forward_backward: the service sent no loss", 200, "");
    const auto* w = std::get_if<std::vector<float>>(&weights->second.values.data);
    const auto* lp = std::get_if<std::vector<float>>(&logprobs->second.data);
    if (w == nullptr || lp == nullptr || w->size() != lp->size())
      throw ServiceError(Errc::bad_data,
                         "forward_backward: the service's log-probabilities have another shape "
                         "than the weights",
                         200, "");
    for (std::size_t t = 0; t < w->size(); ++t)
      sum -= static_cast<double>((*w)[t]) * static_cast<double>((*lp)[t]);
  }
  return sum;
}

/// Everything on the core's thread, one call at a time.
class RemoteTraining {
public:
  RemoteTraining(ServiceClient service, std::string base_model, LoraConfig lora)
      : service_(std::move(service)), base_model_(std::move(base_model)), lora_(lora),
        order_(service_.executor(), 1, 4096), journal_(journal_bytes_max) {}

  boost::asio::any_io_executor executor() const { return service_.executor(); }
  TrainerInfo info() const;

  task<void> open();
  task<ForwardBackwardResult> pass(GradientStep step, bool backward);
  task<OptimStepResult> optim_step(AdamParams params);
  task<std::string> save(std::string name, bool with_optimizer);
  task<void> load(std::string text, bool with_optimizer);
  task<std::shared_ptr<Sampler>> snapshot();

private:
  task<TrainingClient> new_client();
  task<void> rebuild();
  /// A new model from a saved state, tried again when it is lost before it is there.
  task<TrainingClient> client_of_state(std::string path, bool with_optimizer);
  /// After a failed attempt: makes a new model when that may help, else throws the failure.
  task<void> recover(std::exception_ptr failure, int attempt);
  task<void> ensure_fresh();

  ServiceClient service_;
  std::string base_model_;
  LoraConfig lora_;
  Gate order_;
  Journal journal_;
  TrainingClient client_;
  /// The model holds gradients that are void.
  bool stale_ = false;
};

TrainerInfo RemoteTraining::info() const {
  TrainerInfo out;
  out.base_model = base_model_;
  out.lora = lora_;
  out.optimizer_steps = journal_.steps();
  return out;
}

task<TrainingClient> RemoteTraining::new_client() {
  if (!journal_.path().empty()) {
    auto loading =
        service_.create_training_client_from_state(journal_.path(), journal_.with_optimizer());
    TrainingClient loaded = co_await std::move(loading);
    co_return loaded;
  }
  TrainingOptions options;
  options.rank = lora_.rank;
  options.seed = lora_.seed;
  options.train_attn = lora_.train_attn;
  options.train_mlp = lora_.train_mlp;
  options.train_unembed = lora_.train_unembed;
  auto creating = service_.create_training_client(base_model_, options);
  TrainingClient created = co_await std::move(creating);
  co_return created;
}

task<void> RemoteTraining::open() {
  auto creating = new_client();
  client_ = co_await std::move(creating);
}

task<void> RemoteTraining::rebuild() {
  if (!journal_.complete())
    throw ServiceError(Errc::unavailable,
                       "the model's state is lost, and more happened since its last checkpoint "
                       "than is remembered; load that checkpoint",
                       0, "");
  auto creating = new_client();
  client_ = co_await std::move(creating);
  for (const Journal::Entry& entry : journal_.entries()) {
    if (const auto* step = std::get_if<GradientStep>(&entry)) {
      auto work = client_.forward_backward(step->data, step->options);
      co_await std::move(work);
    } else {
      auto work = client_.optim_step(std::get<AdamParams>(entry));
      co_await std::move(work);
    }
  }
  stale_ = false;
}

task<void> RemoteTraining::recover(std::exception_ptr failure, int attempt) {
  for (; attempt < recoveries_max && is_recoverable(failure); ++attempt) {
    // The session may be gone without our having noticed.
    if (attempt > 0) {
      auto leaving = service_.leave_session();
      co_await std::move(leaving);
    }
    std::exception_ptr again;
    try {
      auto building = rebuild();
      co_await std::move(building);
    } catch (const ServiceError& e) {
      // A session that the service forgot makes the request a bad one.
      if (e.code() == Errc::unauthorized) throw;
      again = std::current_exception();
    }
    if (!again) co_return;
  }
  std::rethrow_exception(failure);
}

task<void> RemoteTraining::ensure_fresh() {
  if (!stale_) co_return;
  auto building = rebuild();
  co_await std::move(building);
}

task<ForwardBackwardResult> RemoteTraining::pass(GradientStep step, bool backward) {
  auto entering = order_.enter();
  const Gate::Pass turn = co_await std::move(entering);
  auto refreshing = ensure_fresh();
  co_await std::move(refreshing);
  ForwardBackwardOutput output;
  for (int attempt = 0;; ++attempt) {
    std::exception_ptr failure;
    try {
      auto work = backward ? client_.forward_backward(step.data, step.options)
                           : client_.forward(step.data, step.options);
      output = co_await std::move(work);
    } catch (const Error&) {
      failure = std::current_exception();
    }
    if (!failure) break;
    auto recovering = recover(failure, attempt);
    co_await std::move(recovering);
  }
  ForwardBackwardResult result;
  result.metrics = output.metrics;
  if (result.metrics.count("loss:sum") == 0 && step.options.loss_fn == "cross_entropy")
    result.metrics["loss:sum"] = loss_sum(step.data, output);
  result.loss_fn_outputs = std::move(output.loss_fn_outputs);
  const auto loss = result.metrics.find("loss:sum");
  if (backward && loss != result.metrics.end() && !std::isfinite(loss->second)) {
    journal_.drop_gradients();
    stale_ = true;
    throw Error(Errc::diverged, "forward_backward: the loss is not finite");
  }
  if (backward) journal_.add(std::move(step));
  co_return result;
}

task<OptimStepResult> RemoteTraining::optim_step(AdamParams params) {
  auto entering = order_.enter();
  const Gate::Pass turn = co_await std::move(entering);
  auto refreshing = ensure_fresh();
  co_await std::move(refreshing);
  OptimStepResult result;
  for (int attempt = 0;; ++attempt) {
    std::exception_ptr failure;
    try {
      auto work = client_.optim_step(params);
      result.metrics = co_await std::move(work);
    } catch (const Error&) {
      failure = std::current_exception();
    }
    if (!failure) break;
    auto recovering = recover(failure, attempt);
    co_await std::move(recovering);
  }
  journal_.add(params);
  co_return result;
}

task<std::string> RemoteTraining::save(std::string name, bool with_optimizer) {
  auto entering = order_.enter();
  const Gate::Pass turn = co_await std::move(entering);
  auto refreshing = ensure_fresh();
  co_await std::move(refreshing);
  SaveOptions options;
  options.overwrite = true;
  std::string path;
  for (int attempt = 0;; ++attempt) {
    std::exception_ptr failure;
    try {
      auto work = client_.save_state(name, options);
      path = co_await std::move(work);
    } catch (const Error&) {
      failure = std::current_exception();
    }
    if (!failure) break;
    auto recovering = recover(failure, attempt);
    co_await std::move(recovering);
  }
  journal_.saved_as(path);
  co_return path + (with_optimizer ? steps_mark + std::to_string(journal_.steps()) : weights_mark);
}

task<TrainingClient> RemoteTraining::client_of_state(std::string path, bool with_optimizer) {
  for (int attempt = 0;; ++attempt) {
    std::exception_ptr failure;
    try {
      auto loading = service_.create_training_client_from_state(path, with_optimizer);
      TrainingClient loaded = co_await std::move(loading);
      co_return loaded;
    } catch (const Error&) {
      failure = std::current_exception();
    }
    // A model that was made and lost changes nothing: it is made once more, in a new session.
    if (attempt == recoveries_max || !is_recoverable(failure)) std::rethrow_exception(failure);
    auto leaving = service_.leave_session();
    co_await std::move(leaving);
  }
}

task<void> RemoteTraining::load(std::string text, bool with_optimizer) {
  const StatePath state = read_state_path(text);
  if (with_optimizer && state.weights_only)
    throw Error(Errc::run_mismatch,
                "load_state: " + state.path + " was saved without its optimizer");
  auto entering = order_.enter();
  const Gate::Pass turn = co_await std::move(entering);
  auto loading = client_of_state(state.path, with_optimizer);
  TrainingClient client = co_await std::move(loading);
  const auto rank = client.info().lora_rank;
  if (rank && *rank != lora_.rank)
    throw Error(Errc::run_mismatch, "load_state: " + state.path + " has rank " +
                                        std::to_string(*rank) + ", this trainer " +
                                        std::to_string(lora_.rank));
  client_ = std::move(client);
  stale_ = false;
  journal_.start_from(state.path, with_optimizer, with_optimizer ? state.steps : 0);
}

task<std::shared_ptr<Sampler>> RemoteTraining::snapshot() {
  auto entering = order_.enter();
  const Gate::Pass turn = co_await std::move(entering);
  auto refreshing = ensure_fresh();
  co_await std::move(refreshing);
  SamplingClient sampler;
  for (int attempt = 0;; ++attempt) {
    std::exception_ptr failure;
    try {
      auto work = client_.snapshot();
      sampler = co_await std::move(work);
    } catch (const Error&) {
      failure = std::current_exception();
    }
    if (!failure) break;
    auto recovering = recover(failure, attempt);
    co_await std::move(recovering);
  }
  co_return make_remote_sampler(std::move(sampler));
}

class RemoteTrainer final : public Trainer {
public:
  explicit RemoteTrainer(std::shared_ptr<RemoteTraining> training)
      : training_(std::move(training)) {}

  TrainerInfo info() const override { return training_->info(); }

private:
  task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request,
                                                  bool backward) override {
    GradientStep step;
    for (const xfer::Datum& datum : request.data) step.data.emplace_back(datum);
    step.options.loss_fn = std::move(request.loss_fn);
    for (const auto& [key, value] : request.loss_fn_config) step.options.config[key] = value;
    return on_core(training_, training_->pass(std::move(step), backward));
  }
  task<OptimStepResult> do_optim_step(AdamParams params) override {
    return on_core(training_, training_->optim_step(params));
  }
  task<std::string> do_save_state(std::string name, bool with_optimizer) override {
    return on_core(training_, training_->save(std::move(name), with_optimizer));
  }
  task<void> do_load_state(std::string path, bool with_optimizer) override {
    return on_core(training_, training_->load(std::move(path), with_optimizer));
  }
  task<std::shared_ptr<Sampler>> do_snapshot() override {
    return on_core(training_, training_->snapshot());
  }

  std::shared_ptr<RemoteTraining> training_;
};

void check_lora(const LoraConfig& lora) {
  if (lora.rank < 1)
    throw Error(Errc::not_available,
                "rank: a Tinker service trains adapters, of rank 1 or more (got " +
                    std::to_string(lora.rank) + ")");
  if (lora.alpha != service_lora_alpha)
    throw Error(Errc::not_available,
                "alpha: a Tinker service always uses 32 (got " + std::to_string(lora.alpha) + ")");
}

}  // namespace

task<std::unique_ptr<Trainer>> make_remote_trainer(ServiceClient service, std::string base_model,
                                                   LoraConfig lora) {
  check_lora(lora);
  const auto training =
      std::make_shared<RemoteTraining>(std::move(service), std::move(base_model), lora);
  auto opening = on_core(training, training->open());
  co_await std::move(opening);
  co_return std::make_unique<RemoteTrainer>(training);
}

task<std::unique_ptr<Trainer>> make_remote_trainer_of_state(ServiceClient service,
                                                            std::string base_model, LoraConfig lora,
                                                            std::string path, bool with_optimizer) {
  check_lora(lora);
  const auto training =
      std::make_shared<RemoteTraining>(std::move(service), std::move(base_model), lora);
  auto loading = on_core(training, training->load(std::move(path), with_optimizer));
  co_await std::move(loading);
  co_return std::make_unique<RemoteTrainer>(training);
}

}  // namespace xfer::tinker
