// SPDX-License-Identifier: Apache-2.0
// Runs, checkpoints and sessions of an account.
#pragma once

#include "xfer/task.hpp"
#include "xfer/tinker/service_types.hpp"
#include "xfer/tinker/tinker_path.hpp"
#include "xfer/tinker/transport.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

class CoreThread;

struct Page {
  Page() = default;
  Page(int count, int first) : limit(count), offset(first) {}
  int limit = 20;
  int offset = 0;
};

/// Needs no session. Cheap to copy, safe to use from several threads. Checkpoints are given by
/// their tinker path.
class RestClient {
public:
  explicit RestClient(std::shared_ptr<CoreThread> owner) : owner_(std::move(owner)) {}

  task<std::vector<TrainingRun>> training_runs(Page page) const;
  task<TrainingRun> training_run(std::string run_id) const;
  /// Of one run.
  task<std::vector<Checkpoint>> checkpoints(std::string run_id) const;
  /// Of all runs.
  task<std::vector<Checkpoint>> user_checkpoints(Page page) const;
  task<WeightsInfo> weights_info(std::string path) const;
  /// For good.
  task<void> delete_checkpoint(std::string path) const;
  task<void> publish_checkpoint(std::string path) const;
  task<void> unpublish_checkpoint(std::string path) const;
  /// Nothing: keep it for good.
  task<void> set_checkpoint_ttl(std::string path, std::optional<std::chrono::seconds> ttl) const;
  /// Addresses to download an external checkpoint's files from, by file name. They are secrets.
  task<std::map<std::string, std::string>> external_weights_urls(std::string path) const;
  task<std::vector<std::string>> sessions(Page page) const;
  task<SessionInfo> session(std::string session_id) const;
  task<SamplerInfo> sampler(std::string sampler_id) const;
  /// Any other request: `path` follows "/api/v1/" and is percent-encoded, `json` is the body or
  /// empty. Returns the answer's body.
  task<std::string> request(Method method, std::string path, std::string json) const;

private:
  std::shared_ptr<CoreThread> owner_;
};

}  // namespace xfer::tinker
#pragma GCC visibility pop
