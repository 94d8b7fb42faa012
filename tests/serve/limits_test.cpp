// SPDX-License-Identifier: Apache-2.0
// Nothing grows beyond its limit, and what has run out goes.
#include "serve/byte_budget.hpp"
#include "serve/futures.hpp"
#include "tests/serve/serve_testing.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <list>
#include <thread>

namespace xfer::serve {
namespace {

namespace asio = boost::asio;
using namespace testing;
using tinker::Method;

class Limits : public Serve {
protected:
  std::string sampler_of(const std::string& session, int number = 0) {
    return post("create_sampling_session", {{"session_id", session},
                                            {"sampling_session_seq_id", number},
                                            {"base_model", "small"}})
        .at("sampling_session_id");
  }
  static Json long_sample(const std::string& sampler, int seq) {
    return {{"sampling_session_id", sampler},
            {"seq_id", seq},
            {"num_samples", 8},
            {"prompt", {{"chunks", {{{"tokens", {1, 2}}}}}}},
            {"sampling_params", {{"max_tokens", 1'000'000}, {"stop", Json::array()}}}};
  }
  std::string snapshot(const std::string& model, int seq, int number) {
    return result(post("save_weights_for_sampler", {{"model_id", model},
                                                    {"seq_id", seq},
                                                    {"sampling_session_seq_id", number},
                                                    {"kind", "snapshot"}})
                      .at("request_id"))
        .at("sampling_session_id");
  }
  std::size_t folders(const std::string& model, const std::string& kind) {
    std::size_t count = 0;
    std::error_code none;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(folder.path() / "checkpoints" / model / kind, none))
      ++count;
    return count;
  }
  /// Sooner or later.
  void expect_folders(const std::string& model, const std::string& kind, std::size_t expected) {
    for (int i = 0; i < 1'000 && folders(model, kind) > expected; ++i)
      std::this_thread::sleep_for(20ms);
    EXPECT_EQ(folders(model, kind), expected);
  }
};

TEST_F(Limits, sessions) {
  options.limits.sessions = 2;
  const std::string first = new_session();
  new_session();
  EXPECT_EQ(send(Method::post, "create_session", "{}").status, 429);
  post("sessions/" + first + "/finish", Json::object());
  EXPECT_EQ(send(Method::post, "create_session", "{}").status, 200);
}

TEST_F(Limits, models) {
  options.limits.models = 2;
  const std::string session = new_session();
  new_model(session, 0);
  new_model(session, 1);
  const Json body = {{"session_id", session}, {"model_seq_id", 2}, {"base_model", "small"}};
  const Json failed = result(post("create_model", body).at("request_id"));
  EXPECT_EQ(failed.value("category", ""), "user") << failed;
  post("sessions/" + session + "/finish", Json::object());
  new_model(new_session(), 0);
}

TEST_F(Limits, requests_that_wait) {
  options.limits.requests_per_model = 2;
  const std::string model = new_model(new_session());
  optim_step(model, 3);
  const std::string last = optim_step(model, 4);
  const Json step = {{"model_id", model}, {"seq_id", 5}, {"adam_params", Json::object()}};
  EXPECT_EQ(send(Method::post, "optim_step", step.dump()).status, 429);
  result(optim_step(model, 1));
  result(optim_step(model, 2));
  result(last);
  EXPECT_TRUE(result(optim_step(model, 5)).contains("metrics"));
}

TEST_F(Limits, batches_that_wait) {
  options.limits.waiting_bytes = 2'000;
  const std::string model = new_model(new_session());
  forward_backward(model, 2);
  int refused = 0;
  for (int seq = 3; seq < 12; ++seq) {
    const Json padded = {{"model_id", model}, {"seq_id", seq}, {"x", std::string(900, 'x')}};
    refused += send(Method::post, "get_info", padded.dump()).status == 429 ? 1 : 0;
  }
  EXPECT_EQ(refused, 0);  // bodies are given back when they have been read
  EXPECT_EQ(send(Method::post, "get_info", std::string(2'500, ' ')).status, 429);
}

TEST_F(Limits, samples_in_flight_and_cancelling_them) {
  options.limits.samples_in_flight = 2;
  const std::string sampler = sampler_of(new_session());
  const std::string one = post("asample", long_sample(sampler, 0)).at("request_id");
  const std::string two = post("asample", long_sample(sampler, 1)).at("request_id");
  int status = 0;
  std::string three;
  for (int i = 0; i < 3 && status != 429; ++i)
    status = send(Method::post, "asample", long_sample(sampler, 2 + i).dump()).status;
  EXPECT_EQ(status, 429);
  for (const std::string& id : {one, two}) post("cancel_future", {{"request_id", id}});
  for (const std::string& id : {one, two}) {
    const Json failed = result(id);
    EXPECT_EQ(failed.value("category", ""), "user");
    EXPECT_NE(failed.at("error").get<std::string>().find("cancelled"), std::string::npos);
  }
  EXPECT_EQ(send(Method::post, "asample", long_sample(sampler, 9).dump()).status, 200);
}

TEST_F(Limits, connections) {
  options.limits.connections = 4;
  asio::io_context loop(1);
  std::list<asio::ip::tcp::socket> idle;
  for (int i = 0; i < 20; ++i) {
    idle.emplace_back(loop);
    idle.back().connect({asio::ip::address_v4::loopback(), server().port()});
  }
  EXPECT_EQ(send(Method::get, "healthz").status, 200);
}

TEST_F(Limits, a_session_keeps_its_latest_snapshots) {
  options.limits.snapshots_per_session = 2;
  options.limits.adapters_in_memory = 1;
  const std::string session = new_session();
  const std::string model = new_model(session);
  std::vector<std::string> samplers;
  for (int i = 0; i < 4; ++i) samplers.push_back(snapshot(model, i + 1, i));
  EXPECT_EQ(send(Method::get, "samplers/" + samplers[1]).status, 404);
  for (int i = 0; i < 2; ++i) {  // read again each time, as one fits in memory
    for (const std::string& sampler : {samplers[2], samplers[3]}) {
      Json body = long_sample(sampler, i);
      body["sampling_params"]["max_tokens"] = 2;
      const auto poll = Json({{"request_id", post("asample", body).at("request_id")}}).dump();
      const auto sampled = send(Method::post, "retrieve_future", poll);
      EXPECT_EQ(*sampled.header("content-type"), "application/x-protobuf") << sampled.body;
    }
  }
  expect_folders(model, "snapshots", 2);
  post("sessions/" + session + "/finish", Json::object());
  expect_folders(model, "snapshots", 0);
}

TEST_F(Limits, idle_sessions_end) {
  options.timing.session_idle = 2s;
  const std::string session = new_session();
  const std::string model = new_model(session);
  snapshot(model, 1, 0);
  // Only to be seen from outside: asking would be a sign of life.
  expect_folders(model, "snapshots", 0);
  EXPECT_EQ(send(Method::post, "session_heartbeat", Json({{"session_id", session}}).dump()).status,
            410);
  EXPECT_EQ(send(Method::post, "get_info", Json({{"model_id", model}}).dump()).status, 410);
  EXPECT_EQ(send(Method::get, "training_runs/" + model).status, 200);
}

TEST_F(Limits, checkpoints_go_when_their_time_is_over) {
  const std::string model = new_model(new_session());
  const Json saved =
      result(post("save_weights",
                  {{"model_id", model}, {"seq_id", 1}, {"path", "brief"}, {"ttl_seconds", 1}})
                 .at("request_id"));
  EXPECT_EQ(folders(model, "weights"), 1U) << saved;
  expect_folders(model, "weights", 0);
  EXPECT_TRUE(Json::parse(send(Method::get, "checkpoints").body).at("checkpoints").empty());
}

TEST(ByteBudget, is_given_back_with_its_holds) {
  ByteBudget budget(100);
  {
    ByteBudget::Hold one;
    EXPECT_TRUE(budget.take(60, one));
    ByteBudget::Hold two;
    EXPECT_FALSE(budget.take(41, two));
    EXPECT_TRUE(budget.take(40, two));
    ByteBudget::Hold moved = std::move(one);
    EXPECT_EQ(budget.used(), 100U);
  }
  EXPECT_EQ(budget.used(), 0U);
}

class Results : public ::testing::Test {
protected:
  asio::io_context loop{1};
  Futures futures{loop.get_executor(), FutureLimits{5'000, 50ms, 500ms}};

  Futures::Answer ask(const std::string& id, const std::string& account = "a") {
    Futures::Answer out;
    asio::co_spawn(loop, futures.wait(id, account, 1ms),
                   [&](std::exception_ptr, Futures::Answer answer) { out = answer; });
    loop.restart();
    loop.run();
    return out;
  }
  std::optional<Futures::Batch> ask_any(const std::string& group, std::int64_t cursor,
                                        std::chrono::milliseconds budget = 1ms) {
    std::optional<Futures::Batch> out;
    asio::co_spawn(loop, futures.wait_for_any(group, cursor, budget),
                   [&](std::exception_ptr, std::optional<Futures::Batch> batch) { out = batch; });
    loop.restart();
    loop.run();
    return out;
  }
  using Kind = Futures::Answer::Kind;
};

TEST_F(Results, of_a_group_are_told_in_the_order_in_which_they_came) {
  for (const char* id : {"1", "2", "3"}) futures.add(id, "a", "g");
  futures.add("4", "a", "other");
  EXPECT_TRUE(ask_any("g", 0)->settled.empty());
  for (const char* id : {"2", "4", "1"}) futures.settle(id, Result(true, id));
  const auto first = ask_any("g", 0);
  ASSERT_EQ(first->settled.size(), 2U);
  EXPECT_EQ(first->settled[0].id, "2");
  EXPECT_EQ(first->settled[1].id, "1");
  EXPECT_EQ(first->settled[1].result->body, "1");
  // An answer that was lost is given again; one that arrived is not.
  EXPECT_EQ(ask_any("g", 0)->settled.size(), 2U);
  const auto next = ask_any("g", first->cursor);
  EXPECT_TRUE(next->settled.empty());
  futures.settle("3", Result(false, "3"));
  EXPECT_EQ(ask_any("g", next->cursor)->settled.at(0).id, "3");
  // Cursors of another life of the server.
  EXPECT_FALSE(ask_any("g", 1));
  EXPECT_FALSE(ask_any("g", next->cursor + 1'000));
}

TEST_F(Results, of_a_group_end_the_waiting_when_they_come) {
  futures.add("1", "a", "g");
  asio::steady_timer later(loop, 20ms);
  later.async_wait([&](boost::system::error_code) { futures.settle("1", Result(true, "x")); });
  const auto start = Futures::Clock::now();
  EXPECT_EQ(ask_any("g", 0, 60s)->settled.size(), 1U);
  EXPECT_LT(Futures::Clock::now() - start, 30s);
}

TEST_F(Results, may_be_asked_for_again_for_a_while) {
  futures.add("1", "a");
  EXPECT_EQ(ask("1").kind, Kind::pending);
  futures.settle("1", Result(false, "body"));
  futures.settle("1", Result(false, "another"));
  EXPECT_EQ(ask("1", "b").kind, Kind::unknown);
  EXPECT_EQ(ask("1").result->body, "body");
  EXPECT_EQ(ask("1").result->body, "body");
  const auto now = Futures::Clock::now();
  futures.sweep(now);
  EXPECT_EQ(ask("1").kind, Kind::done);
  futures.sweep(now + 60ms);
  EXPECT_EQ(ask("1").kind, Kind::unknown);
  EXPECT_EQ(futures.bytes(), 0U);
}

TEST_F(Results, that_nobody_asks_for_are_kept_longer) {
  futures.add("1", "a");
  futures.settle("1", Result(false, "body"));
  futures.sweep(Futures::Clock::now() + 400ms);
  EXPECT_TRUE(futures.contains("1"));
  futures.sweep(Futures::Clock::now() + 600ms);
  EXPECT_FALSE(futures.contains("1"));
}

TEST_F(Results, take_no_more_memory_than_allowed) {
  for (const char* id : {"1", "2", "3"}) {
    futures.add(id, "a");
    futures.settle(id, Result(true, std::string(1'000, 'x')));
  }
  ask("2");
  futures.add("4", "a");
  futures.settle("4", Result(true, std::string(1'000, 'x')));
  // The one that was delivered went.
  EXPECT_FALSE(futures.contains("2"));
  EXPECT_TRUE(futures.contains("1"));
  for (int i = 10; i < 100; ++i) {
    futures.add(std::to_string(i), "a");
    futures.settle(std::to_string(i), Result(true, std::string(1'000, 'x')));
    EXPECT_LE(futures.bytes(), 5'000U);
  }
  EXPECT_EQ(ask("99").kind, Kind::done);
  EXPECT_EQ(futures.pending(), 0U);
}

}  // namespace
}  // namespace xfer::serve
