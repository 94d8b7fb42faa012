// SPDX-License-Identifier: Apache-2.0
// Requests and futures, as the state machines say.
#include "tinker/client/core.hpp"
#include "tinker/wire/answers.hpp"
#include "tinker/wire/requests.hpp"

#include <array>
#include <cstdio>

namespace xfer::tinker {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* token_path = "/api/v1/auth/token";

/// An answer that makes no sense is asked for again this many times.
constexpr int garbled_max = 5;

milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

Attempt::End end_of(const TransportError& e) {
  if (e.code() == Errc::bad_data) return Attempt::End::lost;
  if (!is_transient(e.code())) return Attempt::End::hopeless;
  return e.may_have_arrived() ? Attempt::End::lost : Attempt::End::not_sent;
}

[[noreturn]] void throw_status(const std::string& what, const HttpResponse& response) {
  const std::string words = read_error_text(response.body);
  std::string text = what + ": the service answered " + std::to_string(response.status);
  if (!words.empty()) text += ": " + words;
  if (response.status == 401 || response.status == 403)
    text += " (is TINKER_API_KEY, or api_key, right and still valid?)";
  if (response.status == 402) text += " (the account's billing needs attention)";
  if (response.status / 100 == 3) text += " (it has moved: set base_url to its new address)";
  const std::string* id = response.header("x-request-id");
  const Errc code =
      response.status / 100 == 3 ? Errc::invalid_argument : errc_of_status(response.status);
  throw ServiceError(code, text, response.status, id != nullptr ? *id : "");
}

std::exception_ptr garbled_answer(const std::string& what, const Error& e, int status) {
  return std::make_exception_ptr(ServiceError(Errc::bad_data, what + ": " + e.what(), status, ""));
}

bool is_binary(const HttpResponse& response) {
  const std::string* type = response.header("content-type");
  return type != nullptr && type->find("application/x-protobuf") != std::string::npos;
}

bool rejects_token(const HttpResponse& response) {
  const std::string* why = response.header("www-authenticate");
  return response.status == 401 && why != nullptr &&
         why->find("error=\"invalid_token\"") != std::string::npos;
}

}  // namespace

std::string Core::new_idempotency_key() {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "xfer-%016llx%016llx",
                static_cast<unsigned long long>(random_()),
                static_cast<unsigned long long>(random_()));
  return text.data();
}

RetryTiming Core::timing() const {
  RetryTiming out = options_.retry;
  if (config_)
    out.billing_total =
        std::min(out.billing_total, milliseconds(config_->billing_exception_max_pause_duration));
  return out;
}

task<HttpResponse> Core::send_once(HttpRequest request) {
  const bool token = uses_token() && request.path != token_path;
  const std::string& credential = token ? token_.text() : options_.api_key;
  if (!credential.empty()) request.headers.emplace_back("X-API-Key", credential);
  auto sending = transport_->send(std::move(request));
  HttpResponse response = co_await std::move(sending);
  co_return response;
}

task<void> Core::renew_token() {
  if (!uses_token() || !token_.needs_renewal(Token::Clock::now())) co_return;
  auto entering = renewing_.enter();
  const Gate::Pass alone = co_await std::move(entering);
  if (!token_.needs_renewal(Token::Clock::now())) co_return;
  CallRules rules;
  rules.take = [this](std::string_view body) { token_ = Token(read_jwt(body)); };
  auto asking = post_json(token_path, "{}", std::move(rules));
  co_await std::move(asking);
}

task<HttpResponse> Core::post_json(std::string path, std::string body, CallRules rules) {
  HttpRequest request(Method::post, std::move(path));
  request.body = std::move(body);
  request.content_type = "application/json";
  return call(std::move(request), std::move(rules));
}

task<HttpResponse> Core::call(HttpRequest request, CallRules rules) {
  const std::string what = std::string(to_string(request.method)) + " " + request.path;
  if (request.method != Method::get)
    request.headers.emplace_back("X-Idempotency-Key", new_idempotency_key());
  RetryMachine machine(timing(), rules.repeat);
  const auto start = Clock::now();
  int garbled = 0;
  bool token_replaced = false;
  for (;;) {
    if (request.path != token_path) {
      auto renewing = renew_token();
      co_await std::move(renewing);
    }
    Attempt attempt;
    HttpResponse response;
    std::exception_ptr failure;
    try {
      auto sending = send_once(request);
      response = co_await std::move(sending);
      attempt = attempt_of(response);
    } catch (const TransportError& e) {
      failure = std::current_exception();
      attempt = Attempt(end_of(e));
      if (e.code() == Errc::bad_data) ++garbled;
    }
    if (!failure && rules.take && response.status / 100 == 2) {
      try {
        rules.take(response.body);
      } catch (const Error& e) {
        if (e.code() != Errc::bad_data) throw;
        failure = garbled_answer(what, e, response.status);
        attempt = Attempt(Attempt::End::lost);
        ++garbled;
      }
    }
    if (request.path != token_path && rejects_token(response) && uses_token() &&
        !std::exchange(token_replaced, true)) {
      token_ = Token();
      continue;
    }
    if (response.status == 429 && rules.return_429) co_return response;
    const auto step = machine.on_attempt(attempt, since(start), jitter());
    const auto* wait = std::get_if<RetryMachine::Wait>(&step);
    if (rules.maybe_done != nullptr) *rules.maybe_done = machine.maybe_done();
    if (std::holds_alternative<RetryMachine::Done>(step)) co_return response;
    if (wait == nullptr || garbled > garbled_max) {
      if (failure) std::rethrow_exception(failure);
      throw_status(what, response);
    }
    auto pause = sleep(wait->delay);
    co_await std::move(pause);
  }
}

