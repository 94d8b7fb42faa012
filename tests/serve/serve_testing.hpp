// SPDX-License-Identifier: Apache-2.0
// What the tests of the server share.
#pragma once

#include "xfer/engine/local_trainer.hpp"
#include "xfer/engine/model.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/serve/server.hpp"
#include "xfer/tinker/service_client.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace xfer::serve::testing {

using namespace std::chrono_literals;
using Json = nlohmann::json;

/// The embedded small model.
std::shared_ptr<const engine::Model> small_model();

/// A folder that goes with the object.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

/// An HTTP exchange on a connection of its own.
tinker::HttpResponse exchange(const std::string& url, tinker::HttpRequest request);
/// Sends bytes as they are and returns all that comes back until the server closes, or, when
/// `until_closed` is false, the first piece.
std::string raw_exchange(std::uint16_t port, const std::string& bytes, bool until_closed = true);

class Serve : public ::testing::Test {
protected:
  /// Starts the server on first use; `options` may be changed before.
  Server& server();
  void restart();
  std::string url() { return server().url(); }

  /// The project's own client, quick to give up.
  tinker::ServiceClient client(const std::string& key = "tml-key");
  /// POST of a JSON body; the status must be `status`.
  Json post(const std::string& endpoint, const Json& body, int status = 200,
            const std::string& key = "tml-key");
  tinker::HttpResponse send(tinker::Method method, const std::string& path, std::string body = "",
                            const std::string& key = "tml-key",
                            const std::string& type = "application/json");
  /// What a future comes to, when it is JSON.
  Json result(const std::string& request_id);
  std::string new_session(const std::string& key = "tml-key");
  /// A model with a small adapter, ready for use.
  std::string new_model(const std::string& session_id, int number = 0);
  /// The future's id.
  std::string forward_backward(const std::string& model_id, int seq_id);
  std::string optim_step(const std::string& model_id, int seq_id);

  TemporaryFolder folder;
  ServeOptions options = default_options();

private:
  ServeOptions default_options() const;
  std::unique_ptr<Server> server_;
};

tinker::ClientOptions quick_options(const std::string& url, const std::string& key = "tml-key");

/// Three datums for supervised learning.
std::vector<xfer::Datum> batch();
std::vector<tinker::Datum> wire_batch();
AdamParams large_step();
tinker::TrainingOptions small_adapter();
/// The engine's own trainer of the same adapter.
std::unique_ptr<Trainer> local_trainer(const std::filesystem::path& folder);

/// The code of what `call` throws.
template <class Call>
Errc code_of(const Call& call, std::string* text = nullptr) {
  try {
    call();
  } catch (const Error& e) {
    if (text != nullptr) *text = e.what();
    return e.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Errc::internal;
}

}  // namespace xfer::serve::testing
