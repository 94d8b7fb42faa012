// SPDX-License-Identifier: Apache-2.0
#include "report/charts/chart.hpp"
#include "report/charts/plots.hpp"

#include "tests/report/well_formed.hpp"
#include "tests/support/results.hpp"
#include "xfer/report/report.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <regex>

namespace xfer::report {
namespace {

using testing::CellPlan;
using testing::make_cell;
using testing::xml_problem;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

CellReport every_condition() {
  CellReport cell;
  cell.source = "math";
  cell.target = "<code> & co";
  double score = 0.1;
  for (const Condition condition : all_conditions) {
    ConditionSummary c;
    c.condition = condition;
    c.accuracy = Estimate{score, score - 0.05, score + 0.05};
    c.bits_per_byte = Estimate{2 - score, 1.9 - score, 2.1 - score};
    cell.conditions.push_back(c);
    score += 0.1;
  }
  return cell;
}

TEST(ConditionChart, shows_every_condition_with_its_interval) {
  const std::string svg = condition_chart_svg(every_condition());
  EXPECT_EQ(xml_problem(svg), "");
  EXPECT_EQ(count(svg, "<circle"), 2 * all_conditions.size());
  EXPECT_NE(svg.find("Format control"), std::string::npos);
  EXPECT_NE(svg.find("20.0 [15.0, 25.0]"), std::string::npos);
  EXPECT_NE(svg.find("<title>Scores of each condition, math → &lt;code&gt; &amp; co</title>"),
            std::string::npos);
  EXPECT_NE(svg.find("role=\"img\""), std::string::npos);
}

TEST(ConditionChart, survives_the_extremes) {
  CellReport cell = every_condition();
  for (ConditionSummary& c : cell.conditions) {
    c.accuracy = Estimate{1.0, 1.0, 1.0};
    c.bits_per_byte = Estimate{0.0, 0.0, 0.0};
  }
  EXPECT_EQ(xml_problem(condition_chart_svg(cell)), "");
  cell.conditions[1].accuracy = Undefined{"missing"};
  cell.conditions[2].bits_per_byte = Estimate{1e300, 0.0, 1e300};
  EXPECT_EQ(xml_problem(condition_chart_svg(cell)), "");
  for (ConditionSummary& c : cell.conditions) c.bits_per_byte = Undefined{"none"};
  EXPECT_EQ(count(condition_chart_svg(cell), "Bits per byte"), 0U);
  EXPECT_EQ(xml_problem(condition_chart_svg(CellReport{})), "");
}

TEST(LearningCurve, has_a_line_for_each_seed_and_each_mean) {
  CellPlan plan;
  plan.accuracy = {
      {Condition::baseline, 0.2}, {Condition::transfer, 0.4}, {Condition::direct, 0.6}};
  const std::string svg = learning_curve_svg(make_cell(plan));
  EXPECT_EQ(xml_problem(svg), "");
  EXPECT_EQ(count(svg, "<polyline"), 2U * (2U * 2U + 2U));
  EXPECT_NE(svg.find("Training step"), std::string::npos);
  EXPECT_NE(svg.find("Direct"), std::string::npos);
}

TEST(LearningCurve, leaves_out_values_that_are_not_finite) {
  CellPlan plan;
  plan.accuracy = {{Condition::baseline, 0.2}, {Condition::transfer, 0.4}};
  study::CellResult cell = make_cell(plan);
  for (study::Curve& curve : cell.curves) {
    curve.points[1].accuracy = std::numeric_limits<double>::quiet_NaN();
    for (study::CurvePoint& p : curve.points)
      p.bits_per_byte = std::numeric_limits<double>::infinity();
  }
  const std::string svg = learning_curve_svg(cell);
  EXPECT_EQ(xml_problem(svg), "");
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_NE(svg.find("No finite values"), std::string::npos);
}

TEST(LearningCurve, of_nothing_says_so) {
  const std::string svg = learning_curve_svg(study::CellResult{});
  EXPECT_EQ(xml_problem(svg), "");
  EXPECT_NE(svg.find("No learning curve"), std::string::npos);
}

struct Name {
  double left, right, baseline;
};

/// Names beside points, with the room that letters of 11 pixels take.
std::vector<Name> names_of(const std::string& svg) {
  static const std::regex name(
      R"re(<text x="([-0-9.]+)" y="([-0-9.]+)" class="ink" [^>]*font-size="11" [^>]*text-anchor="(start|end)">([^<]*)<)re");
  std::vector<Name> names;
  for (std::sregex_iterator at(svg.begin(), svg.end(), name), end; at != end; ++at) {
    const double x = std::stod((*at)[1]);
    const double width = 5.0 * static_cast<double>((*at)[4].length());
    names.push_back({(*at)[3] == "start" ? x : x - width, (*at)[3] == "start" ? x + width : x,
                     std::stod((*at)[2])});
  }
  return names;
}

TEST(Scatter, names_of_crowded_points_do_not_cover_each_other) {
  CellPlan plan;
  plan.accuracy = {{Condition::baseline, 0.4}, {Condition::transfer, 0.6}};
  study::StudyResult result = testing::make_result(plan);
  result.cells.clear();
  result.spec.pairs.clear();
  for (const auto& [source, target] :
       std::vector<std::pair<std::string, std::string>>{{"alpha", "beta"},
                                                        {"alpha", "gamma"},
                                                        {"alpha", "delta"},
                                                        {"beta", "gamma"},
                                                        {"beta", "delta"},
                                                        {"delta", "gamma"}})
    for (const bool back : {false, true}) {
      plan.source = back ? target : source;
      plan.target = back ? source : target;
      result.spec.pairs.emplace_back(plan.source, plan.target);
      result.cells.push_back(make_cell(plan));
    }
  const std::vector<Name> names = names_of(asymmetry_svg(make_report(result)));
  EXPECT_GE(names.size(), 3U);
  for (std::size_t i = 0; i < names.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_FALSE(names[i].left < names[j].right && names[j].left < names[i].right &&
                   std::abs(names[i].baseline - names[j].baseline) < 9.0);
}

TEST(Axis, has_round_ticks_inside_its_range) {
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{
           {20, 80}, {0, 100}, {2.4, 2.5}, {0.051, 0.052}, {3, 3}, {0, 0}, {0, 150}}) {
    const Axis axis = make_axis(low, high, 0.0, 1000.0);
    EXPECT_LE(axis.low, low);
    EXPECT_GE(axis.high, high);
    ASSERT_GE(axis.ticks.size(), 2U) << low << " " << high;
    EXPECT_LE(axis.ticks.size(), 7U);
    for (std::size_t i = 0; i < axis.ticks.size(); ++i) {
      EXPECT_GE(axis.ticks[i], axis.low - 1e-9);
      EXPECT_LE(axis.ticks[i], axis.high + 1e-9);
      if (i > 0) {
        EXPECT_NE(axis.label(axis.ticks[i]), axis.label(axis.ticks[i - 1]));
      }
    }
  }
}

}  // namespace
}  // namespace xfer::report
