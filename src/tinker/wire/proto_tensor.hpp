// SPDX-License-Identifier: Apache-2.0
// The protobuf tensor, and what all decoders of protobuf messages check first.
#pragma once

#include "tinker.pb.h"
#include "xfer/tinker/wire.hpp"

#if GOOGLE_PROTOBUF_VERSION < 4022000
#include <google/protobuf/stubs/logging.h>
#endif

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::tinker {

namespace pb = ::tinker_public;

/// Repeated messages take tens of times the memory of their bytes when empty, so decoders refuse
/// more than this many. A batch holds 1024 datums by default.
inline constexpr std::size_t messages_max = std::size_t{1} << 18U;

/// Repeated fields that are messages, and those inside them.
struct RepeatedMessage {
  int field;
  /// A repeated message field inside, or 0.
  int nested = 0;
};

/// Throws `bad_data` when the message is malformed at the levels looked at, or holds too many
/// repeated messages.
void check_message_count(std::string_view bytes, RepeatedMessage repeated, const std::string& what);

#if GOOGLE_PROTOBUF_VERSION < 4022000
/// Otherwise the library writes a line to the error output for each malformed text a stranger
/// sends.
using ProtobufSilence = google::protobuf::LogSilencer;
#else
struct ProtobufSilence {
  ProtobufSilence() {}
};
#endif

/// Parses, or throws `bad_data` naming the message.
template <class Message>
Message parse_message(std::string_view bytes, RepeatedMessage repeated, const std::string& what) {
  check_message_count(bytes, repeated, what);
  const ProtobufSilence silence;
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw Error(Errc::bad_data, what + ": not a valid protobuf message");
  return message;
}

/// Elements in a shape; throws `bad_data` naming the field on a negative or overflowing one.
std::size_t elements_of(const std::vector<std::int64_t>& shape, const std::string& field);

/// Bytes of one element; throws `bad_data` for an unknown type.
std::size_t size_of(pb::DType dtype, const std::string& field);

/// Values of any wire type: bfloat16 widened to float32, int32 to int64.
Tensor tensor_from_bytes(std::string_view bytes, pb::DType dtype, const std::string& field);

/// float32 or int64.
pb::DType dtype_of(const Tensor& tensor);
std::string bytes_of(const Tensor& tensor);

void encode_tensor(const TensorData& tensor, pb::Tensor& out, const std::string& field);
TensorData decode_tensor(const pb::Tensor& tensor, const std::string& field);

}  // namespace xfer::tinker
