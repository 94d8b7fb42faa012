// SPDX-License-Identifier: Apache-2.0
#include "report/charts/chart.hpp"
#include "report/scores/curve_mean.hpp"
#include "report/tables/format.hpp"

#include "xfer/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace xfer::report {
namespace {

using study::Curve;
using study::CurvePoint;
using study::RewardPoint;

constexpr int curve_chart_width = 420;
constexpr double curves_left = 52.0;
constexpr double curves_right = 408.0;
constexpr double curve_panel_height = 222.0;
constexpr double plot_height = 140.0;
constexpr double legend_row = 20.0;
constexpr std::size_t legend_columns = 3;

using CurveLine = std::vector<std::pair<int, double>>;

struct CurvePanel {
  std::string heading;
  /// One seed's values by step.
  std::function<CurveLine(const Curve&)> line;
  double max;
  /// Whether single points stand out: not where there is one for every step.
  bool dots = true;
};

CurvePanel point_panel(const std::string& heading, double CurvePoint::*value, double factor,
                       double max) {
  return {heading,
          [value, factor](const Curve& curve) {
            CurveLine line;
            for (const CurvePoint& p : curve.points)
              if (std::isfinite(p.*value)) line.emplace_back(p.step, p.*value * factor);
            return line;
          },
          max};
}

CurvePanel reward_panel() {
  return {"Reward (%)",
          [](const Curve& curve) {
            CurveLine line;
            for (const RewardPoint& p : curve.rewards)
              if (std::isfinite(p.reward)) line.emplace_back(p.step, p.reward * 100.0);
            return line;
          },
          100.0, false};
}

CurvePanel divergence_panel() {
  return {"Divergence from the base model (nats per token)",
          [](const Curve& curve) {
            CurveLine line;
            for (const RewardPoint& p : curve.rewards)
              if (p.kl_to_base && std::isfinite(*p.kl_to_base))
                line.emplace_back(p.step, *p.kl_to_base);
            return line;
          },
          INFINITY};
}

/// At each step that every line has.
CurveLine mean_of(const std::vector<CurveLine>& lines) {
  std::map<int, std::vector<double>> by_step;
  for (const CurveLine& line : lines)
    for (const auto& [step, value] : line) by_step[step].push_back(value);
  CurveLine mean;
  for (const auto& [step, values] : by_step) {
    if (values.size() != lines.size()) continue;
    double sum = 0.0;
    for (const double value : values) sum += value;
    mean.emplace_back(step, sum / static_cast<double>(values.size()));
  }
  return mean;
}

struct Frame {
  Axis steps;
  Axis values;
  double top;
  double x(int step) const { return steps.position(step, curves_left, curves_right); }
  double y(double value) const { return values.position(value, top + plot_height, top); }
};

void draw_line(Markup& svg, const CurveLine& line, const Frame& frame, Condition condition,
               bool mean, bool dots) {
  if (line.empty()) return;
  std::string points;
  for (const auto& [step, value] : line)
    points +=
        (points.empty() ? "" : " ") + coordinate(frame.x(step)) + "," + coordinate(frame.y(value));
  const std::string dash = dashes(condition);
  svg.empty("polyline", {{"points", points},
                         {"class", colour_class(condition) + " line"},
                         {"fill", "none"},
                         {"stroke", colour(condition)},
                         {"stroke-width", mean ? "2.2" : "1"},
                         {"stroke-opacity", mean ? "1" : "0.35"},
                         {"stroke-dasharray", mean && !dash.empty() ? dash : "none"}});
  if (dots)
    for (const auto& [step, value] : line)
      svg.empty("circle", {{"cx", coordinate(frame.x(step))},
                           {"cy", coordinate(frame.y(value))},
                           {"r", "2.6"},
                           {"class", colour_class(condition)},
                           {"fill", colour(condition)}});
  svg.line();
}

using ByCondition = std::map<Condition, std::vector<const Curve*>>;

void draw_curves(Markup& svg, const ByCondition& curves, const CurvePanel& panel, double top) {
  std::map<Condition, std::vector<CurveLine>> lines;
  double low = INFINITY;
  double high = -INFINITY;
  int last = 0;
  for (const auto& [condition, seeds] : curves)
    for (const Curve* curve : seeds) {
      lines[condition].push_back(panel.line(*curve));
      for (const auto& [step, value] : lines[condition].back()) {
        low = std::min(low, value);
        high = std::max(high, value);
        last = std::max(last, step);
      }
    }
  chart_text(svg, 8, top + 16, panel.heading, {14, "ink", "start", true});
  if (!(low <= high)) {
    chart_text(svg, 8, top + 40, "No finite values.", {});
    return;
  }
  Frame frame{make_axis(0.0, std::max(last, 1), 0.0, std::max(last, 1)),
              make_axis(low, high, std::min(low, 0.0), panel.max), top + 28.0};
  const double bottom = frame.top + plot_height;
  for (const double tick : frame.values.ticks) {
    chart_line(svg, curves_left, frame.y(tick), curves_right, frame.y(tick), "grid");
    chart_text(svg, curves_left - 6, frame.y(tick) + 4, frame.values.label(tick),
               {12, "soft", "end", false});
  }
  for (const double tick : frame.steps.ticks)
    chart_text(svg, frame.steps.position(tick, curves_left, curves_right), bottom + 16,
               frame.steps.label(tick), {12, "soft", "middle", false});
  chart_line(svg, curves_left, bottom, curves_right, bottom, "axis");
  chart_text(svg, (curves_left + curves_right) / 2, bottom + 32, "Training step",
             {12, "soft", "middle", false});
  for (const auto& [condition, seeds] : lines)
    if (seeds.size() > 1)
      for (const CurveLine& line : seeds) draw_line(svg, line, frame, condition, false, false);
  for (const auto& [condition, seeds] : lines)
    draw_line(svg, mean_of(seeds), frame, condition, true, panel.dots);
}

void draw_legend(Markup& svg, const ByCondition& curves) {
  std::size_t i = 0;
  for (const auto& [condition, seeds] : curves) {
    const double x = 8.0 + 136.0 * static_cast<double>(i % legend_columns);
    const double y = 16.0 + legend_row * static_cast<double>(i / legend_columns);
    const std::string dash = dashes(condition);
    svg.empty("line", {{"x1", coordinate(x)},
                       {"y1", coordinate(y)},
                       {"x2", coordinate(x + 26)},
                       {"y2", coordinate(y)},
                       {"class", colour_class(condition)},
                       {"stroke", colour(condition)},
                       {"stroke-width", "2.2"},
                       {"stroke-dasharray", dash.empty() ? "none" : dash}});
    chart_text(svg, x + 32, y + 4, std::string(display_name(condition)),
               {12, "ink", "start", false});
    ++i;
  }
}

std::string describe(const ByCondition& curves) {
  std::string text =
      "One line for each condition, the mean over seeds; thin lines are single "
      "seeds.";
  for (const auto& [condition, seeds] : curves) {
    const Curve& curve = *seeds.front();
    if (!curve.rewards.empty())
      text += " " + std::string(display_name(condition)) + ", seed " + std::to_string(curve.seed) +
              ": reward from " + number(curve.rewards.front().reward, Style::percent) + "% to " +
              number(curve.rewards.back().reward, Style::percent) + "%.";
    if (curve.points.empty()) continue;
    text += " " + std::string(display_name(condition)) + ", seed " + std::to_string(curve.seed) +
            ": accuracy from " + number(curve.points.front().accuracy, Style::percent) + "% to " +
            number(curve.points.back().accuracy, Style::percent) + "%.";
  }
  return text;
}

std::string curves_svg(const ByCondition& curves, const std::string& title,
                       const std::string& nothing, const std::vector<CurvePanel>& panels) {
  Markup svg;
  if (curves.empty()) {
    open_chart(svg, curve_chart_width, 40, title, nothing);
    chart_text(svg, 8, 25, nothing, {});
    svg.close().line();
    return svg.finish();
  }
  const std::size_t legend_rows = (curves.size() + legend_columns - 1) / legend_columns;
  const double head = 10.0 + legend_row * static_cast<double>(legend_rows);
  open_chart(svg, curve_chart_width,
             static_cast<int>(head + curve_panel_height * static_cast<double>(panels.size())),
             title, describe(curves));
  draw_legend(svg, curves);
  for (std::size_t i = 0; i < panels.size(); ++i)
    draw_curves(svg, curves, panels[i], head + curve_panel_height * static_cast<double>(i));
  svg.close().line();
  return svg.finish();
}

}  // namespace

std::string learning_curve_svg(const study::CellResult& cell) {
  return curves_svg(
      curves_by_condition(cell),
      "Learning curves on validation items, " + clean_text(cell.source) + " → " +
          clean_text(cell.target),
      "No learning curve was recorded.",
      {point_panel("Accuracy (%)", &CurvePoint::accuracy, 100.0, 100.0),
       point_panel("Bits per byte (fewer is better)", &CurvePoint::bits_per_byte, 1.0, INFINITY)});
}

std::string reward_curve_svg(const study::CellResult& cell) {
  ByCondition curves;
  for (const Curve& curve : cell.curves)
    if (!curve.rewards.empty()) curves[curve.condition].push_back(&curve);
  return curves_svg(
      curves, "Rewards in training, " + clean_text(cell.source) + " → " + clean_text(cell.target),
      "No reward was recorded.", {reward_panel(), divergence_panel()});
}

}  // namespace xfer::report
