// SPDX-License-Identifier: Apache-2.0
// What can be seen on the bare wire.
#include "tinker/doctor/patient.hpp"
#include "tinker/wire/answers.hpp"
#include "tinker/wire/requests.hpp"
#include "xfer/tinker/codec.hpp"

#include <algorithm>

namespace xfer::tinker {
namespace {

using namespace std::chrono_literals;

std::string configuration(Patient& patient) {
  const Json answer = patient.post("client/config", Json::parse(client_config_body()));
  read_client_config(answer.dump());
  return "answers clients of version " + std::string(wire_version);
}

std::string models(Patient& patient) {
  const std::string name = patient.base_model();
  const std::int64_t context = patient.context_length();
  return name + (context > 0 ? ", context " + std::to_string(context) : "");
}

std::string sessions(Patient& patient) {
  patient.post("session_heartbeat", {{"session_id", patient.session()}});
  const HttpResponse unknown = [&] {
    HttpRequest request(Method::post, "/api/v1/session_heartbeat");
    request.body = heartbeat_body("no-such-session");
    request.content_type = "application/json";
    return patient.ask(std::move(request));
  }();
  if (unknown.status < 400 || unknown.status >= 500)
    fail_check("a heartbeat of a session that does not exist is answered with " +
               std::to_string(unknown.status));
  return "heartbeats are answered";
}

std::string model_information(Patient& patient) {
  const std::string model = patient.new_model();
  const Json answer = patient.post("get_info", Json::parse(get_info_body(model)));
  const ModelInfo info = read_model_info(answer.dump());
  const std::string expected = patient.session() + ":train:";
  if (!model.starts_with(expected))
    fail_check("the model's id is " + model + ", clients compute <session>:train:<number>");
  if (info.model_id != model) fail_check("get_info names another model");
  if (info.lora_rank.value_or(4) != 4)
    fail_check("rank 4 was asked for, get_info says " + std::to_string(*info.lora_rank));
  return "tokenizer " + (info.tokenizer_id.empty() ? "not given" : info.tokenizer_id);
}

std::string binary_results(Patient& patient) {
  const HttpResponse response = patient.result(patient.submit_pass(patient.new_model(), 1, true));
  const std::string* type = response.header("content-type");
  if (type == nullptr || type->find("application/x-protobuf") == std::string::npos)
    fail_check("the result of forward is " + (type != nullptr ? *type : "untyped") +
               ", not application/x-protobuf");
  decode_forward_backward_output(response.body);
  return std::to_string(response.body.size()) + " bytes of protobuf";
}

std::string compressed_bodies(Patient& patient) {
  const std::string model = patient.new_model();
  LossCall call;
  call.model_id = model;
  call.seq_id = 1;
  call.forward_only = true;
  HttpRequest request(Method::post, "/api/v1/forward_backward");
  request.body = encode_forward_backward(call, Patient::batch());
  request.content_type = "application/x-protobuf";
  request.compress = true;
  const HttpResponse response = patient.ask(std::move(request));
  if (response.status >= 400 && response.status < 500)
    throw NotOffered("zstd is answered with " + std::to_string(response.status));
  if (response.status != 200)
    fail_check("zstd is answered with " + std::to_string(response.status));
  patient.result(read_request_id(response.body));
  return "zstd is taken";
}

std::string metrics(Patient& patient) {
  const auto output = decode_forward_backward_output(
      patient.result(patient.submit_pass(patient.new_model(), 1, true)).body);
  if (output.metrics.count("loss:sum") == 0) fail_check("there is no metric loss:sum");
  for (const auto& [name, value] : output.metrics)
    if (std::count(name.begin(), name.end(), ':') != 1)
      fail_check("metric '" + name + "' has not the form name:reduction");
  return "loss:sum " + std::to_string(output.metrics.at("loss:sum"));
}

std::string kept_results(Patient& patient) {
  const std::string id = patient.submit_pass(patient.new_model(), 1, true);
  const HttpResponse first = patient.result(id);
  const HttpResponse second = patient.result_within(id, 5s);
  if (second.status != 200 || second.body != first.body)
    fail_check("asked for again, a result is answered with " + std::to_string(second.status));
  return "a result can be asked for again";
}

std::string order(Patient& patient) {
  const std::string straight = patient.new_model();
  patient.result(patient.submit_pass(straight, 1));
  patient.result(patient.submit_step(straight, 2));
  const std::vector<float> expected = patient.logprobs_of(straight, 3);
  const std::string model = patient.new_model();
  const std::string step = patient.submit_step(model, 2);
  const HttpResponse early = patient.result_within(step, 300ms);
  const std::string first = patient.submit_pass(model, 1);
  patient.result(first);
  patient.result(step);
  if (early.status != 0) fail_check("request 2 was answered before request 1 had come");
  const double difference = largest_difference(patient.logprobs_of(model, 3), expected);
  if (!(difference < 1e-3))
    fail_check("requests that came as 2, 1 gave another model (difference " +
               std::to_string(difference) + ")");
  return "requests are carried out by seq_id";
}

std::string repetition(Patient& patient) {
  const std::string straight = patient.new_model();
  patient.result(patient.submit_pass(straight, 1));
  patient.result(patient.submit_step(straight, 2));
  const std::vector<float> expected = patient.logprobs_of(straight, 3);
  const std::string model = patient.new_model();
  patient.result(patient.submit_pass(model, 1));
  const std::string first = patient.submit_step(model, 2);
  const std::string second = patient.submit_step(model, 2);
  patient.result(first);
  patient.result_within(second, 5s);
  const double difference = largest_difference(patient.logprobs_of(model, 3), expected);
  if (!(difference < 1e-3))
    fail_check("an optim_step sent twice was carried out twice (difference " +
               std::to_string(difference) + ")");
  return first == second ? "the same future" : "carried out once";
}

std::string errors(Patient& patient) {
  const std::string model = patient.new_model();
  LossCall call;
  call.model_id = model;
  call.seq_id = 1;
  call.loss_fn = "no_such_loss";
  HttpRequest request(Method::post, "/api/v1/forward_backward");
  request.body = encode_forward_backward(call, Patient::batch());
  request.content_type = "application/x-protobuf";
  HttpResponse response = patient.ask(std::move(request));
  if (response.status == 200) response = patient.result(read_request_id(response.body));
  if (response.status >= 500)
    fail_check("an unknown loss is answered with " + std::to_string(response.status));
  if (response.status >= 400) {
    if (response.body.empty()) fail_check("a refusal has no body, which clients take for a fault");
    return "refused with " + std::to_string(response.status);
  }
  const FutureState state = read_future_state(response.body);
  if (state.kind != FutureState::Kind::failed) fail_check("an unknown loss is accepted");
  if (state.category != "user")
    fail_check("an unknown loss is an error of category '" + state.category + "', not 'user'");
  // The number is used up: what follows must not wait for it.
  if (patient.result_within(patient.submit_pass(model, 2, true), patient.options().patience)
          .status != 200)
    fail_check("after a failed request the next one is not carried out");
  return "{error, category: user}";
}

std::string sample_ids(Patient& patient) {
  const Json session = patient.post(
      "create_sampling_session",
      Json::parse(create_sampling_session_body(patient.session(), 0, patient.base_model(), "")));
  SampleCall call{ModelInput(Patient::text())};
  call.num_samples = 2;
  call.params.max_tokens = 1;
  const Json answer = patient.post(
      "asample", Json::parse(sample_body(read_sampling_session_id(session.dump()), 0, call)));
  const auto ids = answer.find("sample_sequence_ids");
  if (ids == answer.end() || !ids->is_array() || ids->size() != 2)
    fail_check("the answer of asample has no sample_sequence_ids for its 2 samples");
  patient.result(read_request_id(answer.dump()));
  return "named when accepted";
}

}  // namespace

const std::vector<Check>& wire_checks() {
  static const std::vector<Check> checks = {{"configuration", configuration},
                                            {"models", models},
                                            {"sessions", sessions},
                                            {"model information", model_information},
                                            {"binary results", binary_results},
                                            {"compressed bodies", compressed_bodies},
                                            {"metrics", metrics},
                                            {"results kept", kept_results},
                                            {"order under pipelining", order},
                                            {"repeated requests", repetition},
                                            {"errors", errors},
                                            {"sample ids", sample_ids}};
  return checks;
}

}  // namespace xfer::tinker
