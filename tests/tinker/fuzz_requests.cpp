// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/fuzz_target.hpp"
#include "tinker/wire/server_requests.hpp"
#include "xfer/error.hpp"

#include <cstdlib>

static std::vector<std::string> requests() {
  return {R"({"tags":["a"],"user_metadata":{"a":"b"},"sdk_version":"1","project_id":null})",
          R"({"session_id":"s","model_seq_id":0,"base_model":"m","lora_config":{"rank":8,)"
          R"("seed":18446744073709551615,"train_mlp":false},"optimizer_config":{"type":"adamw"}})",
          R"({"model_id":"m","seq_id":1,"adam_params":{"learning_rate":1e-4,"beta1":0.9}})",
          R"({"model_id":"m","path":"ck","seq_id":2,"ttl_seconds":3600,"overwrite":true})",
          R"({"model_id":"m","sampling_session_seq_id":3,"seq_id":2,"kind":"snapshot"})",
          R"({"session_id":"s","model_seq_id":1,"path":"tinker://a/weights/b","optimizer":true})",
          R"({"session_id":"s","sampling_session_seq_id":0,"model_path":"tinker://a/b/c"})",
          R"({"target":{"type":"sampling_session","sampling_session_id":"s",)"
          R"("cloned_sampler_id":1},"prev_cursor":3,"timeout":0.5,"retrieved_request_ids":["a"]})",
          R"({"num_samples":2,"prompt":{"chunks":[{"tokens":[1,2,3],"type":"encoded_text"}]},)"
          R"("sampling_params":{"max_tokens":4,"seed":-3,"stop":["\n"],"temperature":0.7},)"
          R"("sampling_session_id":"samp-0","seq_id":0,"prompt_logprobs":true,)"
          R"("target_prompt_logprobs":{"data":[1,2],"dtype":"int64","shape":[2,1]}})"};
}

XFER_FUZZ_TARGET(requests, &requests) {
  using namespace xfer::tinker;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Json body;
  try {
    body = parse_object(text, "body");
  } catch (const xfer::Error&) {
    return 0;
  }
  const auto run = [&](const auto& read) {
    try {
      read(body);
    } catch (const xfer::Error& e) {
      if (e.code() != xfer::Errc::bad_data && e.code() != xfer::Errc::invalid_argument)
        std::abort();
    }
  };
  run(read_new_session);
  run(read_new_model);
  run(read_turn);
  run(read_adam);
  run(read_save_weights);
  run(read_save_for_sampler);
  run(loads_new_model);
  run(read_load_weights);
  run(read_load_new_model);
  run(read_new_sampler);
  run(read_sample);
  run(read_ttl);
  run(read_futures_query);
  return 0;
}
