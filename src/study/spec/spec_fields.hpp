// SPDX-License-Identifier: Apache-2.0
// The single-valued keys of a study, in one table for reading, writing, checking and comparing.
#pragma once

#include "xfer/error.hpp"
#include "xfer/study/spec.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace xfer::study {

using FieldPointer = std::variant<int*, double*, bool*, std::string*>;

struct SpecField {
  /// "" for the top level, else one of `spec_sections`.
  std::string_view section;
  std::string_view key;
  FieldPointer (*member)(StudySpec&);
  /// Allowed range of a number.
  double min = 0.0;
  double max = 0.0;
  /// `min` itself is not allowed.
  bool above_min = false;
  /// Has no influence on results: may differ between the attempts at one run.
  bool transport = false;
  /// The strings that are allowed, separated by ", "; "" allows any.
  std::string_view choices = "";
  /// A string that may be left empty.
  bool may_be_empty = false;
  /// A number whose 0 a file spells "auto".
  bool zero_is_auto = false;

  /// "train.steps"
  std::string dotted() const {
    return (section.empty() ? "" : std::string(section) + ".") + std::string(key);
  }
};

std::span<const SpecField> spec_fields();

/// The sections that hold keys of fields and lists.
inline constexpr std::array<std::string_view, 7> spec_sections = {
    "train", "rl", "eval", "hypotheses", "looks", "budget", "ablation"};

using ListPointer =
    std::variant<std::vector<std::string>*, std::vector<double>*, std::vector<int>*>;

/// A key that holds a list, empty by default.
struct SpecList {
  std::string_view section;
  std::string_view key;
  ListPointer (*member)(StudySpec&);
  /// Allowed range of its numbers, without `min` itself.
  double min = 0.0;
  double max = 0.0;

  std::string dotted() const {
    return (section.empty() ? "" : std::string(section) + ".") + std::string(key);
  }
};

std::span<const SpecList> spec_lists();
/// "a list of numbers above 0 to 10"
std::string allowed_values(const SpecList& list);

/// "" when the value is allowed, else "an integer from 1 to 4096 (got 0)".
std::string range_problem(const SpecField& field, double value);
/// "" when the string is one of the choices, else "must be one of ... (got ...)".
std::string choice_problem(const SpecField& field, const std::string& value);
/// The same words for any value of another kind.
std::string allowed_values(const SpecField& field);

/// Every key with its value as the file would spell it, e.g. {"train.steps", "150"}; domain files
/// one by one as "domains.<name>". In the order of the file.
std::vector<std::pair<std::string, std::string>> spelled_out(const StudySpec& spec);

/// A double in the fewest digits that read back to the same bits; always with a point or exponent.
std::string spell(double value);
/// A TOML basic string.
std::string spell(std::string_view text);

/// A spec that cannot be run. Knows the key, so that a reader of files can name its line.
class SpecError : public Error {
public:
  SpecError(std::string key, const std::string& what);
  /// E.g. "pairs" or "train.steps".
  const std::string& key() const noexcept { return key_; }

private:
  std::string key_;
};

/// What `to_toml` wrote, without checking that its domains and model are (still) known here.
StudySpec read_stored_spec(std::string_view text, const std::string& origin);

/// `validate` where further domain names are known besides the procedural ones and the files'.
void validate(const StudySpec& spec, const std::vector<std::string>& more_domains);

}  // namespace xfer::study
