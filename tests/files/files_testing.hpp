// SPDX-License-Identifier: Apache-2.0
// What the tests of this room share: a folder of their own, files built byte by byte.
#pragma once

#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace xfer::files {

inline std::filesystem::path data_path(const std::string& name) {
  return std::filesystem::path(XFER_SOURCE_DIR) / "tests/files/data" / name;
}

/// An empty folder that is removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "xfer-files-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      result.push_back(entry.path().filename().string());
    }
    return result;
  }

private:
  std::filesystem::path path_;
};

inline void put(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// The content on the heap, where a read past its end is seen by the address sanitizer.
inline MappedFile held(const std::string& content) {
  const auto bytes = std::as_bytes(std::span(content));
  return MappedFile::hold({bytes.begin(), bytes.end()}, "input");
}

/// The error that the call throws; fails the test when it throws none.
inline Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {Errc::internal, ""};
}

/// Expects `bad_data` with all the parts in its text.
inline void expect_refused(const std::function<void()>& call,
                           const std::vector<std::string>& parts) {
  const Error error = error_of(call);
  EXPECT_EQ(error.code(), Errc::bad_data) << error.what();
  for (const auto& part : parts) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << "wanted: " << part << "\ngot: " << error.what();
  }
}

/// The bytes of a number as they stand in both containers.
template <class T>
std::string packed(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// Equal bits, or both NaN.
inline bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (a != a && b != b);
}

}  // namespace xfer::files
