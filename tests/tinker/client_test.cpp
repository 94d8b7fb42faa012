// SPDX-License-Identifier: Apache-2.0
// The client against a small service over a real model.
#include "tests/tinker/client_testing.hpp"
#include "xfer/engine/local_trainer.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cmath>
#include <functional>
#include <thread>

namespace xfer::tinker {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class Client : public WithService {};

SampleCall sample_call(std::uint64_t seed = 1) {
  SampleCall call{ModelInput({1, 2, 3})};
  call.params.max_tokens = 5;
  call.params.seed = seed;
  call.params.stop = std::vector<std::int32_t>{};
  return call;
}

TEST_F(Client, a_tour_gives_the_engines_own_numbers) {
  const ServiceClient service_client = client();
  const auto models = run_blocking(service_client.capabilities());
  ASSERT_EQ(models.size(), 1U);
  EXPECT_EQ(models[0].model_name, "tiny");
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  EXPECT_EQ(training.info().model_id, "sess-1:train:0");
  EXPECT_EQ(training.info().lora_rank, 4);
  const auto before = run_blocking(training.forward(batch(), {}));
  run_blocking(training.forward_backward(batch(), {}));
  const auto metrics = run_blocking(training.optim_step(large_step()));
  EXPECT_EQ(metrics.count("grad_norm:mean"), 1U);
  const auto after = run_blocking(training.forward(batch(), {}));
  EXPECT_LT(after.metrics.at("loss:sum"), before.metrics.at("loss:sum"));
  const std::string path = run_blocking(training.save_state("one", {}));
  EXPECT_EQ(path, "tinker://sess-1:train:0/weights/one");
  const auto checkpoints = run_blocking(service_client.rest().checkpoints("sess-1:train:0"));
  ASSERT_EQ(checkpoints.size(), 1U);
  EXPECT_EQ(checkpoints[0].tinker_path, path);

  const TrainingClient resumed =
      run_blocking(service_client.create_training_client_from_state(path, true));
  EXPECT_EQ(run_blocking(resumed.forward(batch(), {})).metrics, after.metrics);
  const SamplingClient tuned = run_blocking(training.snapshot());
  const SamplingClient base = run_blocking(service_client.create_sampling_client_of_model("tiny"));
  SampleCall two = sample_call();
  two.num_samples = 2;
  const auto sampled = run_blocking(tuned.sample(two));
  ASSERT_EQ(sampled.sequences.size(), 2U);
  EXPECT_EQ(sampled.sequences[0].tokens.size(), 5U);
  const auto scores = run_blocking(base.compute_logprobs(ModelInput({1, 2, 3, 4})));
  ASSERT_EQ(scores.size(), 4U);
  EXPECT_TRUE(std::isnan(scores[0]));
  const auto local = engine::make_local_sampler(tiny_model());
  const auto expected = run_blocking(local->score(ScoreRequest({1, 2, 3, 4}, 1)));
  EXPECT_EQ(std::vector<float>(scores.begin() + 1, scores.end()), expected);
  run_blocking(service_client.finish_session("success", "done"));
  EXPECT_EQ(service.log().back(), "sessions/sess-1/finish");
}

TEST_F(Client, requests_are_pipelined_in_the_order_in_which_they_start) {
  const ServiceClient service_client = client();
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  boost::asio::io_context loop(1);
  int done = 0;
  const auto count = [&](std::exception_ptr failed, const auto&) {
    EXPECT_FALSE(failed);
    ++done;
  };
  for (int i = 0; i < 10; ++i) {
    boost::asio::co_spawn(loop, training.forward_backward(batch(), {}), count);
    boost::asio::co_spawn(loop, training.optim_step(large_step()), count);
  }
  loop.run();
  EXPECT_EQ(done, 20);
  std::vector<std::string> steps;
  for (const std::string& endpoint : service.log())
    if (endpoint == "forward_backward" || endpoint == "optim_step") steps.push_back(endpoint);
  ASSERT_EQ(steps.size(), 20U);
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_EQ(steps[i], i % 2 == 0 ? "forward_backward" : "optim_step");
}

TEST_F(Client, chunks_and_compression_change_no_number) {
  const ServiceClient whole = client();
  const auto expected = run_blocking(
      run_blocking(whole.create_training_client("tiny", small_adapter())).forward(batch(), {}));
  EXPECT_EQ(service.largest_batch, 3U);
  service.config = {{"fwdbwd_max_chunk_len", 1}, {"proto_compress_fwdbwd", true}};
  service.largest_batch = 0;
  const ServiceClient chunked = client();
  const auto got = run_blocking(
      run_blocking(chunked.create_training_client("tiny", small_adapter())).forward(batch(), {}));
  EXPECT_EQ(service.largest_batch, 1U);
  ASSERT_EQ(got.loss_fn_outputs.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(got.loss_fn_outputs[i].at("logprobs").data,
              expected.loss_fn_outputs[i].at("logprobs").data);
  EXPECT_NEAR(got.metrics.at("loss:sum"), expected.metrics.at("loss:sum"), 1e-6);
}

TEST_F(Client, a_refused_request_leaves_the_model_usable) {
  const ServiceClient service_client = client();
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  LossCallOptions unknown;
  unknown.loss_fn = "no_such_loss";
  std::string text;
  EXPECT_EQ(code_of([&] { run_blocking(training.forward_backward(batch(), unknown)); }, &text),
            Errc::invalid_argument);
  EXPECT_NE(text.find("no_such_loss"), std::string::npos) << text;
  run_blocking(training.forward_backward(batch(), {}));
  EXPECT_EQ(code_of([&] {
              run_blocking(service_client.create_training_client("other", small_adapter()));
            }),
            Errc::invalid_argument);
  EXPECT_EQ(code_of([&] { run_blocking(training.forward({}, {})); }), Errc::invalid_argument);
  EXPECT_EQ(code_of([&] { run_blocking(training.save_state("a/b", {})); }), Errc::invalid_argument);
}

TEST_F(Client, a_step_that_may_have_arrived_is_not_sent_again) {
  service.faults = once("forward_backward", 1, cut(true));
  const ServiceClient service_client = client();
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  run_blocking(training.forward_backward(batch(), {}));
  EXPECT_EQ(code_of([&] { run_blocking(training.forward_backward(batch(), {})); }),
            Errc::unavailable);
  EXPECT_EQ(service.asked("forward_backward"), 2);
  std::string text;
  EXPECT_EQ(code_of([&] { run_blocking(training.optim_step(large_step())); }, &text),
            Errc::unavailable);
  EXPECT_NE(text.find("uncertain"), std::string::npos) << text;
  EXPECT_EQ(service.asked("optim_step"), 0);
  EXPECT_EQ(service.carried_out_twice(), 0);
}

TEST_F(Client, a_step_is_sent_again_when_surely_refused) {
  int faults = 0;
  service.faults = [&](const std::string& endpoint, int before) -> std::optional<Fault> {
    const std::vector<int> statuses = {429, 503, 408, 402};
    if (endpoint != "optim_step" || before >= static_cast<int>(statuses.size())) return {};
    ++faults;
    return answering(statuses[static_cast<std::size_t>(before)]);
  };
  const ServiceClient service_client = client();
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  run_blocking(training.optim_step(large_step()));
  EXPECT_EQ(faults, 4);
  EXPECT_EQ(service.carried_out_twice(), 0);
}

TEST_F(Client, a_service_that_ignores_repetitions_gets_them) {
  service.config = {{"idempotent_steps", true}};
  service.repeats_ignored = true;
  service.faults = [](const std::string& endpoint, int before) -> std::optional<Fault> {
    if ((endpoint == "forward_backward" || endpoint == "optim_step") && before == 0)
      return cut(true);
    return std::nullopt;
  };
  const ServiceClient service_client = client();
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  run_blocking(training.forward_backward(batch(), {}));
  run_blocking(training.optim_step(large_step()));
  EXPECT_EQ(service.asked("forward_backward"), 2);
  EXPECT_EQ(service.carried_out_twice(), 0);
}

TEST_F(Client, a_save_whose_answer_was_lost_is_taken_over) {
  service.faults = once("save_weights", 0, cut(true));
  const ServiceClient service_client = client();
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  EXPECT_EQ(run_blocking(training.save_state("one", {})), "tinker://sess-1:train:0/weights/one");
  EXPECT_EQ(service.asked("save_weights"), 2);
  // A name that exists for another reason is not.
  EXPECT_EQ(code_of([&] { run_blocking(training.save_state("one", {})); }), Errc::invalid_argument);
}

TEST_F(Client, a_lost_future_is_asked_for_anew_in_sampling_only) {
  service.faults = [](const std::string& endpoint, int before) -> std::optional<Fault> {
    // 0: create_model; 1: the step.
    if (endpoint == "retrieve_future" && before == 1) return answering(410);
    return std::nullopt;
  };
  const ServiceClient service_client = client();
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  EXPECT_EQ(code_of([&] { run_blocking(training.forward_backward(batch(), {})); }),
            Errc::unavailable);
  TestService other;
  other.faults = once("retrieve_future", 0, answering(410));
  ScriptedServer server(other.handler());
  const ServiceClient sampling_service(quick_options(server.url()));
  const SamplingClient sampler =
      run_blocking(sampling_service.create_sampling_client_of_model("tiny"));
  EXPECT_EQ(run_blocking(sampler.sample(sample_call())).sequences.size(), 1U);
  EXPECT_EQ(other.asked("asample"), 2);
}

TEST_F(Client, slows_down_when_asked_and_loses_nothing) {
  service.faults = [](const std::string& endpoint, int before) -> std::optional<Fault> {
    if (endpoint == "asample" && before % 3 == 0 && before < 60) return answering(429);
    return std::nullopt;
  };
  const ServiceClient service_client = client();
  const SamplingClient sampler =
      run_blocking(service_client.create_sampling_client_of_model("tiny"));
  boost::asio::io_context loop(1);
  std::vector<std::vector<std::int32_t>> got(100);
  for (std::size_t i = 0; i < got.size(); ++i)
    boost::asio::co_spawn(loop, sampler.sample(sample_call(i)),
                          [&got, i](std::exception_ptr failed, const SampleResponse& response) {
                            if (!failed) got[i] = response.sequences.at(0).tokens;
                          });
  loop.run();
  const auto local = engine::make_local_sampler(tiny_model());
  for (std::size_t i = 0; i < got.size(); ++i) {
    SampleRequest request({1, 2, 3});
    request.max_tokens = 5;
    request.seed = i;
    request.stop_tokens.emplace();
    EXPECT_EQ(got[i], run_blocking(local->sample(request))[0].tokens) << i;
  }
}

TEST_F(Client, an_ended_session_is_noticed) {
  server_ = std::make_unique<ScriptedServer>(service.handler());
  ClientOptions options = quick_options(server_->url());
  options.heartbeat = 10ms;
  const ServiceClient service_client(options);
  const TrainingClient training =
      run_blocking(service_client.create_training_client("tiny", small_adapter()));
  while (service.asked("session_heartbeat") < 2) std::this_thread::sleep_for(2ms);
  service.end_sessions();
  // New clients get a new session as soon as a heartbeat was refused.
  TrainingClient next;
  std::string session;
  while (session.empty()) {
    try {
      next = run_blocking(service_client.create_training_client("tiny", small_adapter()));
      session = next.session_id();
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), Errc::unavailable) << e.what();
    }
  }
  EXPECT_EQ(session, "sess-2");
  std::string text;
  EXPECT_EQ(code_of([&] { run_blocking(training.optim_step(large_step())); }, &text),
            Errc::unavailable);
  EXPECT_NE(text.find("session"), std::string::npos) << text;
  EXPECT_EQ(service.asked("optim_step"), 0);
  run_blocking(next.optim_step(large_step()));
}

