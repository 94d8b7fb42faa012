// SPDX-License-Identifier: Apache-2.0
#include "tinker/transport/recorded_body.hpp"

#include "xfer/tinker/codec.hpp"

namespace xfer::tinker {
namespace {

constexpr std::size_t body_bytes_max = std::size_t{16} << 10U;

Json tensor_gist(const Tensor& tensor) {
  Json out = {{"shape", tensor.shape}};
  std::visit([&](const auto& values) { out["data"] = values; }, tensor.data);
  return out;
}

Json request_gist(const std::string& body) {
  const ForwardBackwardMessage message = decode_forward_backward(body);
  Json data = Json::array();
  for (const Datum& datum : message.data) {
    Json tokens = Json::array();
    for (const Chunk& chunk : datum.model_input.chunks)
      if (const auto* text = std::get_if<EncodedText>(&chunk))
        for (const std::int32_t token : text->tokens) tokens.push_back(token);
    Json inputs = Json::object();
    for (const auto& [name, tensor] : datum.loss_fn_inputs)
      inputs[name] = tensor_gist(tensor.values);
    data.push_back({{"tokens", std::move(tokens)}, {"loss_fn_inputs", std::move(inputs)}});
  }
  return {{"model_id", message.call.model_id},
          {"seq_id", message.call.seq_id},
          {"loss_fn", message.call.loss_fn},
          {"forward_only", message.call.forward_only},
          {"data", std::move(data)}};
}

Json result_gist(const std::string& body) {
  const ForwardBackwardOutput output = decode_forward_backward_output(body);
  Json outputs = Json::array();
  for (const auto& datum : output.loss_fn_outputs) {
    Json fields = Json::object();
    for (const auto& [name, tensor] : datum) fields[name] = tensor_gist(tensor);
    outputs.push_back(std::move(fields));
  }
  return {{"metrics", output.metrics}, {"loss_fn_outputs", std::move(outputs)}};
}

Json sample_gist(const std::string& body) {
  const SampleResponse response = decode_sample_response(body);
  Json sequences = Json::array();
  for (const SampledSequence& one : response.sequences) {
    Json sequence = {{"stop_reason", one.stop_reason == StopReason::stop ? "stop" : "length"},
                     {"tokens", one.tokens}};
    if (one.logprobs) sequence["logprobs"] = *one.logprobs;
    sequences.push_back(std::move(sequence));
  }
  Json out = {{"sequences", std::move(sequences)}};
  if (response.prompt_logprobs) out["prompt_logprobs"] = *response.prompt_logprobs;
  return out;
}

}  // namespace

Json decoded_body(BinaryBody kind, const std::string& body) {
  if (body.size() > body_bytes_max) return nullptr;
  try {
    switch (kind) {
      case BinaryBody::training_request: return request_gist(body);
      case BinaryBody::training_result: return result_gist(body);
      case BinaryBody::sample_result: return sample_gist(body);
    }
  } catch (const Error&) {
    // The bytes are there.
  }
  return nullptr;
}

}  // namespace xfer::tinker
