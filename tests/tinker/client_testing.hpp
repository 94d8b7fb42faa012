// SPDX-License-Identifier: Apache-2.0
// What the tests of the client share.
#pragma once

#include "tests/tinker/scripted_server.hpp"
#include "tests/tinker/test_service.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/tinker/service_client.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace xfer::tinker::testing {

/// Patience in milliseconds.
inline ClientOptions quick_options(const std::string& url) {
  using namespace std::chrono_literals;
  ClientOptions options;
  options.transport.base_url = url;
  options.api_key = "tml-secret-key";
  options.retry.base = 1ms;
  options.retry.delay_max = 4ms;
  options.retry.total = 400ms;
  options.retry.billing_wait = 2ms;
  options.retry.billing_total = 20ms;
  options.retry.outage_max = 400ms;
  options.retry.slow_down = 4ms;
  options.poll_timeout = 2s;
  return options;
}

/// A service and a client of it.
class WithService : public ::testing::Test {
protected:
  void start() { server_ = std::make_unique<ScriptedServer>(service.handler()); }
  ServiceClient client() {
    if (!server_) start();
    ClientOptions options = quick_options(server_->url());
    adjust(options);
    return ServiceClient(options);
  }
  virtual void adjust(ClientOptions&) {}

  TestService service;
  std::unique_ptr<ScriptedServer> server_;
};

inline std::vector<Datum> batch() {
  std::vector<Datum> data;
  for (int i = 0; i < 3; ++i) {
    std::vector<std::int32_t> prompt;
    std::vector<std::int32_t> answer;
    for (int t = 0; t < 3 + i; ++t) prompt.push_back((7 * t + i + 1) % 66);
    for (int t = 0; t < 2 + i; ++t) answer.push_back((5 * t + i + 2) % 66);
    data.emplace_back(supervised_datum(prompt, answer));
  }
  return data;
}

inline AdamParams large_step() {
  AdamParams params;
  params.learning_rate = 1e-2;
  return params;
}

inline TrainingOptions small_adapter() {
  TrainingOptions options;
  options.rank = 4;
  options.seed = 1;
  return options;
}

/// A fault of one endpoint's n-th request.
inline FaultPlan once(std::string endpoint, int number, Fault fault) {
  return [endpoint = std::move(endpoint), number, fault = std::move(fault)](
             const std::string& asked, int before) -> std::optional<Fault> {
    if (asked == endpoint && before == number) return fault;
    return std::nullopt;
  };
}

inline Fault answering(int status, std::string body = R"({"detail":"made up"})") {
  Fault fault;
  fault.reply = ServerReply(status, std::move(body));
  return fault;
}
inline Fault cut(bool carry_out) {
  Fault fault;
  fault.carry_out = carry_out;
  fault.reply.sending = Sending::cut;
  return fault;
}

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

}  // namespace xfer::tinker::testing
