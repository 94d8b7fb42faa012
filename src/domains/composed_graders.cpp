// SPDX-License-Identifier: Apache-2.0
// Graders that go with datasets: one for each example of a mixed dataset, and LegalBench's rules.
#include "domains/loading.hpp"
#include "domains/readers/legalbench_grader.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <map>
#include <utility>

namespace xfer::domains {
namespace {

/// Hands each example to the grader that its extra["grader"] names.
class PerExample final : public grade::Grader {
public:
  explicit PerExample(std::string name) : name_(std::move(name)) {
    for (const std::string& each : split_at(name_, '+')) {
      const auto& grader = graders_[each] = make_grader(each);
      version_ += (version_.empty() ? "" : "+") + std::string(grader->version());
    }
  }
  std::string_view name() const noexcept override { return name_; }
  std::string_view version() const noexcept override { return version_; }
  grade::Verdict grade(const Example& example, std::string_view completion) const override {
    const auto named = example.extra.find("grader");
    if (named != example.extra.end() && named->second.empty()) {
      grade::Verdict verdict;
      verdict.failure = "not graded: measured in bits per byte alone";
      return verdict;
    }
    const auto found = named == example.extra.end() ? graders_.end() : graders_.find(named->second);
    if (found == graders_.end())
      throw Error(Errc::invalid_argument,
                  "grader " + name_ + ": example " + example.id + " names none of its graders");
    return found->second->grade(example, completion);
  }

private:
  std::string name_;
  std::string version_;
  std::map<std::string, std::shared_ptr<const grade::Grader>> graders_;
};

}  // namespace

std::shared_ptr<const grade::Grader> make_grader(std::string_view name) {
  if (name == "legalbench") return make_legalbench_grader();
  if (name.find('+') != std::string_view::npos)
    return std::make_shared<const PerExample>(std::string(name));
  return grade::Grader::make(name);
}

}  // namespace xfer::domains
