// SPDX-License-Identifier: Apache-2.0
#include "report/charts/plots.hpp"

#include "report/charts/chart.hpp"
#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"
#include "report/tables/tables.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace xfer::report {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

struct Point {
  Estimate x;
  Estimate y;
  std::string label;
};

struct Scatter {
  std::string title;
  std::string description;
  std::string x_label;
  std::string y_label;
  bool diagonal = false;
  std::vector<Point> points;
};

/// More names than these are read in the table beside the plot.
constexpr std::size_t point_labels_max = 12;
/// Of a name beside a point.
constexpr std::size_t point_characters_max = 28;
/// Of a name beside a line.
constexpr std::size_t label_characters_max = 38;

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// The extent of all values, with zero in it where `zero`.
std::pair<double, double> extent(const std::vector<Point>& points, Estimate Point::*axis,
                                 bool zero) {
  double low = zero ? 0.0 : infinite;
  double high = zero ? 0.0 : -infinite;
  for (const Point& p : points) {
    low = std::min({low, (p.*axis).lower, (p.*axis).value});
    high = std::max({high, (p.*axis).upper, (p.*axis).value});
  }
  return {low, high};
}

void draw_axes(Markup& svg, const Scatter& plot, const Axis& x, const Axis& y, double left,
               double right, double top, double bottom) {
  for (const double tick : y.ticks) {
    const double at = y.position(tick, bottom, top);
    chart_line(svg, left, at, right, at, tick == 0.0 ? "axis" : "grid");
    chart_text(svg, left - 6, at + 4, y.label(tick), {11, "soft", "end", false});
  }
  for (const double tick : x.ticks) {
    const double at = x.position(tick, left, right);
    chart_line(svg, at, top, at, bottom, tick == 0.0 ? "axis" : "grid");
    chart_text(svg, at, bottom + 16, x.label(tick), {11, "soft", "middle", false});
  }
  chart_text(svg, 8, 40, plot.y_label, {12, "soft", "start", false});
  chart_text(svg, right, bottom + 34, plot.x_label, {12, "soft", "end", false});
}

struct Box {
  double left, top, right, bottom;
  bool apart(const Box& other) const {
    return right < other.left || other.right < left || bottom < other.top || other.bottom < top;
  }
};

/// Names beside their points where they cover no point and no other name; a name without such a
/// place is left to the point's title.
class PointLabels {
public:
  PointLabels(const Box& area, const std::vector<std::pair<double, double>>& points) : area_(area) {
    constexpr double radius = 5.0;
    for (const auto& [x, y] : points)
      taken_.push_back({x - radius, y - radius, x + radius, y + radius});
  }

  void draw(Markup& svg, double x, double y, const std::string& text) {
    constexpr double character = 5.8, above = 9.0, below = 3.0;  // of letters 11 pixels high
    const double width = character * static_cast<double>(characters(text));
    for (const double down : {-6.0, 14.0, 4.0, -18.0, 26.0})
      for (const bool start : {true, false}) {
        const double from = start ? x + 7 : x - 7 - width;
        const Box box{from, y + down - above, from + width, y + down + below};
        const bool inside = box.left >= area_.left && box.right <= area_.right &&
                            box.top >= area_.top && box.bottom <= area_.bottom;
        if (!inside || !std::all_of(taken_.begin(), taken_.end(),
                                    [&](const Box& other) { return box.apart(other); }))
          continue;
        taken_.push_back(box);
        chart_text(svg, start ? x + 7 : x - 7, y + down, text,
                   {11, "ink", start ? "start" : "end", false});
        return;
      }
  }

private:
  Box area_;
  std::vector<Box> taken_;
};

