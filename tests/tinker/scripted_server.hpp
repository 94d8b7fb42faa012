// SPDX-License-Identifier: Apache-2.0
// An HTTP server on 127.0.0.1 that answers as a test tells it, well or badly.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xfer::tinker::testing {

struct ServerRequest {
  std::string method;
  std::string target;
  /// Names in lower case.
  std::map<std::string, std::string> headers;
  std::string body;
  /// Number of the connection, from 0.
  int connection = 0;
};

/// How an answer is sent.
enum class Sending {
  whole,
  cut,       ///< The connection is closed in its place.
  cut_head,  ///< The connection is closed in the middle of the headers.
  truncate,  ///< Half of the body, then closed.
  endless,   ///< Chunks without end.
  drip,      ///< A byte every now and then, without end.
  garbage,   ///< Not HTTP.
  raw,       ///< The body alone, as it is, then closed.
};

struct ServerReply {
  ServerReply() = default;
  explicit ServerReply(std::string json) : body(std::move(json)) {}
  ServerReply(int code, std::string json) : status(code), body(std::move(json)) {}
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  Sending sending = Sending::whole;
  std::chrono::milliseconds delay{0};
  /// Close the connection afterwards.
  bool close = false;
};

using Handler = std::function<ServerReply(const ServerRequest&)>;
/// Is the connection closed before the body of the request to this target is read?
using BodyCut = std::function<bool(const std::string& target)>;

/// PEM texts.
struct ServerIdentity {
  std::string certificate;
  std::string key;
};

class ScriptedServer {
public:
  /// The functions run on the server's thread, one call at a time. With an identity it speaks TLS.
  explicit ScriptedServer(Handler handler, ServerIdentity identity = {}, BodyCut body_cut = {});
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer();

  int port() const;
  /// "http[s]://127.0.0.1:port"
  std::string url() const;
  int connections() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace xfer::tinker::testing
