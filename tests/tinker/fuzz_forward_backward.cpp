// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/fuzz_target.hpp"
#include "xfer/error.hpp"
#include "xfer/tinker/codec.hpp"

#include <cstdlib>

static std::vector<std::string> requests() {
  using namespace xfer;
  tinker::LossCall call;
  call.model_id = "m";
  call.seq_id = 1;
  call.config = {{"beta", 0.1}, {"loss_id", std::string("x")}};
  tinker::Datum datum{tinker::ModelInput({1, 2, 3})};
  datum.model_input.chunks.emplace_back(tinker::Image());
  datum.loss_fn_inputs["weights"] = Tensor(std::vector<float>(3, 1.0F));
  tinker::TensorData sparse{Tensor(std::vector<std::int64_t>{4})};
  sparse.values.shape = {3, 2};
  sparse.csr.emplace();
  sparse.csr->crow = {0, 0, 1, 1};
  sparse.csr->col = {1};
  datum.loss_fn_inputs["target_tokens"] = sparse;
  return {tinker::encode_forward_backward(call, std::vector{datum, datum}), ""};
}

XFER_FUZZ_TARGET(forward_backward, &requests) {
  try {
    const auto message =
        xfer::tinker::decode_forward_backward({reinterpret_cast<const char*>(data), size});
    // What was accepted can be written again.
    xfer::tinker::decode_forward_backward(
        xfer::tinker::encode_forward_backward(message.call, message.data));
  } catch (const xfer::Error& e) {
    if (e.code() != xfer::Errc::bad_data) std::abort();
  }
  return 0;
}
