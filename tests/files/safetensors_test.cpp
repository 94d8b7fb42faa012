// SPDX-License-Identifier: Apache-2.0
#include "xfer/files/safetensors.hpp"

#include "files_testing.hpp"

#include <array>
#include <limits>

namespace xfer::files {
namespace {

using Shape = std::vector<std::int64_t>;

std::string container(const std::string& header, std::size_t data_bytes) {
  return packed<std::uint64_t>(header.size()) + header + std::string(data_bytes, '\1');
}

void expect_header_refused(const std::string& header, std::size_t data_bytes,
                           const std::vector<std::string>& parts) {
  SCOPED_TRACE(header);
  expect_refused([&] { Safetensors::read(held(container(header, data_bytes))); }, parts);
}

std::vector<float> floats_of(const StoredTensor& tensor, std::size_t count) {
  std::vector<float> out(count);
  to_float(tensor, out);
  return out;
}

// The file was written by the reference package.
TEST(Safetensors, reads_every_type_of_the_reference_writer) {
  const auto file = Safetensors::open(data_path("every_type.safetensors"));
  EXPECT_EQ(file.tensors().size(), 7U);
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "np"}}));
  const auto* a = file.find("a.f32");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->type, StoredType::f32);
  EXPECT_EQ(a->shape, (Shape{2, 3}));
  EXPECT_EQ(floats_of(*a, 6), (std::vector<float>{1.5F, -2.25F, 3e38F, 0, -0.0F, 1e-45F}));
  EXPECT_EQ(floats_of(*file.find("b.f16"), 3)[1], -65504.0F);
  EXPECT_EQ(file.find("c.i64")->type, StoredType::i64);
  EXPECT_EQ(file.find("d.i32")->shape, (Shape{1, 1}));
  EXPECT_EQ(file.find("e.u8")->bytes.size(), 3U);
  EXPECT_TRUE(file.find("f.scalar")->shape.empty());
  EXPECT_EQ(floats_of(*file.find("f.scalar"), 1), std::vector<float>{4.0F});
  EXPECT_EQ(file.find("g.empty")->bytes.size(), 0U);
  EXPECT_EQ(file.find("h"), nullptr);
}

TEST(Safetensors, the_tensors_outlive_the_first_object) {
  auto file = Safetensors::open(data_path("every_type.safetensors"));
  const Safetensors copy = file;
  file = Safetensors::read(held(container("{}", 0)));
  EXPECT_EQ(floats_of(*copy.find("f.scalar"), 1), std::vector<float>{4.0F});
}

TEST(Safetensors, to_float_refuses_integers_and_a_wrong_size) {
  const auto file = Safetensors::open(data_path("every_type.safetensors"));
  std::vector<float> out(3);
  EXPECT_EQ(error_of([&] { to_float(*file.find("e.u8"), out); }).code(), Errc::invalid_argument);
  EXPECT_EQ(error_of([&] { to_float(*file.find("a.f32"), out); }).code(), Errc::invalid_argument);
}

TEST(WriteSafetensors, comes_back_as_it_was_whatever_the_order) {
  const TemporaryFolder folder;
  const std::array<float, 3> floats = {1, std::numeric_limits<float>::quiet_NaN(), 3};
  const std::array<std::uint16_t, 2> halves = {0x3F80, 0xC000};
  const std::array<std::uint8_t, 3> small = {1, 2, 3};
  std::vector<TensorToStore> tensors = {
      {"u \"8\"\n", StoredType::u8, {3}, std::as_bytes(std::span(small))},
      {"bf", StoredType::bf16, {1, 2}, std::as_bytes(std::span(halves))},
      {"größe", StoredType::f32, {3, 1}, std::as_bytes(std::span(floats))},
      {"none", StoredType::f32, {0, 5}, {}},
  };
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"k\"", "v\\"}};
  write_safetensors(folder / "a", tensors, metadata);
  std::swap(tensors[0], tensors[2]);
  write_safetensors(folder / "b", tensors, metadata);
  EXPECT_EQ(read_text(folder / "a"), read_text(folder / "b"));

  const auto file = Safetensors::open(folder / "a");
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), 4U);
  for (const auto& tensor : tensors) {
    const auto* const found = file.find(tensor.name);
    ASSERT_NE(found, nullptr) << tensor.name;
    EXPECT_EQ(found->type, tensor.type);
    EXPECT_EQ(found->shape, tensor.shape);
    ASSERT_EQ(found->bytes.size(), tensor.bytes.size());
    EXPECT_TRUE(std::equal(found->bytes.begin(), found->bytes.end(), tensor.bytes.begin()));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(found->bytes.data()) % size_of(found->type), 0U);
  }
  EXPECT_EQ(floats_of(*file.find("bf"), 2), (std::vector<float>{1, -2}));
}

