// SPDX-License-Identifier: Apache-2.0
#include "xfer/tinker/doctor.hpp"

#include "tinker/doctor/patient.hpp"
#include "tinker/wire/answers.hpp"
#include "tinker/wire/requests.hpp"
#include "xfer/tinker/codec.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace xfer::tinker {
namespace {

constexpr const char* api_root = "/api/v1/";

HttpRequest json_request(const std::string& endpoint, const Json& body) {
  HttpRequest request(Method::post, api_root + endpoint);
  request.body = dump_json(body, endpoint);
  request.content_type = "application/json";
  return request;
}

/// Patient enough for a check, not for a night.
ClientOptions client_options(const DoctorOptions& options) {
  ClientOptions out = options.client;
  out.deadline = options.patience;
  out.retry.total = std::min(out.retry.total, options.patience);
  out.retry.outage_max = std::min(out.retry.outage_max, options.patience);
  return out;
}

}  // namespace

void fail_check(const std::string& why) { throw Error(Errc::bad_data, why); }

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference);
  }
  return largest;
}

Patient::Patient(const DoctorOptions& options)
    : options_(options), client_(client_options(options)), base_model_(options.base_model) {}

void Patient::look_at_models() {
  if (models_known_) return;
  models_known_ = true;
  const auto models = run_blocking(client_.capabilities());
  for (const ServerModel& model : models) {
    if (base_model_.empty()) base_model_ = model.model_name;
    if (model.model_name == base_model_) context_length_ = model.max_context_length.value_or(0);
  }
}

const std::string& Patient::base_model() {
  if (base_model_.empty()) look_at_models();
  if (base_model_.empty()) fail_check("the service lists no model");
  return base_model_;
}

std::int64_t Patient::context_length() {
  look_at_models();
  return context_length_;
}

HttpResponse Patient::ask(HttpRequest request) {
  boost::asio::io_context loop(1);
  const auto transport = make_http_transport(loop.get_executor(), options_.client.transport);
  if (!options_.client.api_key.empty())
    request.headers.emplace_back("X-API-Key", options_.client.api_key);
  HttpResponse out;
  std::exception_ptr failure;
  boost::asio::co_spawn(loop, transport->send(std::move(request)),
                        [&](const std::exception_ptr& e, HttpResponse response) {
                          failure = e;
                          out = std::move(response);
                        });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  return out;
}

Json Patient::post(const std::string& endpoint, const Json& body) {
  const HttpResponse response = ask(json_request(endpoint, body));
  const std::string what = "POST " + endpoint + " was answered with " +
                           std::to_string(response.status) + " " + read_error_text(response.body);
  if (response.status == 404 || response.status == 405 || response.status == 501)
    throw NotOffered(what);
  if (response.status != 200) fail_check(what);
  return parse_object(response.body, "the answer of " + endpoint);
}

HttpResponse Patient::result_within(const std::string& request_id,
                                    std::chrono::milliseconds budget) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + budget;
  do {
    HttpRequest request = json_request(
        "retrieve_future", {{"request_id", request_id}, {"allow_metadata_only", false}});
    request.accept = "application/x-protobuf, application/json";
    request.long_poll = true;
    request.timeout =
        std::min(options_.client.poll_timeout, std::max(budget, std::chrono::milliseconds(250)));
    HttpResponse response;
    try {
      response = ask(std::move(request));
    } catch (const TransportError& e) {
      if (e.code() != Errc::timeout) throw;
      continue;  // held for as long as we let it
    }
    const std::string* type = response.header("content-type");
    const bool binary = type != nullptr && type->find("x-protobuf") != std::string::npos;
    if (response.status == 408) continue;
    if (response.status == 200 && !binary &&
        read_future_state(response.body).kind == FutureState::Kind::try_again)
      continue;
    return response;
  } while (Clock::now() < end);
  return HttpResponse();
}

HttpResponse Patient::result(const std::string& request_id) {
  HttpResponse response = result_within(request_id, options_.patience);
  if (response.status == 0)
    throw Error(Errc::timeout,
                "no result within " + std::to_string(options_.patience.count() / 1000) + " s");
  if (response.status != 200)
    fail_check("a result was answered with " + std::to_string(response.status) + " " +
               read_error_text(response.body));
  return response;
}

const std::string& Patient::session() {
  if (session_.empty()) {
    const NewSession wanted;
    session_ =
        read_session_id(post("create_session", Json::parse(create_session_body(wanted))).dump());
  }
  return session_;
}

