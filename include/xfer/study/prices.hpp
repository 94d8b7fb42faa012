// SPDX-License-Identifier: Apache-2.0
// What a model costs, from a dated file that anyone may edit.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::study {

/// US dollars, by token or by training step.
struct Price {
  /// For each million tokens read, drawn, and trained on.
  double prefill = 0.0;
  double sample = 0.0;
  double train = 0.0;
  /// For each 1,000 training steps with all that belongs to them, evaluations included; then the
  /// three above are 0.
  std::optional<double> per_1000_steps;
};

/// Prices by model, all of one day and source.
///
///     date = "2026-11-24"
///     source = "where they were read"
///     [models."meta-llama/Llama-3.2-1B"]
///     prefill = 0.03    # dollars for each million tokens
///     sample = 0.09
///     train = 0.09
///     [models."another"]
///     per_1000_steps = 90
struct PriceList {
  std::string date;
  std::string source;
  /// Where it was read from: a path, or "built-in".
  std::string origin;
  std::map<std::string, Price> models;

  /// Throws `bad_data` naming file, line and key, or `io`.
  static PriceList from_toml_file(const std::filesystem::path& path);
  static PriceList from_toml(std::string_view text, const std::string& origin);
  /// The cost table of the study programme that xfer was made for, dollars for 1,000 steps.
  static PriceList built_in();

  /// Models that this machine computes itself (embedded, from a package, a folder or a file) cost
  /// nothing unless the list names them. Throws `invalid_argument` naming the models known for any
  /// other: an unknown price is never 0.
  /// With `may_be_path` false a name is never taken for that of a folder or file.
  Price of(const std::string& model, bool may_be_path = true) const;
};

}  // namespace xfer::study
#pragma GCC visibility pop
