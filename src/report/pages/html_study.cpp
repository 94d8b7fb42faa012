// SPDX-License-Identifier: Apache-2.0
#include "report/pages/html_study.hpp"

#include "report/charts/plots.hpp"
#include "report/tables/format.hpp"
#include "report/tables/method.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::report {
namespace {

/// The words stay in view while a wide table scrolls below them.
void write_caption(Markup& page, const std::string& caption) {
  page.open("caption").element("span", caption).close().line();
}

/// One of seven steps from a loss to a gain; the number and the mark say it too.
std::string heat(const Metric& metric, double largest) {
  if (!metric.defined() || !(largest > 0.0)) return "heat-none";
  const long step = std::lround(3.0 * metric.estimate()->value / largest);
  static constexpr const char* names[] = {"heat-l3", "heat-l2", "heat-l1", "heat-0",
                                          "heat-g1", "heat-g2", "heat-g3"};
  return names[std::clamp(step, -3L, 3L) + 3];
}

void write_matrix_cell(Markup& page, const Metric& gain, const std::string& mark,
                       const std::string& word, double largest, Style style) {
  page.open("td", {{"role", "cell"}, {"class", "heat " + heat(gain, largest)}});
  if (!gain.defined()) {
    page.open("span", {{"class", "verdict"}}).text(mark + " " + word).close();
    page.element("span", clip_text(gain.reason(), 120), {{"class", "why"}}).close();
    return;
  }
  page.element("strong", number(gain.estimate()->value, style));
  page.element("span", interval(*gain.estimate(), style), {{"class", "range"}});
  page.element("span", mark + (mark.empty() ? "" : " ") + word, {{"class", "verdict"}}).close();
}

double largest_of(const MatrixReport& matrix, bool bits) {
  double largest = 0.0;
  const auto take = [&](const Metric& metric) {
    if (const Estimate* e = metric.estimate()) largest = std::max(largest, std::abs(e->value));
  };
  for (const stats::MatrixVerdict& cell : bits ? matrix.bits_per_byte : matrix.accuracy)
    take(cell.gain);
  return largest;
}

void write_heat_map(Markup& page, const MatrixReport& matrix, bool bits) {
  const Table table = matrix_table(matrix, bits);  // its caption and notes
  const Style style = bits ? Style::bits_change : Style::points;
  const double largest = largest_of(matrix, bits);
  page.open(
      "div",
      {{"class", "table"}, {"role", "region"}, {"tabindex", "0"}, {"aria-label", table.caption}});
  page.open("table", {{"role", "table"}, {"class", "matrix"}});
  write_caption(page, table.caption);
  page.open("thead", {{"role", "rowgroup"}}).open("tr", {{"role", "row"}});
  for (const std::string& head : table.head)
    page.element("th", head, {{"scope", "col"}, {"role", "columnheader"}});
  page.close().close().line().open("tbody", {{"role", "rowgroup"}}).line();
  for (const std::string& source : matrix.sources) {
    page.open("tr", {{"role", "row"}});
    page.element("th", source, {{"scope", "row"}, {"role", "rowheader"}});
    for (const std::string& target : matrix.targets) {
      const stats::MatrixVerdict* cell = matrix.find(source, target, bits);
      if (cell) {
        write_matrix_cell(page, cell->gain, std::string(verdict_mark(cell->verdict)),
                          std::string(to_string(cell->verdict)), largest, style);
        continue;
      }
      const auto own = std::find_if(matrix.own.begin(), matrix.own.end(),
                                    [&](const OwnGain& o) { return o.domain == target; });
      if (source == target && own != matrix.own.end())
        write_matrix_cell(page, bits ? own->bits_per_byte : own->accuracy, "", "own training", 0.0,
                          style);
      else
        page.element("td", "–", {{"role", "cell"}, {"class", "heat heat-none"}});
    }
    page.close().line();
  }
  page.close().close().close().line();
  page.open("ul", {{"class", "notes"}});
  page.element("li", table.notes.front());
  page.close().line();
}

void write_hypotheses(Markup& page, const Report& report) {
  page.element("h3", "Hypotheses");
  write_table(page, hypotheses_table(report), Fit::stack);
  page.open("div", {{"class", "answers"}});
  for (const HypothesisAnswer& h : report.hypotheses) {
    page.open("details").element("summary", h.id + ": rule, test and what would settle it");
    page.open("dl");
    const auto entry = [&](const char* term, const std::string& text) {
      if (!text.empty()) page.element("dt", term).element("dd", text);
    };
    entry("Rule", h.rule);
    entry("Test", h.test);
    entry("Why", h.reason);
    entry("Second look", h.check);
    entry("To settle it", h.needed);
    page.close().close().line();
  }
  page.close().line();
}

void write_plots(Markup& page, const Report& report) {
  const std::string plots[] = {asymmetry_svg(report),  similarity_svg(report),
                               cost_svg(report),       held_out_svg(report),
                               robustness_svg(report), forgetting_svg(report)};
  if (std::all_of(std::begin(plots), std::end(plots), [](const auto& p) { return p.empty(); }))
    return;
  page.open("div", {{"class", "charts"}});
  for (const std::string& plot : plots)
    if (!plot.empty()) page.open("figure", {{"tabindex", "0"}}).raw(plot).close().line();
  page.close().line();
}

void write_answer(Markup& page, const std::string& who, const study::ItemResult& item) {
  page.open("div");
  std::string verdict = who + (item.score >= 1.0 ? ", right" : ", wrong");
  if (!item.failure.empty()) verdict += ": " + clip_text(item.failure, 200);
  page.element("h5", verdict);
  // Bidirectional marks in an answer must not reach the text around it.
  page.element("pre", item.completion.empty() ? "(empty)" : clip_text(item.completion, 600),
               {{"dir", "auto"}});
  page.close();
}

void write_example(Markup& page, const ExamplePair& pair) {
  const study::ItemResult& item = *pair.baseline;
  page.open("details");
  page.element("summary", pair.change + ": " + clip_text(item.item_id, 100) +
                              (item.kind.empty() ? "" : " (" + clip_text(item.kind, 60) + ")"));
  if (!item.question.empty()) {
    page.open("div");
    page.element("pre", clip_text(item.question, 600), {{"dir", "auto"}});
    page.element("p", "Reference: " + clip_text(item.reference, 600), {{"dir", "auto"}});
    page.close().line();
  }
  page.open("div", {{"class", "pair"}});
  write_answer(page, "Baseline", *pair.baseline);
  write_answer(page, "Transfer (seed " + std::to_string(pair.seed) + ")", *pair.transfer);
  page.close().close().line();
}

/// Words that may be broken over lines, which "+1.0 [0.5, 1.5]" and "1,200 of 3,000" may not.
bool is_sentence(std::string_view cell) { return std::count(cell.begin(), cell.end(), ' ') > 2; }

}  // namespace

