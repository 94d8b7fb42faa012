// SPDX-License-Identifier: Apache-2.0
#include "xfer/files/gguf.hpp"

#include "files_testing.hpp"

#include <cmath>

namespace xfer::files {
namespace {

struct Case {
  GgmlType type;
  std::string name;
};

const std::vector<Case> cases = {
    {GgmlType::f32, "f32"},   {GgmlType::f16, "f16"},   {GgmlType::bf16, "bf16"},
    {GgmlType::q8_0, "q8_0"}, {GgmlType::q4_0, "q4_0"}, {GgmlType::q4_1, "q4_1"},
    {GgmlType::q5_0, "q5_0"}, {GgmlType::q5_1, "q5_1"}, {GgmlType::q2_k, "q2_k"},
    {GgmlType::q3_k, "q3_k"}, {GgmlType::q4_k, "q4_k"}, {GgmlType::q5_k, "q5_k"},
    {GgmlType::q6_k, "q6_k"},
};

// data/make_golden.py made the blocks and the floats with the reference package.
TEST(Dequantize, equals_the_reference_bit_for_bit) {
  for (const auto& [type, name] : cases) {
    const std::string blocks = read_text(data_path(name + ".blocks"));
    const std::string golden = read_text(data_path(name + ".floats"));
    std::vector<float> expected(golden.size() / sizeof(float));
    std::memcpy(expected.data(), golden.data(), golden.size());
    const GgmlBlock block = block_of(type);
    ASSERT_EQ(blocks.size() / block.bytes * block.elements, expected.size()) << name;

    std::vector<float> got(expected.size());
    const std::string shifted = "x" + blocks;  // blocks may lie at any address
    dequantize(type, std::as_bytes(std::span(shifted)).subspan(1), got);
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_TRUE(same(got[i], expected[i]))
          << name << " element " << i << ": " << got[i] << ", reference " << expected[i];
    }
  }
}

TEST(QuantBlocks, are_the_reference_in_codes_scale_and_offset) {
  int known = 0;
  for (const auto& [type, name] : cases) {
    if (code_bits(type) == 0) continue;
    ++known;
    const std::string blocks = read_text(data_path(name + ".blocks"));
    const std::string golden = read_text(data_path(name + ".floats"));
    std::vector<float> expected(golden.size() / sizeof(float));
    std::memcpy(expected.data(), golden.data(), golden.size());
    const auto bytes = std::as_bytes(std::span(blocks));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const QuantBlock block = read_block(type, bytes.data() + i / 32 * block_of(type).bytes);
      const int code = block.codes[i % 32];
      ASSERT_TRUE(code_bits(type) == 8 || (code >= 0 && code < 16));
      const float got = static_cast<float>(code) * block.scale + block.offset;
      ASSERT_TRUE(got == expected[i] || same(got, expected[i]) || !std::isfinite(block.scale))
          << name << " element " << i << ": " << got << ", reference " << expected[i];
    }
  }
  EXPECT_EQ(known, 3);
}

TEST(Dequantize, reads_the_first_blocks_of_a_longer_row) {
  const std::string blocks = read_text(data_path("q4_1.blocks"));
  std::vector<float> all(blocks.size() / 20 * 32);
  std::vector<float> first(32);
  dequantize(GgmlType::q4_1, std::as_bytes(std::span(blocks)), all);
  dequantize(GgmlType::q4_1, std::as_bytes(std::span(blocks)), first);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(same(first[i], all[i]));
  dequantize(GgmlType::q4_1, {}, {});
}

TEST(Dequantize, refuses_parts_of_blocks_and_missing_bytes) {
  std::vector<float> out(48);
  const std::vector<std::byte> bytes(36);
  const auto code = [&](std::size_t floats, std::size_t count) {
    const auto in = std::span(bytes).first(count);
    return error_of([&] { dequantize(GgmlType::q4_0, in, std::span(out).first(floats)); }).code();
  };
  EXPECT_EQ(code(48, 36), Errc::invalid_argument);
  EXPECT_EQ(code(31, 36), Errc::invalid_argument);
  EXPECT_EQ(code(32, 17), Errc::invalid_argument);
}

TEST(Dequantize, names_a_type_that_it_does_not_read) {
  std::vector<float> out(256);
  const auto known = error_of([&] { dequantize(static_cast<GgmlType>(16), {}, out); });
  EXPECT_EQ(known.code(), Errc::not_available);
  EXPECT_NE(std::string(known.what()).find("got number 16, IQ2_XXS; allowed F32"),
            std::string::npos)
      << known.what();
  const auto unknown = error_of([&] { dequantize(static_cast<GgmlType>(99), {}, out); });
  EXPECT_NE(std::string(unknown.what()).find("got number 99, unknown"), std::string::npos);
}

TEST(GgmlType, is_named_as_in_the_reference) {
  EXPECT_EQ(to_string(GgmlType::q4_1), "Q4_1");
  EXPECT_EQ(to_string(GgmlType::q6_k), "Q6_K");
  EXPECT_EQ(to_string(static_cast<GgmlType>(18)), "IQ3_XXS");
  EXPECT_EQ(to_string(static_cast<GgmlType>(1000)), "type 1000");
}

}  // namespace
}  // namespace xfer::files
