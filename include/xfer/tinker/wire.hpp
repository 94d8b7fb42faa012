// SPDX-License-Identifier: Apache-2.0
// The data of Tinker's wire as plain types: what a client sends and what a server answers.
#pragma once

#include "xfer/sampler.hpp"
#include "xfer/trainer.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// A piece of a prompt that is token ids already.
struct EncodedText {
  EncodedText() = default;
  explicit EncodedText(std::vector<std::int32_t> ids) : tokens(std::move(ids)) {}
  bool operator==(const EncodedText&) const = default;
  std::vector<std::int32_t> tokens;
};

/// An image's file content ("png" or "jpeg").
struct Image {
  Image() = default;
  bool operator==(const Image&) const = default;
  std::string data;
  std::string format;
  std::optional<std::int32_t> expected_tokens;
};

/// An image that the service knows already. Sampling only.
struct ImagePointer {
  ImagePointer() = default;
  bool operator==(const ImagePointer&) const = default;
  std::string location;
  std::string format;
  std::optional<std::int32_t> expected_tokens;
};

/// Discretised audio, opaque to the client.
struct Dmel {
  Dmel() = default;
  bool operator==(const Dmel&) const = default;
  std::string bytes;
};

using Chunk = std::variant<EncodedText, Image, ImagePointer, Dmel>;

struct ModelInput {
  ModelInput() = default;
  explicit ModelInput(std::vector<std::int32_t> tokens) {
    chunks.emplace_back(EncodedText(std::move(tokens)));
  }
  bool operator==(const ModelInput&) const = default;
  std::vector<Chunk> chunks;
};

/// Where the stored values of a 2-D tensor stand: row i holds values [crow[i], crow[i + 1]), value
/// j stands in column col[j]; all others are 0 (compressed sparse rows).
struct CsrIndices {
  CsrIndices() = default;
  bool operator==(const CsrIndices&) const = default;
  std::vector<std::int64_t> crow;
  std::vector<std::int64_t> col;
};

/// An input of a loss function: dense, or with `csr` only its stored values.
struct TensorData {
  TensorData() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a dense tensor is one.
  TensorData(Tensor dense) : values(std::move(dense)) {}
  Tensor values;
  std::optional<CsrIndices> csr;
};

struct Datum {
  Datum() = default;
  explicit Datum(ModelInput input) : model_input(std::move(input)) {}
  /// The same datum in the wire's words.
  explicit Datum(const xfer::Datum& datum) : model_input(datum.tokens) {
    for (const auto& [name, tensor] : datum.loss_fn_inputs) loss_fn_inputs.emplace(name, tensor);
  }
  ModelInput model_input;
  std::map<std::string, TensorData> loss_fn_inputs;
};

using LossConfig = std::map<std::string, std::variant<double, std::string>>;

/// Everything of a forward_backward request but its data.
struct LossCall {
  LossCall() = default;
  std::string model_id;
  /// From 1, consecutive over all calls on one model.
  std::int32_t seq_id = 0;
  std::string loss_fn = "cross_entropy";
  LossConfig config;
  /// No gradients.
  bool forward_only = false;
};

struct ForwardBackwardMessage {
  ForwardBackwardMessage() = default;
  LossCall call;
  std::vector<Datum> data;
};

struct ForwardBackwardOutput {
  ForwardBackwardOutput() = default;
  std::string loss_fn_output_type = "ArrayRecord";
  /// Per datum, in order.
  std::vector<std::map<std::string, Tensor>> loss_fn_outputs;
  /// Keys have the form `name:reduction`.
  std::map<std::string, double> metrics;
};

struct SamplingParams {
  SamplingParams() = default;
  bool operator==(const SamplingParams&) const = default;
  /// Unset: as many as the service allows.
  std::optional<int> max_tokens;
  std::optional<std::uint64_t> seed;
  /// Unset: the model's own end of text. Set and empty: never.
  std::variant<std::monostate, std::string, std::vector<std::string>, std::vector<std::int32_t>>
      stop;
  double temperature = 1.0;
  /// -1 is off.
  int top_k = -1;
  double top_p = 1.0;
};

struct SampleCall {
  SampleCall() = default;
  explicit SampleCall(ModelInput input) : prompt(std::move(input)) {}
  ModelInput prompt;
  SamplingParams params;
  int num_samples = 1;
  bool prompt_logprobs = false;
  /// Most probable alternatives at each prompt position, and at each sampled one; 0 is off.
  int topk_prompt_logprobs = 0;
  int topk_sample_logprobs = 0;
  /// Token ids (int64, one row for each prompt position but the first) whose log-probabilities are
  /// asked for; -1 means none.
  std::optional<TensorData> target_prompt_logprobs;
  int prompt_alt_tokens_k = 0;
  std::optional<int> prompt_logprobs_last_n;
};

struct TokenLogprob {
  TokenLogprob() = default;
  TokenLogprob(std::int32_t id, float value) : token(id), logprob(value) {}
  bool operator==(const TokenLogprob&) const = default;
  std::int32_t token = 0;
  float logprob = 0.0F;
};

/// For each position the alternatives, most probable first; empty where undefined.
using TopLogprobs = std::vector<std::vector<TokenLogprob>>;

struct SampledSequence {
  SampledSequence() = default;
  /// The service's name for it, from the answer to the request; empty when there is none.
  std::string sequence_id;
  StopReason stop_reason = StopReason::stop;
  std::vector<std::int32_t> tokens;
  /// One for each token when present.
  std::optional<std::vector<float>> logprobs;
  std::optional<TopLogprobs> topk_logprobs;
};

struct AltTokens {
  AltTokens() = default;
  Tensor tokens;
  Tensor logprobs;
};

struct SampleResponse {
  SampleResponse() = default;
  std::vector<SampledSequence> sequences;
  /// One for each prompt token, NaN where undefined.
  std::optional<std::vector<float>> prompt_logprobs;
  std::optional<TopLogprobs> topk_prompt_logprobs;
  std::int32_t prompt_cache_hit_tokens = 0;
  /// In the shape and layout of the request's.
  std::optional<TensorData> target_prompt_logprobs;
  std::optional<AltTokens> prompt_alt_tokens;
};

}  // namespace xfer::tinker
#pragma GCC visibility pop
