// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/serve_testing.hpp"

#include "xfer/tinker/codec.hpp"
#include "xfer/tinker/transport.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <unistd.h>

#include <array>
#include <atomic>

namespace xfer::serve::testing {

namespace asio = boost::asio;
using tinker::HttpRequest;
using tinker::HttpResponse;
using tinker::Method;

std::shared_ptr<const engine::Model> small_model() {
  engine::ModelOptions threads;
  threads.threads = 1;
  static const auto model =
      engine::Model::load(XFER_SOURCE_DIR "/python/xfer/models/small", threads);
  return model;
}

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> count{0};
  path_ = std::filesystem::temp_directory_path() /
          ("xfer-serve-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
  std::filesystem::create_directories(path_);
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

HttpResponse exchange(const std::string& url, HttpRequest request) {
  asio::io_context loop(1);
  tinker::TransportOptions options;
  options.base_url = url;
  const auto transport = tinker::make_http_transport(loop.get_executor(), options);
  HttpResponse out;
  std::exception_ptr failure;
  asio::co_spawn(loop, transport->send(std::move(request)),
                 [&](std::exception_ptr e, HttpResponse response) {
                   failure = e;
                   out = std::move(response);
                 });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  return out;
}

std::string raw_exchange(std::uint16_t port, const std::string& bytes, bool until_closed) {
  asio::io_context loop(1);
  asio::ip::tcp::socket socket(loop);
  socket.connect({asio::ip::address_v4::loopback(), port});
  boost::system::error_code failed;
  asio::write(socket, asio::buffer(bytes), failed);
  std::string out;
  std::array<char, 4096> piece;
  for (;;) {
    const std::size_t count = socket.read_some(asio::buffer(piece), failed);
    out.append(piece.data(), count);
    if (failed || !until_closed) return out;
  }
}

tinker::ClientOptions quick_options(const std::string& url, const std::string& key) {
  tinker::ClientOptions out;
  out.transport.base_url = url;
  out.api_key = key;
  out.retry.base = 5ms;
  out.retry.delay_max = 50ms;
  out.retry.total = 20s;
  out.retry.outage_max = 20s;
  out.retry.slow_down = 20ms;
  return out;
}

ServeOptions Serve::default_options() const {
  ServeOptions out;
  out.model_name = "small";
  out.model_aliases = {"another-name"};
  out.tokenizer_id = "/somewhere/small";
  out.folder = folder.path();
  out.timing.poll = 20s;
  out.timing.sweep = 50ms;
  return out;
}

Server& Serve::server() {
  if (!server_) server_ = std::make_unique<Server>(small_model(), options);
  return *server_;
}

void Serve::restart() {
  options.port = server().port();
  server_.reset();
  server();
}

tinker::ServiceClient Serve::client(const std::string& key) {
  return tinker::ServiceClient(quick_options(url(), key));
}

HttpResponse Serve::send(Method method, const std::string& path, std::string body,
                         const std::string& key, const std::string& type) {
  HttpRequest request(method, "/api/v1/" + path);
  request.body = std::move(body);
  if (!request.body.empty()) request.content_type = type;
  if (!key.empty()) request.headers.emplace_back("X-API-Key", key);
  return exchange(url(), std::move(request));
}

Json Serve::post(const std::string& endpoint, const Json& body, int status,
                 const std::string& key) {
  const HttpResponse response = send(Method::post, endpoint, body.dump(), key);
  EXPECT_EQ(response.status, status) << endpoint << ": " << response.body;
  return Json::parse(response.body);
}

Json Serve::result(const std::string& request_id) {
  return post("retrieve_future", {{"request_id", request_id}, {"allow_metadata_only", true}});
}

std::string Serve::new_session(const std::string& key) {
  return post("create_session", {{"tags", Json::array()}, {"sdk_version", "0"}}, 200, key)
      .at("session_id");
}

std::string Serve::new_model(const std::string& session_id, int number) {
  const Json created = post("create_model", {{"session_id", session_id},
                                             {"model_seq_id", number},
                                             {"base_model", "small"},
                                             {"lora_config", {{"rank", 4}, {"seed", 1}}}});
  return result(created.at("request_id")).at("model_id");
}

std::string Serve::forward_backward(const std::string& model_id, int seq_id) {
  tinker::LossCall call;
  call.model_id = model_id;
  call.seq_id = seq_id;
  const auto data = wire_batch();
  const HttpResponse response =
      send(Method::post, "forward_backward", tinker::encode_forward_backward(call, data), "tml-key",
           "application/x-protobuf");
  EXPECT_EQ(response.status, 200) << response.body;
  return Json::parse(response.body).at("request_id");
}

std::string Serve::optim_step(const std::string& model_id, int seq_id) {
  return post("optim_step", {{"model_id", model_id},
                             {"seq_id", seq_id},
                             {"adam_params", {{"learning_rate", 1e-2}}}})
      .at("request_id");
}

std::vector<xfer::Datum> batch() {
  std::vector<xfer::Datum> data;
  for (int i = 0; i < 3; ++i) {
    std::vector<std::int32_t> prompt;
    std::vector<std::int32_t> answer;
    for (int t = 0; t < 3 + i; ++t) prompt.push_back((7 * t + i + 1) % 60);
    for (int t = 0; t < 2 + i; ++t) answer.push_back((5 * t + i + 2) % 60);
    data.push_back(supervised_datum(prompt, answer));
  }
  return data;
}

std::vector<tinker::Datum> wire_batch() {
  std::vector<tinker::Datum> data;
  for (const xfer::Datum& datum : batch()) data.emplace_back(datum);
  return data;
}

AdamParams large_step() {
  AdamParams params;
  params.learning_rate = 1e-2;
  return params;
}

tinker::TrainingOptions small_adapter() {
  tinker::TrainingOptions options;
  options.rank = 4;
  options.seed = 1;
  return options;
}

std::unique_ptr<Trainer> local_trainer(const std::filesystem::path& folder) {
  LoraConfig lora;
  lora.rank = 4;
  lora.seed = 1;
  return engine::make_local_trainer(small_model(), lora, folder);
}

}  // namespace xfer::serve::testing
