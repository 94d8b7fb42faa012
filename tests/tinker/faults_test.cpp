// SPDX-License-Identifier: Apache-2.0
// Whatever goes wrong on the way, a training run ends with the same adapter as without faults, or
// stops with a clear error.
#include "tests/tinker/client_testing.hpp"
#include "xfer/tinker/remote.hpp"

#include <atomic>
#include <tuple>

namespace xfer::tinker {
namespace {

using namespace std::chrono_literals;
using namespace testing;

struct Named {
  const char* name;
  Fault fault;
};

Fault sending(Sending how, bool carry_out) {
  Fault fault;
  fault.carry_out = carry_out;
  fault.reply = ServerReply(R"({"request_id":"req-1","detail":"a longer body to cut in two"})");
  fault.reply.sending = how;
  return fault;
}

std::vector<Named> all_faults() {
  Fault html = answering(200, "<html><body>Please log in</body></html>");
  html.reply.type = "text/html";
  Fault html_after = html;
  html_after.carry_out = true;
  Fault wrong_type = answering(200, "{}");
  wrong_type.reply.type = "application/x-protobuf";
  Fault broken = answering(200, "\xff\xff\xff\xff");
  broken.reply.type = "application/x-protobuf";
  Fault slow = answering(503);
  slow.reply.delay = 30ms;
  Fault after_500 = answering(500);
  after_500.carry_out = true;
  Fault closing = answering(429);
  closing.reply.close = true;
  return {{"cut before", cut(false)},
          {"cut after", cut(true)},
          {"402", answering(402)},
          {"408", answering(408)},
          {"409", answering(409)},
          {"429", answering(429)},
          {"429 and closed", closing},
          {"500 before", answering(500)},
          {"500 after", after_500},
          {"502 HTML", answering(502, "<html>Bad gateway</html>")},
          {"503 slow", slow},
          {"504", answering(504)},
          {"empty 400", answering(400, "")},
          {"HTML", html},
          {"HTML after", html_after},
          {"wrong type", wrong_type},
          {"broken protobuf", broken},
          {"null", answering(200, "null")},
          {"deep JSON", answering(200, std::string(10'000, '['))},
          {"cut in the headers", sending(Sending::cut_head, false)},
          {"cut in the headers after", sending(Sending::cut_head, true)},
          {"truncated", sending(Sending::truncate, false)},
          {"truncated after", sending(Sending::truncate, true)},
          {"garbage after", sending(Sending::garbage, true)}};
}

/// Three steps with a checkpoint after the first; the log-probabilities at the end.
std::vector<float> train(const ServiceClient& service) {
  LoraConfig lora;
  lora.rank = 4;
  lora.seed = 1;
  const auto trainer = run_blocking(make_remote_trainer(service, "tiny", lora));
  const auto request = [] {
    std::vector<xfer::Datum> data;
    data.push_back(supervised_datum({1, 2, 3}, {4, 5}));
    data.push_back(supervised_datum({6, 7}, {8, 9, 10}));
    return ForwardBackwardRequest(std::move(data));
  };
  for (int step = 0; step < 3; ++step) {
    run_blocking(trainer->forward_backward(request()));
    run_blocking(trainer->optim_step(large_step()));
    if (step == 0) run_blocking(trainer->save_state("first", true));
  }
  const auto result = run_blocking(trainer->forward(request()));
  EXPECT_EQ(trainer->info().optimizer_steps, 3);
  return std::get<std::vector<float>>(result.loss_fn_outputs.at(1).at("logprobs").data);
}

std::vector<float> without_faults() {
  static const std::vector<float> expected = [] {
    TestService service;
    ScriptedServer server(service.handler());
    return train(ServiceClient(quick_options(server.url())));
  }();
  return expected;
}

class Faults : public ::testing::TestWithParam<std::tuple<const char*, int>> {};

TEST_P(Faults, a_run_ends_with_the_same_adapter) {
  const auto& [endpoint, number] = GetParam();
  for (const Named& named : all_faults()) {
    SCOPED_TRACE(named.name);
    TestService service;
    service.faults = once(endpoint, number, named.fault);
    ScriptedServer server(service.handler());
    try {
      EXPECT_EQ(train(ServiceClient(quick_options(server.url()))), without_faults());
    } catch (const Error& e) {
      ADD_FAILURE() << e.what();
    }
    EXPECT_EQ(service.carried_out_twice(), 0);
    EXPECT_GT(service.asked(endpoint), number);
  }
}

TEST_P(Faults, a_connection_cut_in_the_request_changes_nothing) {
  const auto& [endpoint, number] = GetParam();
  TestService service;
  int asked = 0;
  ScriptedServer server(service.handler(), {}, [&](const std::string& target) {
    return target.ends_with(endpoint) && asked++ == number;
  });
  EXPECT_EQ(train(ServiceClient(quick_options(server.url()))), without_faults());
  EXPECT_EQ(service.carried_out_twice(), 0);
  EXPECT_GT(asked, number + 1);
}

TEST_P(Faults, a_refusal_is_survived_or_told) {
  const auto& [endpoint, number] = GetParam();
  for (const int status : {400, 401, 403, 404, 405, 410, 413, 415, 422, 431}) {
    SCOPED_TRACE(status);
    TestService service;
    service.faults = once(endpoint, number, answering(status));
    ScriptedServer server(service.handler());
    try {
      EXPECT_EQ(train(ServiceClient(quick_options(server.url()))), without_faults());
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("made up"), std::string::npos) << e.what();
    }
    EXPECT_EQ(service.carried_out_twice(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, Faults,
    ::testing::Values(std::tuple("client/config", 0), std::tuple("create_session", 0),
                      std::tuple("create_model", 0), std::tuple("get_info", 0),
                      std::tuple("forward_backward", 2), std::tuple("optim_step", 2),
                      std::tuple("save_weights", 0), std::tuple("retrieve_future", 1),
                      std::tuple("retrieve_future", 3), std::tuple("retrieve_future", 6)));

TEST(Faults, a_lost_future_or_session_is_trained_again_from_the_checkpoint) {
  for (const int number : {1, 2, 4, 5, 6, 7}) {
    TestService service;
    service.faults = once("retrieve_future", number, answering(410));
    ScriptedServer server(service.handler());
    EXPECT_EQ(train(ServiceClient(quick_options(server.url()))), without_faults()) << number;
    EXPECT_EQ(service.carried_out_twice(), 0);
    EXPECT_EQ(service.asked("create_model") + service.asked("load_weights"), 2);
  }
  for (const char* endpoint : {"forward_backward", "optim_step"}) {
    for (const int number : {0, 1, 2}) {
      TestService service;
      service.faults = [&](const std::string& asked, int before) -> std::optional<Fault> {
        if (asked == endpoint && before == number) return answering(410);
        return std::nullopt;
      };
      ScriptedServer server(service.handler());
      EXPECT_EQ(train(ServiceClient(quick_options(server.url()))), without_faults());
    }
  }
}

TEST(Faults, a_state_that_is_lost_while_it_is_loaded_is_loaded_again) {
  TestService service;
  std::atomic<int> lost{-1};  // the request for a result that finds it gone
  service.faults = [&](const std::string& asked, int before) -> std::optional<Fault> {
    if (asked == "retrieve_future" && before == lost) return answering(410);
    return std::nullopt;
  };
  ScriptedServer server(service.handler());
  const ServiceClient client(quick_options(server.url()));
  LoraConfig lora;
  lora.rank = 4;
  const auto first = run_blocking(make_remote_trainer(client, "tiny", lora));
  const std::vector<xfer::Datum> data = {supervised_datum({1, 2, 3}, {4, 5})};
  run_blocking(first->forward_backward(ForwardBackwardRequest(data)));
  run_blocking(first->optim_step(AdamParams()));
  const std::string path = run_blocking(first->save_state("kept", true));
  const auto scores = [&](Trainer& trainer) {
    return run_blocking(trainer.forward(ForwardBackwardRequest(data))).metrics.at("loss:sum");
  };
  const double loss = scores(*first);
  const int models = service.asked("create_model") + service.asked("load_weights");
  lost = service.asked("retrieve_future");
  const auto second = run_blocking(make_remote_trainer_of_state(client, "tiny", lora, path, true));
  EXPECT_EQ(service.asked("create_model") + service.asked("load_weights"), models + 2);
  EXPECT_EQ(second->info().optimizer_steps, 1);
  EXPECT_EQ(scores(*second), loss);
}

TEST(Faults, endless_answers_end_in_time_and_memory) {
  for (const Sending how : {Sending::endless, Sending::drip}) {
    TestService service;
    service.faults = once("retrieve_future", 2, sending(how, false));
    ScriptedServer server(service.handler());
    ClientOptions options = quick_options(server.url());
    options.result_bytes_max = std::size_t{1} << 20U;
    options.poll_timeout = 300ms;
    EXPECT_EQ(train(ServiceClient(options)), without_faults());
  }
}

TEST(Faults, a_service_that_stays_away_ends_in_an_error) {
  TestService service;
  service.faults = [](const std::string& endpoint, int before) -> std::optional<Fault> {
    if (endpoint == "optim_step" && before > 0) return cut(false);
    return std::nullopt;
  };
  ScriptedServer server(service.handler());
  EXPECT_EQ(code_of([&] { train(ServiceClient(quick_options(server.url()))); }), Errc::unavailable);
  EXPECT_EQ(code_of([&] { train(ServiceClient(quick_options("http://127.0.0.1:1"))); }),
            Errc::unavailable);
}

}  // namespace
}  // namespace xfer::tinker
