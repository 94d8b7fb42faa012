// SPDX-License-Identifier: Apache-2.0
// Sampling sessions: fixed weights that clients sample from.
#pragma once

#include "serve/context.hpp"
#include "tinker/client/gate.hpp"
#include "tinker/wire/server_requests.hpp"
#include "xfer/engine/positions.hpp"
#include "xfer/sampler.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xfer::serve {

/// Only on the executor's thread.
class Sampling {
public:
  explicit Sampling(Context& context);

  /// A sampling session of the base model or of a checkpoint; its id. The same request again gives
  /// the same id.
  std::string create(const tinker::NewSampler& wanted, const std::string& account);
  /// One of a snapshot whose folder is in place.
  void create_of_snapshot(SamplerRow row);
  static std::string id_of(const std::string& session_id, int number);
  tinker::SamplerInfo info(const std::string& id, const std::string& account);

  struct Submitted {
    Submitted() = default;
    std::string request_id;
    std::vector<std::string> sequence_ids;
  };
  /// Starts sampling, unless the number was used before. Throws a refusal.
  Submitted submit(tinker::SampleSubmission submission, const std::string& account);
  /// The group of futures that a client, or one of its clones, waits for together. Throws a refusal
  /// when the sampling session is not the account's.
  std::string group_of(const std::string& sampling_session_id, std::int64_t clone,
                       const std::string& account);
  /// Gives up a sample that runs; others than the account's own are left alone.
  void cancel(const std::string& request_id, const std::string& account);
  /// The session's snapshots go.
  void end_session(const std::string& session_id);
  void stop();

private:
  /// What samples: the model itself, or with an adapter.
  struct Weights {
    std::shared_ptr<Sampler> sampler;
    std::shared_ptr<const engine::Adapter> adapter;
  };
  struct Running {
    std::string account;
    boost::asio::cancellation_signal signal;
  };

  SamplerRow find(const std::string& id, const std::string& account);
  std::filesystem::path folder_of(const SamplerRow& row);
  task<std::shared_ptr<const Weights>> weights(SamplerRow row);
  task<void> run(std::string request_id, SamplerRow row, tinker::SampleCall call,
                 std::uint64_t fresh_seed);
  task<Result> carry_out(SamplerRow row, tinker::SampleCall call, std::uint64_t fresh_seed);
  task<void> add_prompt_positions(std::shared_ptr<const Weights> weights, tinker::SampleCall call,
                                  std::vector<std::int32_t> prompt, std::uint64_t fresh_seed,
                                  tinker::SampleResponse& response);
  SampleRequest request_of(const tinker::SampleCall& call, std::vector<std::int32_t> prompt,
                           std::uint64_t fresh_seed) const;
  void check(const tinker::SampleCall& call, std::size_t prompt_size) const;
  void drop_snapshot(const SamplerRow& row);

  Context& context_;
  std::shared_ptr<const Weights> base_;
  /// Adapters by their folder, the last used first.
  std::list<std::pair<std::string, std::shared_ptr<const Weights>>> loaded_;
  tinker::Gate loading_;
  std::map<std::string, Running> running_;
};

}  // namespace xfer::serve
