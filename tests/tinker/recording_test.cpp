// SPDX-License-Identifier: Apache-2.0
// What is recorded holds no secrets and replays to the same results.
#include "xfer/tinker/recording.hpp"
#include "tests/tinker/client_testing.hpp"
#include "tests/tinker/recordings.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace xfer::tinker {
namespace {

using namespace testing;

std::filesystem::path scratch_file(const std::string& name) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("xfer-" + name + "-" + std::to_string(::getpid()) + ".jsonl");
  std::filesystem::remove(path);
  return path;
}

ServiceClient replaying(const std::filesystem::path& file, ReplayTransport** out = nullptr) {
  ClientOptions options = quick_options("http://replay");
  return ServiceClient(options, [file, out](boost::asio::any_io_executor, const ClientOptions&) {
    auto transport = ReplayTransport::open(file);
    if (out != nullptr) *out = transport.get();
    return transport;
  });
}

std::map<std::string, double> tour(const ServiceClient& client) {
  const auto training = run_blocking(client.create_training_client("tiny", small_adapter()));
  run_blocking(training.forward_backward(batch(), {}));
  run_blocking(training.optim_step(large_step()));
  auto metrics = run_blocking(training.forward(batch(), {})).metrics;
  const auto sampler = run_blocking(training.snapshot());
  SampleCall call{ModelInput({1, 2, 3})};
  call.params.max_tokens = 3;
  call.params.seed = 1;
  metrics["token"] = run_blocking(sampler.sample(call)).sequences.at(0).tokens.at(0);
  return metrics;
}

TEST(Recording, replays_to_the_same_results_and_holds_no_key) {
  const auto file = scratch_file("recording");
  std::map<std::string, double> expected;
  {
    TestService service;
    ScriptedServer server(service.handler());
    ClientOptions options = quick_options(server.url());
    options.record_file = file;
    options.display_name = "named tml-secret-key by mistake";
    expected = tour(ServiceClient(options));
  }
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  EXPECT_EQ(text.str().find("tml-secret-key"), std::string::npos);
  EXPECT_NE(text.str().find("named REDACTED by mistake"), std::string::npos);
  for (const char* decoded : {"\"loss_fn\":\"cross_entropy\"",
                              "\"loss:sum\":", "\"stop_reason\":", "\"loss_fn_inputs\":"})
    EXPECT_NE(text.str().find(decoded), std::string::npos) << decoded;
  EXPECT_EQ(tour(replaying(file)), expected);
  std::filesystem::remove(file);
}

