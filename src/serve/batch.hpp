// SPDX-License-Identifier: Apache-2.0
// Training data: from the wire to the engine, and results back.
#pragma once

#include "tinker/wire/server_requests.hpp"
#include "xfer/tinker/wire.hpp"
#include "xfer/trainer.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::serve {

/// One forward_backward request.
struct Batch {
  Batch() : request(std::vector<Datum>{}) {}
  tinker::Turn turn;
  bool forward_only = false;
  ForwardBackwardRequest request;
  /// Why its content cannot be used; empty when it can.
  std::string refusal;
  /// Of the message, decompressed.
  std::size_t bytes = 0;
};

/// Throws `bad_data` when not even the model and the number can be read, or when it is larger than
/// allowed; other faults are in `refusal`.
Batch read_batch(std::string_view body, bool compressed, std::size_t bytes_max);

/// The bytes of the answer.
std::string write_result(ForwardBackwardResult result);

/// A dense tensor of the same content, with `missing` where a sparse one holds nothing. Throws
/// `bad_data` for more than `elements_max`, and when the indices do not fit.
Tensor dense_of(tinker::TensorData tensor, std::size_t elements_max, const std::string& what,
                int missing = 0);

/// The tokens of a prompt. Throws `invalid_argument` for images and sound, which the models served
/// here do not take.
std::vector<std::int32_t> tokens_of(const tinker::ModelInput& input, const std::string& what);

}  // namespace xfer::serve
