// SPDX-License-Identifier: Apache-2.0
// Whether an answer is right.
#pragma once

#include "xfer/dataset.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::grade {

/// How an answer fared. A wrong answer is an outcome, not an error; a grader that cannot do its
/// work (no sandbox on this machine) throws instead.
///
/// An answer is read twice: leniently, wherever the text commits itself to one, and strictly, only
/// in the form that the dataset asks for. Items on which the two differ are a fault of form, not of
/// knowledge. Graders that know one way of reading give the same twice.
struct Verdict {
  /// Under lenient reading, 0 to 1; 1 is right.
  double score = 0.0;
  /// Whether a final answer could be found in the text at all.
  bool extracted = false;
  /// The same under strict reading.
  double strict_score = 0.0;
  bool strict_extracted = false;
  /// The final answer as found, "" when none.
  std::string answer;
  /// Why it is not right, in a few words; "" when it is.
  std::string failure;
};

/// Judges completions against an example's reference. Immutable; safe to call concurrently.
class Grader {
public:
  Grader(const Grader&) = delete;
  Grader& operator=(const Grader&) = delete;
  virtual ~Grader() = default;

  /// By name: see `names()`. Throws `invalid_argument` with the known names otherwise.
  static std::shared_ptr<const Grader> make(std::string_view name);
  static std::vector<std::string> names();

  virtual std::string_view name() const noexcept = 0;
  /// Changes whenever any verdict could.
  virtual std::string_view version() const noexcept = 0;
  /// Total: any bytes in `completion` give a verdict, within a bounded time.
  virtual Verdict grade(const Example& example, std::string_view completion) const = 0;

protected:
  Grader() = default;
};

}  // namespace xfer::grade
#pragma GCC visibility pop
