#include "report/chart.hpp"
#include "report/curve_mean.hpp"
#include "report/format.hpp"

#include "xfer/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace xfer::report {
namespace {

using study::Curve;
using study::CurvePoint;

constexpr int chart_width = 420;
constexpr double plot_left = 52.0;
constexpr double plot_right = 408.0;
constexpr double panel_height = 222.0;
constexpr double plot_height = 140.0;
constexpr double legend_row = 20.0;
constexpr std::size_t legend_columns = 3;

struct Panel {
  std::string heading;
  double CurvePoint::* value;
  double factor;
  double max;
};

using Line = std::vector<std::pair<int, double>>;

Line line_of(const std::vector<CurvePoint>& points, const Panel& panel) {
  Line line;
  for (const CurvePoint& p : points)
    if (std::isfinite(p.*panel.value)) line.emplace_back(p.step, p.*panel.value * panel.factor);
  return line;
}

struct Frame {
  Axis steps;
  Axis values;
  double top;
  double x(int step) const { return steps.position(step, plot_left, plot_right); }
  double y(double value) const { return values.position(value, top + plot_height, top); }
};

void draw_line(Markup& svg, const Line& line, const Frame& frame, Condition condition, bool mean) {
  if (line.empty()) return;
  std::string points;
  for (const auto& [step, value] : line)
    points += (points.empty() ? "" : " ") + coordinate(frame.x(step)) + "," +
              coordinate(frame.y(value));
  const std::string dash = dashes(condition);
  svg.empty("polyline", {{"points", points},
                         {"class", colour_class(condition) + " line"},
                         {"fill", "none"},
                         {"stroke", colour(condition)},
                         {"stroke-width", mean ? "2.2" : "1"},
                         {"stroke-opacity", mean ? "1" : "0.35"},
                         {"stroke-dasharray", mean && !dash.empty() ? dash : "none"}});
  if (mean)
    for (const auto& [step, value] : line)
      svg.empty("circle", {{"cx", coordinate(frame.x(step))},
                           {"cy", coordinate(frame.y(value))},
                           {"r", "2.6"},
                           {"class", colour_class(condition)},
                           {"fill", colour(condition)}});
  svg.line();
}

using ByCondition = std::map<Condition, std::vector<const Curve*>>;

void draw_panel(Markup& svg, const ByCondition& curves, const Panel& panel, double top) {
  std::map<Condition, std::vector<Line>> lines;
  double low = INFINITY;
  double high = -INFINITY;
  int last = 0;
  for (const auto& [condition, seeds] : curves)
    for (const Curve* curve : seeds) {
      lines[condition].push_back(line_of(curve->points, panel));
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
              make_axis(low, high, 0.0, panel.max), top + 28.0};
  const double bottom = frame.top + plot_height;
  for (const double tick : frame.values.ticks) {
    chart_line(svg, plot_left, frame.y(tick), plot_right, frame.y(tick), "grid");
    chart_text(svg, plot_left - 6, frame.y(tick) + 4, frame.values.label(tick),
               {12, "soft", "end", false});
  }
  for (const double tick : frame.steps.ticks)
    chart_text(svg, frame.steps.position(tick, plot_left, plot_right), bottom + 16,
               frame.steps.label(tick), {12, "soft", "middle", false});
  chart_line(svg, plot_left, bottom, plot_right, bottom, "axis");
  chart_text(svg, (plot_left + plot_right) / 2, bottom + 32, "Training step",
             {12, "soft", "middle", false});
  for (const auto& [condition, seeds] : lines)
    if (seeds.size() > 1)
      for (const Line& line : seeds) draw_line(svg, line, frame, condition, false);
  for (const auto& [condition, seeds] : curves)
    draw_line(svg, line_of(curve_mean(seeds), panel), frame, condition, true);
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
  std::string text = "One line for each condition, the mean over seeds; thin lines are single "
                     "seeds.";
  for (const auto& [condition, seeds] : curves) {
    const Curve& curve = *seeds.front();
    if (curve.points.empty()) continue;
    text += " " + std::string(display_name(condition)) + ", seed " + std::to_string(curve.seed) +
            ": accuracy from " + number(curve.points.front().accuracy, Style::percent) + "% to " +
            number(curve.points.back().accuracy, Style::percent) + "%.";
  }
  return text;
}

}  // namespace

std::string learning_curve_svg(const study::CellResult& cell) {
  const ByCondition curves = curves_by_condition(cell);
  const std::string title = "Learning curves on validation items, " + clean_text(cell.source) +
                            " → " + clean_text(cell.target);
  Markup svg;
  if (curves.empty()) {
    open_chart(svg, chart_width, 40, title, "No learning curve was recorded.");
    chart_text(svg, 8, 25, "No learning curve was recorded.", {});
    svg.close().line();
    return svg.finish();
  }
  const std::size_t legend_rows = (curves.size() + legend_columns - 1) / legend_columns;
  const double head = 10.0 + legend_row * static_cast<double>(legend_rows);
  open_chart(svg, chart_width, static_cast<int>(head + 2 * panel_height), title, describe(curves));
  draw_legend(svg, curves);
  draw_panel(svg, curves, {"Accuracy (%)", &CurvePoint::accuracy, 100.0, 100.0}, head);
  draw_panel(svg, curves, {"Bits per byte (fewer is better)", &CurvePoint::bits_per_byte, 1.0,
                           INFINITY},
             head + panel_height);
  svg.close().line();
  return svg.finish();
}

}  // namespace xfer::report