TEST_F(Client, refused_keys_and_open_bills_end_in_words) {
  service.faults = [](const std::string& endpoint, int) -> std::optional<Fault> {
    if (endpoint == "create_session") return answering(401, R"({"detail":"invalid key"})");
    if (endpoint == "get_server_capabilities") return answering(402);
    return std::nullopt;
  };
  const ServiceClient service_client = client();
  std::string text;
  EXPECT_EQ(
      code_of([&] { run_blocking(service_client.create_sampling_client_of_model("tiny")); }, &text),
      Errc::unauthorized);
  EXPECT_NE(text.find("TINKER_API_KEY"), std::string::npos) << text;
  EXPECT_EQ(text.find("tml-secret-key"), std::string::npos);
  EXPECT_EQ(code_of([&] { run_blocking(service_client.capabilities()); }, &text),
            Errc::not_available);
  EXPECT_NE(text.find("billing"), std::string::npos) << text;
  EXPECT_GT(service.asked("get_server_capabilities"), 5);
}

TEST_F(Client, needs_a_key_for_the_hosted_service_and_a_sane_one_anywhere) {
  ClientOptions options;
  options.transport.base_url = hosted_base_url;
  EXPECT_EQ(code_of([&] { ServiceClient without(options); }), Errc::unauthorized);
  options.api_key = "tml-x\r\nX-Evil: 1";
  std::string text;
  EXPECT_EQ(code_of([&] { ServiceClient bad(options); }, &text), Errc::invalid_argument);
  EXPECT_EQ(text.find("Evil"), std::string::npos);
}

