// SPDX-License-Identifier: Apache-2.0
#include "report/charts/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace xfer::report {
namespace {

// Plain attributes carry the light colours, so that converters without CSS still draw the chart;
// the style sheet only changes them for dark screens.
constexpr const char* style_sheet =
    ".xfer-chart{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    "@media screen and (prefers-color-scheme:dark){"
    ".xfer-chart .paper{fill:#14171c}"
    ".xfer-chart .ink{fill:#e8eaed}.xfer-chart .soft{fill:#a9b0ba}"
    ".xfer-chart .ring{stroke:#e8eaed}"
    ".xfer-chart .grid{stroke:#333a44}.xfer-chart .axis{stroke:#8b939e}"
    ".xfer-chart .c-baseline{stroke:#b3bac4;fill:#b3bac4}"
    ".xfer-chart .c-transfer{stroke:#56b4e9;fill:#56b4e9}"
    ".xfer-chart .c-direct{stroke:#f0814a;fill:#f0814a}"
    ".xfer-chart .c-sequential{stroke:#2cc79b;fill:#2cc79b}"
    ".xfer-chart .c-joint{stroke:#dd9fc2;fill:#dd9fc2}"
    ".xfer-chart .c-format_control{stroke:#e69f00;fill:#e69f00}"
    ".xfer-chart .c-zero_step{stroke:#9ad0f0;fill:#9ad0f0}"
    ".xfer-chart .c-random_text{stroke:#d8cf4a;fill:#d8cf4a}"
    ".xfer-chart .c-random_reward{stroke:#c9a6ff;fill:#c9a6ff}"
    ".xfer-chart .c-format_reward{stroke:#ffb3ad;fill:#ffb3ad}"
    ".xfer-chart .line{fill:none}}";

/// Charts up to here are readable on a phone; others scroll there.
constexpr int narrow_width = 450;

const char* light_colour(std::string_view css_class) {
  if (css_class == "ink") return "#1b1f24";
  if (css_class == "soft") return "#57606a";
  if (css_class == "axis") return "#6e7781";
  return "#dfe3e8";
}

}  // namespace

std::string Axis::label(double tick) const {
  const std::string digits = fmt::format("{:.{}f}", std::abs(tick), decimals);
  return (tick < 0.0 && digits.find_first_of("123456789") != std::string::npos ? "−" : "") + digits;
}

Axis make_axis(double low, double high, double min, double max) {
  const double span = std::max(high - low, 1e-9);
  const double room = std::max(span * 0.08, std::abs(high) * 1e-3 + 1e-6);
  Axis axis;
  axis.low = std::max(min, low - room);
  axis.high = std::min(max, high + room);
  if (!(axis.high > axis.low)) {
    axis.low = std::max(min, low - 1.0);
    axis.high = axis.low + 2.0;
  }
  const double raw = (axis.high - axis.low) / 5.0;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10.0 * power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0})
    if (factor * power >= raw) {
      step = factor * power;
      break;
    }
  const double exponent = std::floor(std::log10(step));
  const bool half = std::abs(step / std::pow(10.0, exponent) - 2.5) < 1e-6;
  axis.decimals = std::clamp(static_cast<int>(-exponent) + (half ? 1 : 0), 0, 9);
  const double first = std::ceil(axis.low / step - 1e-9);
  for (int i = 0; i <= 12; ++i) {
    const double tick = (first + i) * step;
    if (tick > axis.high + step * 1e-9) break;
    axis.ticks.push_back(tick);
  }
  return axis;
}

std::string colour(Condition condition) {
  switch (condition) {
    case Condition::baseline: return "#57606a";
    case Condition::transfer: return "#0072b2";
    case Condition::direct: return "#d55e00";
    case Condition::sequential: return "#00825f";
    case Condition::joint: return "#b4568a";
    case Condition::format_control: return "#a87400";
    case Condition::zero_step: return "#2f8fc4";
    case Condition::random_text: return "#7d7400";
    case Condition::random_reward: return "#7a4fc0";
    case Condition::format_reward: return "#b83a32";
  }
  return "#57606a";
}

std::string colour_class(Condition condition) { return "c-" + std::string(to_string(condition)); }

std::string dashes(Condition condition) {
  switch (condition) {
    case Condition::direct: return "7 3";
    case Condition::sequential: return "2 3";
    case Condition::joint: return "8 3 2 3";
    case Condition::format_control: return "4 3";
    case Condition::random_reward: return "1 3";
    case Condition::format_reward: return "4 3";
    default: return "";
  }
}

void open_chart(Markup& svg, int width, int height, const std::string& title,
                const std::string& description) {
  const std::string w = std::to_string(width);
  const std::string h = std::to_string(height);
  svg.open("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
                   {"class", width > narrow_width ? "xfer-chart wide" : "xfer-chart"},
                   {"role", "img"},
                   {"viewBox", "0 0 " + w + " " + h},
                   {"width", w},
                   {"height", h},
                   {"style", "max-width:100%;height:auto"},
                   {"font-family", "sans-serif"},
                   {"aria-label", title + ". " + description}});
  svg.element("title", title).element("desc", description);
  svg.open("style").raw(style_sheet).close();
  svg.empty("rect", {{"class", "paper"}, {"width", w}, {"height", h}, {"fill", "#ffffff"}}).line();
}

std::string coordinate(double value) { return fmt::format("{:.1f}", value); }

void chart_text(Markup& svg, double x, double y, const std::string& text, const TextStyle& style) {
  svg.element("text", text,
              {{"x", coordinate(x)},
               {"y", coordinate(y)},
               {"class", style.css_class},
               {"fill", light_colour(style.css_class)},
               {"font-size", std::to_string(style.size)},
               {"font-weight", style.bold ? "600" : "400"},
               {"text-anchor", style.anchor}});
}

void chart_line(Markup& svg, double x1, double y1, double x2, double y2, const char* css_class,
                const char* dash) {
  svg.empty("line", {{"x1", coordinate(x1)},
                     {"y1", coordinate(y1)},
                     {"x2", coordinate(x2)},
                     {"y2", coordinate(y2)},
                     {"class", css_class},
                     {"stroke", light_colour(css_class)},
                     {"stroke-width", "1"},
                     {"stroke-dasharray", *dash ? dash : "none"}});
}

}  // namespace xfer::report
