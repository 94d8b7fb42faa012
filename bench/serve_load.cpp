// SPDX-License-Identifier: Apache-2.0
#include "bench/serve_load.hpp"

#include "xfer/error.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/tinker/service_client.hpp"
#include "xfer/tinker/transport.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

namespace xfer::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int steps_per_round = 4;
constexpr int samples_per_round = 4;

double resident_mb() {
  std::ifstream in("/proc/self/statm");
  double whole = 0.0;
  double resident = 0.0;
  in >> whole >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0);
}

std::vector<tinker::Datum> batch(int client) {
  std::vector<tinker::Datum> data;
  for (int i = 0; i < 4; ++i) {
    std::vector<std::int32_t> tokens;
    std::vector<std::int64_t> targets;
    for (int t = 0; t < 16; ++t) {
      tokens.push_back((client * 7 + i * 3 + t) % 50);
      targets.push_back((client * 7 + i * 3 + t + 1) % 50);
    }
    xfer::Datum datum(std::move(tokens));
    datum.loss_fn_inputs.emplace("target_tokens", Tensor(targets));
    datum.loss_fn_inputs.emplace("weights", Tensor(std::vector<float>(targets.size(), 1.0F)));
    data.emplace_back(datum);
  }
  return data;
}

/// Shared by the clients' threads.
struct Load {
  explicit Load(const LoadOptions& wanted) : options(wanted), end(Clock::now() + wanted.time) {}
  const LoadOptions& options;
  Clock::time_point end;
  std::atomic<std::int64_t> steps{0};
  std::atomic<std::int64_t> samples{0};
  std::atomic<int> past_first_round{0};
  std::mutex mutex;
  std::vector<std::string> errors;
  std::vector<double> heartbeats_ms;

  void note(const std::string& error) {
    const std::lock_guard lock(mutex);
    errors.push_back(error);
  }
};

void round(Load& load, const tinker::TrainingClient& training, int number) {
  AdamParams params;
  params.learning_rate = 1e-3;
  for (int i = 0; i < steps_per_round; ++i) {
    run_blocking(training.forward_backward(batch(number), {}));
    run_blocking(training.optim_step(params));
    ++load.steps;
  }
  const auto sampler = run_blocking(training.snapshot());
  for (int i = 0; i < samples_per_round; ++i) {
    tinker::SampleCall call{tinker::ModelInput({1, 2, 3, number % 50})};
    call.num_samples = 2;
    call.params.max_tokens = 8;
    call.params.seed = static_cast<std::uint64_t>(i);
    run_blocking(sampler.sample(std::move(call)));
    ++load.samples;
  }
}

void run_client(Load& load, int number) {
  bool first = true;
  try {
    const tinker::ServiceClient service(load.options.client);
    tinker::TrainingOptions small;
    small.rank = 4;
    small.seed = static_cast<std::uint64_t>(number);
    const auto training =
        run_blocking(service.create_training_client(load.options.base_model, small));
    while (Clock::now() < load.end) {
      round(load, training, number);
      if (std::exchange(first, false)) ++load.past_first_round;
    }
    run_blocking(service.finish_session("success", ""));
  } catch (const Error& e) {
    load.note("client " + std::to_string(number) + ": " + e.what());
  }
  if (first) ++load.past_first_round;
}

/// One exchange; the body of its answer.
std::string post(const tinker::ClientOptions& options, const std::string& path,
                 const std::string& body) {
  boost::asio::io_context loop(1);
  const auto transport = tinker::make_http_transport(loop.get_executor(), options.transport);
  tinker::HttpRequest request(tinker::Method::post, path);
  request.body = body;
  request.content_type = "application/json";
  if (!options.api_key.empty()) request.headers.emplace_back("X-API-Key", options.api_key);
  std::string answer;
  std::exception_ptr failure;
  boost::asio::co_spawn(loop, transport->send(std::move(request)),
                        [&](std::exception_ptr failed, const tinker::HttpResponse& response) {
                          failure = failed;
                          if (!failed && response.status != 200)
                            answer = "status " + std::to_string(response.status);
                          else
                            answer = response.body;
                        });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  return answer;
}

void time_heartbeats(Load& load) {
  try {
    const std::string session =
        post(load.options.client, "/api/v1/create_session",
             R"({"tags":[],"user_metadata":{},"sdk_version":"0.38.0","type":"create_session"})");
    const std::string mark = "\"session_id\":\"";
    const std::size_t at = session.find(mark);
    if (at == std::string::npos) throw Error(Errc::bad_data, "no session: " + session);
    const std::size_t from = at + mark.size();
    const std::string body = R"({"session_id":")" +
                             session.substr(from, session.find('"', from) - from) +
                             R"(","type":"session_heartbeat"})";
    while (Clock::now() < load.end) {
      const auto start = Clock::now();
      const std::string answer = post(load.options.client, "/api/v1/session_heartbeat", body);
      const std::chrono::duration<double, std::milli> took = Clock::now() - start;
      if (answer.starts_with("status")) load.note("heartbeat: " + answer);
      {
        const std::lock_guard lock(load.mutex);
        load.heartbeats_ms.push_back(took.count());
      }
      std::this_thread::sleep_for(load.options.heartbeat_every);
    }
  } catch (const Error& e) {
    load.note(std::string("heartbeat: ") + e.what());
  }
}

void sum_up(Load& load, LoadReport& report) {
  const std::lock_guard lock(load.mutex);
  report.steps = load.steps;
  report.samples = load.samples;
  report.errors = load.errors;
  report.memory_end_mb = resident_mb();
  std::vector<double> ms = load.heartbeats_ms;
  std::sort(ms.begin(), ms.end());
  report.heartbeats = static_cast<int>(ms.size());
  if (ms.empty()) return;
  const auto at = [&](double share) {
    return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))];
  };
  report.heartbeat_p50_ms = at(0.5);
  report.heartbeat_p99_ms = at(0.99);
  report.heartbeat_max_ms = ms.back();
}

}  // namespace

LoadReport run_load(const LoadOptions& options,
                    const std::function<void(const LoadReport&)>& tell) {
  Load load(options);
  LoadReport report;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { time_heartbeats(load); });
  for (int i = 0; i < options.clients; ++i) threads.emplace_back([&, i] { run_client(load, i); });
  auto next_word = Clock::now() + std::chrono::minutes(1);
  while (Clock::now() < load.end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (report.memory_start_mb == 0.0 && load.past_first_round == options.clients)
      report.memory_start_mb = resident_mb();
    if (tell && Clock::now() >= next_word) {
      next_word += std::chrono::minutes(1);
      sum_up(load, report);
      tell(report);
    }
  }
  if (report.memory_start_mb == 0.0) report.memory_start_mb = resident_mb();
  sum_up(load, report);
  for (std::thread& thread : threads) thread.join();
  const double memory = report.memory_end_mb;
  sum_up(load, report);
  report.memory_end_mb = memory;  // while all were at work
  return report;
}

}  // namespace xfer::bench
