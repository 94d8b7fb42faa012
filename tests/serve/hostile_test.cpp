// SPDX-License-Identifier: Apache-2.0
// Clients that mean ill, or do not know better.
#include "tests/serve/serve_testing.hpp"
#include "tinker/wire/zstd_body.hpp"
#include "xfer/tinker/codec.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <thread>

namespace xfer::serve {
namespace {

using namespace testing;
using tinker::Method;

class Hostile : public Serve {
protected:
  /// The server still does its work.
  void expect_alive() {
    const std::string model = new_model(new_session());
    forward_backward(model, 1);
    EXPECT_TRUE(result(optim_step(model, 2)).contains("metrics"));
  }
  int status_of(Method method, const std::string& path, const Json& body,
                const std::string& key = "tml-key") {
    const auto response = send(method, path, body.is_null() ? "" : body.dump(), key);
    EXPECT_FALSE(response.body.empty()) << path;
    if (response.status >= 400) {
      EXPECT_TRUE(Json::parse(response.body).contains("error")) << response.body;
    }
    return response.status;
  }
  int batch_status(const std::string& body, bool zstd = false) {
    tinker::HttpRequest request(Method::post, "/api/v1/forward_backward");
    request.body = body;
    request.content_type = "application/x-protobuf";
    if (zstd) request.headers.emplace_back("Content-Encoding", "zstd");
    return exchange(url(), std::move(request)).status;
  }
};

TEST_F(Hostile, wrong_keys_are_refused_with_a_reason) {
  options.api_keys = {"tml-right"};
  EXPECT_EQ(status_of(Method::post, "create_session", Json::object(), "tml-right"), 200);
  for (const char* wrong : {"", "tml-wrong", "tml-righ", "tml-rightt"}) {
    const auto refused = send(Method::post, "create_session", "{}", wrong);
    EXPECT_EQ(refused.status, 401);
    EXPECT_NE(refused.body.find("key"), std::string::npos);
    EXPECT_EQ(status_of(Method::get, "training_runs", nullptr, wrong), 401);
  }
  std::string text;
  EXPECT_EQ(code_of([&] { run_blocking(client("tml-wrong").capabilities()); }, &text),
            Errc::unauthorized);
  EXPECT_NE(text.find("TINKER_API_KEY"), std::string::npos) << text;
}

TEST_F(Hostile, an_account_neither_sees_nor_harms_another) {
  options.api_keys = {"tml-key", "tml-other"};
  const std::string session = new_session();
  const std::string model = new_model(session);
  const std::string future = forward_backward(model, 1);
  const std::string saved =
      result(post("save_weights", {{"model_id", model}, {"seq_id", 2}, {"path", "w"}})
                 .at("request_id"))
          .at("path");
  const std::string sampler =
      post("create_sampling_session",
           {{"session_id", session}, {"sampling_session_seq_id", 0}, {"base_model", "small"}})
          .at("sampling_session_id");
  const std::string own = new_session("tml-other");
  const auto other = [&](const std::string& endpoint, const Json& body) {
    return status_of(Method::post, endpoint, body, "tml-other");
  };
  EXPECT_EQ(other("session_heartbeat", {{"session_id", session}}), 404);
  EXPECT_EQ(other("sessions/" + session + "/finish", Json::object()), 404);
  EXPECT_EQ(other("create_model",
                  {{"session_id", session}, {"model_seq_id", 3}, {"base_model", "small"}}),
            404);
  EXPECT_EQ(other("get_info", {{"model_id", model}}), 404);
  EXPECT_EQ(
      other("optim_step", {{"model_id", model}, {"seq_id", 3}, {"adam_params", Json::object()}}),
      404);
  EXPECT_EQ(other("retrieve_future", {{"request_id", future}}), 410);
  EXPECT_EQ(other("create_sampling_session",
                  {{"session_id", own}, {"sampling_session_seq_id", 0}, {"model_path", saved}}),
            404);
  EXPECT_EQ(other("load_weights",
                  {{"session_id", own}, {"model_seq_id", 0}, {"path", saved}, {"optimizer", true}}),
            404);
  EXPECT_EQ(other("weights_info", {{"tinker_path", saved}}), 404);
  EXPECT_EQ(other("asample", {{"sampling_session_id", sampler},
                              {"seq_id", 0},
                              {"prompt", {{"chunks", Json::array()}}}}),
            404);
  const auto rest = [&](Method method, const std::string& path) {
    return status_of(method, path, nullptr, "tml-other");
  };
  const std::string run = "training_runs/" + model;
  for (const std::string& path :
       {run, run + "/checkpoints", "sessions/" + session, "samplers/" + sampler})
    EXPECT_EQ(rest(Method::get, path), 404) << path;
  EXPECT_EQ(rest(Method::del, run + "/checkpoints/weights/w"), 404);
  EXPECT_EQ(rest(Method::post, run + "/checkpoints/weights/w/publish"), 404);
  EXPECT_TRUE(Json::parse(send(Method::get, "training_runs", "", "tml-other").body)
                  .at("training_runs")
                  .empty());
  EXPECT_TRUE(Json::parse(send(Method::get, "checkpoints", "", "tml-other").body)
                  .at("checkpoints")
                  .empty());
  EXPECT_TRUE(result(optim_step(model, 3)).contains("metrics"));

  // Published ones may be used, but not changed.
  EXPECT_EQ(send(Method::post, run + "/checkpoints/weights/w/publish").status, 200);
  EXPECT_EQ(other("weights_info", {{"tinker_path", saved}}), 200);
  EXPECT_EQ(other("load_weights",
                  {{"session_id", own}, {"model_seq_id", 0}, {"path", saved}, {"optimizer", true}}),
            200);
  EXPECT_EQ(rest(Method::del, run + "/checkpoints/weights/w"), 404);
}

TEST_F(Hostile, malformed_json_is_refused) {
  const std::string deep(100'000, '[');
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("null"), std::string("\xff\xfe"), deep,
        std::string("{\"session_id\":7}"), std::string("{\"session_id\":\"\"}"),
        "{\"session_id\":\"" + std::string(2000, 'x') + "\"}"})
    for (const char* endpoint : {"session_heartbeat", "create_model", "asample", "optim_step",
                                 "load_weights", "create_sampling_session", "weights_info",
                                 "retrieve_future", "save_weights", "cancel_future"})
      EXPECT_EQ(send(Method::post, endpoint, body).status, 400) << endpoint;
  expect_alive();
}

TEST_F(Hostile, malformed_batches_are_refused) {
  const std::string model = new_model(new_session());
  for (const std::string& body : {std::string(), std::string("junk"), std::string(5000, '\xff')})
    EXPECT_EQ(batch_status(body), 400);
  EXPECT_EQ(batch_status("not zstd", true), 400);
  const std::string bomb = tinker::zstd_compress(std::string(std::size_t{80} << 20U, '\0'));
  EXPECT_LT(bomb.size(), 100'000U);
  EXPECT_EQ(batch_status(bomb, true), 400);
  tinker::LossCall call;
  call.model_id = model;
  for (const int seq : {0, -1, -2'147'483'647}) {
    call.seq_id = seq;
    EXPECT_EQ(batch_status(tinker::encode_forward_backward(call, wire_batch())), 400);
  }
  call.seq_id = 1;
  tinker::Datum wide{tinker::ModelInput({1, 2})};
  wide.loss_fn_inputs["target_tokens"] = Tensor(std::vector<std::int64_t>{});
  auto& tensor = wide.loss_fn_inputs["target_tokens"];
  tensor.values.shape = {2, 2'000'000'000};
  tensor.csr.emplace();
  tensor.csr->crow = {0, 0, 0};
  const auto sent = send(Method::post, "forward_backward",
                         tinker::encode_forward_backward(call, std::vector{wide}), "tml-key",
                         "application/x-protobuf");
  ASSERT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(result(Json::parse(sent.body).at("request_id")).at("category"), "user");
  EXPECT_EQ(send(Method::post, "forward_backward", "{}").status, 415);
  expect_alive();
}

TEST_F(Hostile, names_do_not_leave_the_folder) {
  const std::string model = new_model(new_session());
  int seq = 0;
  for (const char* name :
       {"../../escape", "..", ".", "/etc/x", "a/b", "", ".hidden", "a\\b", "n\nl", "\xc3\xa9"}) {
    const Json failed =
        result(post("save_weights", {{"model_id", model}, {"seq_id", ++seq}, {"path", name}})
                   .at("request_id"));
    EXPECT_EQ(failed.value("category", ""), "user") << name << failed;
  }
  for (const char* path :
       {"tinker://../weights/x", "tinker://a/../../x", "/etc/passwd", "", "tinker://"})
    EXPECT_GE(send(Method::post, "weights_info", Json({{"tinker_path", path}}).dump()).status, 400)
        << path;
  expect_alive();
}

TEST_F(Hostile, unknown_addresses_and_methods_are_refused) {
  for (const char* path : {"nothing", "training_runs/a/b/c/d/e/f/g", "sessions/a/b/c", "samplers",
                           "client/other", "training_runs/x/checkpoints/weights/y"})
    EXPECT_EQ(send(Method::get, path).status, 404) << path;
  EXPECT_EQ(send(Method::put, "training_runs").status, 405);
  EXPECT_EQ(exchange(url(), tinker::HttpRequest(Method::get, "/elsewhere")).status, 404);
  EXPECT_EQ(send(Method::get, "training_runs?limit=x").status, 400);
  expect_alive();
}

TEST_F(Hostile, what_is_not_http_is_dropped) {
  for (const std::string& bytes :
       {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n"),
        std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
        "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n",
        std::string("POST /api/v1/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST /api/v1/x HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        std::string("POST /api/v1/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    const std::string answer = raw_exchange(server().port(), bytes);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4")) << answer.substr(0, 100);
  }
  expect_alive();
}

TEST_F(Hostile, large_bodies_are_refused_before_they_are_read) {
  options.limits.json_bytes = 10'000;
  const std::string announced = raw_exchange(
      server().port(),
      "POST /api/v1/asample HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000000\r\n\r\nabc", false);
  EXPECT_TRUE(announced.starts_with("HTTP/1.1 413")) << announced;
  std::string chunked =
      "POST /api/v1/asample HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) chunked += "400\r\n" + std::string(0x400, ' ') + "\r\n";
  EXPECT_TRUE(raw_exchange(server().port(), chunked, false).starts_with("HTTP/1.1 413"));
  const auto refused = send(Method::post, "asample", std::string(20'000, ' '));
  EXPECT_EQ(refused.status, 413);
  EXPECT_NE(refused.body.find("10000"), std::string::npos) << refused.body;
  expect_alive();
}

TEST_F(Hostile, slow_clients_are_cut_off) {
  options.timing.transfer = 300ms;
  options.timing.connection_idle = 300ms;
  const auto start = std::chrono::steady_clock::now();
  for (const char* bytes : {"", "GET /api/v1/healthz HTTP/1.1\r\nHost:",
                            "POST /api/v1/asample HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"})
    EXPECT_EQ(raw_exchange(server().port(), bytes), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
  expect_alive();
}

TEST_F(Hostile, a_client_that_goes_away_leaves_the_rest_alone) {
  const std::string model = new_model(new_session());
  const std::string held = optim_step(model, 2);
  const std::string body = Json({{"request_id", held}}).dump();
  const std::string poll =
      "POST /api/v1/retrieve_future HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  for (int i = 0; i < 5; ++i) {
    std::thread([poll, port = server().port()] {
      boost::asio::io_context loop(1);
      boost::asio::ip::tcp::socket socket(loop);
      socket.connect({boost::asio::ip::address_v4::loopback(), port});
      boost::asio::write(socket, boost::asio::buffer(poll));
    }).join();
  }
  forward_backward(model, 1);
  EXPECT_TRUE(result(held).contains("metrics"));
}

TEST_F(Hostile, senseless_samples_fail_as_the_users) {
  const std::string session = new_session();
  const std::string sampler =
      post("create_sampling_session",
           {{"session_id", session}, {"sampling_session_seq_id", 0}, {"base_model", "small"}})
          .at("sampling_session_id");
  const Json good = {{"sampling_session_id", sampler},
                     {"num_samples", 1},
                     {"prompt", {{"chunks", {{{"tokens", {1, 2}}}}}}},
                     {"sampling_params", {{"max_tokens", 2}}}};
  int seq = 0;
  const auto expect_user_error = [&](const Json& patch) {
    Json body = good;
    body["seq_id"] = ++seq;
    body.merge_patch(patch);
    const Json failed = result(post("asample", body).at("request_id"));
    EXPECT_EQ(failed.value("category", ""), "user") << patch << failed;
  };
  expect_user_error({{"num_samples", 0}});
  expect_user_error({{"num_samples", 2'000'000'000}});
  expect_user_error({{"prompt", {{"chunks", Json::array()}}}});
  expect_user_error({{"prompt", {{"chunks", {{{"tokens", {-1}}}}}}}});
  expect_user_error({{"prompt", {{"chunks", {{{"tokens", {2'000'000'000}}}}}}}});
  expect_user_error({{"prompt", {{"chunks", {{{"type", "dmel"}, {"dmel", "AAAA"}}}}}}});
  expect_user_error({{"prompt", {{"chunks", {{{"tokens", std::vector<int>(100'000, 1)}}}}}}});
  expect_user_error({{"sampling_params", {{"max_tokens", 0}}}});
  expect_user_error({{"sampling_params", {{"temperature", -1}}}});
  expect_user_error({{"sampling_params", {{"top_p", 0}}}});
  expect_user_error({{"topk_prompt_logprobs", 1'000'000}});
  expect_user_error({{"topk_sample_logprobs", -1}});
  expect_user_error(
      {{"target_prompt_logprobs", {{"data", {1, 2, 3}}, {"dtype", "int64"}, {"shape", {3, 1}}}}});
  expect_user_error({{"target_prompt_logprobs",
                      {{"data", {1}},
                       {"dtype", "int64"},
                       {"shape", {1, 2'000'000'000}},
                       {"sparse_crow_indices", {0, 1}},
                       {"sparse_col_indices", {0}}}}});
  EXPECT_EQ(send(Method::post, "asample", good.dump()).status, 400);  // no number
}

}  // namespace
}  // namespace xfer::serve