TEST(WriteSafetensors, rewrites_the_file_of_the_reference_writer_bit_for_bit) {
  const TemporaryFolder folder;
  const auto file = Safetensors::open(data_path("every_type.safetensors"));
  std::vector<TensorToStore> tensors;
  for (const auto& [name, tensor] : file.tensors()) {
    tensors.push_back({name, tensor.type, tensor.shape, tensor.bytes});
  }
  write_safetensors(folder / "copy", tensors, file.metadata());
  EXPECT_EQ(read_text(folder / "copy"), read_text(data_path("every_type.safetensors")));
}

TEST(WriteSafetensors, refuses_what_would_not_be_readable) {
  const TemporaryFolder folder;
  const std::array<float, 2> data = {1, 2};
  const auto bytes = std::as_bytes(std::span(data));
  const auto refused = [&](const std::vector<TensorToStore>& tensors) {
    return error_of([&] { write_safetensors(folder / "f", tensors, {}); }).code();
  };
  const auto tensor = [&](const std::string& name, Shape shape) {
    return TensorToStore{name, StoredType::f32, std::move(shape), bytes};
  };
  EXPECT_EQ(refused({tensor("a", {3})}), Errc::invalid_argument);
  EXPECT_EQ(refused({tensor("a", {-2})}), Errc::invalid_argument);
  EXPECT_EQ(refused({tensor("", {2})}), Errc::invalid_argument);
  EXPECT_EQ(refused({tensor("__metadata__", {2})}), Errc::invalid_argument);
  EXPECT_EQ(refused({tensor("\xFF", {2})}), Errc::invalid_argument);
  EXPECT_EQ(refused({tensor("a", {2}), tensor("a", {1, 2})}), Errc::invalid_argument);
  EXPECT_TRUE(folder.names().empty());
}

TEST(Safetensors, refuses_a_header_that_does_not_fit_the_file) {
  expect_refused([] { Safetensors::read(held("1234567")); }, {"input", "too short"});
  for (const auto size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3},
                          std::uint64_t{100'000'001}, ~std::uint64_t{0}}) {
    expect_refused([&] { Safetensors::read(held(packed(size) + "{}")); },
                   {"input", "header size " + std::to_string(size), "allowed 2 to 2"});
  }
  expect_refused([] { Safetensors::read(held(container(" {}", 0))); }, {"does not start with '{'"});
}

TEST(Safetensors, refuses_broken_json) {
  expect_header_refused("{\"a\":", 0, {"not valid JSON at byte"});
  expect_header_refused("{}{}", 0, {"not valid JSON"});
  expect_header_refused(std::string("{\"\0\"}", 5), 0, {"not valid JSON"});
  expect_header_refused("{\"\xFF\":1}", 0, {"not valid JSON"});
  expect_header_refused("{\"a\":" + std::string(1'000'000, '['), 0, {"'a'", "does not belong"});
  expect_header_refused("{\"a\":" + std::string(100, '{'), 0, {"'a'", "not valid JSON"});
}

TEST(Safetensors, refuses_entries_that_are_not_tensors) {
  const std::string rest = R"("shape":[1],"data_offsets":[0,4]}})";
  expect_header_refused(R"({"a":1})", 0, {"'a'", "a number where it does not belong"});
  expect_header_refused(R"({"a":{}})", 0, {"'a'", "needs dtype, shape and data_offsets"});
  expect_header_refused(R"({"a":{"dtype":"F64",)" + rest, 4, {"'a'", "got 'F64'", "allowed F32"});
  expect_header_refused(R"({"a":{"dtype":5,)" + rest, 4, {"'a'", "a number"});
  expect_header_refused(R"({"a":{"dtype":"F32","dtype":"F32",)" + rest, 4, {"'dtype'", "twice"});
  expect_header_refused(R"({"a":{"more":1,"dtype":"F32",)" + rest, 4, {"'more'", "allowed dtype"});
  expect_header_refused(R"({"__metadata__":{"a":1}})", 0, {"'__metadata__'", "a number"});
  expect_header_refused(R"({"__metadata__":{"a":"","a":""}})", 0, {"'a' used twice"});
  expect_header_refused(R"({"__metadata__":{},"__metadata__":{}})", 0, {"used twice"});
}

std::string tensor_entry(const std::string& name, const std::string& shape,
                         const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}";
}