std::string scatter_svg(const Scatter& plot) {
  if (plot.points.empty()) return "";
  constexpr int width = 560;
  constexpr int height = 430;
  constexpr double left = 56, right = 540, top = 52, bottom = 380;
  auto [x_low, x_high] = extent(plot.points, &Point::x, plot.diagonal);
  auto [y_low, y_high] = extent(plot.points, &Point::y, true);
  if (plot.diagonal) {
    x_low = y_low = std::min(x_low, y_low);
    x_high = y_high = std::max(x_high, y_high);
  }
  const Axis x = make_axis(x_low, x_high, -infinite, infinite);
  const Axis y = make_axis(y_low, y_high, -infinite, infinite);
  Markup svg;
  open_chart(svg, width, height, plot.title, plot.description);
  chart_text(svg, 8, 20, plot.title, {14, "ink", "start", true});
  draw_axes(svg, plot, x, y, left, right, top, bottom);
  if (plot.diagonal) {
    const double low = std::max(x.low, y.low);
    const double high = std::min(x.high, y.high);
    chart_line(svg, x.position(low, left, right), y.position(low, bottom, top),
               x.position(high, left, right), y.position(high, bottom, top), "axis", "5 4");
  }
  std::vector<std::pair<double, double>> places;
  for (const Point& p : plot.points)
    places.emplace_back(x.position(p.x.value, left, right), y.position(p.y.value, bottom, top));
  PointLabels labels({8, top - 8, width - 8, bottom - 2}, places);
  for (std::size_t i = 0; i < plot.points.size(); ++i) {
    const Point& p = plot.points[i];
    const auto [px, py] = places[i];
    if (p.x.upper > p.x.lower)
      chart_line(svg, x.position(p.x.lower, left, right), py, x.position(p.x.upper, left, right),
                 py, "axis");
    if (p.y.upper > p.y.lower)
      chart_line(svg, px, y.position(p.y.lower, bottom, top), px,
                 y.position(p.y.upper, bottom, top), "axis");
    svg.open("circle", {{"cx", coordinate(px)},
                        {"cy", coordinate(py)},
                        {"r", "4.5"},
                        {"class", colour_class(Condition::transfer)},
                        {"fill", colour(Condition::transfer)}});
    svg.element("title", p.label).close();
    if (plot.points.size() <= point_labels_max)
      labels.draw(svg, px, py, clip_text(p.label, point_characters_max));
  }
  svg.close().line();
  return svg.finish();
}

struct Line {
  std::string label;
  Estimate value;
  /// Further values on the same line, as small rings.
  std::vector<double> marks;
};

std::string intervals_svg(const std::string& title, const std::string& description,
                          const std::string& axis_label, const std::vector<Line>& lines) {
  if (lines.empty()) return "";
  constexpr int width = 560;
  constexpr double right = 540, top = 44, step = 22;
  std::size_t longest = 0;
  for (const Line& line : lines)
    longest = std::max(longest, characters(clip_text(line.label, label_characters_max)));
  const double left = std::max(90.0, 16.0 + 6.6 * static_cast<double>(longest));
  const double bottom = top + step * static_cast<double>(lines.size());
  double low = 0.0;
  double high = 0.0;
  for (const Line& line : lines) {
    low = std::min(low, line.value.lower);
    high = std::max(high, line.value.upper);
    for (const double mark : line.marks) {
      low = std::min(low, mark);
      high = std::max(high, mark);
    }
  }
  const Axis x = make_axis(low, high, -infinite, infinite);
  Markup svg;
  open_chart(svg, width, static_cast<int>(bottom) + 46, title, description);
  chart_text(svg, 8, 20, title, {14, "ink", "start", true});
  for (const double tick : x.ticks) {
    const double at = x.position(tick, left, right);
    chart_line(svg, at, top, at, bottom, tick == 0.0 ? "axis" : "grid");
    chart_text(svg, at, bottom + 16, x.label(tick), {11, "soft", "middle", false});
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double at = top + step * (static_cast<double>(i) + 0.5);
    chart_text(svg, left - 8, at + 4, clip_text(lines[i].label, label_characters_max),
               {11, "ink", "end", false});
    chart_line(svg, x.position(lines[i].value.lower, left, right), at,
               x.position(lines[i].value.upper, left, right), at, "axis");
    svg.empty("circle", {{"cx", coordinate(x.position(lines[i].value.value, left, right))},
                         {"cy", coordinate(at)},
                         {"r", "4.5"},
                         {"class", colour_class(Condition::transfer)},
                         {"fill", colour(Condition::transfer)}});
    for (const double mark : lines[i].marks)
      svg.empty("circle", {{"cx", coordinate(x.position(mark, left, right))},
                           {"cy", coordinate(at)},
                           {"r", "3"},
                           {"class", "ring"},
                           {"stroke", "#1b1f24"},
                           {"fill", "none"}});
  }
  chart_text(svg, right, bottom + 36, axis_label, {12, "soft", "end", false});
  svg.close().line();
  return svg.finish();
}

Estimate scaled(const Estimate& e, double factor) {
  return {factor * e.value, factor * e.lower, factor * e.upper};
}

Estimate exactly(double value) { return {value, value, value}; }

Method first_method(const Report& report) { return report.result.spec.methods.front(); }

}  // namespace

std::string asymmetry_svg(const Report& report) {
  Scatter plot;
  plot.title = "Asymmetry: gain there and gain back";
  plot.x_label = "Transfer Gain, first → second (points)";
  plot.y_label = "Transfer Gain, second → first (points)";
  plot.diagonal = true;
  for (const CellReport& cell : report.cells) {
    if (cell.method != first_method(report) || !(cell.source < cell.target)) continue;
    for (const CellReport& back : report.cells) {
      if (back.method != cell.method || back.source != cell.target || back.target != cell.source ||
          !cell.accuracy.gain.defined() || !back.accuracy.gain.defined())
        continue;
      plot.points.push_back({scaled(*cell.accuracy.gain.estimate(), 100.0),
                             scaled(*back.accuracy.gain.estimate(), 100.0), cell_title(cell)});
    }
  }
  plot.description = counted(static_cast<long long>(plot.points.size()), "pair") +
                     " of domains. On the dashed line both directions gain alike.";
  return scatter_svg(plot);
}

