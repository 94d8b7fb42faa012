// SPDX-License-Identifier: Apache-2.0
// Results of sampling.
#include "tinker/wire/array_bytes.hpp"
#include "tinker/wire/proto_tensor.hpp"
#include "xfer/tinker/codec.hpp"

#include <algorithm>

namespace xfer::tinker {
namespace {

const std::string sample_result = "sample result";

/// An undefined cell of a top-k table is token 0 with this log-probability.
constexpr float undefined_logprob = -99999.0F;

TopLogprobs decode_topk(const pb::TopkLogprobs& in, const std::string& field) {
  const auto ids = from_bytes<std::int32_t>(in.token_ids(), field);
  const auto logprobs = from_bytes<float>(in.logprobs(), field);
  const std::uint64_t cells = std::uint64_t{in.k()} * in.length();
  if (cells != ids.size() || cells != logprobs.size() || (cells == 0 && in.length() != 0))
    throw Error(Errc::bad_data, field + ": " + std::to_string(ids.size()) + " ids and " +
                                    std::to_string(logprobs.size()) + " values for " +
                                    std::to_string(in.length()) + " x " + std::to_string(in.k()));
  TopLogprobs out(in.length());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t row = i * in.k();
    const auto undefined = [&](std::size_t j) {
      return ids[j] == 0 && logprobs[j] == undefined_logprob;
    };
    if (undefined(row)) continue;
    for (std::size_t j = row; j < row + in.k(); ++j)
      if (!undefined(j)) out[i].emplace_back(ids[j], logprobs[j]);
  }
  return out;
}

void encode_topk(const TopLogprobs& rows, pb::TopkLogprobs& out) {
  std::size_t k = 1;
  for (const auto& row : rows) k = std::max(k, row.size());
  std::vector<std::int32_t> ids;
  std::vector<float> logprobs;
  for (const auto& row : rows) {
    for (std::size_t j = 0; j < k; ++j) {
      ids.push_back(j < row.size() ? row[j].token : 0);
      logprobs.push_back(j < row.size() ? row[j].logprob : undefined_logprob);
    }
  }
  out.set_token_ids(to_bytes(ids));
  out.set_logprobs(to_bytes(logprobs));
  out.set_k(static_cast<std::uint32_t>(k));
  out.set_length(static_cast<std::uint32_t>(rows.size()));
}

SampledSequence decode_sequence(const pb::SampledSequence& in, const std::string& name) {
  SampledSequence out;
  if (in.stop_reason() != pb::STOP_REASON_STOP && in.stop_reason() != pb::STOP_REASON_LENGTH)
    throw Error(Errc::bad_data, name + ": unknown stop reason " + std::to_string(in.stop_reason()));
  out.stop_reason =
      in.stop_reason() == pb::STOP_REASON_STOP ? StopReason::stop : StopReason::length;
  out.tokens = from_bytes<std::int32_t>(in.tokens(), name + ".tokens");
  if (in.has_logprobs()) {
    out.logprobs = from_bytes<float>(in.logprobs(), name + ".logprobs");
    if (out.logprobs->size() != out.tokens.size())
      throw Error(Errc::bad_data, name + ": " + std::to_string(out.tokens.size()) + " tokens but " +
                                      std::to_string(out.logprobs->size()) + " log-probabilities");
  }
  if (in.has_topk_sampled_logprobs())
    out.topk_logprobs = decode_topk(in.topk_sampled_logprobs(), name + ".topk_sampled_logprobs");
  return out;
}

}  // namespace

SampleResponse decode_sample_response(std::string_view bytes) {
  const auto in = parse_message<pb::SampleResponse>(bytes, {1, 0}, sample_result);
  SampleResponse out;
  for (int i = 0; i < in.sequences_size(); ++i)
    out.sequences.push_back(
        decode_sequence(in.sequences(i), sample_result + ", sequence " + std::to_string(i)));
  if (in.has_prompt_logprobs())
    out.prompt_logprobs =
        from_bytes<float>(in.prompt_logprobs(), sample_result + ", prompt_logprobs");
  if (in.has_topk_prompt_logprobs())
    out.topk_prompt_logprobs =
        decode_topk(in.topk_prompt_logprobs(), sample_result + ", topk_prompt_logprobs");
  out.prompt_cache_hit_tokens = in.prompt_cache_hit_tokens();
  const auto dense = [](const pb::Tensor& tensor, const std::string& field) {
    TensorData data = decode_tensor(tensor, field);
    if (data.csr) throw Error(Errc::bad_data, field + ": must not be sparse");
    return std::move(data.values);
  };
  if (in.has_target_prompt_logprobs())
    out.target_prompt_logprobs =
        decode_tensor(in.target_prompt_logprobs(), sample_result + ", target_prompt_logprobs");
  if (in.has_prompt_alt_tokens()) {
    out.prompt_alt_tokens.emplace();
    out.prompt_alt_tokens->tokens =
        dense(in.prompt_alt_tokens().tokens(), sample_result + ", prompt_alt_tokens.tokens");
    out.prompt_alt_tokens->logprobs =
        dense(in.prompt_alt_tokens().logprobs(), sample_result + ", prompt_alt_tokens.logprobs");
  }
  return out;
}

std::string encode_sample_response(const SampleResponse& response) {
  pb::SampleResponse out;
  for (const SampledSequence& sequence : response.sequences) {
    pb::SampledSequence& s = *out.add_sequences();
    s.set_stop_reason(sequence.stop_reason == StopReason::stop ? pb::STOP_REASON_STOP
                                                               : pb::STOP_REASON_LENGTH);
    s.set_tokens(to_bytes(sequence.tokens));
    if (sequence.logprobs) s.set_logprobs(to_bytes(*sequence.logprobs));
    if (sequence.topk_logprobs)
      encode_topk(*sequence.topk_logprobs, *s.mutable_topk_sampled_logprobs());
  }
  if (response.prompt_logprobs) out.set_prompt_logprobs(to_bytes(*response.prompt_logprobs));
  if (response.topk_prompt_logprobs)
    encode_topk(*response.topk_prompt_logprobs, *out.mutable_topk_prompt_logprobs());
  out.set_prompt_cache_hit_tokens(response.prompt_cache_hit_tokens);
  if (response.target_prompt_logprobs)
    encode_tensor(*response.target_prompt_logprobs, *out.mutable_target_prompt_logprobs(),
                  sample_result);
  if (response.prompt_alt_tokens) {
    auto& alt = *out.mutable_prompt_alt_tokens();
    encode_tensor(response.prompt_alt_tokens->tokens, *alt.mutable_tokens(), sample_result);
    encode_tensor(response.prompt_alt_tokens->logprobs, *alt.mutable_logprobs(), sample_result);
  }
  return out.SerializeAsString();
}

}  // namespace xfer::tinker
