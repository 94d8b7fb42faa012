// SPDX-License-Identifier: Apache-2.0
// What survives the end of the server, however it ends.
#include "tests/serve/serve_testing.hpp"
#include "xfer/tinker/remote.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace xfer::serve {
namespace {

using namespace testing;
using tinker::Method;

class Restart : public Serve {};

double loss_of(Trainer& trainer) {
  return run_blocking(trainer.forward(ForwardBackwardRequest(batch()))).metrics.at("loss:sum");
}

void step(Trainer& trainer) {
  run_blocking(trainer.forward_backward(ForwardBackwardRequest(batch())));
  run_blocking(trainer.optim_step(large_step()));
}

LoraConfig small_lora() {
  LoraConfig lora;
  lora.rank = 4;
  lora.seed = 1;
  return lora;
}

TEST_F(Restart, runs_and_checkpoints_are_there_again) {
  const auto before = client();
  const auto training = run_blocking(before.create_training_client("small", small_adapter()));
  run_blocking(training.forward_backward(wire_batch(), {}));
  run_blocking(training.optim_step(large_step()));
  const std::string path = run_blocking(training.save_state("one", {}));
  const std::string sampler = run_blocking(training.save_weights_for_sampler("two", {}));
  const auto expected = run_blocking(training.forward(wire_batch(), {}));
  const std::string run = training.info().model_id;
  const std::string session = run_blocking(before.rest().sessions({})).at(0);
  restart();
  const auto after = client();
  EXPECT_EQ(run_blocking(after.rest().training_runs({})).at(0).training_run_id, run);
  EXPECT_EQ(run_blocking(after.rest().checkpoints(run)).size(), 2U);
  EXPECT_EQ(run_blocking(after.rest().session(session)).training_run_ids.at(0), run);
  const auto resumed = run_blocking(after.create_training_client_from_state(path, true));
  EXPECT_EQ(run_blocking(resumed.forward(wire_batch(), {})).metrics, expected.metrics);
  run_blocking(after.create_sampling_client_of_path(sampler));
  // The model itself was in memory only, and its client is told so.
  EXPECT_EQ(send(Method::post, "get_info", Json({{"model_id", run}}).dump()).status, 410);
  EXPECT_EQ(send(Method::post, "session_heartbeat", Json({{"session_id", session}}).dump()).status,
            410);
}

TEST_F(Restart, sampling_goes_on) {
  const auto service = client();
  const auto training = run_blocking(service.create_training_client("small", small_adapter()));
  run_blocking(training.forward_backward(wire_batch(), {}));
  run_blocking(training.optim_step(large_step()));
  const auto snapshot = run_blocking(training.snapshot());
  const auto base = run_blocking(service.create_sampling_client_of_model("small"));
  tinker::SampleCall call{tinker::ModelInput({1, 2, 3})};
  call.params.max_tokens = 5;
  call.params.seed = 3;
  const auto tuned = run_blocking(snapshot.sample(call));
  const auto plain = run_blocking(base.sample(call));
  restart();
  EXPECT_EQ(run_blocking(snapshot.sample(call)).sequences[0].logprobs, tuned.sequences[0].logprobs);
  EXPECT_EQ(run_blocking(base.sample(call)).sequences[0].logprobs, plain.sequences[0].logprobs);
}

TEST_F(Restart, a_stop_ends_long_polls_at_once) {
  const std::string model = new_model(new_session());
  const std::string held = optim_step(model, 2);
  std::thread poll([&] {
    const auto answer = send(Method::post, "retrieve_future", Json({{"request_id", held}}).dump());
    EXPECT_EQ(answer.status, 200);
  });
  std::this_thread::sleep_for(100ms);
  const auto start = std::chrono::steady_clock::now();
  server().stop();
  server().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  poll.join();
}

TEST_F(Restart, another_server_cannot_take_the_folder) {
  server();
  EXPECT_EQ(code_of([&] { const Server second(small_model(), options); }), Errc::unavailable);
}

TEST_F(Restart, senseless_options_are_refused) {
  const auto refused = [&](const ServeOptions& bad) {
    return code_of([&] { const Server server(small_model(), bad); });
  };
  ServeOptions bad = options;
  bad.host = "not-an-address";
  EXPECT_EQ(refused(bad), Errc::invalid_argument);
  bad = options;
  bad.host = "0.0.0.0";  // lets others in
  EXPECT_EQ(refused(bad), Errc::invalid_argument);
  bad.host = "203.0.113.1";  // not this machine's
  bad.api_keys = {"tml-key"};
  EXPECT_EQ(refused(bad), Errc::io);
  bad = options;
  bad.model_name.clear();
  EXPECT_EQ(refused(bad), Errc::invalid_argument);
  bad = options;
  bad.folder = "/proc/nowhere";
  EXPECT_EQ(refused(bad), Errc::io);
}

/// A server in a process of its own.
class Child {
public:
  Child(const std::filesystem::path& folder, int port) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    const std::string where = folder.string();
    const std::string number = std::to_string(port);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], 1);
      ::execl(XFER_SERVE_CHILD, XFER_SERVE_CHILD, where.c_str(), number.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    char text[256];
    const ssize_t count = ::read(ends[0], text, sizeof text);
    ::close(ends[0]);
    said_.assign(text, count > 0 ? static_cast<std::size_t>(count) : 0U);
  }
  ~Child() { kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  const std::string& said() const { return said_; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

private:
  pid_t pid_ = 0;
  std::string said_;
};

/// A port that is free now.
int free_port(ServeOptions options, const std::filesystem::path& folder) {
  options.folder = folder;
  options.port = 0;
  return Server(small_model(), options).port();
}

TEST_F(Restart, training_goes_on_after_the_server_was_killed) {
  const TemporaryFolder scratch;
  const int port = free_port(options, scratch.path());
  const std::string address = "http://127.0.0.1:" + std::to_string(port);
  const auto local = engine::make_local_trainer(small_model(), small_lora(), scratch.path());
  auto child = std::make_unique<Child>(folder.path(), port);
  ASSERT_EQ(child->said(), "ready\n");
  const tinker::ServiceClient service(quick_options(address));
  const auto served = run_blocking(tinker::make_remote_trainer(service, "small", small_lora()));
  for (int i = 0; i < 2; ++i) {
    step(*served);
    step(*local);
  }
  run_blocking(served->save_state("half-way", true));
  step(*served);
  step(*local);
  child->kill();
  child = std::make_unique<Child>(folder.path(), port);
  ASSERT_EQ(child->said(), "ready\n");
  step(*served);
  step(*local);
  EXPECT_EQ(loss_of(*served), loss_of(*local));
}

}  // namespace
}  // namespace xfer::serve
