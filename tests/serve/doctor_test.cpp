// SPDX-License-Identifier: Apache-2.0
// The conformance card: clean for our server, and of faulty ones each fault is found.
#include "tests/serve/serve_testing.hpp"
#include "tests/tinker/scripted_server.hpp"
#include "tinker/doctor/patient.hpp"
#include "xfer/tinker/codec.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace xfer::serve {
namespace {

using namespace testing;
using tinker::Finding;
using tinker::HttpRequest;
using tinker::HttpResponse;
using tinker::Method;
using tinker::testing::ServerReply;
using tinker::testing::ServerRequest;

/// What a faulty server does to requests and answers.
struct Fault {
  std::function<void(const std::string& endpoint, ServerRequest&)> before;
  std::function<void(const std::string& endpoint, const ServerRequest&, ServerReply&)> after;
};

class Doctor : public Serve {
protected:
  void SetUp() override {
    options.timing.poll = 100ms;
    options.limits.models = 1'000;
  }

  tinker::DoctorOptions doctor_options(const std::string& address) {
    tinker::DoctorOptions out;
    out.client = quick_options(address);
    out.client.retry.total = 500ms;
    out.samples_at_once = 32;
    out.patience = 20s;
    return out;
  }

  ServerReply pass_on(const Fault& fault, ServerRequest request) {
    const std::string endpoint = request.target.substr(std::string("/api/v1/").size());
    if (fault.before) fault.before(endpoint, request);
    const std::map<std::string, Method> methods = {{"GET", Method::get},
                                                   {"POST", Method::post},
                                                   {"PUT", Method::put},
                                                   {"DELETE", Method::del}};
    HttpRequest sent(methods.at(request.method), request.target);
    sent.body = request.body;
    if (!sent.body.empty()) sent.content_type = request.headers["content-type"];
    if (request.headers.count("content-encoding") != 0)
      sent.headers.emplace_back("Content-Encoding", request.headers["content-encoding"]);
    const HttpResponse got = exchange(url(), std::move(sent));
    ServerReply reply(got.status, got.body);
    if (const auto* type = got.header("content-type")) reply.type = *type;
    if (fault.after) fault.after(endpoint, request, reply);
    return reply;
  }

  /// The finding of one item at a server with that fault.
  Finding examine(const std::string& item, const Fault& fault) {
    tinker::testing::ScriptedServer faulty(
        [&](const ServerRequest& request) { return pass_on(fault, request); });
    tinker::Patient patient(doctor_options(faulty.url()));
    Finding finding;
    for (const auto* checks :
         {&tinker::wire_checks(), &tinker::training_checks(), &tinker::sampling_checks()})
      for (const tinker::Check& check : *checks)
        if (check.item == item) {
          finding.item = item;
          try {
            finding.value = check.run(patient);
            finding.verdict = Finding::Verdict::pass;
          } catch (const tinker::NotOffered& e) {
            finding.value = e.what();
            finding.verdict = Finding::Verdict::not_offered;
          } catch (const Error& e) {
            finding.value = e.what();
          }
        }
    EXPECT_EQ(finding.item, item);
    patient.finish();
    return finding;
  }

