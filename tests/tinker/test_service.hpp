// SPDX-License-Identifier: Apache-2.0
// A small Tinker service over a tiny model of the embedded engine, for tests of the client: every
// operation is carried out when it is submitted, its future holds the outcome.
#pragma once

#include "tests/tinker/scripted_server.hpp"
#include "xfer/engine/model.hpp"
#include "xfer/tinker/wire.hpp"
#include "xfer/trainer.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace xfer::tinker::testing {

/// Two layers of random weights, 67 tokens.
std::shared_ptr<const engine::Model> tiny_model();

/// What goes wrong with one request.
struct Fault {
  /// Is the request carried out all the same?
  bool carry_out = false;
  ServerReply reply;
};
/// Given the endpoint ("asample") and how often it was asked before.
using FaultPlan = std::function<std::optional<Fault>(const std::string& endpoint, int before)>;

class TestService {
public:
  TestService();
  ~TestService();

  /// For a ScriptedServer.
  ServerReply handle(const ServerRequest& request);
  Handler handler() {
    return [this](const ServerRequest& request) { return handle(request); };
  }

  // Set before use.
  nlohmann::json config = nlohmann::json::object();
  nlohmann::json dynamic_config = nlohmann::json::object();
  FaultPlan faults;
  /// A request under a number that was used already gets the first one's future; else it is carried
  /// out again.
  bool repeats_ignored = false;

  /// Datums in the largest forward_backward request.
  std::size_t largest_batch = 0;

  /// All sessions so far are over.
  void end_sessions();
  int asked(const std::string& endpoint) const;
  /// Training requests carried out under a number that was used already.
  int carried_out_twice() const;
  /// Endpoints in the order in which they were asked.
  std::vector<std::string> log() const;

private:
  struct Model {
    std::string session;
    std::unique_ptr<Trainer> trainer;
    LoraConfig lora;
    int last_seq = 0;
    std::map<int, std::string> futures;
  };
  struct Future {
    bool binary = false;
    std::string body;
  };

  ServerReply dispatch(const std::string& endpoint, const ServerRequest& request);
  ServerReply train(const ServerRequest& request);
  ServerReply with_model(const nlohmann::json& body,
                         const std::function<Future(Model&, const nlohmann::json&)>& work,
                         bool changes);
  ServerReply sample(const nlohmann::json& body);
  ServerReply create(const nlohmann::json& body, const std::string& path);
  Future save(Model& model, const nlohmann::json& body);
  ServerReply checkpoints(const std::string& run);
  std::string add(Future future);
  ServerReply accepted(Future future);
  Future attempt(const std::function<Future()>& work);

  mutable std::mutex mutex_;
  std::filesystem::path folder_;
  std::shared_ptr<const engine::Model> model_;
  int sessions_ = 0;
  int first_alive_ = 1;
  std::map<std::string, Model> models_;
  std::map<std::string, std::shared_ptr<Sampler>> samplers_;
  std::map<std::string, std::string> sampled_;
  std::map<std::string, std::string> saved_;
  std::map<std::string, Future> futures_;
  std::map<std::string, int> counts_;
  std::vector<std::string> log_;
  int twice_ = 0;
};

}  // namespace xfer::tinker::testing
