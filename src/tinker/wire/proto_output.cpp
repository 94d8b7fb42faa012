// SPDX-License-Identifier: Apache-2.0
// Results of forward and forward_backward.
#include "files/in_quotes.hpp"
#include "tinker/wire/array_bytes.hpp"
#include "tinker/wire/proto_tensor.hpp"
#include "xfer/tinker/codec.hpp"

namespace xfer::tinker {
namespace {

const std::string what = "forward_backward result";

/// One field of all datums, cut at its offsets into `out[first + i][name]`.
void decode_field(const std::string& name, const pb::BatchedTensor& in, std::size_t num_datums,
                  std::vector<std::map<std::string, Tensor>>& out, std::size_t first) {
  const std::string field = what + ", " + files::in_quotes(name);
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::bad_data, field + ": " + why);
  };
  const auto offsets = from_bytes<std::int64_t>(in.offsets(), field);
  if (offsets.size() != num_datums + 1)
    refuse(std::to_string(offsets.size()) + " offsets for " + std::to_string(num_datums) +
           " datums");
  const std::vector<std::int64_t> trailing(in.trailing_shape().begin(), in.trailing_shape().end());
  const std::size_t row = elements_of(trailing, field);
  std::size_t row_bytes = 0;
  if (__builtin_mul_overflow(row, size_of(in.dtype(), field), &row_bytes))
    refuse("the trailing shape is too large");
  if (offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(in.data().size()))
    refuse("offsets do not span the data");
  for (std::size_t i = 0; i < num_datums; ++i) {
    if (offsets[i + 1] < offsets[i] || offsets[i + 1] > static_cast<std::int64_t>(in.data().size()))
      refuse("offsets must not fall");
    const auto size = static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
    if (row_bytes == 0 ? size != 0 : size % row_bytes != 0)
      refuse("datum " + std::to_string(i) + " is not a whole number of rows");
    const auto from = static_cast<std::size_t>(offsets[i]);
    Tensor tensor =
        tensor_from_bytes(std::string_view(in.data()).substr(from, size), in.dtype(), field);
    tensor.shape.push_back(row_bytes == 0 ? 0 : static_cast<std::int64_t>(size / row_bytes));
    tensor.shape.insert(tensor.shape.end(), trailing.begin(), trailing.end());
    out[first + i].emplace(name, std::move(tensor));
  }
}

}  // namespace

ForwardBackwardOutput decode_forward_backward_output(std::string_view bytes) {
  const auto in = parse_message<pb::ForwardBackwardOutput>(bytes, {2, 0}, what);
  ForwardBackwardOutput out;
  const std::string& type = in.loss_fn_output_type();
  out.loss_fn_output_type = type.substr(type.rfind(':') + 1);  // npos + 1 is 0
  for (const auto& [key, value] : in.metrics()) out.metrics.emplace(key, value);
  for (const pb::ArrayRecord& record : in.loss_fn_outputs()) {
    if (record.num_datums() < 0 ||
        record.num_datums() > static_cast<std::int64_t>(messages_max - out.loss_fn_outputs.size()))
      throw Error(Errc::bad_data, what + ": num_datums is " + std::to_string(record.num_datums()) +
                                      ", allowed 0.." + std::to_string(messages_max) + " in all");
    const std::size_t first = out.loss_fn_outputs.size();
    const auto num_datums = static_cast<std::size_t>(record.num_datums());
    out.loss_fn_outputs.resize(first + num_datums);
    for (const auto& [name, field] : record.fields())
      decode_field(name, field, num_datums, out.loss_fn_outputs, first);
  }
  return out;
}

std::string encode_forward_backward_output(const ForwardBackwardOutput& output) {
  pb::ForwardBackwardOutput out;
  out.set_loss_fn_output_type(output.loss_fn_output_type);
  for (const auto& [key, value] : output.metrics) (*out.mutable_metrics())[key] = value;
  if (output.loss_fn_outputs.empty()) return out.SerializeAsString();
  pb::ArrayRecord& record = *out.add_loss_fn_outputs();
  record.set_num_datums(static_cast<std::int64_t>(output.loss_fn_outputs.size()));
  for (const auto& [name, first] : output.loss_fn_outputs.front()) {
    const auto trailing = [](const Tensor& tensor) {
      return tensor.shape.empty()
                 ? std::vector<std::int64_t>{}
                 : std::vector<std::int64_t>(tensor.shape.begin() + 1, tensor.shape.end());
    };
    pb::BatchedTensor& field = (*record.mutable_fields())[name];
    field.set_dtype(dtype_of(first));
    for (const std::int64_t n : trailing(first)) field.add_trailing_shape(n);
    std::vector<std::int64_t> offsets{0};
    for (const auto& datum : output.loss_fn_outputs) {
      const auto found = datum.find(name);
      if (found == datum.end() || dtype_of(found->second) != dtype_of(first) ||
          trailing(found->second) != trailing(first) ||
          datum.size() != output.loss_fn_outputs.front().size())
        throw Error(Errc::invalid_argument,
                    what + ": datums must have the same outputs of one type (" + name + ")");
      field.mutable_data()->append(bytes_of(found->second));
      offsets.push_back(static_cast<std::int64_t>(field.data().size()));
    }
    field.set_offsets(to_bytes(offsets));
  }
  return out.SerializeAsString();
}

}  // namespace xfer::tinker