void write_prose(Markup& page, std::string_view text) {
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('['), text.size());
    const std::size_t close = std::min(text.find(']', open), text.size());
    page.text(text.substr(0, open));
    text.remove_prefix(open);
    const std::string_view inside = text.substr(0, close - open + (open < close ? 1 : 0));
    if (inside.size() <= 40 && !inside.empty())
      page.element("span", inside, {{"class", "nobreak"}});
    else
      page.text(inside);
    text.remove_prefix(inside.size());
  }
}

void write_table(Markup& page, const Table& table, Fit fit, std::size_t main_rows) {
  if (table.rows.empty()) return;
  page.open(
      "div",
      {{"class", "table"}, {"role", "region"}, {"tabindex", "0"}, {"aria-label", table.caption}});
  // Explicit roles: display:block on a phone would otherwise take the table's meaning away from
  // screen readers.
  page.open("table", {{"role", "table"},
                      {"class", fit == Fit::stack   ? "stack"
                                : fit == Fit::words ? "words"
                                                    : "scroll"}});
  write_caption(page, table.caption);
  page.open("thead", {{"role", "rowgroup"}}).open("tr", {{"role", "row"}});
  for (const std::string& head : table.head)
    page.element("th", head, {{"scope", "col"}, {"role", "columnheader"}});
  page.close().close().line();
  page.open("tbody", {{"role", "rowgroup"}}).line();
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const auto& row = table.rows[r];
    page.open("tr", {{"role", "row"}, {"class", r < main_rows ? "main" : "other"}});
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c == 0)
        page.element("th", row[c], {{"scope", "row"}, {"role", "rowheader"}});
      else if (fit == Fit::words)
        page.element("td", row[c], {{"role", "cell"}});
      else
        page.element("td", row[c],
                     {{"role", "cell"},
                      {"class", is_sentence(row[c]) ? "text" : "value"},
                      {"data-label", table.head[c]}});
    }
    page.close().line();
  }
  page.close().close().close().line();
  if (table.notes.empty()) return;
  page.open("ul", {{"class", "notes"}});
  for (const std::string& note : table.notes) page.element("li", note);
  page.close().line();
}

void write_study_results(Markup& page, const Report& report) {
  page.open("section", {{"id", "results"}, {"aria-label", "Results"}});
  page.element("h2", "Results").line();
  page.open("p", {{"class", "headline"}});
  write_prose(page, report.headline);
  page.close().line();
  for (const MatrixReport& matrix : report.matrices) {
    write_heat_map(page, matrix, false);
    write_heat_map(page, matrix, true);
  }
  for (const FindingParagraph& finding : report.findings) {
    page.element("h3", finding.title).open("p", {{"class", "reading"}});
    write_prose(page, finding.text);
    page.close().line();
  }
  if (!report.recommendations.empty()) {
    page.element("h3", "Recommendations").open("ul", {{"class", "reading"}});
    for (const Recommendation& r : report.recommendations) {
      page.open("li");
      write_prose(page, r.text);
      page.close();
    }
    page.close().line();
  }
  write_hypotheses(page, report);
  write_table(page, looks_table(report.result), Fit::scroll);
  write_table(page, similarities_table(report), Fit::scroll);
  write_plots(page, report);
  write_table(page, wordings_table(report), Fit::stack);
  for (const MatrixReport& matrix : report.matrices) {
    write_table(page, effects_of_domains_table(matrix), Fit::scroll);
    write_table(page, index_table(matrix), Fit::scroll);
  }
  page.close().line();
}

void write_error_analysis(Markup& page, const CellReport& cell, const study::CellResult& result) {
  const auto pairs = example_pairs(result);
  if (cell.changes.empty() && pairs.empty()) return;
  page.element("h3", "What training fixed and broke");
  write_table(page, changes_table(cell), Fit::scroll);
  write_table(page, change_groups_table(cell), Fit::scroll);
  if (pairs.empty()) return;
  page.element("h4", "Answers side by side");
  page.element("p",
               "Chosen by item id, not by look: the first items that training fixed, the "
               "first it broke, one wrong and one right under both.");
  for (const ExamplePair& pair : pairs) write_example(page, pair);
}

}  // namespace xfer::report
