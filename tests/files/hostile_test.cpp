// SPDX-License-Identifier: Apache-2.0
// Files that were damaged at random or cut off: an error or a sound file, never a crash. Under the
// sanitizers every byte that is looked at is checked.
#include "gguf_testing.hpp"
#include "xfer/files/gguf.hpp"
#include "xfer/files/safetensors.hpp"
#include "xfer/rng.hpp"

#include <algorithm>

namespace xfer::files {
namespace {

// Reads the file and everything in it. True when it was accepted.
bool read_gguf(const std::string& content) {
  try {
    const auto file = Gguf::read(held(content));
    float sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      const GgmlBlock block = block_of(tensor.type);
      std::vector<float> out(tensor.bytes.size() / block.bytes * block.elements);
      dequantize(tensor.type, tensor.bytes, out);
      for (const float value : out) sum += value;
    }
    return sum == sum || sum != sum;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::bad_data) << error.what();
    return false;
  }
}

bool read_safetensors(const std::string& content) {
  try {
    const auto file = Safetensors::read(held(content));
    std::size_t sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      for (const auto byte : tensor.bytes) sum += std::to_integer<std::size_t>(byte);
    }
    return sum < 255 * content.size() + 1;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::bad_data) << error.what();
    return false;
  }
}

std::string damaged(std::string content, Rng rng) {
  const auto draw = [&](std::uint64_t below) { return rng.below(below); };
  const auto edits = 1 + draw(3);
  for (std::uint64_t edit = 0; edit < edits; ++edit) {
    const auto place = static_cast<std::size_t>(draw(content.size()));
    switch (draw(6)) {
      case 0: content[place] = static_cast<char>(content[place] ^ (1 << draw(8))); break;
      case 1: content[place] = static_cast<char>(draw(256)); break;
      case 2: content.insert(place, 1, static_cast<char>(draw(256))); break;
      case 3: content.erase(place, static_cast<std::size_t>(1 + draw(8))); break;
      case 4: {  // a length or an offset at its limits
        constexpr std::uint64_t limits[] = {0, 1, 0x7FFFFFFF, 0xFFFFFFFF, INT64_MAX, UINT64_MAX};
        content.replace(place, 8, packed(limits[draw(6)]));
        break;
      }
      default: {  // a piece of the file somewhere else
        const auto from = static_cast<std::size_t>(draw(content.size()));
        const std::string piece = content.substr(from, static_cast<std::size_t>(1 + draw(32)));
        content.insert(place, piece);
      }
    }
    if (content.empty()) content = "x";
  }
  return content;
}

TEST(HostileGguf, every_truncation_is_refused) {
  const std::string whole = read_text(data_path("every_kind.gguf"));
  const auto file = Gguf::read(held(whole));
  std::size_t needed = 0;  // the writer pads the end, which nobody needs
  for (const auto& [name, tensor] : file.tensors()) {
    const auto begin =
        std::search(whole.begin(), whole.end(), reinterpret_cast<const char*>(tensor.bytes.data()),
                    reinterpret_cast<const char*>(tensor.bytes.data()) + tensor.bytes.size());
    needed =
        std::max(needed, static_cast<std::size_t>(begin - whole.begin()) + tensor.bytes.size());
  }
  ASSERT_LE(needed, whole.size());
  for (std::size_t size = 0; size < needed; ++size) {
    ASSERT_FALSE(read_gguf(whole.substr(0, size))) << size;
  }
  EXPECT_TRUE(read_gguf(whole.substr(0, needed)));
}

TEST(HostileSafetensors, every_truncation_is_refused) {
  const std::string whole = read_text(data_path("every_type.safetensors"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_FALSE(read_safetensors(whole.substr(0, size))) << size;
  }
  EXPECT_TRUE(read_safetensors(whole));
}

TEST(HostileGguf, every_flipped_bit_gives_an_error_or_a_sound_file) {
  std::string content = read_text(data_path("every_kind.gguf"));
  for (std::size_t place = 0; place < content.size(); ++place) {
    for (const int bit : {0, 3, 7}) {
      content[place] = static_cast<char>(content[place] ^ (1 << bit));
      read_gguf(content);
      content[place] = static_cast<char>(content[place] ^ (1 << bit));
    }
  }
}

TEST(HostileSafetensors, every_flipped_bit_gives_an_error_or_a_sound_file) {
  std::string content = read_text(data_path("every_type.safetensors"));
  for (std::size_t place = 0; place < content.size(); ++place) {
    for (int bit = 0; bit < 8; ++bit) {
      content[place] = static_cast<char>(content[place] ^ (1 << bit));
      read_safetensors(content);
      content[place] = static_cast<char>(content[place] ^ (1 << bit));
    }
  }
}

TEST(HostileGguf, damage_never_crashes) {
  const std::string whole = read_text(data_path("every_kind.gguf"));
  int accepted = 0;
  for (std::uint64_t i = 0; i < 6000; ++i) accepted += read_gguf(damaged(whole, Rng(1, i))) ? 1 : 0;
  EXPECT_GT(accepted, 100);  // the damage is not so heavy that nothing is tested
  EXPECT_LT(accepted, 5900);
}

TEST(HostileSafetensors, damage_never_crashes) {
  const std::string whole = read_text(data_path("every_type.safetensors"));
  int accepted = 0;
  for (std::uint64_t i = 0; i < 6000; ++i) {
    accepted += read_safetensors(damaged(whole, Rng(2, i))) ? 1 : 0;
  }
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 5900);
}

}  // namespace
}  // namespace xfer::files
