// SPDX-License-Identifier: Apache-2.0
// forward_backward requests.
#include "files/in_quotes.hpp"
#include "tinker/wire/array_bytes.hpp"
#include "tinker/wire/proto_tensor.hpp"
#include "tinker/wire/server_requests.hpp"
#include "xfer/tinker/codec.hpp"

namespace xfer::tinker {
namespace {

void encode_chunk(const Chunk& chunk, pb::Chunk& out, const std::string& field) {
  if (const auto* text = std::get_if<EncodedText>(&chunk)) {
    out.mutable_encoded_text()->set_tokens(to_bytes(text->tokens));
  } else if (const auto* image = std::get_if<Image>(&chunk)) {
    out.mutable_image()->set_data(image->data);
    out.mutable_image()->set_format(image->format);
    if (image->expected_tokens) out.mutable_image()->set_expected_tokens(*image->expected_tokens);
  } else if (const auto* dmel = std::get_if<Dmel>(&chunk)) {
    out.mutable_dmel()->set_dmel(dmel->bytes);
  } else {
    throw Error(Errc::invalid_argument,
                field + ": an image pointer is allowed in sampling only, not in training");
  }
}

Chunk decode_chunk(const pb::Chunk& chunk, const std::string& field) {
  switch (chunk.chunk_case()) {
    case pb::Chunk::kEncodedText:
      return EncodedText(from_bytes<std::int32_t>(chunk.encoded_text().tokens(), field));
    case pb::Chunk::kImage: {
      Image image;
      image.data = chunk.image().data();
      image.format = chunk.image().format();
      if (chunk.image().has_expected_tokens())
        image.expected_tokens = chunk.image().expected_tokens();
      return image;
    }
    case pb::Chunk::kDmel: {
      Dmel dmel;
      dmel.bytes = chunk.dmel().dmel();
      return dmel;
    }
    case pb::Chunk::CHUNK_NOT_SET: break;
  }
  throw Error(Errc::bad_data, field + ": neither text, image nor dmel");
}

Datum decode_datum(const pb::Datum& in, const std::string& name) {
  Datum datum;
  for (const pb::Chunk& chunk : in.model_input())
    datum.model_input.chunks.push_back(decode_chunk(chunk, name + ".model_input"));
  for (const auto& [key, tensor] : in.loss_fn_inputs())
    datum.loss_fn_inputs.emplace(
        key, decode_tensor(tensor, name + ".loss_fn_inputs " + files::in_quotes(key)));
  return datum;
}

}  // namespace

std::string encode_forward_backward(const LossCall& call, std::span<const Datum> data) {
  pb::ForwardBackwardRequest out;
  out.set_model_id(call.model_id);
  out.set_seq_id(call.seq_id);
  out.set_loss_fn(call.loss_fn);
  out.set_forward_only(call.forward_only);
  for (const auto& [key, value] : call.config) {
    if (const auto* number = std::get_if<double>(&value)) {
      (*out.mutable_loss_fn_config())[key] = *number;
      (*out.mutable_loss_fn_config_v2())[key].set_number(*number);
    } else {
      (*out.mutable_loss_fn_config_v2())[key].set_text(std::get<std::string>(value));
    }
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::string name = "datum " + std::to_string(i);
    pb::Datum& datum = *out.add_data();
    for (const Chunk& chunk : data[i].model_input.chunks)
      encode_chunk(chunk, *datum.add_model_input(), name + ".model_input");
    for (const auto& [key, tensor] : data[i].loss_fn_inputs)
      encode_tensor(tensor, (*datum.mutable_loss_fn_inputs())[key], name + "." + key);
  }
  return out.SerializeAsString();
}

ForwardBackwardMessage decode_forward_backward(std::string_view bytes) {
  const std::string what = "forward_backward request";
  const auto in = parse_message<pb::ForwardBackwardRequest>(bytes, {3, 1}, what);
  ForwardBackwardMessage out;
  out.call.model_id = in.model_id();
  out.call.seq_id = in.seq_id();
  out.call.loss_fn = in.loss_fn();
  out.call.forward_only = in.forward_only();
  for (const auto& [key, number] : in.loss_fn_config()) out.call.config[key] = number;
  if (!in.loss_fn_config_v2().empty()) out.call.config.clear();
  for (const auto& [key, value] : in.loss_fn_config_v2()) {
    if (value.value_case() == pb::LossConfigValue::kNumber)
      out.call.config[key] = value.number();
    else
      out.call.config[key] = value.text();
  }
  out.data.reserve(static_cast<std::size_t>(in.data_size()));
  for (int i = 0; i < in.data_size(); ++i)
    out.data.push_back(decode_datum(in.data(i), "datum " + std::to_string(i)));
  return out;
}

std::optional<Turn> read_binary_turn(std::string_view bytes) {
  try {
    const auto in = parse_message<pb::ForwardBackwardRequest>(bytes, {3, 1}, "request");
    if (in.model_id().empty()) return std::nullopt;
    Turn turn;
    turn.model_id = in.model_id();
    turn.seq_id = in.seq_id();
    return turn;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace xfer::tinker
