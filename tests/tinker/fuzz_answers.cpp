// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/fuzz_target.hpp"
#include "tinker/wire/answers.hpp"
#include "xfer/error.hpp"

#include <cstdlib>

static std::vector<std::string> answers() {
  return {R"({"type":"try_again","request_id":"1","queue_state":"active"})",
          R"({"error":"x","category":"user"})",
          R"({"metrics":{"a:sum":1.5,"b":-3e10}})",
          R"({"training_runs":[{"training_run_id":"r","base_model":"m","is_lora":true,)"
          R"("last_checkpoint":{"checkpoint_id":"c","checkpoint_type":"training",)"
          R"("tinker_path":"p","size_bytes":12,"public":false},"user_metadata":{"a":"b"}}]})",
          R"({"model_id":"m","model_data":{"model_name":"n","tokenizer_id":null},"lora_rank":8})",
          R"({"fwdbwd_max_chunk_len":2,"pjwt_auth_enabled":false})",
          R"({"session_id":"\ud83d\ude00","sessions":["a"],"sampler_ids":[],"urls":{"a":"b"}})"};
}

XFER_FUZZ_TARGET(answers, &answers) {
  using namespace xfer::tinker;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto run = [&](const auto& read) {
    try {
      read(body);
    } catch (const xfer::Error& e) {
      if (e.code() != xfer::Errc::bad_data) std::abort();
    }
  };
  run(read_client_config);
  run([](std::string_view text) {
    ClientConfig config;
    read_dynamic_config(text, config);
  });
  run(read_capabilities);
  run(read_session_id);
  run(read_metrics);
  run(read_model_info);
  run(read_weights_info);
  run(read_training_runs);
  run(read_checkpoints);
  run(read_session);
  run(read_urls);
  run(read_future_state);
  run(read_error_text);
  return 0;
}
