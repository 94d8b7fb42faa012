// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/recordings.hpp"

#include "tinker/wire/base64.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace xfer::tinker::testing {

std::string from_base64(const std::string& text) { return base64_decode(text).value(); }

std::optional<std::filesystem::path> recordings_folder() {
  const char* shared = std::getenv("XFER_SHARED");
  const std::filesystem::path folder =
      (shared != nullptr ? std::filesystem::path(shared)
                         : std::filesystem::path(XFER_SOURCE_DIR) / ".." / "shared") /
      "wire";
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  return folder;
}

std::vector<Exchange> read_recording(const std::filesystem::path& file) {
  std::vector<Exchange> all;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::json::parse(line);
    Exchange e;
    e.method = row.at("method");
    e.path = row.at("path");
    e.status = row.at("status");
    const auto take = [&](const char* name, nlohmann::json& json, std::string& bytes) {
      json = row.at(name);
      if (json.is_object() && json.contains("base64")) {
        bytes = from_base64(json.at("base64"));
        json = nullptr;
      }
    };
    take("request_body", e.request, e.request_bytes);
    take("response_body", e.response, e.response_bytes);
    all.push_back(std::move(e));
  }
  return all;
}

std::vector<Exchange> all_recordings() {
  std::vector<Exchange> all;
  std::vector<std::filesystem::path> files;
  if (const auto folder = recordings_folder())
    for (const auto& entry : std::filesystem::directory_iterator(*folder))
      if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files)
    for (Exchange& e : read_recording(file)) all.push_back(std::move(e));
  return all;
}

}  // namespace xfer::tinker::testing
