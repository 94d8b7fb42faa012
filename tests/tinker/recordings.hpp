// SPDX-License-Identifier: Apache-2.0
// Recorded exchanges between the service's own SDK and servers, kept outside the repository.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace xfer::tinker::testing {

struct Exchange {
  std::string method;
  std::string path;
  /// JSON bodies; null when there is none or it is binary.
  nlohmann::json request;
  nlohmann::json response;
  /// Binary bodies.
  std::string request_bytes;
  std::string response_bytes;
  int status = 0;
};

/// The folder of recordings, when it is there.
std::optional<std::filesystem::path> recordings_folder();

std::vector<Exchange> read_recording(const std::filesystem::path& file);
/// All recordings in the folder, one after the other.
std::vector<Exchange> all_recordings();

std::string from_base64(const std::string& text);

}  // namespace xfer::tinker::testing
