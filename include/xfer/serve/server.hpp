// SPDX-License-Identifier: Apache-2.0
// A Tinker service on this machine, over the embedded engine.
#pragma once

#include "xfer/engine/model.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::serve {

/// What strangers can make the server hold. What exceeds a limit is refused, or asked to come back
/// later (status 429); nothing grows beyond these.
struct ServeLimits {
  std::size_t connections = 4'096;
  std::size_t header_bytes = std::size_t{64} << 10U;
  std::size_t json_bytes = std::size_t{8} << 20U;
  /// One forward_backward request, as sent and decompressed.
  std::size_t batch_bytes = std::size_t{64} << 20U;
  /// All bodies on their way in and all batches that wait to be carried out.
  std::size_t waiting_bytes = std::size_t{1} << 30U;
  /// Results that were not asked for yet or may be asked for again.
  std::size_t result_bytes = std::size_t{1} << 30U;
  std::size_t sessions = 4'096;
  /// Adapters in training, all sessions together.
  std::size_t models = 64;
  /// Training requests of one model that wait for their turn.
  std::size_t requests_per_model = 4'096;
  std::size_t samples_in_flight = 4'096;
  int samples_per_request = 1'024;
  /// Log-probabilities asked for at each position.
  int top_logprobs = 128;
  /// Unnamed snapshots that a session keeps; older ones go.
  std::size_t snapshots_per_session = 64;
  /// Saved adapters held in memory for sampling; others are read again when needed.
  std::size_t adapters_in_memory = 16;
};

struct ServeTiming {
  /// How long a request for a result is held before the client is told to ask again.
  std::chrono::milliseconds poll{30'000};
  /// How long requests wait for one of a smaller number that has not come.
  std::chrono::milliseconds gap{600'000};
  /// A session without a sign of life for so long is over.
  std::chrono::milliseconds session_idle{3'600'000};
  /// One request must have come in whole within this time, and its answer gone out.
  std::chrono::milliseconds transfer{60'000};
  /// Unused connections are closed; longer than clients keep them, who should close first.
  std::chrono::milliseconds connection_idle{120'000};
  /// Results stay available so long after their first delivery, and without one.
  std::chrono::milliseconds keep_delivered{120'000};
  std::chrono::milliseconds keep_result{3'600'000};
  /// How long `stop` waits for answers that are under way.
  std::chrono::milliseconds stop{5'000};
  /// How often the server looks for what has run out.
  std::chrono::milliseconds sweep{1'000};
};

struct ServeOptions {
  /// What clients call the model.
  std::string model_name;
  /// Other names it may be called by, such as its folder's path.
  std::vector<std::string> model_aliases;
  /// A folder that holds the tokenizer, or a Hugging Face id; empty: clients are not told.
  std::string tokenizer_id;
  /// Checkpoints, and a database of sessions, runs and checkpoints; made when it is not there.
  /// One server at a time.
  std::filesystem::path folder;
  /// A numeric address. One that others can reach needs `api_keys`.
  std::string host = "127.0.0.1";
  /// 0: any free one.
  std::uint16_t port = 0;
  /// Each key is an account of its own, whose sessions, runs and checkpoints others neither see
  /// nor touch, unless published. None: everyone is let in, as one account. Kept as hashes only.
  std::vector<std::string> api_keys;
  /// Ask clients to compress training data (zstd): for slow networks.
  bool compress = false;
  /// Ask clients to wait for all their samples with one request in place of one for each: for more
  /// than 2,000 samples of an SDK client at once. Such clients give up when the server is
  /// restarted.
  bool batch_polls = false;
  ServeLimits limits;
  ServeTiming timing;
};

/// Serves from its construction to its end, on threads of its own. Adapters are LoRA with the
/// alpha that Tinker services use (32); the numbers served are those of the engine's Trainer and
/// Sampler, bit for bit. Models in training live in memory: after a restart their clients get 410
/// (gone) and go on from a checkpoint.
class Server {
public:
  /// Throws `invalid_argument` naming the option, `io` when the folder cannot be used or the
  /// address not be listened on, `unavailable` when another server uses the folder.
  Server(std::shared_ptr<const engine::Model> model, ServeOptions options);
  /// As `stop`.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const noexcept;
  /// "http://127.0.0.1:8000"
  std::string url() const;
  /// Takes no new requests, ends what waits, finishes what the engine is computing (a save, a
  /// step) and returns. Checkpoints that were confirmed are on disk. Safe to call twice.
  void stop();

private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace xfer::serve
#pragma GCC visibility pop
