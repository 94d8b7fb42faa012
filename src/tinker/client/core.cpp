// SPDX-License-Identifier: Apache-2.0
// The thread, the session and the configuration.
#include "tinker/client/core.hpp"

#include "tinker/wire/answers.hpp"
#include "tinker/wire/requests.hpp"
#include "tinker/wire/url_segment.hpp"
#include "xfer/tinker/recording.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/post.hpp>

#include <cstdlib>

namespace xfer::tinker {

namespace asio = boost::asio;

namespace {

/// Callers wait in their own coroutines; this many at once is a mistake.
constexpr std::size_t callers_max = std::size_t{1} << 16U;

}  // namespace

ClientOptions ClientOptions::from_environment() {
  const auto read = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  ClientOptions out;
  out.transport.read_environment();
  out.transport.base_url = read("TINKER_BASE_URL");
  if (out.transport.base_url.empty()) out.transport.base_url = hosted_base_url;
  out.api_key = read("TINKER_API_KEY");
  out.project_id = read("TINKER_PROJECT_ID");
  std::string tag;
  for (const char c : read("TINKER_TAGS") + ",") {
    if (c != ',') {
      tag += c;
    } else if (!tag.empty()) {
      out.tags.push_back(std::exchange(tag, {}));
    }
  }
  return out;
}

Core::Core(ClientOptions options, const TransportFactory& transport)
    : options_(std::move(options)), random_(std::random_device{}()),
      starting_(executor(), 1, callers_max), opening_(executor(), 1, callers_max),
      renewing_(executor(), 1, callers_max),
      sample_gate_(executor(),
                   static_cast<std::size_t>(std::max(1, options_.samples_in_flight_max)),
                   callers_max),
      sample_window_(std::max(1, options_.samples_in_flight_max), options_.retry.slow_down) {
  check_api_key(options_.api_key);
  if (options_.api_key.empty() && options_.transport.base_url == hosted_base_url)
    throw Error(Errc::unauthorized,
                "no key for the hosted service: set TINKER_API_KEY (or api_key), or base_url for "
                "a service of your own");
  transport_ = transport(executor(), options_);
  if (!options_.record_file.empty())
    transport_ =
        make_recording_transport(std::move(transport_), options_.record_file, options_.api_key);
}

void Core::shutdown() {
  asio::post(context_, [this] {
    stopping_ = true;
    for (auto& signal : background_) signal.emit(asio::cancellation_type::terminal);
    keep_running_.reset();
  });
}

void Core::spawn(task<void> work) {
  if (stopping_) return;
  background_.emplace_back();
  const auto signal = std::prev(background_.end());
  asio::co_spawn(
      executor(), std::move(work),
      asio::bind_cancellation_slot(signal->slot(), [this, signal](const std::exception_ptr&) {
        background_.erase(signal);
      }));
}

task<void> Core::sleep(std::chrono::milliseconds delay) {
  asio::steady_timer timer(co_await asio::this_coro::executor, delay);
  auto waiting = timer.async_wait(asio::use_awaitable);
  co_await std::move(waiting);
}

task<ClientConfig> Core::config() {
  auto entering = starting_.enter();
  const Gate::Pass alone = co_await std::move(entering);
  if (config_) co_return *config_;
  ClientConfig config;
  CallRules rules;
  rules.take = [&config](std::string_view body) { config = read_client_config(body); };
  auto asking = post_json("/api/v1/client/config", client_config_body(), std::move(rules));
  co_await std::move(asking);
  // The rest is asked for with the credential that the configuration calls for.
  config_ = config;
  try {
    CallRules dynamic;
    dynamic.take = [&config](std::string_view body) { read_dynamic_config(body, config); };
    auto more =
        post_json("/api/v1/client/dynamic_config", client_config_body(), std::move(dynamic));
    co_await std::move(more);
  } catch (const ServiceError& e) {
    if (e.http_status() != 404) {
      config_.reset();
      throw;
    }
  }
  config_ = config;
  const int samples =
      std::max(1, std::min(options_.samples_in_flight_max, config.sample_max_concurrent_requests));
  sample_window_ = SampleWindow(samples, options_.retry.slow_down);
  sample_gate_.set_limit(static_cast<std::size_t>(samples));
  co_return config;
}

task<std::shared_ptr<Session>> Core::session() {
  auto starting = config();
  co_await std::move(starting);
  auto entering = opening_.enter();
  const Gate::Pass alone = co_await std::move(entering);
  if (session_ && !session_->ended) co_return session_;
  NewSession wanted;
  wanted.tags = options_.tags;
  wanted.user_metadata = options_.user_metadata;
  wanted.project_id = options_.project_id;
  wanted.display_name = options_.display_name;
  const auto session = std::make_shared<Session>();
  CallRules rules;
  rules.take = [&session](std::string_view body) { session->id = read_session_id(body); };
  auto creating =
      post_json("/api/v1/create_session", create_session_body(wanted), std::move(rules));
  co_await std::move(creating);
  session_ = session;
  spawn(heartbeats(session));
  co_return session;
}

void Core::leave_session() {
  if (session_) session_.reset();
}

task<void> Core::finish_session(std::string reason, std::string detail) {
  if (!session_) co_return;
  const auto session = std::exchange(session_, nullptr);
  session->ended = true;
  try {
    const std::string path =
        "/api/v1/sessions/" + url_segment(session->id, "session id") + "/finish";
    auto finishing = post_json(path, finish_session_body(reason, detail), CallRules());
    co_await std::move(finishing);
  } catch (const ServiceError& e) {
    // Services need not offer this.
    if (e.http_status() != 404) throw;
  }
}

task<void> Core::heartbeats(std::weak_ptr<Session> weak) {
  for (;;) {
    auto pause = sleep(options_.heartbeat);
    co_await std::move(pause);
    HttpRequest request(Method::post, "/api/v1/session_heartbeat");
    {
      const auto session = weak.lock();
      if (!session || session->ended) co_return;
      request.body = heartbeat_body(session->id);
    }
    request.content_type = "application/json";
    request.timeout = std::chrono::seconds(10);
    try {
      auto sending = send_once(std::move(request));
      const HttpResponse response = co_await std::move(sending);
      if (response.status != 410) continue;
    } catch (const Error&) {
      // The next one may get through; calls notice for themselves when the service is away.
      continue;
    }
    if (const auto session = weak.lock()) session->ended = true;
  }
}

task<void> Core::send_cancel(std::string request_id) {
  HttpRequest request(Method::post, "/api/v1/cancel_future");
  request.body = cancel_future_body(request_id);
  request.content_type = "application/json";
  request.timeout = std::chrono::seconds(30);
  auto sending = send_once(std::move(request));
  co_await std::move(sending);
}

void Core::cancel_future(std::string request_id) {
  if (config_ && config_->sample_cancel_enabled) spawn(send_cancel(std::move(request_id)));
}

CoreThread::CoreThread(ClientOptions options, const TransportFactory& transport)
    : core_(std::make_shared<Core>(std::move(options), transport)),
      thread_([core = core_] { core->run(); }) {}

CoreThread::~CoreThread() {
  core_->shutdown();
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

}  // namespace xfer::tinker
