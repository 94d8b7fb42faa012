// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/fuzz_target.hpp"
#include "xfer/error.hpp"
#include "xfer/tinker/codec.hpp"

#include <cstdlib>

static std::vector<std::string> responses() {
  using namespace xfer;
  tinker::SampleResponse r;
  tinker::SampledSequence s;
  s.tokens = {1, 2};
  s.logprobs = std::vector<float>{-1.0F, -2.0F};
  s.topk_logprobs = tinker::TopLogprobs{{{1, -1.0F}}, {}};
  r.sequences = {s};
  r.prompt_logprobs = std::vector<float>{-1.0F};
  r.topk_prompt_logprobs = tinker::TopLogprobs{{{7, -0.5F}, {8, -1.0F}}};
  r.target_prompt_logprobs = Tensor(std::vector<float>{1.0F});
  return {tinker::encode_sample_response(r), ""};
}

XFER_FUZZ_TARGET(sample, &responses) {
  try {
    xfer::tinker::encode_sample_response(
        xfer::tinker::decode_sample_response({reinterpret_cast<const char*>(data), size}));
  } catch (const xfer::Error& e) {
    if (e.code() != xfer::Errc::bad_data) std::abort();
  }
  return 0;
}
