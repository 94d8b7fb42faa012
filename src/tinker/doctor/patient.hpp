// SPDX-License-Identifier: Apache-2.0
// A service under examination.
#pragma once

#include "tinker/wire/json_fields.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/tinker/doctor.hpp"
#include "xfer/tinker/service_client.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace xfer::tinker {

/// What a check throws when the service does not have the thing.
class NotOffered : public Error {
public:
  explicit NotOffered(const std::string& what) : Error(Errc::not_available, what) {}
};

class Patient {
public:
  explicit Patient(const DoctorOptions& options);

  const DoctorOptions& options() const noexcept { return options_; }
  /// Throws when the service lists none and none was given.
  const std::string& base_model();
  /// Of the base model; 0 when the service does not say.
  std::int64_t context_length();

  /// One exchange on the bare wire; any status is an answer.
  HttpResponse ask(HttpRequest request);
  /// POST of JSON; throws when the status is not 200, `NotOffered` for 404, 405 and 501.
  Json post(const std::string& endpoint, const Json& body);
  /// The final answer for a future. Throws `timeout` when there is none in time.
  HttpResponse result(const std::string& request_id);
  /// As long as `budget`; status 0 when there is none yet.
  HttpResponse result_within(const std::string& request_id, std::chrono::milliseconds budget);

  /// A session on the bare wire, made on first use.
  const std::string& session();
  /// Ends all sessions.
  void finish();
  /// A model there, not touched yet: rank 4, seed 1; its id.
  std::string new_model();
  /// Submits; returns the future's id.
  std::string submit_pass(const std::string& model, int seq_id, bool forward_only = false);
  std::string submit_step(const std::string& model, int seq_id);
  /// The log-probabilities of a forward pass.
  std::vector<float> logprobs_of(const std::string& model, int seq_id);

  /// The same through the client proper.
  ServiceClient& client() { return client_; }
  TrainingClient new_trainer(const TrainingOptions& options = small_adapter());
  static TrainingOptions small_adapter();
  static std::vector<Datum> batch();
  static std::vector<std::int32_t> text();
  static void step(const TrainingClient& trainer);
  static std::vector<float> logprobs_of(const TrainingClient& trainer);
  static std::vector<float> logprobs_of(const ForwardBackwardOutput& output);

private:
  void look_at_models();

  DoctorOptions options_;
  ServiceClient client_;
  std::string base_model_;
  std::int64_t context_length_ = 0;
  bool models_known_ = false;
  std::string session_;
  int models_made_ = 0;
};

/// Largest difference; infinite when the sizes differ or a number is not finite.
double largest_difference(const std::vector<float>& a, const std::vector<float>& b);

/// One item: its name, and a check that returns what it measured or throws what is wrong.
struct Check {
  const char* item;
  std::string (*run)(Patient& patient);
};
/// In the order in which they are to be made.
const std::vector<Check>& wire_checks();
const std::vector<Check>& training_checks();
const std::vector<Check>& sampling_checks();

/// Throws `bad_data`: the check has failed.
[[noreturn]] void fail_check(const std::string& why);

}  // namespace xfer::tinker