task<PollReply> Core::poll_once(const FutureCall& future, int number, PollFailure& failure) {
  HttpRequest request(Method::post, "/api/v1/retrieve_future");
  request.body = retrieve_future_body(future.request_id);
  request.content_type = "application/json";
  if (future.binary) request.accept = "application/x-protobuf";
  request.headers = {{"X-Tinker-Request-Iteration", std::to_string(number)},
                     {"X-Tinker-Request-Type", future.type}};
  request.long_poll = true;
  request.timeout = options_.poll_timeout;
  request.response_bytes_max = options_.result_bytes_max;
  const auto start = Clock::now();
  PollReply reply(PollReply::Kind::no_answer);
  failure = PollFailure();
  try {
    auto sending = send_once(std::move(request));
    failure.response = co_await std::move(sending);
  } catch (const TransportError& e) {
    failure.exception = std::current_exception();
    if (end_of(e) == Attempt::End::hopeless) throw;
    if (e.code() == Errc::bad_data) reply.kind = PollReply::Kind::garbled;
    // The service held the poll as long as we let it.
    if (e.code() == Errc::timeout && e.may_have_arrived()) reply.kind = PollReply::Kind::again;
  }
  reply.took = since(start);
  if (failure.exception) co_return reply;
  const HttpResponse& response = failure.response;
  const Attempt attempt = attempt_of(response);
  reply.status = response.status;
  reply.empty_body = attempt.empty_body;
  reply.retry_after = attempt.retry_after;
  reply.kind = response.status == 408 ? PollReply::Kind::again : PollReply::Kind::status;
  if (response.status != 200) co_return reply;
  try {
    FutureState state;
    if (!is_binary(response)) state = read_future_state(response.body);
    switch (state.kind) {
      case FutureState::Kind::try_again: reply.kind = PollReply::Kind::again; break;
      case FutureState::Kind::failed:
        reply.kind = PollReply::Kind::failed;
        failure.error = state.error;
        failure.category = state.category;
        break;
      case FutureState::Kind::metadata:
        throw Error(Errc::bad_data, future.type + ": sizes were sent that nobody asked for");
      case FutureState::Kind::result:
        if (is_binary(response) != future.binary)
          throw Error(Errc::bad_data, future.type + ": the result has the wrong content type");
        future.take(response.body);
        reply.kind = PollReply::Kind::result;
    }
  } catch (const Error& e) {
    if (e.code() != Errc::bad_data) throw;
    failure.exception = garbled_answer(future.type + ", its result", e, response.status);
    reply.kind = PollReply::Kind::garbled;
  }
  co_return reply;
}

task<bool> Core::wait(FutureCall future) {
  PollMachine machine(timing());
  PollFailure failure;
  bool token_replaced = false;
  const auto start = Clock::now();
  for (int number = 0;; ++number) {
    if (options_.deadline && since(start) > *options_.deadline)
      throw ServiceError(Errc::timeout, future.type + ": no result within the deadline", 0,
                         future.request_id);
    auto renewing = renew_token();
    co_await std::move(renewing);
    auto polling = poll_once(future, number, failure);
    const PollReply reply = co_await std::move(polling);
    if (rejects_token(failure.response) && uses_token() && !std::exchange(token_replaced, true)) {
      token_ = Token();
      continue;
    }
    const auto step = machine.on_reply(reply, jitter());
    if (std::holds_alternative<PollMachine::Done>(step)) co_return true;
    if (std::holds_alternative<PollMachine::Lost>(step)) co_return false;
    if (std::holds_alternative<PollMachine::Failed>(step))
      throw ServiceError(
          failure.category == "user" ? Errc::invalid_argument : Errc::unavailable,
          future.type + " failed at the service (" + failure.category + " error): " + failure.error,
          200, future.request_id);
    if (const auto* over = std::get_if<PollMachine::GiveUp>(&step)) {
      if (failure.exception) std::rethrow_exception(failure.exception);
      if (over->code == Errc::rate_limited || failure.response.status != 0)
        throw_status(future.type + ", waiting for its result", failure.response);
      throw ServiceError(over->code, future.type + ": no result", 0, future.request_id);
    }
    const auto delay = std::get<PollMachine::Send>(step).delay;
    if (delay > milliseconds(0)) {
      auto pause = sleep(delay);
      co_await std::move(pause);
    }
  }
}

}  // namespace xfer::tinker