TEST(Safetensors, refuses_absurd_shapes_and_offsets) {
  const auto refused = [](const std::string& shape, const std::string& offsets,
                          const std::string& part) {
    expect_header_refused("{" + tensor_entry("a", shape, offsets) + "}", 4, {"'a'", part});
  };
  refused("[-1]", "[0,4]", "negative");
  refused("[1.0]", "[0,4]", "not whole");
  refused("[1e3]", "[0,4]", "not whole");
  refused("[[1]]", "[0,4]", "a list");
  refused("[18446744073709551616]", "[0,4]", "not whole");
  refused("[18446744073709551615]", "[0,4]", "dimension too large");
  refused("[281474976710656,281474976710656]", "[0,4]", "shape too large");
  refused("[281474976710656,281474976710656,0]", "[0,0]", "shape too large");
  refused("[1073741824,1073741824,4]", "[0,0]", "shape too large");
  refused("[1,1,1,1,1,1,1,1,1]", "[0,4]", "8 dimensions");
  refused("[1]", "[0]", "needs two numbers");
  refused("[1]", "[0,4,8]", "needs two numbers");
  refused("[1]", "[4,0]", "do not fit");
  refused("[1]", "[0,8]", "size needed 4");
  refused("[1]", "[4,8]", "reaches outside the file");
  refused("[1]", "[18446744073709551612,0]", "do not fit");
  refused("[2]", "[0,8]", "truncated?");
}

TEST(Safetensors, refuses_overlaps_gaps_rest_and_names_used_twice) {
  const auto one = tensor_entry("a", "[2]", "[0,8]");
  expect_header_refused("{" + one + "," + tensor_entry("b", "[2]", "[4,12]") + "}", 12,
                        {"'b'", "overlaps"});
  expect_header_refused("{" + one + "," + tensor_entry("b", "[2]", "[0,8]") + "}", 8, {"overlaps"});
  expect_header_refused("{" + one + "," + tensor_entry("b", "[1]", "[12,16]") + "}", 16,
                        {"'b'", "gap"});
  expect_header_refused("{" + one + "}", 9, {"1 bytes after the last tensor"});
  expect_header_refused("{" + one + "," + one + "}", 8, {"'a'", "used twice"});
}

TEST(Safetensors, shows_hostile_names_as_plain_text) {
  expect_header_refused("{\"\\u001b[31m\xC3\xA9\":1}", 0, {"'\\x1b[31m\\xc3\\xa9'"});
  expect_header_refused("{\"" + std::string(5000, 'n') + "\":1}", 0, {"nnn...'"});
}

class ShardedSafetensors : public testing::Test {
protected:
  void index(const std::string& weight_map) {
    put(folder_ / "model.safetensors.index.json",
        R"({"metadata":{"total_size":12},"weight_map":)" + weight_map + "}");
  }
  void shard(const std::string& name, const std::string& tensor) {
    put(folder_ / name, container("{" + tensor_entry(tensor, "[1]", "[0,4]") + "}", 4));
  }
  Safetensors open() { return Safetensors::open(folder_ / "model.safetensors.index.json"); }
  void expect_index_refused(const std::string& weight_map, const std::vector<std::string>& parts) {
    SCOPED_TRACE(weight_map);
    index(weight_map);
    expect_refused([&] { open(); }, parts);
  }
  TemporaryFolder folder_;
};

TEST_F(ShardedSafetensors, are_read_as_one) {
  shard("one.safetensors", "a");
  shard("two.safetensors", "b");
  index(R"({"a":"one.safetensors","b":"two.safetensors"})");
  const auto file = open();
  ASSERT_EQ(file.tensors().size(), 2U);
  EXPECT_EQ(file.find("b")->bytes.size(), 4U);
}

TEST_F(ShardedSafetensors, stay_in_the_folder_of_the_index) {
  for (const std::string name :
       {"../x", "/etc/passwd", "a/b", "..", ".", "", "a\\\\b", "a\\u0000"}) {
    expect_index_refused("{\"a\":\"" + name + "\"}", {"weight_map", "'a'", "plain name"});
  }
  expect_index_refused(R"({"a":1})", {"'a'", "plain name"});
}

TEST_F(ShardedSafetensors, say_what_is_missing) {
  shard("one.safetensors", "a");
  expect_index_refused(R"({"b":"one.safetensors"})", {"'b' is not in 'one.safetensors'"});
  expect_index_refused(R"({"a":"one.safetensors","a":"one.safetensors"})", {"'a' used twice"});
  expect_index_refused("{}", {"weight_map: needs an object"});
  expect_index_refused("[]", {"weight_map: needs an object"});
  expect_index_refused(std::string(100'000, '['), {"nested too deeply"});
  expect_index_refused("{", {"not valid JSON"});
  put(folder_ / "model.safetensors.index.json", "[]");
  expect_refused([&] { open(); }, {"weight_map: needs an object"});
  index(R"({"a":"none.safetensors"})");
  const auto error = error_of([&] { open(); });
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_NE(std::string(error.what()).find("none.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace xfer::files
