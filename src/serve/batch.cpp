// SPDX-License-Identifier: Apache-2.0
#include "serve/batch.hpp"

#include "files/in_quotes.hpp"
#include "tinker/wire/zstd_body.hpp"
#include "xfer/error.hpp"
#include "xfer/tinker/codec.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

namespace xfer::serve {
namespace {

/// A sparse tensor may stand for one much larger than its message.
constexpr std::size_t elements_max = std::size_t{1} << 26U;

ForwardBackwardRequest request_of(tinker::ForwardBackwardMessage message) {
  std::vector<Datum> data;
  std::size_t elements_left = elements_max;
  for (std::size_t i = 0; i < message.data.size(); ++i) {
    tinker::Datum& in = message.data[i];
    const std::string name = "forward_backward: datum " + std::to_string(i);
    Datum datum(tokens_of(in.model_input, name));
    for (auto& [key, tensor] : in.loss_fn_inputs) {
      Tensor dense =
          dense_of(std::move(tensor), elements_left, name + ", " + files::in_quotes(key));
      elements_left -= std::min(elements_left, dense.size());
      datum.loss_fn_inputs.emplace(key, std::move(dense));
    }
    data.push_back(std::move(datum));
  }
  ForwardBackwardRequest request(std::move(data));
  request.loss_fn = message.call.loss_fn;
  for (const auto& [key, value] : message.call.config) {
    const auto* number = std::get_if<double>(&value);
    if (number == nullptr)
      throw Error(Errc::invalid_argument, "forward_backward: loss_fn_config " +
                                              files::in_quotes(key) + " must be a number");
    request.loss_fn_config[key] = *number;
  }
  return request;
}

}  // namespace

std::vector<std::int32_t> tokens_of(const tinker::ModelInput& input, const std::string& what) {
  std::vector<std::int32_t> tokens;
  for (const tinker::Chunk& chunk : input.chunks) {
    const auto* text = std::get_if<tinker::EncodedText>(&chunk);
    if (text == nullptr)
      throw Error(Errc::invalid_argument,
                  what + ": this model takes text only, no images and no sound");
    tokens.insert(tokens.end(), text->tokens.begin(), text->tokens.end());
  }
  return tokens;
}

Tensor dense_of(tinker::TensorData tensor, std::size_t elements_allowed, const std::string& what,
                int missing) {
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::bad_data, what + ": " + why);
  };
  if (!tensor.csr) {
    if (tensor.values.size() > elements_allowed) refuse("too large");
    return std::move(tensor.values);
  }
  const tinker::CsrIndices& csr = *tensor.csr;
  const std::vector<std::int64_t>& shape = tensor.values.shape;
  if (shape.size() != 2 || shape[0] < 0 || shape[1] < 0) refuse("a sparse tensor needs two sizes");
  const auto rows = static_cast<std::size_t>(shape[0]);
  const auto columns = static_cast<std::size_t>(shape[1]);
  std::size_t elements = 0;
  if (__builtin_mul_overflow(rows, columns, &elements) || elements > elements_allowed)
    refuse("the sparse tensor stands for too many elements");
  const std::size_t stored = tensor.values.size();
  if (csr.crow.size() != rows + 1 || csr.col.size() != stored || csr.crow.front() != 0 ||
      csr.crow.back() != static_cast<std::int64_t>(stored))
    refuse("the sparse indices do not fit the values");
  Tensor dense;
  dense.shape = shape;
  std::visit(
      [&](const auto& values) {
        using Values = std::remove_cvref_t<decltype(values)>;
        Values all(elements, static_cast<typename Values::value_type>(missing));
        for (std::size_t row = 0; row < rows; ++row) {
          if (csr.crow[row] > csr.crow[row + 1]) refuse("the sparse row bounds must not fall");
          const auto end = static_cast<std::size_t>(csr.crow[row + 1]);
          for (auto j = static_cast<std::size_t>(csr.crow[row]); j < end; ++j) {
            const std::int64_t column = csr.col[j];
            if (column < 0 || column >= shape[1]) refuse("a sparse column is out of range");
            all[row * columns + static_cast<std::size_t>(column)] = values[j];
          }
        }
        dense.data = std::move(all);
      },
      tensor.values.data);
  return dense;
}

Batch read_batch(std::string_view body, bool compressed, std::size_t bytes_max) {
  std::string plain;
  if (compressed) {
    plain = tinker::zstd_decompress(body, bytes_max);
    body = plain;
  }
  Batch batch;
  batch.bytes = body.size();
  try {
    tinker::ForwardBackwardMessage message = tinker::decode_forward_backward(body);
    batch.turn.model_id = message.call.model_id;
    batch.turn.seq_id = message.call.seq_id;
    batch.forward_only = message.call.forward_only;
    batch.request = request_of(std::move(message));
  } catch (const Error& e) {
    batch.refusal = e.what();
  }
  if (batch.turn.model_id.empty()) {
    const auto turn = tinker::read_binary_turn(body);
    if (!turn)
      throw Error(Errc::bad_data,
                  batch.refusal.empty() ? "forward_backward: no model is named" : batch.refusal);
    batch.turn = *turn;
  }
  if (batch.turn.seq_id < 1)
    throw Error(Errc::bad_data, "forward_backward: seq_id must be at least 1 (got " +
                                    std::to_string(batch.turn.seq_id) + ")");
  return batch;
}

std::string write_result(ForwardBackwardResult result) {
  tinker::ForwardBackwardOutput output;
  output.loss_fn_outputs = std::move(result.loss_fn_outputs);
  output.metrics = std::move(result.metrics);
  return tinker::encode_forward_backward_output(output);
}

}  // namespace xfer::serve