TEST_F(Client, works_without_the_optional_endpoints) {
  service.faults = [](const std::string& endpoint, int) -> std::optional<Fault> {
    if (endpoint == "client/dynamic_config" || endpoint.ends_with("/finish")) return answering(404);
    return std::nullopt;
  };
  const ServiceClient service_client = client();
  run_blocking(service_client.create_sampling_client_of_model("tiny"));
  run_blocking(service_client.finish_session("success", ""));
}

/// A future that is never ready.
FaultPlan never_ready() {
  return [](const std::string& endpoint, int) -> std::optional<Fault> {
    if (endpoint != "retrieve_future") return std::nullopt;
    Fault fault = answering(200, R"({"type":"try_again","request_id":"x"})");
    fault.reply.delay = 5ms;
    return fault;
  };
}

TEST_F(Client, a_cancelled_sample_is_given_up_at_the_service_too) {
  service.dynamic_config = {{"sample_cancel_enabled", true}};
  const ServiceClient service_client = client();
  const SamplingClient sampler =
      run_blocking(service_client.create_sampling_client_of_model("tiny"));
  service.faults = never_ready();
  boost::asio::io_context loop(1);
  boost::asio::cancellation_signal stop;
  boost::asio::steady_timer later(loop);
  std::function<void()> stop_when_polled = [&] {
    later.expires_after(2ms);
    later.async_wait([&](boost::system::error_code) {
      if (service.asked("retrieve_future") == 0)
        stop_when_polled();
      else
        stop.emit(boost::asio::cancellation_type::terminal);
    });
  };
  stop_when_polled();
  Errc code = Errc::internal;
  boost::asio::co_spawn(loop, sampler.sample(sample_call()),
                        boost::asio::bind_cancellation_slot(
                            stop.slot(), [&](std::exception_ptr failed, const SampleResponse&) {
                              code = code_of([&] {
                                if (failed) std::rethrow_exception(failed);
                              });
                            }));
  loop.run();
  EXPECT_EQ(code, Errc::cancelled);
  for (int i = 0; i < 5000 && service.asked("cancel_future") == 0; ++i)
    std::this_thread::sleep_for(2ms);
  EXPECT_EQ(service.asked("cancel_future"), 1);
}

TEST_F(Client, a_deadline_ends_the_waiting) {
  start();
  ClientOptions options = quick_options(server_->url());
  options.deadline = 50ms;
  const ServiceClient service_client(options);
  const SamplingClient sampler =
      run_blocking(service_client.create_sampling_client_of_model("tiny"));
  service.faults = never_ready();
  EXPECT_EQ(code_of([&] { run_blocking(sampler.sample(sample_call())); }), Errc::timeout);
}

TEST_F(Client, calls_outlive_the_client_that_made_them) {
  auto call = [&] {
    const ServiceClient short_lived = client();
    return run_blocking(short_lived.create_sampling_client_of_model("tiny")).sample(sample_call());
  }();
  EXPECT_EQ(run_blocking(std::move(call)).sequences.size(), 1U);
}

}  // namespace
}  // namespace xfer::tinker
