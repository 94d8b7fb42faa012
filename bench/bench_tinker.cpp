// SPDX-License-Identifier: Apache-2.0
// Two halves of bench_tinker.py:
//   bench_tinker serve [HOLD_MS]
//     A Tinker service that answers every sample at once, or after so many milliseconds; says its
//     address and runs until it is killed.
//   bench_tinker sample URL CALLS SECONDS
//     xfer's own client with CALLS samples at a time; prints one line of JSON.
#include "xfer/run_blocking.hpp"
#include "xfer/tinker/codec.hpp"
#include "xfer/tinker/service_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using namespace xfer;
using Clock = std::chrono::steady_clock;
using asio::ip::tcp;

constexpr int prompt_tokens = 64;
constexpr int answer_tokens = 32;

std::string http_answer(std::string_view type, const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string json_answer(const std::string& body) { return http_answer("application/json", body); }

/// Every answer is ready before the first question.
struct Answers {
  Answers() {
    tinker::SampleResponse response;
    tinker::SampledSequence& sequence = response.sequences.emplace_back();
    for (int i = 0; i < answer_tokens; ++i) sequence.tokens.push_back(i);
    sequence.logprobs.emplace(static_cast<std::size_t>(answer_tokens), -1.5F);
    sequence.stop_reason = StopReason::length;
    result = http_answer("application/x-protobuf", tinker::encode_sample_response(response));
  }
  std::string empty = json_answer("{}");
  std::string session = json_answer(R"({"type":"create_session","session_id":"s"})");
  std::string sampler =
      json_answer(R"({"type":"create_sampling_session","sampling_session_id":"s:sample:0"})");
  std::string samplers =
      json_answer(R"({"sampler_id":"s:sample:0","base_model":"m","model_path":null})");
  std::string accepted =
      json_answer(R"({"request_id":"r","sample_sequence_ids":["s:sample:0:0:0"]})");
  std::string result;

  const std::string& to(std::string_view target) const {
    if (target.ends_with("/asample")) return accepted;
    if (target.ends_with("/retrieve_future")) return result;
    if (target.ends_with("/create_session")) return session;
    if (target.ends_with("/create_sampling_session")) return sampler;
    if (target.find("/samplers/") != std::string_view::npos) return samplers;
    return empty;
  }
};

task<void> answer_connection(tcp::socket socket, const Answers& answers,
                             std::chrono::milliseconds hold) {
  socket.set_option(tcp::no_delay(true));
  boost::beast::flat_buffer buffer;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  boost::system::error_code failed;
  for (;;) {
    http::request<http::string_body> request;
    auto reading = http::async_read(socket, buffer, request,
                                    asio::redirect_error(asio::use_awaitable, failed));
    co_await std::move(reading);
    if (failed) co_return;
    const std::string_view target(request.target().data(), request.target().size());
    if (hold.count() > 0 && target.ends_with("/retrieve_future")) {
      timer.expires_after(hold);
      auto waiting = timer.async_wait(asio::redirect_error(asio::use_awaitable, failed));
      co_await std::move(waiting);
    }
    auto writing = asio::async_write(socket, asio::buffer(answers.to(target)),
                                     asio::redirect_error(asio::use_awaitable, failed));
    co_await std::move(writing);
    if (failed) co_return;
  }
}

task<void> accept_all(tcp::acceptor acceptor, const Answers& answers,
                      std::chrono::milliseconds hold) {
  for (;;) {
    auto accepting = acceptor.async_accept(asio::use_awaitable);
    tcp::socket socket = co_await std::move(accepting);
    asio::co_spawn(acceptor.get_executor(), answer_connection(std::move(socket), answers, hold),
                   asio::detached);
  }
}

int serve(std::chrono::milliseconds hold) {
  asio::io_context loop(1);
  const Answers answers;
  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  std::printf("http://127.0.0.1:%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(loop, accept_all(std::move(acceptor), answers, hold), asio::detached);
  loop.run();
  return 0;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

long peak_kb() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used.ru_maxrss;
}

long open_files() {
  long count = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    (void)entry;
    ++count;
  }
  return count;
}

struct Tally {
  Clock::time_point end;
  std::vector<double> milliseconds;
};

task<void> caller(tinker::SamplingClient client, Tally& tally) {
  while (Clock::now() < tally.end) {
    tinker::SampleCall call{tinker::ModelInput(std::vector<std::int32_t>(prompt_tokens, 7))};
    call.params.max_tokens = answer_tokens;
    const auto start = Clock::now();
    auto sampling = client.sample(std::move(call));
    co_await std::move(sampling);
    const std::chrono::duration<double, std::milli> took = Clock::now() - start;
    tally.milliseconds.push_back(took.count());
  }
}

task<void> watch_files(Tally& tally, long& most) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (Clock::now() < tally.end) {
    most = std::max(most, open_files());
    timer.expires_after(std::chrono::milliseconds(100));
    auto waiting = timer.async_wait(asio::use_awaitable);
    co_await std::move(waiting);
  }
}

/// Closed loop: `calls` callers, each with one sample at a time.
void run_callers(const tinker::SamplingClient& client, int calls, Tally& tally, long& files) {
  asio::io_context loop(1);
  for (int i = 0; i < calls; ++i)
    asio::co_spawn(loop, caller(client, tally), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
  asio::co_spawn(loop, watch_files(tally, files), asio::detached);
  loop.run();
}

int sample(const std::string& url, int calls, double seconds) {
  tinker::ClientOptions options;
  options.transport.base_url = url;
  options.api_key = "tml-bench";
  const tinker::ServiceClient service(options);
  const auto client = run_blocking(service.create_sampling_client_of_model("m"));
  const auto span = [](double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  };
  long files = 0;
  Tally warm_up;
  warm_up.end = Clock::now() + span(1.0);
  run_callers(client, calls, warm_up, files);
  Tally tally;
  const auto start = Clock::now();
  const double cpu_before = cpu_seconds();
  tally.end = start + span(seconds);
  run_callers(client, calls, tally, files);
  const double cpu = cpu_seconds() - cpu_before;
  const std::chrono::duration<double> took = Clock::now() - start;
  auto& ms = tally.milliseconds;
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double share) {
    if (ms.empty()) return 0.0;
    return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))];
  };
  const auto count = static_cast<double>(ms.size());
  std::printf(
      "{\"calls_per_second\": %.1f, \"cpu_ms_per_call\": %.4f, \"p50_ms\": %.3f, "
      "\"p99_ms\": %.3f, \"peak_mb\": %.1f, \"files\": %ld}\n",
      count / took.count(), cpu * 1e3 / count, at(0.5), at(0.99),
      static_cast<double>(peak_kb()) / 1024.0, files);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  try {
    if (what == "serve")
      return serve(std::chrono::milliseconds(count > 2 ? std::atoi(arguments[2]) : 0));
    if (what == "sample" && count == 5)
      return sample(arguments[2], std::atoi(arguments[3]), std::atof(arguments[4]));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_tinker: %s\n", e.what());
    return 1;
  }
  std::fprintf(stderr, "usage: bench_tinker serve [HOLD_MS] | sample URL CALLS SECONDS\n");
  return 2;
}
