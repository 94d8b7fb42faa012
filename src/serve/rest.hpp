// SPDX-License-Identifier: Apache-2.0
// Runs, checkpoints and sessions, to look at and to manage.
#pragma once

#include "serve/context.hpp"
#include "serve/http.hpp"
#include "tinker/wire/server_answers.hpp"

#include <cstddef>
#include <span>
#include <string>

namespace xfer::serve {

/// Answers the REST part of the protocol for one account. Only on the executor's thread.
class Rest {
public:
  explicit Rest(Context& context) : context_(context) {}

  /// `path` is what follows "/api/v1/". Throws a refusal.
  HttpAnswer answer(const HttpHead& head, std::span<const std::string> path,
                    const std::string& body, const std::string& account);
  /// Whether the first part of a path is one of these.
  static bool knows(const std::string& first);
  HttpAnswer weights_info(const std::string& tinker_path, const std::string& account);
  /// Removes checkpoints whose time is over.
  void sweep();

private:
  HttpAnswer runs(const HttpHead& head, const std::string& account);
  HttpAnswer run(const std::string& id, const std::string& account);
  HttpAnswer checkpoints_of_run(const std::string& id, const std::string& account);
  HttpAnswer checkpoints(const HttpHead& head, const std::string& account);
  HttpAnswer checkpoint_action(const HttpHead& head, std::span<const std::string> path,
                               const std::string& body, const std::string& account);
  HttpAnswer sessions(const HttpHead& head, const std::string& account);
  HttpAnswer session(const std::string& id, const std::string& account);
  RunRow own_run(const std::string& id, const std::string& account);
  tinker::TrainingRun describe(const RunRow& row);
  void remove(const CheckpointRow& checkpoint);

  Context& context_;
};

}  // namespace xfer::serve
