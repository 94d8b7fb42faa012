// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/fuzz_target.hpp"
#include "xfer/error.hpp"
#include "xfer/tinker/codec.hpp"

#include <cstdlib>

static std::vector<std::string> outputs() {
  using namespace xfer;
  tinker::ForwardBackwardOutput out;
  out.metrics["loss:sum"] = 1.0;
  for (int i = 1; i < 4; ++i) {
    std::map<std::string, Tensor> datum;
    Tensor values(std::vector<float>(static_cast<std::size_t>(2 * i), 1.0F));
    values.shape = {i, 2};
    datum.emplace("logprobs", values);
    out.loss_fn_outputs.push_back(std::move(datum));
  }
  return {tinker::encode_forward_backward_output(out), ""};
}

XFER_FUZZ_TARGET(output, &outputs) {
  try {
    xfer::tinker::decode_forward_backward_output({reinterpret_cast<const char*>(data), size});
  } catch (const xfer::Error& e) {
    if (e.code() != xfer::Errc::bad_data) std::abort();
  }
  return 0;
}