void Patient::finish() {
  try {
    run_blocking(client_.finish_session("success", ""));
    if (!session_.empty())
      ask(json_request("sessions/" + session_ + "/finish",
                       Json::parse(finish_session_body("success", ""))));
  } catch (const Error&) {
    // Services need not offer this; sessions end by themselves as well.
  }
}

std::string Patient::new_model() {
  NewModel wanted;
  wanted.session_id = session();
  wanted.model_seq_id = models_made_++;
  wanted.base_model = base_model();
  wanted.rank = 4;
  wanted.seed = 1;
  const Json accepted = post("create_model", Json::parse(create_model_body(wanted)));
  return read_model_id(result(read_request_id(accepted.dump())).body);
}

std::string Patient::submit_pass(const std::string& model, int seq_id, bool forward_only) {
  LossCall call;
  call.model_id = model;
  call.seq_id = seq_id;
  call.forward_only = forward_only;
  HttpRequest request(Method::post, std::string(api_root) + "forward_backward");
  request.body = encode_forward_backward(call, batch());
  request.content_type = "application/x-protobuf";
  const HttpResponse response = ask(std::move(request));
  if (response.status != 200)
    fail_check("forward_backward was answered with " + std::to_string(response.status) + " " +
               read_error_text(response.body));
  return read_request_id(response.body);
}

std::string Patient::submit_step(const std::string& model, int seq_id) {
  AdamParams params;
  params.learning_rate = 1e-2;
  return read_request_id(
      post("optim_step", Json::parse(optim_step_body(model, seq_id, params))).dump());
}

std::vector<float> Patient::logprobs_of(const std::string& model, int seq_id) {
  return logprobs_of(decode_forward_backward_output(result(submit_pass(model, seq_id, true)).body));
}

TrainingOptions Patient::small_adapter() {
  TrainingOptions options;
  options.rank = 4;
  options.seed = 1;
  return options;
}

TrainingClient Patient::new_trainer(const TrainingOptions& options) {
  return run_blocking(client_.create_training_client(base_model(), options));
}

std::vector<std::int32_t> Patient::text() { return {11, 12, 13, 14, 15, 16, 17, 18}; }

std::vector<Datum> Patient::batch() {
  std::vector<Datum> data;
  data.emplace_back(supervised_datum({11, 12, 13, 14}, {15, 16, 17, 18}));
  data.emplace_back(supervised_datum({21, 22}, {31, 32, 33}));
  return data;
}

void Patient::step(const TrainingClient& trainer) {
  run_blocking(trainer.forward_backward(batch(), {}));
  AdamParams params;
  params.learning_rate = 1e-2;
  run_blocking(trainer.optim_step(params));
}

std::vector<float> Patient::logprobs_of(const TrainingClient& trainer) {
  return logprobs_of(run_blocking(trainer.forward(batch(), {})));
}

std::vector<float> Patient::logprobs_of(const ForwardBackwardOutput& output) {
  std::vector<float> out;
  for (const auto& datum : output.loss_fn_outputs) {
    const auto found = datum.find("logprobs");
    const auto* values =
        found == datum.end() ? nullptr : std::get_if<std::vector<float>>(&found->second.data);
    if (values == nullptr) fail_check("a datum has no float32 output 'logprobs'");
    out.insert(out.end(), values->begin(), values->end());
  }
  return out;
}

std::vector<Finding> examine_service(const DoctorOptions& options,
                                     const std::function<void(const Finding&)>& on_finding) {
  Patient patient(options);
  std::vector<Finding> card;
  for (const auto* checks : {&wire_checks(), &training_checks(), &sampling_checks()}) {
    for (const Check& check : *checks) {
      Finding finding;
      finding.item = check.item;
      try {
        // Without the first item nothing else can be had, and waiting for it would take hours.
        if (!card.empty() && card.front().verdict != Finding::Verdict::pass)
          fail_check("not examined, as the service gives no configuration");
        finding.value = check.run(patient);
        finding.verdict = Finding::Verdict::pass;
      } catch (const NotOffered& e) {
        finding.value = e.what();
        finding.verdict = Finding::Verdict::not_offered;
      } catch (const Error& e) {
        finding.value = e.what();
      }
      if (on_finding) on_finding(finding);
      card.push_back(std::move(finding));
    }
  }
  if (card.front().verdict == Finding::Verdict::pass) patient.finish();
  return card;
}

}  // namespace xfer::tinker