TEST(Recording, leaves_out_tokens_and_signed_addresses) {
  const auto file = scratch_file("secrets");
  {
    ScriptedServer server([](const ServerRequest& request) {
      if (request.target.ends_with("auth/token")) return ServerReply(R"({"jwt":"eySECRET"})");
      return ServerReply(R"({"urls":{"a":"https://x?signature=SECRET"},"expires":"later"})");
    });
    boost::asio::io_context loop(1);
    TransportOptions options;
    options.base_url = server.url();
    const auto transport = make_recording_transport(
        make_http_transport(loop.get_executor(), options), file, "SECRETKEY");
    for (const char* path : {"/api/v1/auth/token", "/api/v1/urls"}) {
      HttpRequest request(Method::post, path);
      request.body = R"({"weights_access_token":"SECRET"})";
      request.content_type = "application/json";
      request.headers.emplace_back("X-API-Key", "SECRETKEY");
      boost::asio::co_spawn(
          loop, transport->send(std::move(request)),
          [](std::exception_ptr failed, const HttpResponse&) { EXPECT_FALSE(failed); });
    }
    loop.run();
  }
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  EXPECT_EQ(text.str().find("SECRET"), std::string::npos) << text.str();
  EXPECT_NE(text.str().find("later"), std::string::npos);
  std::filesystem::remove(file);
}

TEST(Replay, refuses_what_was_not_recorded_and_files_that_are_none) {
  const auto file = scratch_file("bad");
  EXPECT_EQ(code_of([&] { ReplayTransport::open(file); }), Errc::io);
  for (const char* bad : {"nonsense", "[]", R"({"method":"GET"})",
                          R"({"method":"GET","path":"/","response_body":{"base64":"?"}})"}) {
    std::ofstream(file) << R"({"method":"GET","path":"/"})" << '\n' << bad << '\n';
    std::string text;
    EXPECT_EQ(code_of([&] { ReplayTransport::open(file); }, &text), Errc::bad_data);
    EXPECT_NE(text.find(":2"), std::string::npos) << text;
  }
  std::ofstream(file) << R"({"method":"GET","path":"/"})" << '\n';
  EXPECT_EQ(code_of([&] { run_blocking(replaying(file).config()); }), Errc::bad_data);
  std::filesystem::remove(file);
}

std::filesystem::path recorded(const char* name) {
  const auto folder = recordings_folder();
  return folder ? *folder / name : std::filesystem::path();
}

TEST(Replay, the_basic_recording) {
  const auto file = recorded("fake_basic.jsonl");
  if (file.empty()) GTEST_SKIP() << "no recordings here";
  const ServiceClient client = replaying(file);
  TrainingOptions options;
  options.rank = 8;
  const auto training = run_blocking(client.create_training_client("m", options));
  EXPECT_EQ(training.info().model_id, "sess-1:train:0");
  EXPECT_EQ(training.info().arch, "llama");
  std::vector<Datum> two = {Datum(ModelInput({0, 1, 2, 3})), Datum(ModelInput({0, 1, 2}))};
  const auto first = run_blocking(training.forward_backward(two, {}));
  EXPECT_EQ(first.metrics.at("loss:sum"), 7.0);
  EXPECT_EQ(first.loss_fn_outputs.at(1).at("logprobs").size(), 3U);
  EXPECT_TRUE(run_blocking(training.optim_step(AdamParams())).empty());
  two.pop_back();
  EXPECT_EQ(run_blocking(training.forward_backward(two, {})).metrics.at("loss:sum"), 4.0);
  const auto path = run_blocking(training.save_state("ck", {}));
  EXPECT_EQ(path, "tinker://sess-1:train:0/weights/ck");
  const auto resumed = run_blocking(client.create_training_client_from_state(path, false));
  EXPECT_EQ(resumed.info().model_id, "sess-1:train:1");
  run_blocking(client.create_training_client_from_state(path, true));
  run_blocking(training.load_state(path, true));
  const auto sampler = run_blocking(training.snapshot());
  EXPECT_EQ(sampler.sampling_session_id(), "samp-0");
  SampleCall call{ModelInput({1, 2, 3})};
  call.num_samples = 2;
  const auto sampled = run_blocking(sampler.sample(call));
  EXPECT_EQ(sampled.sequences.at(1).tokens, (std::vector<std::int32_t>{0, 1, 2, 3}));
  call.num_samples = 1;
  run_blocking(sampler.sample(call));
  const auto logprobs = run_blocking(sampler.compute_logprobs(ModelInput({1, 2, 3})));
  EXPECT_EQ(logprobs.at(1), -2.0F);
  const auto base = run_blocking(client.create_sampling_client_of_model("m"));
  EXPECT_EQ(base.sampling_session_id(), "sess-1:sample:1");
  run_blocking(base.sample(call));
  std::string text;
  EXPECT_EQ(
      code_of([&] { run_blocking(client.create_training_client("no/such-model", {})); }, &text),
      Errc::invalid_argument);
  EXPECT_NE(text.find("unknown base model"), std::string::npos);
}

TEST(Replay, recorded_troubles) {
  if (recorded("x").empty()) GTEST_SKIP() << "no recordings here";
  const std::vector<Datum> one = {Datum(ModelInput({0, 1, 2, 3}))};
  {
    const ServiceClient client = replaying(recorded("fake_user_error.jsonl"));
    const auto training = run_blocking(client.create_training_client("m", {}));
    std::string text;
    EXPECT_EQ(code_of([&] { run_blocking(training.forward_backward(one, {})); }, &text),
              Errc::invalid_argument);
    EXPECT_NE(text.find("made-up user error"), std::string::npos);
    run_blocking(training.optim_step(AdamParams()));
  }
  {
    const ServiceClient client = replaying(recorded("fake_gone_410.jsonl"));
    EXPECT_EQ(code_of([&] { run_blocking(client.create_training_client("m", {})); }),
              Errc::unavailable);
  }
  {
    const ServiceClient client = replaying(recorded("fake_serial_chunks.jsonl"));
    const auto training = run_blocking(client.create_training_client("m", {}));
    EXPECT_EQ(run_blocking(client.config()).fwdbwd_max_chunk_len, 2U);
    std::vector<Datum> five(5, one[0]);
    EXPECT_EQ(run_blocking(training.forward_backward(five, {})).loss_fn_outputs.size(), 5U);
  }
}

TEST(Replay, a_service_of_the_older_kind) {
  const auto file = recorded("skyrl040_sdk025.jsonl");
  if (file.empty()) GTEST_SKIP() << "no recordings here";
  const ServiceClient client = replaying(file);
  const auto capabilities = run_blocking(client.capabilities());
  ASSERT_FALSE(capabilities.empty());
  TrainingOptions options;
  options.rank = 8;
  options.seed = 1;
  const auto training =
      run_blocking(client.create_training_client(capabilities[0].model_name, options));
  const std::vector<Datum> two = {Datum(ModelInput({5, 6, 7, 8})), Datum(ModelInput({10, 11}))};
  const auto output = run_blocking(training.forward_backward(two, {}));
  EXPECT_NEAR(std::get<std::vector<float>>(output.loss_fn_outputs.at(0).at("logprobs").data).at(0),
              -6.20837F, 1e-4F);
  const auto runs = run_blocking(client.rest().training_runs(Page()));
  EXPECT_FALSE(runs.empty());
}

}  // namespace
}  // namespace xfer::tinker
