// SPDX-License-Identifier: Apache-2.0
// The door to a Tinker service.
#pragma once

#include "xfer/task.hpp"
#include "xfer/tinker/client_options.hpp"
#include "xfer/tinker/rest_client.hpp"
#include "xfer/tinker/sampling_client.hpp"
#include "xfer/tinker/service_types.hpp"
#include "xfer/tinker/training_client.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

class CoreThread;

/// Makes the transport that a client uses on its own executor.
using TransportFactory =
    std::function<std::unique_ptr<Transport>(boost::asio::any_io_executor, const ClientOptions&)>;

struct TrainingOptions {
  TrainingOptions() = default;
  int rank = 32;
  /// Unset: the service chooses.
  std::optional<std::uint64_t> seed;
  bool train_unembed = true;
  bool train_mlp = true;
  bool train_attn = true;
  Metadata user_metadata;
};

/// One account at one service. Connects on first use and opens a session on first training or
/// sampling; a thread of its own keeps the session alive. No telemetry is sent. Cheap to copy, safe
/// to use from several threads. Calls keep what they need: the client may go before they end.
///
/// Every call throws `unauthorized` when the key or the service's certificate is refused,
/// `unavailable` or `timeout` when the service cannot be reached for long, `bad_data` when it does
/// not speak the protocol, `cancelled`, and `invalid_argument` with the service's words when it
/// refuses the request.
class ServiceClient {
public:
  explicit ServiceClient(ClientOptions options);
  /// Over another transport, such as a recording.
  ServiceClient(ClientOptions options, const TransportFactory& transport);

  task<ClientConfig> config() const;
  task<std::vector<ServerModel>> capabilities() const;

  /// A new adapter on a base model.
  task<TrainingClient> create_training_client(std::string base_model,
                                              TrainingOptions options) const;
  /// A new model from a checkpoint ("tinker://run/weights/name"), with its optimizer's state or
  /// without.
  task<TrainingClient> create_training_client_from_state(std::string path, bool with_optimizer,
                                                         Metadata user_metadata = {}) const;
  task<SamplingClient> create_sampling_client_of_model(std::string base_model) const;
  /// Of saved weights ("tinker://run/sampler_weights/name").
  task<SamplingClient> create_sampling_client_of_path(std::string path) const;
  RestClient rest() const { return RestClient(owner_); }

  /// The next training or sampling client begins a new session. Those of the old one go on.
  task<void> leave_session() const;
  /// Tells the service that the session is over; `reason` is "success", "errored" or
  /// "interrupted".
  task<void> finish_session(std::string reason, std::string detail) const;

  /// Tasks spawned here start in the order in which they were spawned.
  boost::asio::any_io_executor executor() const;

private:
  std::shared_ptr<CoreThread> owner_;
};

}  // namespace xfer::tinker
#pragma GCC visibility pop
