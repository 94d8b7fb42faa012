// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/test_service.hpp"

#include "tinker/wire/zstd_body.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/tinker/codec.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>

namespace xfer::tinker::testing {
namespace {

using Json = nlohmann::json;

ServerReply json(const Json& body, int status = 200) { return {status, body.dump()}; }

ServerReply refusal(int status, const std::string& detail) {
  return json({{"detail", detail}}, status);
}

xfer::Datum core_datum(const Datum& datum) {
  xfer::Datum out;
  for (const Chunk& chunk : datum.model_input.chunks) {
    const auto& tokens = std::get<EncodedText>(chunk).tokens;
    out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
  }
  for (const auto& [name, tensor] : datum.loss_fn_inputs)
    out.loss_fn_inputs.emplace(name, tensor.values);
  return out;
}

}  // namespace

std::shared_ptr<const engine::Model> tiny_model() {
  // GPT-2's stand-ins for the bytes of "!" to "b" are those characters themselves.
  Json vocab = Json::object();
  int id = 0;
  for (char c = '!'; c <= 'b'; ++c) vocab[std::string(1, c)] = id++;
  const Json tokenizer = {{"version", "1.0"},
                          {"added_tokens",
                           {{{"id", id},
                             {"content", "<|end|>"},
                             {"single_word", false},
                             {"lstrip", false},
                             {"rstrip", false},
                             {"normalized", false},
                             {"special", true}}}},
                          {"normalizer", nullptr},
                          {"pre_tokenizer",
                           {{"type", "ByteLevel"},
                            {"add_prefix_space", false},
                            {"trim_offsets", true},
                            {"use_regex", true}}},
                          {"post_processor", nullptr},
                          {"decoder",
                           {{"type", "ByteLevel"},
                            {"add_prefix_space", true},
                            {"trim_offsets", true},
                            {"use_regex", true}}},
                          {"model",
                           {{"type", "BPE"},
                            {"dropout", nullptr},
                            {"unk_token", nullptr},
                            {"continuing_subword_prefix", nullptr},
                            {"end_of_word_suffix", nullptr},
                            {"fuse_unk", false},
                            {"byte_fallback", false},
                            {"vocab", vocab},
                            {"merges", Json::array()}}}};
  engine::ModelConfig config;
  config.vocab_size = id + 1;
  config.hidden_size = 32;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 8;
  config.intermediate_size = 48;
  config.max_positions = 256;
  config.end_tokens = {id};
  engine::ModelOptions options;
  options.threads = 1;
  static const std::shared_ptr<const engine::Model> model = engine::Model::random(
      config, text::Tokenizer::from_huggingface(tokenizer.dump(), "tiny"), 5, options);
  return model;
}

TestService::TestService() : model_(tiny_model()) {
  static std::atomic<int> count{0};
  folder_ = std::filesystem::temp_directory_path() /
            ("xfer-test-service-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
  std::filesystem::create_directories(folder_);
}

TestService::~TestService() { std::filesystem::remove_all(folder_); }

void TestService::end_sessions() {
  const std::lock_guard lock(mutex_);
  first_alive_ = sessions_ + 1;
}

int TestService::asked(const std::string& endpoint) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(endpoint);
  return found == counts_.end() ? 0 : found->second;
}

int TestService::carried_out_twice() const {
  const std::lock_guard lock(mutex_);
  return twice_;
}

std::vector<std::string> TestService::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

ServerReply TestService::handle(const ServerRequest& request) {
  const std::lock_guard lock(mutex_);
  const std::string root = "/api/v1/";
  if (!request.target.starts_with(root)) return refusal(404, "Not Found");
  const std::string endpoint = request.target.substr(root.size());
  const int before = counts_[endpoint]++;
  log_.push_back(endpoint);
  const auto fault = faults ? faults(endpoint, before) : std::nullopt;
  if (fault && !fault->carry_out) return fault->reply;
  ServerReply reply;
  try {
    reply = dispatch(endpoint, request);
  } catch (const std::exception& e) {
    reply = refusal(400, e.what());
  }
  return fault ? fault->reply : reply;
}

std::string TestService::add(Future future) {
  const std::string id = "req-" + std::to_string(futures_.size() + 1);
  futures_[id] = std::move(future);
  return id;
}

ServerReply TestService::accepted(Future future) {
  return json({{"request_id", add(std::move(future))}});
}

TestService::Future TestService::attempt(const std::function<Future()>& work) {
  Future out;
  try {
    out = work();
  } catch (const Error& e) {
    out.body = Json({{"error", e.what()}, {"category", is_bad_input(e.code()) ? "user" : "server"}})
                   .dump();
  }
  return out;
}

ServerReply TestService::create(const Json& body, const std::string& path) {
  const std::string session = body.at("session_id");
  if (std::stoi(session.substr(5)) < first_alive_) return refusal(410, "the session has ended");
  const std::string id = session + ":train:" + std::to_string(body.at("model_seq_id").get<int>());
  if (models_.count(id) != 0) return accepted({false, Json({{"model_id", id}}).dump()});
  return accepted(attempt([&] {
    Model model;
    model.session = session;
    if (path.empty()) {
      if (body.at("base_model") != "tiny")
        throw Error(Errc::invalid_argument, "unknown base model");
      const Json& lora = body.at("lora_config");
      model.lora.rank = lora.at("rank");
      model.lora.seed = lora.value("seed", std::uint64_t{0});
      model.lora.train_unembed = lora.at("train_unembed");
    } else {
      if (saved_.count(path) == 0) throw Error(Errc::invalid_argument, "no such checkpoint");
      const std::string run = path.substr(9, path.find("/weights/") - 9);
      model.lora = models_.at(run).lora;
    }
    const auto states = folder_ / std::to_string(models_.size());
    std::filesystem::create_directories(states);
    model.trainer = engine::make_local_trainer(model_, model.lora, states);
    if (!path.empty())
      run_blocking(model.trainer->load_state(saved_.at(path), body.at("optimizer").get<bool>()));
    models_[id] = std::move(model);
    return Future{false, Json({{"model_id", id}, {"type", "create_model"}}).dump()};
  }));
}

ServerReply TestService::train(const ServerRequest& request) {
  const bool compressed = request.headers.count("content-encoding") != 0;
  const auto message = decode_forward_backward(
      compressed ? zstd_decompress(request.body, std::size_t{1} << 26U) : request.body);
  largest_batch = std::max(largest_batch, message.data.size());
  const Json body = {{"model_id", message.call.model_id}, {"seq_id", message.call.seq_id}};
  return with_model(
      body,
      [&](Model& model, const Json&) {
        std::vector<xfer::Datum> data;
        for (const Datum& datum : message.data) data.push_back(core_datum(datum));
        xfer::ForwardBackwardRequest work(std::move(data));
        work.loss_fn = message.call.loss_fn;
        auto result = message.call.forward_only
                          ? run_blocking(model.trainer->forward(std::move(work)))
                          : run_blocking(model.trainer->forward_backward(std::move(work)));
        ForwardBackwardOutput output;
        output.loss_fn_outputs = std::move(result.loss_fn_outputs);
        output.metrics = result.metrics;
        return Future{true, encode_forward_backward_output(output)};
      },
      !message.call.forward_only);
}

ServerReply TestService::with_model(const Json& body,
                                    const std::function<Future(Model&, const Json&)>& work,
                                    bool changes) {
  const auto found = models_.find(body.at("model_id").get<std::string>());
  if (found == models_.end()) return refusal(404, "no such model");
  Model& model = found->second;
  if (std::stoi(model.session.substr(5)) < first_alive_)
    return refusal(410, "the session has ended");
  const int seq = body.at("seq_id");
  if (model.futures.count(seq) != 0) {
    if (repeats_ignored) return json({{"request_id", model.futures.at(seq)}});
    if (changes) ++twice_;
  }
  model.last_seq = std::max(model.last_seq, seq);
  const std::string id = add(attempt([&] { return work(model, body); }));
  model.futures[seq] = id;
  return json({{"request_id", id}});
}

TestService::Future TestService::save(Model& model, const Json& body) {
  const std::string run = body.at("model_id");
  const std::string name = body.at("path");
  const std::string path = "tinker://" + run + "/weights/" + name;
  if (saved_.count(path) != 0 && !body.at("overwrite").get<bool>())
    throw Error(Errc::invalid_argument, "a checkpoint of that name exists");
  saved_[path] = run_blocking(model.trainer->save_state(name, true));
  return {false, Json({{"path", path}, {"type", "save_weights"}}).dump()};
}

ServerReply TestService::checkpoints(const std::string& run) {
  Json list = Json::array();
  for (const auto& [path, folder] : saved_) {
    const std::string prefix = "tinker://" + run + "/";
    if (path.starts_with(prefix))
      list.push_back({{"checkpoint_id", path.substr(prefix.size())},
                      {"checkpoint_type", "training"},
                      {"time", "2026-01-01T00:00:00Z"},
                      {"tinker_path", path}});
  }
  return json({{"checkpoints", list}});
}

ServerReply TestService::sample(const Json& body) {
  const std::string session = body.at("sampling_session_id");
  const auto sampler = samplers_.find(session);
  if (sampler == samplers_.end()) return refusal(404, "no such sampling session");
  const std::string key = session + "/" + std::to_string(body.at("seq_id").get<int>());
  if (sampled_.count(key) == 0) {
    sampled_[key] = add(attempt([&] {
      std::vector<std::int32_t> prompt;
      for (const Json& chunk : body.at("prompt").at("chunks"))
        for (const Json& token : chunk.at("tokens")) prompt.push_back(token);
      const Json& params = body.at("sampling_params");
      SampleRequest request(prompt);
      request.num_samples = body.at("num_samples");
      request.max_tokens = params.value("max_tokens", 16);
      request.temperature = params.at("temperature");
      request.top_k = params.at("top_k");
      request.top_p = params.at("top_p");
      request.seed = params.value("seed", std::uint64_t{0});
      if (params.contains("stop")) {
        request.stop_tokens.emplace();
        for (const Json& stop : params.at("stop")) {
          if (stop.is_string())
            request.stop_strings.push_back(stop);
          else
            request.stop_tokens->push_back(stop);
        }
      }
      SampleResponse response;
      for (Completion& c : run_blocking(sampler->second->sample(request))) {
        SampledSequence sequence;
        sequence.tokens = std::move(c.tokens);
        sequence.logprobs = std::move(c.logprobs);
        sequence.stop_reason = c.stop_reason;
        response.sequences.push_back(std::move(sequence));
      }
      if (body.at("prompt_logprobs").get<bool>()) {
        response.prompt_logprobs = run_blocking(sampler->second->score(ScoreRequest(prompt, 1)));
        response.prompt_logprobs->insert(response.prompt_logprobs->begin(),
                                         std::numeric_limits<float>::quiet_NaN());
      }
      return Future{true, encode_sample_response(response)};
    }));
  }
  Json ids = Json::array();
  for (int i = 0; i < body.at("num_samples").get<int>(); ++i)
    ids.push_back(key + ":" + std::to_string(i));
  return json({{"request_id", sampled_.at(key)}, {"sample_sequence_ids", ids}});
}

ServerReply TestService::dispatch(const std::string& endpoint, const ServerRequest& request) {
  if (endpoint == "client/config") return json(config);
  if (endpoint == "client/dynamic_config") return json(dynamic_config);
  if (endpoint == "get_server_capabilities")
    return json({{"supported_models", {{{"model_name", "tiny"}}}}});
  if (endpoint.starts_with("training_runs/") && endpoint.ends_with("/checkpoints"))
    return checkpoints(endpoint.substr(14, endpoint.size() - 14 - 12));
  if (endpoint.ends_with("/finish")) return ServerReply(204, "");
  if (endpoint == "forward_backward") return train(request);
  const Json body = Json::parse(request.body);
  if (endpoint == "create_session")
    return json({{"session_id", "sess-" + std::to_string(++sessions_)}});
  if (endpoint == "session_heartbeat") {
    const std::string session = body.at("session_id");
    if (std::stoi(session.substr(5)) < first_alive_) return refusal(410, "the session has ended");
    return json({{"type", "session_heartbeat"}});
  }
  if (endpoint == "create_model") return create(body, "");
  if (endpoint == "load_weights") return create(body, body.at("path"));
  if (endpoint == "get_info") {
    const std::string id = body.at("model_id");
    if (models_.count(id) == 0) return refusal(404, "no such model");
    return json({{"model_id", id},
                 {"is_lora", true},
                 {"lora_rank", models_.at(id).lora.rank},
                 {"model_data", {{"model_name", "tiny"}, {"tokenizer_id", nullptr}}}});
  }
  if (endpoint == "optim_step")
    return with_model(
        body,
        [](Model& model, const Json& in) {
          const Json& p = in.at("adam_params");
          AdamParams adam;
          adam.learning_rate = p.at("learning_rate");
          adam.beta1 = p.at("beta1");
          adam.beta2 = p.at("beta2");
          adam.eps = p.at("eps");
          adam.weight_decay = p.at("weight_decay");
          adam.grad_clip_norm = p.at("grad_clip_norm");
          const auto result = run_blocking(model.trainer->optim_step(adam));
          return Future{false, Json({{"metrics", result.metrics}}).dump()};
        },
        true);
  if (endpoint == "save_weights")
    return with_model(
        body, [this](Model& model, const Json& in) { return save(model, in); }, false);
  if (endpoint == "save_weights_for_sampler")
    return with_model(
        body,
        [this](Model& model, const Json& in) {
          const std::string id = model.session + ":sample:" +
                                 std::to_string(in.at("sampling_session_seq_id").get<int>());
          samplers_[id] = run_blocking(model.trainer->snapshot());
          return Future{false, Json({{"sampling_session_id", id}}).dump()};
        },
        false);
  if (endpoint == "create_sampling_session") {
    if (body.at("base_model") != "tiny") return refusal(400, "unknown base model");
    const std::string id = body.at("session_id").get<std::string>() + ":sample:" +
                           std::to_string(body.at("sampling_session_seq_id").get<int>());
    samplers_[id] = engine::make_local_sampler(model_);
    return json({{"sampling_session_id", id}});
  }
  if (endpoint == "asample") return sample(body);
  if (endpoint == "cancel_future") return ServerReply(204, "");
  if (endpoint == "retrieve_future") {
    const auto found = futures_.find(body.at("request_id").get<std::string>());
    if (found == futures_.end()) return refusal(410, "promise expired");
    ServerReply reply(found->second.body);
    if (found->second.binary) reply.type = "application/x-protobuf";
    return reply;
  }
  return refusal(404, "Not Found");
}

}  // namespace xfer::tinker::testing
