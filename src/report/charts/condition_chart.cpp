// SPDX-License-Identifier: Apache-2.0
#include "report/charts/chart.hpp"
#include "report/tables/format.hpp"
#include "report/tables/tables.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::report {
namespace {

constexpr double plot_left = 172.0;
constexpr double plot_right = 404.0;
constexpr int chart_width = 420;
constexpr double row_height = 36.0;
constexpr double head_height = 30.0;
constexpr double foot_height = 34.0;

struct Panel {
  std::string heading;
  Metric ConditionSummary::*score;
  Style style;
  /// What the axis shows of a score: 100 for percent.
  double factor;
  double max;
};

double panel_height(const CellReport& cell) {
  return head_height + row_height * static_cast<double>(cell.conditions.size()) + foot_height;
}

bool any_defined(const CellReport& cell, const Panel& panel) {
  return std::any_of(cell.conditions.begin(), cell.conditions.end(),
                     [&](const ConditionSummary& c) { return (c.*panel.score).defined(); });
}

Axis panel_axis(const CellReport& cell, const Panel& panel) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const ConditionSummary& c : cell.conditions)
    if (const Estimate* e = (c.*panel.score).estimate()) {
      low = std::min({low, e->lower * panel.factor, e->value * panel.factor});
      high = std::max({high, e->upper * panel.factor, e->value * panel.factor});
    }
  return make_axis(low, high, 0.0, panel.max);
}

void draw_row(Markup& svg, const ConditionSummary& c, const Panel& panel, const Axis& axis,
              double middle) {
  const Metric& score = c.*panel.score;
  chart_text(svg, 8, middle - 3, std::string(display_name(c.condition)),
             {13, "ink", "start", true});
  const Estimate* e = score.estimate();
  chart_text(svg, 8, middle + 12, e ? with_interval(*e, panel.style) : "undefined",
             {12, "soft", "start", false});
  if (!e) return;
  const auto x = [&](double value) {
    return axis.position(value * panel.factor, plot_left, plot_right);
  };
  const std::string css = colour_class(c.condition);
  const std::string ink = colour(c.condition);
  const auto stroke = [&](double x1, double y1, double x2, double y2) {
    svg.empty("line", {{"x1", coordinate(x1)},
                       {"y1", coordinate(y1)},
                       {"x2", coordinate(x2)},
                       {"y2", coordinate(y2)},
                       {"class", css},
                       {"stroke", ink},
                       {"stroke-width", "2"}});
  };
  stroke(x(e->lower), middle, x(e->upper), middle);
  stroke(x(e->lower), middle - 4, x(e->lower), middle + 4);
  stroke(x(e->upper), middle - 4, x(e->upper), middle + 4);
  svg.empty("circle", {{"cx", coordinate(x(e->value))},
                       {"cy", coordinate(middle)},
                       {"r", "5"},
                       {"class", css},
                       {"fill", ink},
                       {"stroke", ink}});
  svg.line();
}

void draw_panel(Markup& svg, const CellReport& cell, const Panel& panel, double top) {
  const Axis axis = panel_axis(cell, panel);
  const double first = top + head_height;
  const double bottom = first + row_height * static_cast<double>(cell.conditions.size());
  chart_text(svg, 8, top + 18, panel.heading, {14, "ink", "start", true});
  for (const double tick : axis.ticks) {
    const double x = axis.position(tick, plot_left, plot_right);
    chart_line(svg, x, first, x, bottom, "grid");
    chart_text(svg, x, bottom + 16, axis.label(tick), {12, "soft", "middle", false});
  }
  chart_line(svg, plot_left, bottom, plot_right, bottom, "axis");
  const ConditionSummary* base = cell.find(Condition::baseline);
  if (base && (base->*panel.score).defined()) {
    const double value = (base->*panel.score).estimate()->value * panel.factor;
    const double x = axis.position(value, plot_left, plot_right);
    chart_line(svg, x, first, x, bottom, "axis", "4 3");
  }
  double middle = first + row_height / 2.0;
  for (const ConditionSummary& c : cell.conditions) {
    draw_row(svg, c, panel, axis, middle);
    middle += row_height;
  }
}

}  // namespace

std::string condition_chart_svg(const CellReport& cell) {
  std::vector<Panel> panels;
  for (const Panel& panel :
       {Panel{"Accuracy (%)", &ConditionSummary::accuracy, Style::percent, 100.0, 100.0},
        Panel{"Bits per byte (fewer is better)", &ConditionSummary::bits_per_byte, Style::bits, 1.0,
              INFINITY}})
    if (any_defined(cell, panel)) panels.push_back(panel);
  std::string description =
      "Mean and 95% interval of each condition; the dashed line marks the "
      "baseline.";
  for (const ConditionSummary& c : cell.conditions)
    if (const Estimate* e = c.accuracy.estimate())
      description += " " + std::string(display_name(c.condition)) + ": " +
                     with_interval(*e, Style::percent) + "%.";
  const double height =
      panels.empty() ? 40.0 : panel_height(cell) * static_cast<double>(panels.size());
  Markup svg;
  open_chart(svg, chart_width, static_cast<int>(height),
             "Scores of each condition, " + cell_title(cell), description);
  if (panels.empty()) chart_text(svg, 8, 25, "Nothing has been evaluated yet.", {});
  double top = 0.0;
  for (const Panel& panel : panels) {
    draw_panel(svg, cell, panel, top);
    top += panel_height(cell);
  }
  svg.close().line();
  return svg.finish();
}

}  // namespace xfer::report
