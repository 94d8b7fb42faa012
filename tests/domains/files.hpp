// SPDX-License-Identifier: Apache-2.0
// A temporary folder for each test, and the real files where there are some.
#pragma once

#include "domains/loading.hpp"
#include "xfer/domains/data_file.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace xfer::domains {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("xfer-domains-" + std::string(info->name()) + "-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& content) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  /// Reads without making the grader.
  static Loaded load(const fs::path& path, const ReadOptions& options = {}) {
    return load_dataset(path, options);
  }
  static std::string failure(const fs::path& path, Errc code = Errc::bad_data,
                             const ReadOptions& options = {}) {
    try {
      load_dataset(path, options);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return "";
  }
  static void expect_in(const std::string& part, const std::string& whole) {
    EXPECT_NE(whole.find(part), std::string::npos) << part << "\nnot in: " << whole;
  }

  fs::path folder_;
};

inline std::size_t total(const Dataset& dataset) {
  std::size_t n = 0;
  for (const Split split : all_splits) n += dataset.size(split);
  return n;
}

/// Empty when it is not here.
inline fs::path real_file(const std::string& path) {
  const char* folder = std::getenv("XFER_SHARED");
  const fs::path found =
      (folder != nullptr ? fs::path(folder) : fs::path(XFER_SOURCE_DIR) / ".." / "shared") /
      "data" / path;
  return fs::exists(found) ? found : fs::path();
}

}  // namespace xfer::domains
