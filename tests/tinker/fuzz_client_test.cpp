// SPDX-License-Identifier: Apache-2.0
// Mutated answers, over real connections: each is taken or refused, and the client goes on.
#include "tests/tinker/client_testing.hpp"
#include "tests/tinker/fuzz_target.hpp"
#include "tinker/wire/zstd_body.hpp"
#include "xfer/tinker/codec.hpp"

namespace xfer::tinker {
namespace {

using namespace testing;
using namespace std::chrono_literals;

std::string whole(const std::string& body, const std::string& headers) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
         "\r\n" + body;
}

std::vector<std::string> answers() {
  const std::string json = "Content-Type: application/json\r\n";
  SampleResponse response;
  SampledSequence& sequence = response.sequences.emplace_back();
  sequence.tokens = {1, 2, 3};
  sequence.logprobs = {-1.0F, -2.0F, -3.0F};
  const std::string models = R"({"supported_models":[{"model_name":"m","trainable":true}]})";
  return {whole(models, json),
          whole(zstd_compress(models), json + "Content-Encoding: zstd\r\n"),
          whole(encode_sample_response(response), "Content-Type: application/x-protobuf\r\n"),
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + json +
              "\r\n5\r\n{\"a\":\r\n3\r\n1 }"
              "\r\n0\r\n\r\n",
          "HTTP/1.1 429 Slow\r\nRetry-After: 0\r\nContent-Length: 2\r\n" + json + "\r\n{}",
          "HTTP/1.1 408 Again\r\nretry-after-ms: 1\r\nContent-Length: 2\r\n" + json + "\r\n{}"};
}

TEST(FuzzClient, mutated_answers_are_taken_or_refused) {
  const auto corpus = answers();
  Rng rng(1, "client");
  int asked = 0;
  ScriptedServer server([&](const ServerRequest& request) {
    if (request.target.ends_with("get_server_capabilities") && ++asked % 3 != 0) {
      ServerReply reply;
      reply.sending = Sending::raw;
      reply.body = mutate(rng.pick(corpus), rng);
      return reply;
    }
    return ServerReply(R"({"supported_models":[{"model_name":"whole"}]})");
  });
  ClientOptions options = quick_options(server.url());
  options.retry.total = 10s;
  options.result_bytes_max = std::size_t{1} << 20U;
  const ServiceClient client(options);
  for (FuzzRounds rounds(300); rounds.next();) {
    try {
      run_blocking(client.capabilities());
    } catch (const Error& e) {
      // A status may have become one that means no.
      ASSERT_NE(e.code(), Errc::internal) << e.what();
    }
  }
}

}  // namespace
}  // namespace xfer::tinker