std::string similarity_svg(const Report& report) {
  if (report.matrices.empty()) return "";
  const std::string& declared = report.result.spec.hypotheses.similarity;
  const stats::SimilarityMeasure* measure = report.similarity.measure(declared);
  if (!measure) return "";
  const bool bits = report.result.spec.hypotheses.score == "bits_per_byte";
  const MatrixReport& matrix = report.matrices.front();
  Scatter plot;
  plot.title = "Similarity and transfer";
  plot.x_label = clean_text(measure->title) +
                 (measure->larger_is_closer ? ", more is closer" : ", less is closer");
  plot.y_label = bits ? "Transfer Gain (bits per byte, fewer)" : "Transfer Gain (points)";
  for (const stats::MatrixVerdict& cell : bits ? matrix.bits_per_byte : matrix.accuracy) {
    const stats::SimilarityRow* row = report.similarity.find(cell.source, cell.target, declared);
    if (!row || !row->value.defined() || !cell.gain.defined()) continue;
    plot.points.push_back({exactly(*row->value.number()),
                           scaled(*cell.gain.estimate(), bits ? 1.0 : 100.0),
                           clean_text(cell.source) + " → " + clean_text(cell.target)});
  }
  plot.description = counted(static_cast<long long>(plot.points.size()), "cell") +
                     " with simultaneous 95% intervals of the gain.";
  return scatter_svg(plot);
}

std::string cost_svg(const Report& report) {
  Scatter plot;
  plot.title = "Cost and gain";
  const bool dollars =
      std::any_of(report.cells.begin(), report.cells.end(), [](const CellReport& cell) {
        return cell.spending && cell.spending->train_usd + cell.spending->sample_usd +
                                        cell.spending->evaluation_usd >
                                    0.0;
      });
  plot.x_label = dollars ? "Spent on the transfer condition (US dollars, list prices)"
                         : "Spent on the transfer condition (million tokens)";
  plot.y_label = "Transfer Gain (points)";
  for (const CellReport& cell : report.cells) {
    if (!cell.spending || !cell.accuracy.gain.defined()) continue;
    const stats::Spending& s = *cell.spending;
    plot.points.push_back(
        {exactly(dollars ? s.train_usd + s.sample_usd + s.evaluation_usd : s.tokens / 1e6),
         scaled(*cell.accuracy.gain.estimate(), 100.0), cell_title(cell)});
  }
  plot.description =
      counted(static_cast<long long>(plot.points.size()), "cell") + " with 95% intervals.";
  return scatter_svg(plot);
}

std::string forgetting_svg(const Report& report) {
  std::vector<Line> lines;
  for (const CellReport& cell : report.cells) {
    if (const Estimate* e = cell.accuracy.forgetting.estimate())
      lines.push_back({cell_title(cell), scaled(*e, 100.0), {}});
    if (const Estimate* e = cell.accuracy.sequential_forgetting.estimate())
      lines.push_back({cell_title(cell) + ", source again", scaled(*e, 100.0), {}});
  }
  return intervals_svg("Forgetting",
                       "Accuracy on the study's other domains after the training of each cell, "
                       "minus the baseline; and, where it says source again, on the source after "
                       "the second stage of sequential training, minus before it. Left of zero is "
                       "forgetting.",
                       "points of accuracy", lines);
}

std::string robustness_svg(const Report& report) {
  std::vector<Line> lines;
  for (const CellReport& cell : report.cells) {
    if (!cell.robustness) continue;
    Line line{cell_title(cell), scaled(cell.robustness->accuracy.median, 100.0), {}};
    for (const Estimate& gain : cell.robustness->accuracy.gains)
      line.marks.push_back(100.0 * gain.value);
    lines.push_back(std::move(line));
  }
  return intervals_svg("Transfer Gain under other wordings",
                       "Rings are the gain of a cell under each wording of the prompt, the disc is "
                       "their median with its interval.",
                       "points of accuracy", lines);
}

std::string held_out_svg(const Report& report) {
  std::vector<Line> lines;
  for (const CellReport& cell : report.cells) {
    const Estimate* held_out = cell.accuracy.held_out_gain.estimate();
    const Estimate* gain = cell.accuracy.gain.estimate();
    if (held_out && gain)
      lines.push_back({cell_title(cell), scaled(*held_out, 100.0), {100.0 * gain->value}});
  }
  return intervals_svg("Transfer Gain on held-out items",
                       "The disc is the gain on the held-out items of the target with its "
                       "interval, the ring the gain on its test items.",
                       "points of accuracy", lines);
}

}  // namespace xfer::report
