// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/expression.hpp"
#include "grade/answers/final_answer.hpp"
#include "grade/extra_fields.hpp"
#include "grade/graders.hpp"
#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>

namespace xfer::grade {
namespace {

using nlohmann::json;

bool is_int64(const json& value) {
  if (value.is_number_unsigned())
    return value.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  return value.is_number_integer();
}

/// One hidden test of an expression: its variables, and the value it must have.
struct Point {
  std::vector<Variable> variables;
  std::int64_t value = 0;
};

json parse_field(const Example& example, const std::string& field) {
  const auto found = example.extra.find(field);
  if (found == example.extra.end())
    refuse("code_expression", example, "field '" + field + "' is missing");
  json value = json::parse(found->second, nullptr, false);
  if (!value.is_array() || value.empty())
    refuse("code_expression", example,
           "field '" + field + "' must be a JSON array with at least one element");
  return value;
}

std::vector<Point> read_points(const Example& example) {
  const json names = parse_field(example, "variables");
  for (const json& name : names)
    if (!name.is_string()) refuse("code_expression", example, "field 'variables' must hold names");
  std::vector<Point> points;
  for (const json& row : parse_field(example, "points")) {
    if (!row.is_array() || row.size() != names.size() + 1)
      refuse("code_expression", example,
             "each of 'points' must hold one integer per variable and the value (" +
                 std::to_string(names.size() + 1) + " integers)");
    Point point;
    for (const json& number : row)
      if (!is_int64(number))
        refuse("code_expression", example, "'points' must hold 64-bit integers");
    for (std::size_t i = 0; i < names.size(); ++i)
      point.variables.push_back({names[i].get<std::string>(), row[i].get<std::int64_t>()});
    point.value = row.back().get<std::int64_t>();
    points.push_back(std::move(point));
  }
  return points;
}

class CodeExpression final : public Grader {
public:
  std::string_view name() const noexcept override { return "code_expression"; }
  std::string_view version() const noexcept override { return "1"; }

  Verdict grade(const Example& example, std::string_view completion) const override {
    if (!example.extra.contains("points")) return exact_->grade(example, completion);
    const std::vector<Point> points = read_points(example);
    Verdict verdict;
    const auto found = text_after_mark(completion);
    if (!found) {
      verdict.failure = "no final answer: no '#' in the text";
      return verdict;
    }
    verdict.extracted = verdict.strict_extracted = true;
    verdict.answer = std::string(*found);
    for (const Point& point : points) {
      const auto result = evaluate_expression(*found, point.variables);
      if (const auto* fault = std::get_if<ExpressionFault>(&result)) {
        verdict.failure = fault->reason;
        return verdict;
      }
      if (std::get<std::int64_t>(result) != point.value) {
        verdict.failure = "wrong value on a test point";
        return verdict;
      }
    }
    verdict.score = verdict.strict_score = 1.0;
    return verdict;
  }

private:
  std::shared_ptr<const Grader> exact_ = make_final_answer();
};

}  // namespace

std::shared_ptr<const Grader> make_code_expression() { return std::make_shared<CodeExpression>(); }

}  // namespace xfer::grade
