// SPDX-License-Identifier: Apache-2.0
// The binary messages of Tinker's wire (protobuf, package tinker_public), both directions.
//
// Decoders take what a stranger sent: every size, offset and type is checked against the bytes that
// are there, memory is bounded by a small multiple of them, and what does not fit throws `bad_data`
// naming the field. All functions are pure and safe to call concurrently.
#pragma once

#include "xfer/tinker/wire.hpp"

#include <span>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// Throws `invalid_argument` naming the datum and the field for what the message cannot carry (an
/// image pointer, a tensor whose shape is not its size).
std::string encode_forward_backward(const LossCall& call, std::span<const Datum> data);
ForwardBackwardMessage decode_forward_backward(std::string_view bytes);

/// All datums must have the same outputs, each of one type and trailing shape; else throws
/// `invalid_argument`.
std::string encode_forward_backward_output(const ForwardBackwardOutput& output);
ForwardBackwardOutput decode_forward_backward_output(std::string_view bytes);

std::string encode_sample_response(const SampleResponse& response);
SampleResponse decode_sample_response(std::string_view bytes);

}  // namespace xfer::tinker
#pragma GCC visibility pop
