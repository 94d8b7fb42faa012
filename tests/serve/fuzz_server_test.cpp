// SPDX-License-Identifier: Apache-2.0
// Mutated requests, over real connections: none harms the server or what another account does
// there.
#include "tests/serve/serve_testing.hpp"
#include "tests/tinker/fuzz_target.hpp"
#include "xfer/tinker/codec.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace xfer::serve {
namespace {

namespace asio = boost::asio;
using namespace testing;
using tinker::testing::FuzzRounds;
using tinker::testing::mutate;

/// One request in pieces, so that a body can change together with its announced length.
struct RawRequest {
  std::string line;
  std::string type;
  std::string body;

  std::string bytes() const {
    return line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: tml-fuzz\r\n" +
           "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
};

class FuzzServer : public Serve {
protected:
  void SetUp() override {
    options.api_keys = {"tml-key", "tml-fuzz"};
    options.timing.poll = 20ms;
    options.timing.transfer = 2s;
    options.limits.models = 10'000;
  }

  /// Says nothing more afterwards, so that the server does not wait for the rest.
  std::string exchange_bytes(const std::string& bytes) {
    asio::io_context loop(1);
    asio::ip::tcp::socket socket(loop);
    socket.connect({asio::ip::address_v4::loopback(), server().port()});
    boost::system::error_code failed;
    asio::write(socket, asio::buffer(bytes), failed);
    socket.shutdown(asio::ip::tcp::socket::shutdown_send, failed);
    std::string out;
    asio::read(socket, asio::dynamic_buffer(out), failed);
    return out;
  }

  /// Requests of the account "tml-fuzz", about a session, a model and a sampler of its own.
  std::vector<RawRequest> corpus() {
    const std::string session = new_session("tml-fuzz");
    const std::string json = "application/json";
    std::vector<RawRequest> out;
    const auto add = [&](const std::string& endpoint, const Json& body) {
      out.push_back({"POST /api/v1/" + endpoint, json, body.dump()});
    };
    const Json lora = {{"rank", 2}, {"seed", 1}, {"train_mlp", false}};
    const Json model = {{"session_id", session},
                        {"model_seq_id", 0},
                        {"base_model", "small"},
                        {"lora_config", lora}};
    post("create_model", model, 200, "tml-fuzz");
    const std::string model_id = session + ":train:0";
    const Json sampler = {
        {"session_id", session}, {"sampling_session_seq_id", 0}, {"base_model", "small"}};
    const std::string sampler_id =
        post("create_sampling_session", sampler, 200, "tml-fuzz").at("sampling_session_id");
    add("client/config", {{"sdk_version", "0.38.0"}});
    add("create_session", {{"tags", {"a"}}, {"user_metadata", {{"k", "v"}}}});
    add("session_heartbeat", {{"session_id", session}});
    add("create_model", model);
    add("get_info", {{"model_id", model_id}});
    const Json adam = {{"learning_rate", 1e-3}, {"beta1", 0.9}};
    add("optim_step", {{"model_id", model_id}, {"seq_id", 2}, {"adam_params", adam}});
    add("save_weights",
        {{"model_id", model_id}, {"path", "a"}, {"seq_id", 3}, {"ttl_seconds", 60}});
    add("save_weights_for_sampler",
        {{"model_id", model_id}, {"sampling_session_seq_id", 1}, {"seq_id", 4}});
    const std::string path = "tinker://" + model_id + "/weights/a";
    add("load_weights", {{"session_id", session}, {"model_seq_id", 1}, {"path", path}});
    add("create_sampling_session", sampler);
    const Json chunk = {{"type", "encoded_text"}, {"tokens", {1, 2, 3}}};
    const Json params = {{"max_tokens", 3}, {"seed", 1}, {"stop", {"\n"}}, {"top_k", 5}};
    add("asample", {{"sampling_session_id", sampler_id},
                    {"seq_id", 1},
                    {"num_samples", 1},
                    {"prompt", {{"chunks", Json::array({chunk})}}},
                    {"sampling_params", params},
                    {"prompt_logprobs", true}});
    add("retrieve_future", {{"request_id", sampler_id + "/1"}});
    const Json target = {{"type", "sampling_session"}, {"sampling_session_id", sampler_id}};
    add("retrieve_futures", {{"target", target}, {"prev_cursor", 0}, {"timeout", 0.01}});
    add("cancel_future", {{"request_id", sampler_id + "/1"}});
    add("weights_info", {{"tinker_path", path}});
    tinker::LossCall call;
    call.model_id = model_id;
    call.seq_id = 1;
    call.loss_fn = "cross_entropy";
    out.push_back({"POST /api/v1/forward_backward", "application/x-protobuf",
                   tinker::encode_forward_backward(call, wire_batch())});
    const std::string run = "/api/v1/training_runs/" + model_id;
    for (const std::string& get :
         {std::string("/api/v1/training_runs?limit=2&offset=1"), run + "/checkpoints",
          std::string("/api/v1/sessions/") + session})
      out.push_back({"GET " + get, json, ""});
    out.push_back({"PUT " + run + "/checkpoints/weights%2Fa/ttl", json, R"({"ttl_seconds":3600})"});
    out.push_back({"DELETE " + run + "/checkpoints/weights/a", json, ""});
    return out;
  }

  /// Polls are short here: asks as often as it takes, the engine may be busy with what mutated
  /// requests asked for.
  Json final_result(const std::string& request_id) {
    Json answer = result(request_id);
    for (int asked = 1; asked < 1'000 && answer.value("type", "") == "try_again"; ++asked)
      answer = result(request_id);
    return answer;
  }
};

TEST_F(FuzzServer, mutated_requests_harm_nobody) {
  // Another account's model, half way.
  const std::string model = new_model(new_session());
  forward_backward(model, 1);
  EXPECT_TRUE(final_result(optim_step(model, 2)).contains("metrics"));
  const auto requests = corpus();
  Rng rng(1, "server");
  for (FuzzRounds rounds(400); rounds.next();) {
    RawRequest request = rng.pick(requests);
    std::string bytes;
    switch (rng.below(3)) {
      case 0: bytes = mutate(request.bytes(), rng); break;
      case 1: request.line = mutate(request.line, rng); [[fallthrough]];
      default: request.body = mutate(request.body, rng); bytes = request.bytes();
    }
    const std::string answer = exchange_bytes(bytes);
    ASSERT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 ")) << answer.substr(0, 100);
    // Whatever is asked, the fault is the client's.
    ASSERT_FALSE(answer.starts_with("HTTP/1.1 5")) << bytes << "\n" << answer;
  }
  // It goes on as if it had been alone.
  forward_backward(model, 3);
  const Json last = final_result(optim_step(model, 4));
  EXPECT_TRUE(last.contains("metrics")) << last.dump();
  const auto trainer = local_trainer(folder.path() / "local");
  for (int step = 0; step < 2; ++step) {
    run_blocking(trainer->forward_backward(ForwardBackwardRequest(batch())));
    run_blocking(trainer->optim_step(large_step()));
  }
  const auto expected = run_blocking(trainer->forward(ForwardBackwardRequest(batch())));
  const std::string question = Json({{"request_id", forward_backward(model, 5)}}).dump();
  auto response = send(tinker::Method::post, "retrieve_future", question);
  for (int asked = 1; asked < 1'000 && response.body.find("try_again") != std::string::npos;
       ++asked)
    response = send(tinker::Method::post, "retrieve_future", question);
  EXPECT_EQ(tinker::decode_forward_backward_output(response.body).metrics.at("loss:sum"),
            expected.metrics.at("loss:sum"));
}

}  // namespace
}  // namespace xfer::serve
