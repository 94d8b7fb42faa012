// SPDX-License-Identifier: Apache-2.0
#include "xfer/grade/grader.hpp"

#include "grade/graders.hpp"
#include "xfer/error.hpp"

#include <array>

namespace xfer::grade {
namespace {

struct Entry {
  std::string_view name;
  std::shared_ptr<const Grader> (*make)();
};

constexpr std::array entries = {
    Entry{"final_answer", make_final_answer},
    Entry{"code_expression", make_code_expression},
    Entry{"gsm8k", make_gsm8k},
    Entry{"python_tests", make_python_tests},
    Entry{"choice", make_choice},
    Entry{"label", make_label},
    Entry{"number", make_number},
    Entry{"factoid", make_factoid},
    Entry{"list", make_list},
    Entry{"humaneval", make_humaneval},
    Entry{"math", make_math},
};

}  // namespace

std::shared_ptr<const Grader> Grader::make(std::string_view name) {
  std::string known;
  for (const Entry& entry : entries) {
    if (entry.name == name) return entry.make();
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error(Errc::invalid_argument,
              "grader: no grader named '" + std::string(name) + "' (allowed: " + known + ")");
}

std::vector<std::string> Grader::names() {
  std::vector<std::string> all;
  for (const Entry& entry : entries) all.emplace_back(entry.name);
  return all;
}

}  // namespace xfer::grade
