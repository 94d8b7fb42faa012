// SPDX-License-Identifier: Apache-2.0
#include "xfer/files/gguf.hpp"

#include "gguf_testing.hpp"

#include <cstdlib>
#include <limits>

namespace xfer::files {
namespace {

using Shape = std::vector<std::int64_t>;

void expect_file_refused(const std::string& content, const std::vector<std::string>& parts) {
  expect_refused([&] { Gguf::read(held(content)); }, parts);
}

std::vector<float> floats_of(const GgufTensor& tensor, std::size_t count) {
  std::vector<float> out(count);
  dequantize(tensor.type, tensor.bytes, out);
  return out;
}

// The file was written by the reference package.
TEST(Gguf, reads_every_kind_of_value) {
  const auto file = Gguf::open(data_path("every_kind.gguf"));
  EXPECT_EQ(file.string("general.architecture"), "llama");
  EXPECT_EQ(file.integer("kind.u8"), 200);
  EXPECT_EQ(file.integer("kind.i8"), -100);
  EXPECT_EQ(file.integer("kind.u16"), 60000);
  EXPECT_EQ(file.integer("kind.i16"), -30000);
  EXPECT_EQ(file.integer("kind.u32"), 4'000'000'000);
  EXPECT_EQ(file.integer("kind.i32"), -2'000'000'000);
  EXPECT_EQ(file.integer("kind.i64"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(file.number("kind.f32"), 0.5);
  EXPECT_EQ(file.number("kind.f64"), 0.1);
  EXPECT_EQ(file.number("kind.u64"), 0x1p64);
  EXPECT_EQ(file.number("kind.i8"), -100);
  EXPECT_EQ(file.string("kind.string"), "Grüße, 世界");
  EXPECT_EQ(file.metadata().at("kind.bool"), GgufValue(true));
  EXPECT_EQ(file.metadata().at("array.i32"), GgufValue(std::vector<std::int64_t>{-1, 2, 3}));
  EXPECT_EQ(file.metadata().at("array.f32"), GgufValue(std::vector<double>{0.5, -0.25}));
  EXPECT_EQ(file.metadata().at("array.bool"), GgufValue(std::vector<bool>{true, false}));
  EXPECT_EQ(file.metadata().at("array.string"), GgufValue(std::vector<std::string>{"", "a", "\n"}));
}

TEST(Gguf, reads_the_tensors_with_their_shapes_outermost_first) {
  const auto file = Gguf::open(data_path("every_kind.gguf"));
  ASSERT_EQ(file.tensors().size(), 4U);
  const auto& plain = file.tensors().at("plain");
  EXPECT_EQ(plain.shape, (Shape{2, 3, 32}));
  EXPECT_EQ(floats_of(plain, 192)[191], 95.0F);
  EXPECT_EQ(floats_of(file.tensors().at("half"), 96)[1], -95.0F);
  for (const std::string name : {"q8_0", "q4_1"}) {
    const auto& tensor = file.tensors().at(name);
    EXPECT_EQ(tensor.shape, (Shape{3, 32}));
    EXPECT_NEAR(floats_of(tensor, 96)[95], 95.0F, 0.1F) << name;
  }
}

TEST(Gguf, a_missing_or_different_value_is_named) {
  const auto file = Gguf::open(data_path("every_kind.gguf"));
  expect_refused([&] { file.integer("none"); }, {"every_kind.gguf", "'none'", "missing"});
  expect_refused([&] { file.integer("kind.u64"); }, {"'kind.u64'", "not an integer in range"});
  expect_refused([&] { file.integer("kind.f32"); }, {"'kind.f32'", "not an integer in range"});
  expect_refused([&] { file.number("kind.string"); }, {"'kind.string'", "not a number"});
  expect_refused([&] { file.string("kind.i8"); }, {"'kind.i8'", "not a text"});
  EXPECT_TRUE(file.has("kind.i8"));
  EXPECT_FALSE(file.has("none"));
}

TEST(Gguf, reads_a_file_without_tensors_and_version_2) {
  EXPECT_TRUE(Gguf::read(held("GGUF" + packed(2U) + std::string(16, '\0'))).tensors().empty());
}

TEST(Gguf, honours_the_alignment_of_the_file) {
  GgufParts parts{.keys = {gguf_key("general.alignment", 4, packed(64U))},
                  .tensors = {gguf_tensor("a", {2}, 0, 0), gguf_tensor("b", {2}, 0, 64)},
                  .data_bytes = 72,
                  .alignment = 64};
  EXPECT_EQ(Gguf::read(held(gguf_file(parts))).tensors().at("b").bytes.size(), 8U);
  parts.tensors[1] = gguf_tensor("b", {2}, 0, 32);
  expect_file_refused(gguf_file(parts), {"'b'", "offset 32", "alignment 64"});
  for (const auto alignment : {0U, 4U, 33U, 1U << 21U}) {
    parts.keys = {gguf_key("general.alignment", 4, packed(alignment))};
    expect_file_refused(gguf_file(parts), {"'general.alignment'", "power of two",
                                           "got " + std::to_string(alignment)});
  }
  parts.keys = {gguf_key("general.alignment", 8, gguf_string("64"))};
  expect_file_refused(gguf_file(parts), {"'general.alignment'", "power of two"});
}

TEST(Gguf, refuses_other_files_and_versions) {
  expect_file_refused("", {"input", "not a GGUF file"});
  expect_file_refused("GGU", {"not a GGUF file"});
  expect_file_refused("GGML" + std::string(60, '\0'), {"not a GGUF file"});
  expect_file_refused(gguf_file({.version = 1}), {"got 1", "allowed 2 and 3"});
  expect_file_refused(gguf_file({.version = 4}), {"got 4", "allowed 2 and 3"});
  expect_file_refused(gguf_file({.version = 3U << 24U}), {"big-endian"});
}

TEST(Gguf, refuses_counts_that_the_file_cannot_hold) {
  const std::string huge = packed(~std::uint64_t{0});
  const std::string none = packed(std::uint64_t{0});
  expect_file_refused("GGUF" + packed(3U) + huge + none, {"count", "truncated?"});
  expect_file_refused("GGUF" + packed(3U) + none + huge, {"count", "truncated?"});
  expect_file_refused(gguf_file({.keys = {huge + "k"}}), {"metadata", "length too large"});
  expect_file_refused(gguf_file({.keys = {gguf_key("k", 8, huge)}}), {"'k'", "too large"});
  for (std::uint32_t kind = 0; kind <= 12; ++kind) {
    if (kind == 9) continue;
    const auto key = gguf_key("k", 9, gguf_array(kind, 1ULL << 61U, "abc"));
    expect_file_refused(gguf_file({.keys = {key}}), {"'k'", "too large"});
  }
}

TEST(Gguf, refuses_odd_metadata) {
  const auto refused = [](const std::vector<std::string>& keys,
                          const std::vector<std::string>& parts) {
    expect_file_refused(gguf_file({.keys = keys}), parts);
  };
  refused({gguf_key("k", 13, "")}, {"'k'", "got 13", "allowed 0 to 12"});
  refused({gguf_key("k", 9, gguf_array(77, 1, "a"))}, {"'k'", "got 77"});
  refused({gguf_key("k", 9, gguf_array(9, 1, gguf_array(0, 1, "a")))}, {"arrays of arrays"});
  refused({gguf_key("k", 7, "\2")}, {"'k'", "not a boolean (got 2"});
  refused({gguf_key("k", 0, "a"), gguf_key("k", 0, "b")}, {"'k'", "given twice"});
  refused({gguf_key("", 0, "a")}, {"empty key"});
  refused({gguf_key("k", 9, gguf_array(10, 1, packed(~std::uint64_t{0})))},
          {"'k'", "number too large"});
}

TEST(Gguf, refuses_odd_tensors) {
  const auto refused = [](const std::string& tensor, const std::vector<std::string>& parts) {
    expect_file_refused(gguf_file({.tensors = {tensor}, .data_bytes = 128}), parts);
  };
  refused(gguf_tensor("t", {32}, 16, 0), {"'t'", "number 16", "IQ2_XXS"});
  refused(gguf_tensor("t", {32}, 4, 0), {"'t'", "number 4", "unknown"});
  refused(gguf_tensor("t", {33}, 3, 0), {"'t'", "33 elements", "Q4_1 blocks of 32"});
  refused(gguf_tensor("t", {4, 0}, 0, 0), {"'t'", "dimension out of range (got 0"});
  refused(gguf_tensor("t", {1ULL << 60U}, 0, 0), {"'t'", "dimension out of range"});
  refused(gguf_tensor("t", {1ULL << 32U, 1ULL << 32U}, 0, 0), {"'t'", "shape too large"});
  refused(gguf_tensor("t", {1ULL << 30U, 1ULL << 31U, 1}, 0, 0), {"'t'", "reaches outside"});
  refused(gguf_tensor("t", std::vector<std::uint64_t>(9, 1), 0, 0), {"'t'", "got 9, allowed 8"});
  refused(gguf_tensor("t", {32}, 0, 32), {"'t'", "reaches outside the file", "truncated?"});
  refused(gguf_tensor("t", {32}, 0, ~std::uint64_t{31}), {"'t'", "reaches outside"});
  refused(gguf_tensor("t", {8}, 0, 4), {"'t'", "offset 4", "alignment 32"});
  refused(gguf_tensor("", {8}, 0, 0), {"empty name"});
}

TEST(Gguf, refuses_overlapping_tensors_and_names_used_twice) {
  GgufParts parts{.tensors = {gguf_tensor("a", {9}, 0, 0), gguf_tensor("b", {8}, 0, 32)},
                  .data_bytes = 128};
  expect_file_refused(gguf_file(parts), {"'b'", "overlaps"});
  parts.tensors = {gguf_tensor("a", {8}, 0, 32), gguf_tensor("b", {8}, 0, 32)};
  expect_file_refused(gguf_file(parts), {"overlaps"});
  parts.tensors = {gguf_tensor("a", {8}, 0, 0), gguf_tensor("a", {8}, 0, 32)};
  expect_file_refused(gguf_file(parts), {"'a'", "name used twice"});
}

TEST(Gguf, says_that_a_git_lfs_pointer_is_not_the_file) {
  expect_file_refused("version https://git-lfs.github.com/spec/v1\n", {"git-lfs pointer"});
}

}  // namespace
}  // namespace xfer::files
