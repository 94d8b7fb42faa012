// SPDX-License-Identifier: Apache-2.0
// Reads a GGUF file from front to back, never past its end.
#pragma once

#include "xfer/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

namespace xfer::files {

class GgufCursor {
public:
  GgufCursor(std::span<const std::byte> bytes, const std::filesystem::path& path)
      : bytes_(bytes), path_(path) {}

  /// What is being read, for messages.
  void set_where(std::string where) { where_ = std::move(where); }
  std::size_t position() const noexcept { return position_; }
  std::size_t remaining() const noexcept { return bytes_.size() - position_; }

  /// An integer or floating-point number as it lies in the file (little-endian).
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string string() {
    const auto size = number<std::uint64_t>();
    check_count(size, 1);
    const auto bytes = take(static_cast<std::size_t>(size));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// Refuses a count of things that take at least `bytes_each` and so cannot all be in the file.
  void check_count(std::uint64_t count, std::size_t bytes_each) const {
    if (count > remaining() / bytes_each) {
      fail("count or length too large for the file (got " + std::to_string(count) + ", " +
           std::to_string(remaining()) + " bytes left): truncated?");
    }
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Errc::bad_data, path_.string() + ": " + where_ + ": " + what);
  }

private:
  std::span<const std::byte> take(std::size_t count) {
    if (count > remaining()) fail("the file ends here: truncated?");
    const auto part = bytes_.subspan(position_, count);
    position_ += count;
    return part;
  }

  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
  std::string where_ = "header";
  std::size_t position_ = 0;
};

}  // namespace xfer::files