  void expect_found(const std::string& item, const Fault& fault, const std::string& word = "") {
    EXPECT_EQ(examine(item, Fault()).verdict, Finding::Verdict::pass) << item;
    const Finding finding = examine(item, fault);
    EXPECT_EQ(finding.verdict, Finding::Verdict::fail) << item << ": " << finding.value;
    EXPECT_NE(finding.value.find(word), std::string::npos) << finding.value;
  }
};

bool is_binary(const ServerReply& reply) { return reply.type == "application/x-protobuf"; }

/// Changes the JSON of requests to an endpoint.
Fault request_fault(const std::string& where, std::function<void(Json&)> change) {
  Fault fault;
  fault.before = [where, change](const std::string& endpoint, ServerRequest& request) {
    if (endpoint != where) return;
    Json body = Json::parse(request.body);
    change(body);
    request.body = body.dump();
  };
  return fault;
}

/// Changes the JSON of answers of an endpoint.
Fault answer_fault(const std::string& where, std::function<void(Json&)> change) {
  Fault fault;
  fault.after = [where, change](const std::string& endpoint, const ServerRequest&,
                                ServerReply& reply) {
    if (!endpoint.starts_with(where) || is_binary(reply)) return;
    Json body = Json::parse(reply.body);
    change(body);
    reply.body = body.dump();
  };
  return fault;
}

Fault output_fault(std::function<void(tinker::ForwardBackwardOutput&)> change) {
  Fault fault;
  fault.after = [change](const std::string&, const ServerRequest&, ServerReply& reply) {
    if (!is_binary(reply)) return;
    auto output = tinker::decode_forward_backward_output(reply.body);
    change(output);
    reply.body = tinker::encode_forward_backward_output(output);
  };
  return fault;
}

Fault sample_fault(std::function<void(tinker::SampleResponse&)> change) {
  Fault fault;
  fault.after = [change](const std::string&, const ServerRequest&, ServerReply& reply) {
    if (!is_binary(reply)) return;
    auto response = tinker::decode_sample_response(reply.body);
    change(response);
    reply.body = tinker::encode_sample_response(response);
  };
  return fault;
}

/// Numbers the requests of each model anew.
Fault numbering_fault(std::function<int(const std::string& model, int seq)> number) {
  Fault fault;
  fault.before = [number](const std::string& endpoint, ServerRequest& request) {
    if (endpoint == "forward_backward") {
      auto message = tinker::decode_forward_backward(request.body);
      message.call.seq_id = number(message.call.model_id, message.call.seq_id);
      request.body = tinker::encode_forward_backward(message.call, message.data);
    } else if (endpoint == "optim_step") {
      Json body = Json::parse(request.body);
      body["seq_id"] = number(body.at("model_id"), body.at("seq_id"));
      request.body = body.dump();
    }
  };
  return fault;
}

void shift(tinker::ForwardBackwardOutput& output, float by) {
  for (auto& datum : output.loss_fn_outputs)
    for (float& value : std::get<std::vector<float>>(datum.at("logprobs").data)) value += by;
}

TEST_F(Doctor, our_own_server_passes_every_item) {
  options.timing.poll = 20s;
  std::size_t told = 0;
  const auto card = tinker::examine_service(doctor_options(url()), [&](const Finding&) { ++told; });
  EXPECT_GT(card.size(), 20U);
  EXPECT_EQ(told, card.size());
  for (const Finding& finding : card)
    EXPECT_EQ(finding.verdict, Finding::Verdict::pass) << finding.item << ": " << finding.value;
}

TEST_F(Doctor, a_service_that_is_not_there_fails_every_item) {
  const auto card = tinker::examine_service(doctor_options("http://127.0.0.1:1"));
  EXPECT_GT(card.size(), 20U);
  for (const Finding& finding : card) EXPECT_EQ(finding.verdict, Finding::Verdict::fail);
}

TEST_F(Doctor, finds_faults_of_losses) {
  expect_found("reduction of the loss", output_fault([](auto& output) {
                 output.metrics["loss:sum"] /= static_cast<double>(output.loss_fn_outputs.size());
               }),
               "mean over datums");
  expect_found("metrics", output_fault([](auto& output) { output.metrics.clear(); }), "loss:sum");
  expect_found("metrics", output_fault([](auto& output) { output.metrics["tokens"] = 1.0; }),
               "tokens");
}

TEST_F(Doctor, finds_faults_of_the_wire) {
  Fault untyped;
  untyped.after = [](const std::string&, const ServerRequest&, ServerReply& reply) {
    if (is_binary(reply)) reply.type = "application/octet-stream";
  };
  expect_found("binary results", untyped);
  Fault broken;
  broken.after = [](const std::string& endpoint, const ServerRequest&, ServerReply& reply) {
    if (endpoint == "session_heartbeat") reply.status = 500;
  };
  expect_found("sessions", broken);
  expect_found("sample ids",
               answer_fault("asample", [](Json& answer) { answer.erase("sample_sequence_ids"); }));
  expect_found("model information",
               answer_fault("get_info", [](Json& answer) { answer["lora_rank"] = 32; }));
  Fault forgetful;
  const auto delivered = std::make_shared<std::set<std::string>>();
  forgetful.after = [delivered](const std::string& endpoint, const ServerRequest& request,
                                ServerReply& reply) {
    if (endpoint == "retrieve_future" && is_binary(reply) &&
        !delivered->insert(request.body).second)
      reply = ServerReply(410, R"({"detail":"gone"})");
  };
  expect_found("results kept", forgetful);
}

TEST_F(Doctor, finds_faults_of_errors) {
  const auto is_failure = [](const Json& answer) { return answer.contains("category"); };
  Fault crash;
  crash.after = [](const std::string& endpoint, const ServerRequest&, ServerReply& reply) {
    if (endpoint == "retrieve_future" && !is_binary(reply) &&
        reply.body.find("category") != std::string::npos)
      reply.status = 500;
  };
  expect_found("errors", crash);
  expect_found("errors",
               answer_fault("retrieve_future",
                            [&](Json& answer) {
                              if (is_failure(answer)) answer["category"] = "server";
                            }),
               "'user'");
}

TEST_F(Doctor, finds_faults_of_order) {
  // As they come, whatever their numbers.
  const auto given = std::make_shared<std::map<std::string, std::map<int, int>>>();
  expect_found("order under pipelining",
               numbering_fault([given](const std::string& model, int seq) {
                 auto& numbers = (*given)[model];
                 return numbers.emplace(seq, static_cast<int>(numbers.size()) + 1).first->second;
               }));
  // Each as if it were new.
  const auto count = std::make_shared<std::map<std::string, int>>();
  expect_found("repeated requests", numbering_fault([count](const std::string& model, int) {
                 return ++(*count)[model];
               }),
               "twice");
}

TEST_F(Doctor, finds_faults_of_checkpoints) {
  expect_found("optimizer state",
               request_fault("load_weights", [](Json& body) { body["optimizer"] = false; }));
  expect_found("checkpoints", answer_fault("training_runs/", [](Json& answer) {
                 if (answer.contains("checkpoints")) answer["checkpoints"] = Json::array();
               }));
}

TEST_F(Doctor, finds_faults_of_adapters) {
  expect_found("LoRA flags",
               request_fault("create_model",
                             [](Json& body) {
                               for (const char* flag : {"train_attn", "train_mlp", "train_unembed"})
                                 body["lora_config"][flag] = true;
                             }),
               "train_mlp");
  int samples = 0;
  expect_found("adapter at step 0", sample_fault([&samples](tinker::SampleResponse& response) {
                 // The adapter's are asked for first.
                 if (samples++ > 0 || !response.prompt_logprobs) return;
                 for (float& value : *response.prompt_logprobs) value -= 0.01F;
               }));
  Fault shifted = output_fault([](auto& output) { shift(output, -0.2F); });
  const auto change = shifted.after;
  shifted.after = [change](const std::string& endpoint, const ServerRequest& request,
                           ServerReply& reply) {
    // Samples are binary too.
    if (reply.body.find("logprobs") != std::string::npos) change(endpoint, request, reply);
  };
  expect_found("training against sampling", shifted);
  expect_found("learning", request_fault("optim_step", [](Json& body) {
                 body["adam_params"]["learning_rate"] = 0.0;
               }));
}

TEST_F(Doctor, finds_faults_of_sampling) {
  int count = 0;
  expect_found("seeds", request_fault("asample", [&count](Json& body) {
                 body["sampling_params"]["seed"] = ++count;
               }));
  expect_found("seeds",
               request_fault("asample", [](Json& body) { body["sampling_params"]["seed"] = 1; }));
  expect_found("truncation", request_fault("asample", [](Json& body) {
                 auto& most = body["sampling_params"]["max_tokens"];
                 most = most.get<int>() + 3;
               }));
  expect_found("greedy sampling", request_fault("asample", [](Json& body) {
                 body["sampling_params"]["temperature"] = 1.0;
               }));
  expect_found("prompt log-probabilities", sample_fault([](auto& response) {
                 if (response.prompt_logprobs)
                   response.prompt_logprobs->erase(response.prompt_logprobs->begin());
               }));
  expect_found("sampled log-probabilities", sample_fault([](auto& response) {
                 if (response.prompt_logprobs) return;
                 for (float& value : *response.sequences[0].logprobs) value *= 0.8F;
               }));
}

TEST_F(Doctor, tells_what_is_not_offered_from_what_is_wrong) {
  EXPECT_EQ(examine("top log-probabilities",
                    request_fault("asample", [](Json& body) { body["topk_sample_logprobs"] = 0; }))
                .verdict,
            Finding::Verdict::not_offered);
  Fault old;
  old.after = [](const std::string&, const ServerRequest& request, ServerReply& reply) {
    if (request.headers.count("content-encoding") != 0) reply = ServerReply(415, "{}");
  };
  EXPECT_EQ(examine("compressed bodies", old).verdict, Finding::Verdict::not_offered);
}

}  // namespace
}  // namespace xfer::serve
