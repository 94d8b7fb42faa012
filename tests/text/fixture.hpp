// SPDX-License-Identifier: Apache-2.0
// What the tests of this room share.
#pragma once

#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"
#include "xfer/text/tokenizer.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::text::test {

using Ids = std::vector<std::int32_t>;
using Json = nlohmann::ordered_json;

inline std::filesystem::path data_folder() {
  return std::filesystem::path(XFER_SOURCE_DIR) / "tests" / "text" / "data";
}

inline std::string fixture_text(const std::string& name) {
  return files::read_text(data_folder() / name);
}

inline Tokenizer fixture(const std::string& name) { return Tokenizer::load(data_folder() / name); }

/// Folder of material outside the repository; may not exist.
inline std::filesystem::path shared_folder() {
  const char* named = std::getenv("XFER_SHARED");
  return named != nullptr ? std::filesystem::path(named)
                          : std::filesystem::path(XFER_SOURCE_DIR) / ".." / "shared";
}

/// A folder of its own for each test, removed afterwards.
class TemporaryFolder {
public:
  TemporaryFolder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string("xfer_text_") + info->test_suite_name() + "_" + info->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }
  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

/// Runs `action`, which must throw an Error of this code whose text has every one of `parts`.
inline void expect_error(Errc code, const std::vector<std::string>& parts,
                         const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), to_string(code)) << error.what();
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "\"" << part << "\" is not in: " << error.what();
    return;
  }
  ADD_FAILURE() << "no error was thrown";
}

/// The same numbers on every machine: test texts must not change with the standard library.
class Dice {
public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t limit) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::size_t>(state_ >> 33U) % limit;
  }
  std::string bytes(std::size_t count) {
    std::string text;
    while (text.size() < count) text += static_cast<char>(static_cast<unsigned char>(below(256)));
    return text;
  }
  /// Text of characters in many scripts, white space and words; valid UTF-8.
  std::string text(std::size_t pieces) {
    static const std::vector<std::string> parts = {"a",
                                                   "Zebra",
                                                   " the",
                                                   " ",
                                                   "  ",
                                                   "\n",
                                                   "\r\n",
                                                   "\t",
                                                   "0",
                                                   "42",
                                                   "1234",
                                                   "'s",
                                                   "'LL",
                                                   "'",
                                                   ".",
                                                   "?!",
                                                   "_",
                                                   "-",
                                                   "é",
                                                   "e\u0301",
                                                   "ß",
                                                   "Я",
                                                   "слово",
                                                   "שלום",
                                                   "مرحبا",
                                                   "नमस्ते",
                                                   "世界",
                                                   "。",
                                                   "こ",
                                                   "안녕",
                                                   "\u1112\u1161",
                                                   "½",
                                                   "Ⅷ",
                                                   "٣",
                                                   "\u00A0",
                                                   "\u3000",
                                                   "\u2028",
                                                   "\u200D",
                                                   "👍",
                                                   "👨‍👩‍👧",
                                                   "🇩🇪",
                                                   "\u0327",
                                                   "\u0301",
                                                   "$",
                                                   "∑",
                                                   "<|end|>",
                                                   "<m>",
                                                   "\u0085",
                                                   "\u180E",
                                                   "ſ",
                                                   "K",
                                                   "\u00AD"};
    std::string out;
    for (std::size_t i = 0; i < pieces; ++i) out += parts[below(parts.size())];
    return out;
  }

private:
  std::uint64_t state_;
};

}  // namespace xfer::text::test
