// SPDX-License-Identifier: Apache-2.0
// The JSON bodies: against recorded ones, and in hostile hands.
#include "tests/tinker/recordings.hpp"
#include "tinker/wire/answers.hpp"
#include "tinker/wire/json_fields.hpp"
#include "tinker/wire/requests.hpp"

#include <gtest/gtest.h>

namespace xfer::tinker {
namespace {

Json parsed(const std::string& text) { return Json::parse(text); }

TEST(Requests, equal_the_recorded_ones) {
  NewSession session;
  session.user_metadata = {{"k", "v"}};
  session.display_name = "proto";
  EXPECT_EQ(parsed(create_session_body(session)),
            parsed(R"({"tags":[],"user_metadata":{"k":"v"},"sdk_version":"0.38.0",
                       "display_name":"proto","type":"create_session"})"));
  NewModel model;
  model.session_id = "sess-1";
  model.base_model = "m";
  model.rank = 8;
  EXPECT_EQ(parsed(create_model_body(model)),
            parsed(R"({"session_id":"sess-1","model_seq_id":0,"base_model":"m","lora_config":
                       {"rank":8,"train_unembed":true,"train_mlp":true,"train_attn":true},
                       "optimizer_config":{"type":"adamw"},"type":"create_model"})"));
  AdamParams adam;
  adam.weight_decay = 0.01;
  adam.grad_clip_norm = 1.0;
  EXPECT_EQ(parsed(optim_step_body("sess-1:train:0", 2, adam)),
            parsed(R"({"model_id":"sess-1:train:0","seq_id":2,"type":"optim_step","adam_params":
                       {"learning_rate":0.0001,"beta1":0.9,"beta2":0.95,"eps":1e-12,
                        "weight_decay":0.01,"grad_clip_norm":1.0}})"));
  SaveWeights save;
  save.model_id = "sess-1:train:0";
  save.name = "ck";
  save.seq_id = 4;
  save.ttl = std::chrono::hours(1);
  EXPECT_EQ(parsed(save_weights_body(save)),
            parsed(R"({"model_id":"sess-1:train:0","path":"ck","seq_id":4,"ttl_seconds":3600,
                       "overwrite":false,"type":"save_weights"})"));
  EXPECT_EQ(parsed(save_ephemeral_body("sess-1:train:0", 0, 6)),
            parsed(R"({"model_id":"sess-1:train:0","sampling_session_seq_id":0,"kind":"snapshot",
                       "seq_id":6,"type":"save_weights_for_sampler"})"));
  EXPECT_EQ(parsed(load_new_model_body("sess-1", 1, "tinker://r/weights/ck", false)),
            parsed(R"({"session_id":"sess-1","model_seq_id":1,"path":"tinker://r/weights/ck",
                       "optimizer":false,"type":"load_weights"})"));
  EXPECT_EQ(parsed(finish_session_body("success", "")),
            parsed(R"({"reason":{"type":"success"},"detail":null})"));
}

TEST(Requests, a_sample_equals_the_recorded_one) {
  SampleCall call{ModelInput({1, 2, 3})};
  call.num_samples = 2;
  call.params.max_tokens = 4;
  call.params.seed = 3;
  call.params.stop = std::vector<std::string>{"\n"};
  call.params.temperature = 0.7;
  call.params.top_k = 5;
  call.params.top_p = 0.9;
  EXPECT_EQ(parsed(sample_body("samp-0", 0, call)),
            parsed(
                R"({"num_samples":2,"prompt":{"chunks":[{"tokens":[1,2,3],"type":"encoded_text"}]},
              "sampling_params":{"max_tokens":4,"seed":3,"stop":["\n"],"temperature":0.7,
              "top_k":5,"top_p":0.9},"sampling_session_id":"samp-0","seq_id":0,
              "prompt_logprobs":false,"topk_prompt_logprobs":0,"topk_sample_logprobs":0,
              "prompt_alt_tokens_k":0,"record_stability_info":false,"type":"sample"})"));
  call.params.stop = std::vector<std::int32_t>{};
  EXPECT_EQ(parsed(sample_body("s", 0, call))["sampling_params"]["stop"], Json::array());
}

TEST(Requests, text_that_is_not_utf8_is_refused) {
  NewSession session;
  session.display_name = "\xff";
  EXPECT_THROW(create_session_body(session), Error);
}

TEST(Answers, every_recorded_answer_is_understood) {
  if (!testing::recordings_folder()) GTEST_SKIP() << "no recordings here";
  int read = 0;
  for (const auto& e : testing::all_recordings()) {
    if (e.status != 200 || e.response.is_null()) continue;
    const std::string body = e.response.dump();
    const std::string name = e.path.substr(std::string("/api/v1/").size());
    ++read;
    if (name == "client/config")
      read_client_config(body);
    else if (name == "create_session")
      EXPECT_NE(read_session_id(body), "");
    else if (name == "get_server_capabilities")
      EXPECT_FALSE(read_capabilities(body).empty());
    else if (name == "get_info")
      EXPECT_NE(read_model_info(body).model_id, "");
    else if (name == "create_sampling_session")
      EXPECT_NE(read_sampling_session_id(body), "");
    else if (name == "weights_info")
      EXPECT_NE(read_weights_info(body).base_model, "");
    else if (name.starts_with("samplers/"))
      EXPECT_NE(read_sampler(body).sampler_id, "");
    else if (name.starts_with("training_runs?"))
      EXPECT_FALSE(read_training_runs(body).empty());
    else if (name.ends_with("/checkpoints"))
      EXPECT_FALSE(read_checkpoints(body).empty());
    else if (name == "retrieve_future")
      read_future_state(body);
    else if (e.method == "POST" && e.response.contains("request_id"))
      EXPECT_NE(read_request_id(body), "");
    else
      --read;
  }
  EXPECT_GT(read, 100);
}

TEST(Answers, futures_are_told_apart) {
  using Kind = FutureState::Kind;
  const std::vector<std::pair<std::string, Kind>> table = {
      {R"({"type":"try_again","request_id":"r","queue_state":"active"})", Kind::try_again},
      {R"({"status":"complete_metadata","response_payload_size":12})", Kind::metadata},
      {R"({"error":"no","category":"user"})", Kind::failed},
      {R"({"error":"no"})", Kind::failed},
      {R"({"metrics":{"error":1}})", Kind::result},
      {R"({"path":"x","error":null})", Kind::result},
      {"{}", Kind::result}};
  for (const auto& [body, kind] : table) EXPECT_EQ(read_future_state(body).kind, kind) << body;
  EXPECT_EQ(read_future_state(R"({"error":"made-up user error","category":"user"})").error,
            "made-up user error");
  EXPECT_EQ(read_future_state(R"({"error":"x"})").category, "unknown");
}

TEST(Answers, defaults_hold_where_the_service_is_silent) {
  const auto config = read_client_config("{}");
  EXPECT_EQ(config.fwdbwd_max_chunk_len, 1024U);
  EXPECT_FALSE(config.idempotent_steps);
  EXPECT_EQ(read_client_config(R"({"fwdbwd_max_chunk_len":null})").fwdbwd_max_chunk_len, 1024U);
  EXPECT_EQ(read_client_config(R"({"fwdbwd_max_chunk_len":2,"new_flag":[1]})").fwdbwd_max_chunk_len,
            2U);
}

TEST(Answers, wrong_types_and_nonsense_are_refused_by_name) {
  const auto refusal = [](const auto& read, const std::string& body) -> std::string {
    try {
      read(body);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::bad_data);
      return e.what();
    }
    return "";
  };
  EXPECT_NE(refusal(read_request_id, R"({"request_id":5})").find("'request_id'"),
            std::string::npos);
  EXPECT_NE(refusal(read_request_id, "{}").find("missing"), std::string::npos);
  for (const char* body : {"", "null", "[]", "3", "\"x\"", "<html>502</html>", "{\"a\":", "{} {}"})
    EXPECT_NE(refusal(read_request_id, body), "") << body;
  EXPECT_NE(refusal(read_client_config, R"({"fwdbwd_max_chunk_len":0})"), "");
  EXPECT_NE(refusal(read_client_config, R"({"fwdbwd_max_chunk_len":-1})"), "");
  EXPECT_NE(refusal(read_client_config, R"({"sample_max_concurrent_requests":1e99})"), "");
  EXPECT_NE(refusal(read_client_config, R"({"pjwt_auth_enabled":"yes"})"), "");
  EXPECT_NE(refusal(read_training_runs, R"({"training_runs":[3]})"), "");
  EXPECT_NE(refusal(read_request_id, std::string(100'000, '[')), "");
}

TEST(Answers, the_words_of_an_error_are_short_and_printable) {
  EXPECT_EQ(read_error_text(R"({"detail":"unknown base model"})"), "unknown base model");
  EXPECT_EQ(read_error_text(R"({"detail":[{"msg":"x"}]})"), R"([{"msg":"x"}])");
  EXPECT_EQ(read_error_text("<html>\n502</html>"), "<html> 502</html>");
  EXPECT_EQ(read_error_text(""), "");
  EXPECT_LT(read_error_text(std::string(100'000, 'x')).size(), 600U);
  EXPECT_EQ(read_error_text("{\"error\":\"a\\u001b[2Jb\"}"), "a [2Jb");
}

}  // namespace
}  // namespace xfer::tinker
