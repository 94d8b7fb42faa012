// SPDX-License-Identifier: Apache-2.0
// The binary messages: against recorded bytes, back and forth, and in hostile hands.
#include "xfer/tinker/codec.hpp"
#include "tests/tinker/recordings.hpp"
#include "tinker/wire/array_bytes.hpp"
#include "tinker/wire/base64.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace xfer::tinker {
namespace {

using testing::from_base64;

const std::vector<float>& floats(const Tensor& t) { return std::get<std::vector<float>>(t.data); }
const std::vector<std::int64_t>& integers(const Tensor& t) {
  return std::get<std::vector<std::int64_t>>(t.data);
}

template <class Call>
std::string refusal(const Call& call, Errc code = Errc::bad_data) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(Base64, gives_back_what_it_got_and_refuses_nonsense) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_decode("Zm8="), "fo");
  EXPECT_EQ(base64_decode(""), "");
  for (const char* bad : {"Z", "Zg=", "Z===", "Zm9v Zm9", "Zm9vYmF\n", "Z=9v", "===="})
    EXPECT_FALSE(base64_decode(bad)) << bad;
  std::string long_text(4'000'000, 'x');
  EXPECT_EQ(base64_decode(base64_encode(long_text)), long_text);
}

TEST(SampleResponseCodec, reads_a_recorded_answer) {
  const auto r = decode_sample_response(
      from_base64("CiYIARIQAAAAAAEAAAACAAAAAwAAABoQAADAvwAAwL8AAMC/AADAvxIMAADAfwAAAMAAAADA"));
  ASSERT_EQ(r.sequences.size(), 1U);
  EXPECT_EQ(r.sequences[0].stop_reason, StopReason::length);
  EXPECT_EQ(r.sequences[0].tokens, (std::vector<std::int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(r.sequences[0].logprobs, std::vector<float>(4, -1.5F));
  ASSERT_EQ(r.prompt_logprobs->size(), 3U);
  EXPECT_TRUE(std::isnan((*r.prompt_logprobs)[0]));
  EXPECT_EQ((*r.prompt_logprobs)[2], -2.0F);
  EXPECT_FALSE(r.topk_prompt_logprobs);
}

TEST(SampleResponseCodec, carries_every_field_there_and_back) {
  SampleResponse r;
  SampledSequence s;
  s.tokens = {5, -1, 7};
  s.logprobs = std::vector<float>{-0.5F, -1.0F, -2.0F};
  s.topk_logprobs = TopLogprobs{{{5, -0.5F}, {6, -0.7F}}, {}, {{7, -2.0F}}};
  r.sequences = {s, SampledSequence()};
  r.sequences[1].stop_reason = StopReason::length;
  r.prompt_logprobs = std::vector<float>{-1.0F};
  r.topk_prompt_logprobs = TopLogprobs{{}, {{1, -0.1F}}};
  r.prompt_cache_hit_tokens = 12;
  r.target_prompt_logprobs = Tensor(std::vector<float>{1.0F, 2.0F});
  r.target_prompt_logprobs->values.shape = {1, 2};
  r.prompt_alt_tokens.emplace();
  r.prompt_alt_tokens->tokens = Tensor(std::vector<std::int64_t>{3, 4});
  r.prompt_alt_tokens->logprobs = Tensor(std::vector<float>{-3.0F, -4.0F});
  const auto back = decode_sample_response(encode_sample_response(r));
  ASSERT_EQ(back.sequences.size(), 2U);
  EXPECT_EQ(back.sequences[0].tokens, s.tokens);
  EXPECT_EQ(back.sequences[0].logprobs, s.logprobs);
  EXPECT_EQ(back.sequences[0].topk_logprobs, s.topk_logprobs);
  EXPECT_EQ(back.sequences[0].stop_reason, StopReason::stop);
  EXPECT_EQ(back.sequences[1].stop_reason, StopReason::length);
  EXPECT_FALSE(back.sequences[1].logprobs);
  EXPECT_EQ(back.prompt_logprobs, r.prompt_logprobs);
  EXPECT_EQ(back.topk_prompt_logprobs, r.topk_prompt_logprobs);
  EXPECT_EQ(back.prompt_cache_hit_tokens, 12);
  EXPECT_EQ(floats(back.target_prompt_logprobs->values), floats(r.target_prompt_logprobs->values));
  EXPECT_EQ(back.target_prompt_logprobs->values.shape, r.target_prompt_logprobs->values.shape);
  EXPECT_EQ(integers(back.prompt_alt_tokens->tokens), integers(r.prompt_alt_tokens->tokens));
}

TEST(SampleResponseCodec, refuses_what_does_not_add_up) {
  // One sequence: tokens of 3 bytes.
  EXPECT_NE(refusal([] {
              decode_sample_response(
                  std::string("\x0a\x05\x12\x03"
                              "abc"));
            }).find("tokens"),
            std::string::npos);
  // 1 token, 2 log-probabilities.
  EXPECT_NE(refusal([] {
              decode_sample_response(
                  std::string("\x0a\x10\x12\x04"
                              "abcd"
                              "\x1a\x08"
                              "abcdefgh",
                              18));
            }).find("1 tokens but 2"),
            std::string::npos);
  refusal([] { decode_sample_response("\x0a\x7f"); });
  refusal([] { decode_sample_response(std::string("\x0a\x02\x08\x07", 4)); });  // stop reason 7
  // Top-k table of 2^32 - 1 rows that are not there.
  refusal([] { decode_sample_response(std::string("\x1a\x06\x20\xff\xff\xff\xff\x0f", 8)); });
}

TEST(OutputCodec, reads_a_recorded_answer) {
  const auto out = decode_forward_backward_output(from_base64(
      "CgZzY2FsYXISkgESSgoQZWxlbWVudHdpc2VfbG9zcxI2ChjxqsZAk0/CQB4O0UAqctVAAAAAgGMwv0ASGAAAAAAAAAAA"
      "EAAAAAAAAAAYAAAAAAAAABgBEkIKCGxvZ3Byb2JzEjYKGPGqxsCTT8LAHg7RwCpy1cDMCsPAYzC/"
      "wBIYAAAAAAAAAAAQAAAAAAAAABgAAAAAAAAAGAEYAg=="));
  EXPECT_EQ(out.loss_fn_output_type, "scalar");
  ASSERT_EQ(out.loss_fn_outputs.size(), 2U);
  const auto& first = out.loss_fn_outputs[0].at("logprobs");
  ASSERT_EQ(first.size(), 4U);
  EXPECT_EQ(first.shape, (std::vector<std::int64_t>{4}));
  EXPECT_NEAR(floats(first)[0], -6.20837F, 1e-5F);
  EXPECT_NEAR(floats(out.loss_fn_outputs[1].at("logprobs"))[1], -5.97466F, 1e-5F);
  EXPECT_EQ(out.loss_fn_outputs[1].count("elementwise_loss"), 1U);
}

TEST(OutputCodec, carries_types_and_shapes_there_and_back) {
  ForwardBackwardOutput out;
  out.metrics = {{"loss:sum", 3.5}, {"clip:mean", 0.25}};
  for (int rows : {2, 0, 3}) {
    std::map<std::string, Tensor> datum;
    Tensor values(std::vector<float>(static_cast<std::size_t>(rows) * 2, 1.0F));
    values.shape = {rows, 2};
    datum.emplace("pairs", values);
    Tensor ids(std::vector<std::int64_t>(static_cast<std::size_t>(rows), 9));
    ids.shape = {rows};
    datum.emplace("ids", ids);
    out.loss_fn_outputs.push_back(std::move(datum));
  }
  const auto back = decode_forward_backward_output(encode_forward_backward_output(out));
  EXPECT_EQ(back.metrics, out.metrics);
  ASSERT_EQ(back.loss_fn_outputs.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back.loss_fn_outputs[i].at("pairs").shape, out.loss_fn_outputs[i].at("pairs").shape);
    EXPECT_EQ(back.loss_fn_outputs[i].at("ids").data, out.loss_fn_outputs[i].at("ids").data);
  }
  out.loss_fn_outputs[1].erase("ids");
  refusal([&] { encode_forward_backward_output(out); }, Errc::invalid_argument);
}

/// An output message of one record with one field.
std::string output_message(std::int64_t num_datums, const std::vector<std::int64_t>& offsets,
                           const std::string& data, char dtype) {
  const auto field = [](char tag, const std::string& bytes) {
    EXPECT_LT(bytes.size(), 128U);
    return std::string{tag, static_cast<char>(bytes.size())} + bytes;
  };
  const std::string tensor =
      field('\x0a', data) + field('\x12', to_bytes(offsets)) + std::string{'\x18', dtype};
  const std::string entry = field('\x0a', "x") + field('\x12', tensor);
  std::string record = field('\x12', entry) + '\x18';
  for (auto n = static_cast<std::uint64_t>(num_datums);; n >>= 7U) {
    if (n < 128) {
      record += static_cast<char>(n);
      break;
    }
    record += static_cast<char>(n | 128U);
  }
  return field('\x12', record);
}

TEST(OutputCodec, widens_short_types) {
  const auto read = [](const std::string& data, char dtype) {
    return decode_forward_backward_output(
               output_message(1, {0, static_cast<std::int64_t>(data.size())}, data, dtype))
        .loss_fn_outputs.at(0)
        .at("x");
  };
  EXPECT_EQ(floats(read(std::string("\x80\x3f\x00\xc0", 4), 4)), (std::vector<float>{1.0F, -2.0F}));
  EXPECT_EQ(integers(read(std::string("\xff\xff\xff\xff", 4), 3)), (std::vector<std::int64_t>{-1}));
}

TEST(OutputCodec, refuses_offsets_and_counts_that_lie) {
  const std::string eight(8, 'a');
  EXPECT_EQ(
      decode_forward_backward_output(output_message(2, {0, 4, 8}, eight, 1)).loss_fn_outputs.size(),
      2U);
  const std::vector<std::pair<std::int64_t, std::vector<std::int64_t>>> lies = {
      {2, {0, 8}},     {1, {0, 4, 8}},      {2, {4, 4, 8}},        {2, {0, 4, 12}},
      {2, {0, 12, 8}}, {2, {0, -4, 8}},     {2, {0, 3, 8}},        {0, {}},
      {-1, {0, 8}},    {1LL << 60, {0, 8}}, {2, {0, 1LL << 62, 8}}};
  for (const auto& [count, offsets] : lies)
    refusal([&] { decode_forward_backward_output(output_message(count, offsets, eight, 1)); });
  refusal([&] { decode_forward_backward_output(output_message(2, {0, 4, 8}, eight, 0)); });
  refusal([&] { decode_forward_backward_output(output_message(2, {0, 4, 8}, eight, 9)); });
}

TEST(OutputCodec, refuses_floods_of_empty_parts) {
  std::string flood;
  for (int i = 0; i < 1 << 20; ++i) flood += std::string("\x12\x00", 2);
  EXPECT_NE(refusal([&] { decode_forward_backward_output(flood); }).find("parts"),
            std::string::npos);
}

TEST(RequestCodec, writes_what_it_reads) {
  LossCall call;
  call.model_id = "sess-1:train:0";
  call.seq_id = 3;
  call.loss_fn = "ppo";
  call.config = {{"clip_low_threshold", 0.9}, {"loss_id", std::string("abc")}};
  call.forward_only = true;
  Datum datum{ModelInput({1, 2, 3})};
  Image image;
  image.data = std::string("\x89PNG\0x", 6);
  image.format = "png";
  image.expected_tokens = 7;
  datum.model_input.chunks.emplace_back(image);
  Dmel dmel;
  dmel.bytes = "xyz";
  datum.model_input.chunks.emplace_back(dmel);
  datum.loss_fn_inputs["weights"] = Tensor(std::vector<float>{1.0F, 0.0F, 1.0F});
  TensorData sparse{Tensor(std::vector<std::int64_t>{4, 5})};
  sparse.values.shape = {3, 10};
  sparse.csr.emplace();
  sparse.csr->crow = {0, 1, 1, 2};
  sparse.csr->col = {9, 0};
  datum.loss_fn_inputs["target_tokens"] = sparse;
  const std::vector<Datum> data = {datum, datum};
  const auto back = decode_forward_backward(encode_forward_backward(call, data));
  EXPECT_EQ(back.call.model_id, call.model_id);
  EXPECT_EQ(back.call.seq_id, 3);
  EXPECT_EQ(back.call.loss_fn, "ppo");
  EXPECT_EQ(back.call.config, call.config);
  EXPECT_TRUE(back.call.forward_only);
  ASSERT_EQ(back.data.size(), 2U);
  EXPECT_EQ(back.data[1].model_input, datum.model_input);
  EXPECT_EQ(back.data[1].loss_fn_inputs.at("target_tokens").csr, sparse.csr);
  EXPECT_EQ(back.data[1].loss_fn_inputs.at("weights").values.shape, (std::vector<std::int64_t>{3}));

  auto broken = data;
  broken[1].loss_fn_inputs["target_tokens"].csr->col[0] = 10;
  EXPECT_NE(refusal([&] { encode_forward_backward(call, broken); }, Errc::invalid_argument)
                .find("datum 1.target_tokens"),
            std::string::npos);
  broken = data;
  broken[0].model_input.chunks.emplace_back(ImagePointer());
  refusal([&] { encode_forward_backward(call, broken); }, Errc::invalid_argument);
}

TEST(RequestCodec, encodes_each_recorded_request_to_an_equal_message) {
  if (!testing::recordings_folder()) GTEST_SKIP() << "no recordings here";
  int seen = 0;
  for (const auto& e : testing::all_recordings()) {
    if (e.path != "/api/v1/forward_backward" || e.request_bytes.empty()) continue;
    if (e.request_bytes.starts_with("\x28\xb5\x2f\xfd")) continue;  // zstd
    const auto message = decode_forward_backward(e.request_bytes);
    EXPECT_GE(message.call.seq_id, 1);
    const std::string again = encode_forward_backward(message.call, message.data);
    // Entries of maps come in any order: the sizes must agree, and the content read back.
    EXPECT_EQ(again.size(), e.request_bytes.size());
    const auto back = decode_forward_backward(again);
    ASSERT_EQ(back.data.size(), message.data.size());
    for (std::size_t i = 0; i < back.data.size(); ++i) {
      EXPECT_EQ(back.data[i].model_input, message.data[i].model_input);
      for (const auto& [name, tensor] : message.data[i].loss_fn_inputs)
        EXPECT_EQ(back.data[i].loss_fn_inputs.at(name).values.data, tensor.values.data);
    }
    ++seen;
  }
  EXPECT_GT(seen, 20);
}

TEST(RequestCodec, malformed_texts_write_nothing_to_the_error_output) {
  // A datum with a field's name that is not UTF-8.
  const std::string bytes("\x1a\x05\x12\x03\x0a\x01\xff", 7);
  ::testing::internal::CaptureStderr();
  try {
    decode_forward_backward(bytes);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::bad_data);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(AnswerCodec, reads_every_recorded_result) {
  if (!testing::recordings_folder()) GTEST_SKIP() << "no recordings here";
  int samples = 0;
  int outputs = 0;
  for (const auto& e : testing::all_recordings()) {
    if (e.response_bytes.empty()) continue;
    try {
      const auto out = decode_forward_backward_output(e.response_bytes);
      if (!out.loss_fn_outputs.empty()) {
        EXPECT_EQ(out.loss_fn_outputs[0].count("logprobs"), 1U);
        ++outputs;
        continue;
      }
    } catch (const Error&) {
    }
    EXPECT_FALSE(decode_sample_response(e.response_bytes).sequences.empty());
    ++samples;
  }
  EXPECT_GT(samples, 5);
  EXPECT_GT(outputs, 20);
}

}  // namespace
}  // namespace xfer::tinker
