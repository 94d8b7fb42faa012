// SPDX-License-Identifier: Apache-2.0
// Interface 1 of 5: where examples come from.
#pragma once

#include "xfer/error.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer {

/// Which side of the fence an example is on. `heldout` is harder than `test` and never trained on.
enum class Split { train, validation, test, heldout };

inline constexpr std::array all_splits = {Split::train, Split::validation, Split::test,
                                          Split::heldout};

constexpr std::string_view to_string(Split split) noexcept {
  switch (split) {
    case Split::train: return "train";
    case Split::validation: return "validation";
    case Split::test: return "test";
    case Split::heldout: return "heldout";
  }
  return "train";
}

/// One problem with its reference answer.
struct Example {
  /// Stable and unique within its dataset.
  std::string id;
  /// The bare problem, without any prompt template around it.
  std::string question;
  /// The worked reference answer a model is trained to write, final answer included.
  std::string solution;
  /// The final answer alone, as the grader expects it.
  std::string answer;
  /// Options of a multiple-choice question, in order; empty for free answers.
  std::vector<std::string> choices;
  /// Kind of problem within the domain, e.g. "mendel"; "" when the dataset has no kinds.
  std::string kind;
  /// Items that share a passage or template share a cluster, for cluster-robust errors;
  /// "" means the item stands alone.
  std::string cluster;
  /// What a grader needs besides the answer, e.g. "test_list" for code (JSON text).
  std::map<std::string, std::string> extra;
};

/// An ordered, random-access source of examples. Immutable: the same index gives the same example
/// for ever, and the `manifest_hash` changes when any example would. Safe to call concurrently.
class Dataset {
public:
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;
  virtual ~Dataset() = default;

  /// Short name, e.g. "gsm8k".
  virtual std::string_view name() const noexcept = 0;

  /// Number of examples in a split; 0 where the dataset has no such split. Unlimited generators
  /// return the largest index they accept plus one.
  std::size_t size(Split split) const { return do_size(split); }

  /// The example at `index`. Throws `Error` (`invalid_argument`) when out of range, `bad_data`
  /// naming file and line when the stored record is malformed.
  Example at(Split split, std::size_t index) const {
    if (index >= do_size(split)) {
      throw Error(Errc::invalid_argument, "dataset " + std::string(name()) + ": no example " +
                                              std::to_string(index) + " in split " +
                                              std::string(to_string(split)) + " (size " +
                                              std::to_string(do_size(split)) + ")");
    }
    return do_at(split, index);
  }

  /// Hash of everything that decides the examples of a split: file contents, or generator name,
  /// version and seed.
  std::string manifest_hash(Split split) const { return do_manifest_hash(split); }

protected:
  Dataset() = default;

private:
  virtual std::size_t do_size(Split split) const = 0;
  virtual Example do_at(Split split, std::size_t index) const = 0;
  virtual std::string do_manifest_hash(Split split) const = 0;
};

}  // namespace xfer
#pragma GCC visibility pop
