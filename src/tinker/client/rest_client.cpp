// SPDX-License-Identifier: Apache-2.0
#include "xfer/tinker/rest_client.hpp"

#include "tinker/client/core.hpp"
#include "tinker/wire/answers.hpp"
#include "tinker/wire/requests.hpp"
#include "tinker/wire/url_segment.hpp"

namespace xfer::tinker {
namespace {

const std::string root = "/api/v1/";

std::string page_query(const Page& page) {
  if (page.limit < 1 || page.offset < 0)
    throw Error(Errc::invalid_argument, "page: limit must be at least 1, offset at least 0");
  return "limit=" + std::to_string(page.limit) + "&offset=" + std::to_string(page.offset);
}

std::string checkpoint_url(const std::string& path) {
  const TinkerPath p = parse_tinker_path(path);
  return root + "training_runs/" + url_segment(p.run_id, "run id") + "/checkpoints/" + p.kind +
         "/" + url_segment(p.name, "checkpoint name");
}

/// One request of the REST part, its answer read by `read`.
template <class T>
task<T> ask(Core& core, HttpRequest request, T (*read)(std::string_view)) {
  auto starting = core.config();
  co_await std::move(starting);
  T out{};
  CallRules rules;
  rules.take = [&out, read](std::string_view body) { out = read(body); };
  auto calling = core.call(std::move(request), std::move(rules));
  co_await std::move(calling);
  co_return out;
}

task<std::string> exchange(Core& core, HttpRequest request) {
  auto starting = core.config();
  co_await std::move(starting);
  auto calling = core.call(std::move(request), CallRules());
  HttpResponse response = co_await std::move(calling);
  co_return std::move(response.body);
}

task<void> tell(Core& core, HttpRequest request) {
  auto starting = core.config();
  co_await std::move(starting);
  auto calling = core.call(std::move(request), CallRules());
  co_await std::move(calling);
}

HttpRequest get(std::string path) { return HttpRequest(Method::get, root + std::move(path)); }

HttpRequest with_json(Method method, std::string path, std::string body) {
  HttpRequest request(method, std::move(path));
  request.body = std::move(body);
  request.content_type = "application/json";
  return request;
}

}  // namespace

task<std::vector<TrainingRun>> RestClient::training_runs(Page page) const {
  return on_core(
      owner_, ask(owner_->core(), get("training_runs?" + page_query(page) + "&access_scope=owned"),
                  &read_training_runs));
}
task<TrainingRun> RestClient::training_run(std::string run_id) const {
  return on_core(owner_,
                 ask(owner_->core(),
                     get("training_runs/" + url_segment(run_id, "run id") + "?access_scope=owned"),
                     &read_training_run));
}
task<std::vector<Checkpoint>> RestClient::checkpoints(std::string run_id) const {
  return on_core(owner_, ask(owner_->core(),
                             get("training_runs/" + url_segment(run_id, "run id") + "/checkpoints"),
                             &read_checkpoints));
}
task<std::vector<Checkpoint>> RestClient::user_checkpoints(Page page) const {
  return on_core(owner_,
                 ask(owner_->core(), get("checkpoints?" + page_query(page)), &read_checkpoints));
}
task<WeightsInfo> RestClient::weights_info(std::string path) const {
  return on_core(
      owner_,
      ask(owner_->core(), with_json(Method::post, root + "weights_info", weights_info_body(path)),
          &read_weights_info));
}
task<void> RestClient::delete_checkpoint(std::string path) const {
  return on_core(owner_, tell(owner_->core(), HttpRequest(Method::del, checkpoint_url(path))));
}
task<void> RestClient::publish_checkpoint(std::string path) const {
  return on_core(
      owner_, tell(owner_->core(), HttpRequest(Method::post, checkpoint_url(path) + "/publish")));
}
task<void> RestClient::unpublish_checkpoint(std::string path) const {
  return on_core(owner_,
                 tell(owner_->core(), HttpRequest(Method::del, checkpoint_url(path) + "/publish")));
}
task<void> RestClient::set_checkpoint_ttl(std::string path,
                                          std::optional<std::chrono::seconds> ttl) const {
  return on_core(owner_, tell(owner_->core(), with_json(Method::put, checkpoint_url(path) + "/ttl",
                                                        ttl_body(ttl))));
}
task<std::map<std::string, std::string>> RestClient::external_weights_urls(std::string path) const {
  return on_core(
      owner_,
      ask(owner_->core(), HttpRequest(Method::get, checkpoint_url(path) + "/external_weights_urls"),
          &read_urls));
}
task<std::vector<std::string>> RestClient::sessions(Page page) const {
  return on_core(owner_,
                 ask(owner_->core(), get("sessions?" + page_query(page) + "&access_scope=owned"),
                     &read_sessions));
}
task<SessionInfo> RestClient::session(std::string session_id) const {
  const std::string path = "sessions/" + url_segment(session_id, "session id");
  return on_core(owner_, ask(owner_->core(), get(path + "?access_scope=owned"), &read_session));
}
task<SamplerInfo> RestClient::sampler(std::string sampler_id) const {
  const std::string path = "samplers/" + url_segment(sampler_id, "sampler id");
  return on_core(owner_, ask(owner_->core(), get(path), &read_sampler));
}
task<std::string> RestClient::request(Method method, std::string path, std::string json) const {
  for (const char c : path)
    if (c <= ' ' || c > '~')
      throw Error(Errc::invalid_argument, "request: the path must be percent-encoded");
  HttpRequest request(method, root + std::move(path));
  request.content_type = json.empty() ? "" : "application/json";
  request.body = std::move(json);
  return on_core(owner_, exchange(owner_->core(), std::move(request)));
}

}  // namespace xfer::tinker
