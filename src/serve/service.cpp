// SPDX-License-Identifier: Apache-2.0
#include "serve/service.hpp"

#include "serve/refusal.hpp"
#include "tinker/wire/server_answers.hpp"
#include "tinker/wire/server_requests.hpp"

#include <algorithm>
#include <map>
#include <new>
#include <vector>

namespace xfer::serve {
namespace {

using tinker::failure_answer;

HttpAnswer refusal_answer(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    return HttpAnswer(status_of(e), failure_answer(e.what(), category_of(e)));
  } catch (const std::bad_alloc&) {
    return HttpAnswer(503, failure_answer("the server has not enough memory", "server"));
  } catch (const std::exception& e) {
    return HttpAnswer(500, failure_answer(e.what(), "server"));
  }
}

bool is_binary(const HttpHead& head) {
  return head.content_type.starts_with("application/x-protobuf");
}

/// What follows "/api/v1/".
std::span<const std::string> below_root(const HttpHead& head) {
  const auto& path = head.path;
  if (path.size() < 3 || path[0] != "api" || path[1] != "v1") return {};
  return std::span(path).subspan(2);
}

}  // namespace

struct Service::Call {
  const Json& body;
  const std::string& account;
};

Service::Service(boost::asio::any_io_executor executor, std::shared_ptr<const engine::Model> model,
                 ServeOptions options)
    : accounts_(options.api_keys), context_(std::move(executor), std::move(model),
                                            [&] {
                                              options.api_keys.clear();
                                              return std::move(options);
                                            }()),
      sampling_(context_), training_(context_, sampling_), rest_(context_) {
  client_config_.proto_compress_fwdbwd = context_.options.compress;
  client_config_.sample_cancel_enabled = true;
  client_config_.idempotent_steps = true;
  client_config_.unsigned_seeds = true;
  client_config_.sample_use_retrieve_futures = context_.options.batch_polls;
  client_config_.sample_max_concurrent_requests =
      static_cast<int>(std::min<std::size_t>(context_.options.limits.samples_in_flight, 2'000));
}

std::optional<HttpAnswer> Service::refuse(const HttpHead& head) {
  if (below_root(head).empty())
    return HttpAnswer(404, failure_answer("there is nothing at this address", "user"));
  if (!accounts_.of(head.api_key))
    return HttpAnswer(401, failure_answer("the API key is missing or wrong", "user"));
  return std::nullopt;
}

std::size_t Service::body_bytes_max(const HttpHead& head) {
  return is_binary(head) ? context_.options.limits.batch_bytes : context_.options.limits.json_bytes;
}

task<HttpAnswer> Service::handle(HttpHead head, std::string body) {
  HttpAnswer answer;
  try {
    std::string account = accounts_.of(head.api_key).value();
    auto work = dispatch(std::move(head), std::move(body), std::move(account));
    answer = co_await std::move(work);
  } catch (...) {
    answer = refusal_answer(std::current_exception());
  }
  co_return answer;
}

Service::Endpoint Service::endpoint(const std::string& name) {
  static const std::map<std::string, Endpoint> endpoints = {
      {"client/config", &Service::client_config},
      {"client/dynamic_config", &Service::dynamic_config},
      {"create_session", &Service::create_session},
      {"session_heartbeat", &Service::session_heartbeat},
      {"telemetry", &Service::telemetry},
      {"create_model", &Service::create_model},
      {"get_info", &Service::get_info},
      {"optim_step", &Service::optim_step},
      {"save_weights", &Service::save_weights},
      {"save_weights_for_sampler", &Service::save_weights_for_sampler},
      {"load_weights", &Service::load_weights},
      {"create_sampling_session", &Service::create_sampling_session},
      {"asample", &Service::asample},
      {"cancel_future", &Service::cancel_future},
      {"weights_info", &Service::weights_info}};
  const auto found = endpoints.find(name);
  return found == endpoints.end() ? nullptr : found->second;
}

task<HttpAnswer> Service::dispatch(HttpHead head, std::string body, std::string account) {
  const std::span<const std::string> path = below_root(head);
  const std::string name = path.size() == 1 ? path[0] : path[0] + "/" + path[1];
  if (head.method == "POST" && path.size() == 1 && name == "forward_backward") {
    auto work = forward_backward(std::move(head), std::move(body), std::move(account));
    HttpAnswer answer = co_await std::move(work);
    co_return answer;
  }
  if (head.method == "POST" && path.size() == 3 && path[0] == "sessions" && path[2] == "finish") {
    co_return finish_session(path[1], account);
  }
  const Endpoint post = path.size() <= 2 ? endpoint(name) : nullptr;
  const bool poll = path.size() == 1 && (name == "retrieve_future" || name == "retrieve_futures");
  if (head.method != "POST" || (post == nullptr && !poll)) co_return get(head, path, body, account);
  const Json json = tinker::parse_object(body, name);
  body = std::string();
  if (poll) {
    auto waiting =
        name == "retrieve_futures"
            ? retrieve_futures(tinker::read_futures_query(json), std::move(account))
            : retrieve_future(tinker::read_text_field(json, "request_id", "retrieve_future"),
                              std::move(account));
    HttpAnswer answer = co_await std::move(waiting);
    co_return answer;
  }
  const Call call{json, account};
  co_return (this->*post)(call);
}

HttpAnswer Service::get(const HttpHead& head, std::span<const std::string> path,
                        const std::string& body, const std::string& account) {
  if (Rest::knows(path[0])) return rest_.answer(head, path, body, account);
  if (head.method == "GET" && path.size() == 2 && path[0] == "samplers")
    return HttpAnswer(tinker::sampler_answer(sampling_.info(path[1], account)));
  if (head.method == "GET" && path.size() == 1 && path[0] == "healthz")
    return HttpAnswer(R"({"status":"ok"})");
  if (head.method == "GET" && path.size() == 1 && path[0] == "get_server_capabilities") {
    std::vector<std::string> names = {context_.options.model_name};
    names.insert(names.end(), context_.options.model_aliases.begin(),
                 context_.options.model_aliases.end());
    std::vector<tinker::ServerModel> models;
    for (const std::string& name : names) {
      tinker::ServerModel& model = models.emplace_back();
      model.model_name = name;
      model.max_context_length = context_.model->config().max_positions;
      model.trainable = true;
      model.sampleable = true;
    }
    return HttpAnswer(tinker::capabilities_answer(models));
  }
  throw not_found("there is nothing at this address, or it takes another method than " +
                  head.method.substr(0, 16));
}

task<HttpAnswer> Service::forward_backward(HttpHead head, std::string body, std::string account) {
  if (!is_binary(head))
    throw Refusal(415, Errc::invalid_argument,
                  "forward_backward: the body must be application/x-protobuf");
  const bool compressed = head.content_encoding == "zstd";
  if (!compressed && !head.content_encoding.empty() && head.content_encoding != "identity")
    throw Refusal(415, Errc::invalid_argument,
                  "forward_backward: the only content encoding offered is zstd");
  const auto bytes = std::make_shared<std::string>(std::move(body));
  const std::size_t bytes_max = context_.options.limits.batch_bytes;
  auto reading = on_worker(context_, [bytes, compressed, bytes_max] {
    return std::make_shared<Batch>(read_batch(*bytes, compressed, bytes_max));
  });
  const std::shared_ptr<Batch> batch = co_await std::move(reading);
  Training::Work work = Training::Faulty(batch->refusal);
  if (batch->refusal.empty()) work = Training::Pass(std::move(batch->request), batch->forward_only);
  co_return HttpAnswer(tinker::accepted_answer(
      training_.submit(batch->turn, std::move(work), batch->bytes, account)));
}

task<HttpAnswer> Service::retrieve_future(std::string request_id, std::string account) {
  auto waiting =
      context_.futures.wait(request_id, std::move(account), context_.options.timing.poll);
  const Futures::Answer answer = co_await std::move(waiting);
  if (answer.kind == Futures::Answer::Kind::unknown)
    throw gone("there is no such request, or its result is not kept any more");
  if (answer.kind == Futures::Answer::Kind::pending)
    co_return HttpAnswer(tinker::try_again_answer(request_id));
  HttpAnswer out;
  if (answer.result->binary) out.content_type = "application/x-protobuf";
  out.shared_body = std::shared_ptr<const std::string>(answer.result, &answer.result->body);
  co_return out;
}

task<HttpAnswer> Service::retrieve_futures(tinker::FuturesQuery query, std::string account) {
  const std::chrono::milliseconds longest = context_.options.timing.poll;
  auto waiting = context_.futures.wait_for_any(
      sampling_.group_of(query.sampling_session_id, query.clone, account), query.cursor,
      query.wait ? std::min(*query.wait, longest) : longest);
  const std::optional<Futures::Batch> batch = co_await std::move(waiting);
  if (!batch) throw gone("the server was started anew since; what was asked of it is lost");
  std::vector<tinker::SettledFuture> settled;
  for (const Futures::Settled& one : batch->settled)
    settled.emplace_back(one.id, one.result->binary, one.result->body.size());
  co_return HttpAnswer(tinker::settled_futures_answer(settled, batch->cursor));
}

HttpAnswer Service::client_config(const Call&) {
  return HttpAnswer(tinker::client_config_answer(client_config_));
}
HttpAnswer Service::dynamic_config(const Call&) {
  return HttpAnswer(tinker::dynamic_config_answer(client_config_));
}

HttpAnswer Service::create_session(const Call& call) {
  const tinker::NewSession wanted = tinker::read_new_session(call.body);
  SessionRow row;
  row.account = call.account;
  row.display_name = wanted.display_name;
  row.user_metadata = wanted.user_metadata;
  return HttpAnswer(tinker::new_session_answer(context_.sessions.begin(std::move(row))));
}

HttpAnswer Service::finish_session(const std::string& id, const std::string& account) {
  const auto row = context_.store.session(id);
  if (!row || row->account != account) throw not_found("there is no such session");
  end_session(id);
  return HttpAnswer(tinker::plain_answer("finish"));
}

HttpAnswer Service::session_heartbeat(const Call& call) {
  const std::string id = tinker::read_text_field(call.body, "session_id", "session_heartbeat");
  context_.sessions.heartbeat(id, call.account);
  return HttpAnswer(tinker::plain_answer("session_heartbeat"));
}

// Taken and thrown away: clients send what should not be kept, credentials among it.
HttpAnswer Service::telemetry(const Call&) { return HttpAnswer(R"({"status":"accepted"})"); }

HttpAnswer Service::create_model(const Call& call) {
  return HttpAnswer(
      tinker::accepted_answer(training_.create(tinker::read_new_model(call.body), call.account)));
}

HttpAnswer Service::get_info(const Call& call) {
  return HttpAnswer(tinker::model_info_answer(
      training_.info(tinker::read_text_field(call.body, "model_id", "get_info"), call.account)));
}

/// Once the number is known the request is accepted, whatever is wrong with it: its client has
/// used the number up and goes on with the next.
template <class Read>
HttpAnswer Service::submit(const Call& call, const Read& read) {
  const tinker::Turn turn = tinker::read_turn(call.body);
  Training::Work work = Training::Faulty("");
  try {
    work = read(call.body);
  } catch (const Error& e) {
    work = Training::Faulty(e.what());
  }
  return HttpAnswer(
      tinker::accepted_answer(training_.submit(turn, std::move(work), 0, call.account)));
}

HttpAnswer Service::optim_step(const Call& call) { return submit(call, tinker::read_adam); }
HttpAnswer Service::save_weights(const Call& call) {
  return submit(call, tinker::read_save_weights);
}
HttpAnswer Service::save_weights_for_sampler(const Call& call) {
  return submit(call, tinker::read_save_for_sampler);
}
HttpAnswer Service::load_weights(const Call& call) {
  if (tinker::loads_new_model(call.body))
    return HttpAnswer(tinker::accepted_answer(
        training_.create(tinker::read_load_new_model(call.body), call.account)));
  return submit(call, tinker::read_load_weights);
}

HttpAnswer Service::create_sampling_session(const Call& call) {
  const std::string id = sampling_.create(tinker::read_new_sampler(call.body), call.account);
  return HttpAnswer(tinker::sampling_session_result(id, "create_sampling_session"));
}

HttpAnswer Service::asample(const Call& call) {
  const auto submitted = sampling_.submit(tinker::read_sample(call.body), call.account);
  return HttpAnswer(tinker::sample_accepted_answer(submitted.request_id, submitted.sequence_ids));
}

HttpAnswer Service::cancel_future(const Call& call) {
  sampling_.cancel(tinker::read_text_field(call.body, "request_id", "cancel_future"), call.account);
  return HttpAnswer(tinker::plain_answer("cancel_future"));
}

HttpAnswer Service::weights_info(const Call& call) {
  return rest_.weights_info(tinker::read_text_field(call.body, "tinker_path", "weights_info"),
                            call.account);
}

void Service::end_session(const std::string& id) {
  training_.end_session(id);
  sampling_.end_session(id);
  context_.sessions.end(id);
}

void Service::sweep() {
  const auto now = std::chrono::steady_clock::now();
  context_.futures.sweep(now);
  training_.sweep(now);
  rest_.sweep();
  for (const std::string& id : context_.sessions.idle(now)) end_session(id);
}

void Service::stop() {
  context_.stopping = true;
  training_.stop();
  sampling_.stop();
  context_.futures.wake();
}

}  // namespace xfer::serve
