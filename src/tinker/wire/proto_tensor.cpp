// SPDX-License-Identifier: Apache-2.0
#include "tinker/wire/proto_tensor.hpp"

#include "tinker/wire/array_bytes.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <bit>
#include <limits>

namespace xfer::tinker {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

[[noreturn]] void refuse(const std::string& field, const std::string& what) {
  throw Error(Errc::bad_data, field + ": " + what);
}

/// Counts fields `wanted` of one message; calls `inside` with the bytes of each.
template <class Inside>
void walk(std::string_view bytes, int wanted, const std::string& what, const Inside& inside) {
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  for (;;) {
    const std::uint32_t tag = in.ReadTag();
    if (tag == 0) {
      if (in.CurrentPosition() == static_cast<int>(bytes.size())) return;
      refuse(what, "not a valid protobuf message");
    }
    if (WireFormatLite::GetTagFieldNumber(tag) == wanted &&
        WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      std::uint32_t size = 0;
      if (!in.ReadVarint32(&size) ||
          size > bytes.size() - static_cast<std::size_t>(in.CurrentPosition()))
        refuse(what, "a message is cut short");
      inside(bytes.substr(static_cast<std::size_t>(in.CurrentPosition()), size));
      in.Skip(static_cast<int>(size));
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      refuse(what, "not a valid protobuf message");
    }
  }
}

/// Checks a sparse tensor's indices against its shape.
void check_csr(const TensorData& tensor, const std::string& field) {
  const auto& shape = tensor.values.shape;
  const CsrIndices& csr = *tensor.csr;
  if (shape.size() != 2) refuse(field, "a sparse tensor must have 2 dimensions");
  elements_of(shape, field);
  if (csr.crow.empty() || csr.crow.size() - 1 != static_cast<std::size_t>(shape[0]))
    refuse(field, "crow_indices must have one entry more than rows");
  const auto stored = static_cast<std::int64_t>(tensor.values.size());
  if (csr.crow.front() != 0 || csr.crow.back() != stored || csr.col.size() != tensor.values.size())
    refuse(field, "indices do not match the number of values");
  for (std::size_t i = 1; i < csr.crow.size(); ++i)
    if (csr.crow[i] < csr.crow[i - 1] || csr.crow[i] > stored)
      refuse(field, "crow_indices must not fall");
  for (const std::int64_t column : csr.col)
    if (column < 0 || column >= shape[1])
      refuse(field,
             "column " + std::to_string(column) + " is outside 0.." + std::to_string(shape[1] - 1));
}

}  // namespace

void check_message_count(std::string_view bytes, RepeatedMessage repeated,
                         const std::string& what) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    refuse(what, "larger than 2 GiB");
  std::size_t count = 0;
  const auto add = [&] {
    if (++count > messages_max)
      refuse(what, "more than " + std::to_string(messages_max) + " parts");
  };
  walk(bytes, repeated.field, what, [&](std::string_view part) {
    add();
    if (repeated.nested != 0) walk(part, repeated.nested, what, [&](std::string_view) { add(); });
  });
}

std::size_t elements_of(const std::vector<std::int64_t>& shape, const std::string& field) {
  std::size_t product = 1;
  if (shape.size() > 8) refuse(field, "more than 8 dimensions");
  for (const std::int64_t n : shape) {
    if (n < 0 || n > std::numeric_limits<std::int32_t>::max())
      refuse(field, "a dimension is " + std::to_string(n) + ", allowed 0..2147483647");
    if (__builtin_mul_overflow(product, static_cast<std::size_t>(n), &product))
      refuse(field, "the shape is too large");
  }
  return product;
}

std::size_t size_of(pb::DType dtype, const std::string& field) {
  switch (dtype) {
    case pb::DTYPE_FLOAT32:
    case pb::DTYPE_INT32: return 4;
    case pb::DTYPE_INT64: return 8;
    case pb::DTYPE_BFLOAT16: return 2;
    default: refuse(field, "unknown element type " + std::to_string(static_cast<int>(dtype)));
  }
}

Tensor tensor_from_bytes(std::string_view bytes, pb::DType dtype, const std::string& field) {
  size_of(dtype, field);
  if (dtype == pb::DTYPE_FLOAT32) return Tensor(from_bytes<float>(bytes, field));
  if (dtype == pb::DTYPE_INT64) return Tensor(from_bytes<std::int64_t>(bytes, field));
  if (dtype == pb::DTYPE_INT32) {
    const auto narrow = from_bytes<std::int32_t>(bytes, field);
    return Tensor(std::vector<std::int64_t>(narrow.begin(), narrow.end()));
  }
  const auto halves = from_bytes<std::uint16_t>(bytes, field);
  std::vector<float> wide;
  wide.reserve(halves.size());
  for (const std::uint16_t h : halves)
    wide.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16U));
  return Tensor(std::move(wide));
}

pb::DType dtype_of(const Tensor& tensor) {
  return std::holds_alternative<std::vector<float>>(tensor.data) ? pb::DTYPE_FLOAT32
                                                                 : pb::DTYPE_INT64;
}

std::string bytes_of(const Tensor& tensor) {
  return std::visit([](const auto& values) { return to_bytes(values); }, tensor.data);
}

void encode_tensor(const TensorData& tensor, pb::Tensor& out, const std::string& field) {
  const Tensor& values = tensor.values;
  try {
    if (tensor.csr)
      check_csr(tensor, field);
    else if (!values.shape.empty() && elements_of(values.shape, field) != values.size())
      refuse(field, "the shape does not match " + std::to_string(values.size()) + " values");
  } catch (const Error& e) {
    throw Error(Errc::invalid_argument, e.what());
  }
  out.set_dtype(dtype_of(values));
  if (tensor.csr) {
    out.mutable_sparse_csr()->set_values(bytes_of(values));
    out.mutable_sparse_csr()->set_crow_indices(to_bytes(tensor.csr->crow));
    out.mutable_sparse_csr()->set_col_indices(to_bytes(tensor.csr->col));
  } else {
    out.set_dense(bytes_of(values));
  }
  if (values.shape.empty()) out.add_shape(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t n : values.shape) out.add_shape(n);
}

TensorData decode_tensor(const pb::Tensor& tensor, const std::string& field) {
  TensorData out;
  const bool sparse = tensor.layout_case() == pb::Tensor::kSparseCsr;
  out.values = tensor_from_bytes(sparse ? tensor.sparse_csr().values() : tensor.dense(),
                                 tensor.dtype(), field);
  out.values.shape.assign(tensor.shape().begin(), tensor.shape().end());
  if (sparse) {
    out.csr.emplace();
    out.csr->crow = from_bytes<std::int64_t>(tensor.sparse_csr().crow_indices(), field);
    out.csr->col = from_bytes<std::int64_t>(tensor.sparse_csr().col_indices(), field);
    check_csr(out, field);
  } else if (elements_of(out.values.shape, field) != out.values.size()) {
    if (!out.values.shape.empty())
      refuse(field, "the shape does not match " + std::to_string(out.values.size()) + " values");
    out.values.shape = {static_cast<std::int64_t>(out.values.size())};
  }
  return out;
}

}  // namespace xfer::tinker
