// SPDX-License-Identifier: Apache-2.0
// What the charts share: scale, colours, frame.
#pragma once

#include "report/pages/markup.hpp"

#include "xfer/condition.hpp"

#include <string>
#include <vector>

namespace xfer::report {

/// A linear axis with round tick marks.
struct Axis {
  double low = 0.0;
  double high = 1.0;
  std::vector<double> ticks;
  /// Decimals that tell the ticks apart.
  int decimals = 0;

  double position(double value, double from, double to) const {
    return from + (value - low) / (high - low) * (to - from);
  }
  std::string label(double tick) const;
};

/// An axis that shows all of [low, high] with some room, kept within [min, max].
Axis make_axis(double low, double high, double min, double max);

/// Colour of a condition on white (Okabe and Ito 2008, safe for colour-blind readers; orange and
/// blue darkened until they stand out on white).
std::string colour(Condition condition);
/// A class by which the style sheet inside each chart brightens the colour in dark mode.
std::string colour_class(Condition condition);
/// Dashes that tell lines apart without colour; "" for a full line.
std::string dashes(Condition condition);

/// Opens <svg> with title, description, style sheet and background. Drawn `width` units wide, it
/// scales down to a phone and never beyond its own size.
void open_chart(Markup& svg, int width, int height, const std::string& title,
                const std::string& description);

/// Coordinates with one decimal.
std::string coordinate(double value);

struct TextStyle {
  int size = 12;
  const char* css_class = "ink";
  const char* anchor = "start";
  bool bold = false;
};
void chart_text(Markup& svg, double x, double y, const std::string& text, const TextStyle& style);
void chart_line(Markup& svg, double x1, double y1, double x2, double y2, const char* css_class,
                const char* dash = "");

}  // namespace xfer::report
