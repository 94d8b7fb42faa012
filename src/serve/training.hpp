// SPDX-License-Identifier: Apache-2.0
// Models in training.
#pragma once

#include "serve/batch.hpp"
#include "serve/context.hpp"
#include "serve/sampling.hpp"
#include "serve/seq_queue.hpp"
#include "tinker/wire/server_requests.hpp"
#include "xfer/trainer.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace xfer::serve {

/// Request ids are made from the model's and the request's number, so that a request sent again
/// finds the first one's future. Only on the executor's thread.
class Training {
public:
  using Clock = std::chrono::steady_clock;

  Training(Context& context, Sampling& sampling) : context_(context), sampling_(sampling) {}

  /// A new model; its future's id. Throws a refusal.
  std::string create(const tinker::NewModel& wanted, const std::string& account);
  /// A new model from a checkpoint.
  std::string create(const tinker::LoadNewModel& wanted, const std::string& account);
  tinker::ModelInfo info(const std::string& model_id, const std::string& account);

  // What can be done to a model.
  struct Pass {
    Pass(ForwardBackwardRequest data, bool no_gradients)
        : request(std::move(data)), forward_only(no_gradients) {}
    ForwardBackwardRequest request;
    bool forward_only;
  };
  using Save = tinker::SaveWeights;
  using SaveForSampler = tinker::SaveForSampler;
  using Load = tinker::LoadWeights;
  /// A request whose content makes no sense. It has used up its number.
  struct Faulty {
    explicit Faulty(std::string message) : why(std::move(message)) {}
    std::string why;
  };
  using Work = std::variant<Faulty, Pass, AdamParams, Save, SaveForSampler, Load>;

  /// The future's id. Throws a refusal; the number is then used up, except when it asks to come
  /// again (429).
  std::string submit(const tinker::Turn& turn, Work work, std::size_t bytes,
                     const std::string& account);

  /// The session's models go; what waits fails.
  void end_session(const std::string& session_id);
  /// Looks for requests that waited too long for one before them.
  void sweep(Clock::time_point now);
  void stop();

private:
  struct Operation {
    Operation(std::string id, Work what, ByteBudget::Hold held)
        : request_id(std::move(id)), work(std::move(what)), hold(std::move(held)) {}
    std::string request_id;
    Work work;
    ByteBudget::Hold hold;
  };
  struct Model {
    explicit Model(RunRow row, std::size_t requests_max)
        : run(std::move(row)), queue(requests_max) {}
    RunRow run;
    std::unique_ptr<Trainer> trainer;  ///< null until it is made
    SeqQueue<Operation> queue;
    bool busy = false;
    bool ended = false;
    Clock::time_point gap_since = Clock::time_point::max();
  };
  using ModelPtr = std::shared_ptr<Model>;

  std::string create(RunRow run, std::optional<CheckpointRow> checkpoint, bool with_optimizer);
  /// Throws a refusal.
  ModelPtr find(const std::string& model_id, const std::string& account);
  task<void> make(ModelPtr model, std::string request_id, std::optional<CheckpointRow> checkpoint,
                  bool with_optimizer);
  void go_on(const ModelPtr& model);
  task<void> run(ModelPtr model);
  void fail_waiting(Model& model, const std::string& why, const char* category);

  task<Result> carry_out(ModelPtr model, Work work);
  task<Result> pass(ModelPtr model, Pass work);
  task<Result> step(ModelPtr model, AdamParams params);
  task<Result> save(ModelPtr model, Save work, std::string kind, std::string type);
  task<Result> snapshot(ModelPtr model, int number);
  task<Result> load(ModelPtr model, Load work);
  /// Saves and moves to `folder`; its size.
  task<std::int64_t> save_to(ModelPtr model, std::filesystem::path folder, bool with_optimizer);

  Context& context_;
  Sampling& sampling_;
  std::map<std::string, ModelPtr> models_;
  std::uint64_t saves_ = 0;
};

}  // namespace xfer::serve
