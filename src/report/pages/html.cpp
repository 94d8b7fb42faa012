// SPDX-License-Identifier: Apache-2.0
#include "report/pages/html_study.hpp"
#include "report/pages/markup.hpp"
#include "report/pages/page_style.hpp"
#include "report/scores/extraction.hpp"
#include "report/tables/format.hpp"
#include "report/tables/method.hpp"
#include "report/tables/tables.hpp"

#include <algorithm>

namespace xfer::report {
namespace {

void write_warnings(Markup& page, const CellReport& cell) {
  if (cell.warnings.empty()) return;
  page.open("section", {{"class", "warnings"}, {"aria-label", "Warnings"}});
  page.element("h3", "Before relying on these numbers").open("ul");
  for (const std::string& warning : cell.warnings) page.element("li", warning);
  page.close().close().line();
}

void write_charts(Markup& page, const CellReport& cell, const study::CellResult& result) {
  page.open("div", {{"class", "charts"}});
  page.open("figure").raw(condition_chart_svg(cell));
  page.element("figcaption", "Scores of each condition on the test items of " + cell.target +
                                 ", with 95% intervals. The dashed line marks the baseline.");
  page.close().line();
  const bool learned = std::any_of(result.curves.begin(), result.curves.end(),
                                   [](const study::Curve& c) { return !c.points.empty(); });
  const bool rewarded = std::any_of(result.curves.begin(), result.curves.end(),
                                    [](const study::Curve& c) { return !c.rewards.empty(); });
  if (learned) {
    page.open("figure").raw(learning_curve_svg(result));
    page.element("figcaption", "Learning curves on validation items of " + cell.target +
                                   ". Thick lines are means over seeds, thin lines single seeds.");
    page.close().line();
  }
  if (rewarded) {
    page.open("figure").raw(reward_curve_svg(result));
    page.element("figcaption",
                 "Mean score of the answers sampled in each step of reinforcement learning, on "
                 "whatever domain the step trained on, and their divergence from the base model.");
    page.close().line();
  }
  page.close().line();
}

std::string anchor(std::size_t index) { return "pair-" + std::to_string(index + 1); }

void write_cell(Markup& page, const CellReport& cell, const study::CellResult& result,
                std::size_t index) {
  page.open("section", {{"id", anchor(index)}, {"aria-label", cell_title(cell)}}).line();
  page.element("h2", cell_title(cell)).line();
  page.open("p", {{"class", "headline"}});
  write_prose(page, cell.headline);
  page.close().line();
  write_table(page, metrics_table(cell), Fit::stack, 2);
  write_table(page, more_metrics_table(cell), Fit::stack);
  page.element("h3", "Reading");
  page.open("p", {{"class", "reading"}});
  write_prose(page, cell.reading);
  page.close().line();
  write_warnings(page, cell);
  page.element("h3", "Conditions");
  write_charts(page, cell, result);
  write_table(page, conditions_table(cell), Fit::stack);
  write_table(page, learning_table(cell), Fit::stack);
  write_table(page, robustness_table(cell), Fit::scroll);
  const Table kinds = kinds_table(cell);
  if (!kinds.rows.empty()) page.element("h3", "Kinds of problem");
  write_table(page, kinds, Fit::scroll);
  page.element("h3", "How the answers were read");
  write_table(page, extraction_table(result), Fit::stack);
  write_table(page, task_metrics_table(result), Fit::scroll);
  write_table(page, pass_at_k_table(cell), Fit::scroll);
  write_table(page, overlap_table(cell), Fit::stack);
  write_error_analysis(page, cell, result);
  page.close().line();
}

void write_method(Markup& page, const Report& report) {
  page.open("section", {{"id", "method"}, {"aria-label", "Method"}});
  page.element("h2", "Method").open("dl").line();
  for (const auto& [term, meaning] : definitions(report.result.spec))
    page.element("dt", term).element("dd", meaning).line();
  page.close();
  write_table(page, settings_table(report.result), Fit::words);
  write_table(page, overlap_checks_table(report.result), Fit::scroll);
  write_table(page, reinforcement_table(report.result), Fit::scroll);
  write_table(page, legs_table(report.result), Fit::scroll);
  write_table(page, hashes_table(report), Fit::words);
  page.close().line();
}

void write_reproduction(Markup& page, const Report& report) {
  const Reproduction again = reproduction(report);
  page.open("section", {{"id", "reproduce"}, {"aria-label", "How to reproduce"}});
  page.element("h2", "How to reproduce");
  if (imported(report.result)) {
    page.element("p", again.command).close().line();
    return;
  }
  page.open("p").text("Save the lines below as ").element("code", "study.toml").text(" and run ");
  page.element("code", again.command).text(" with xfer " + report.result.xfer_version + ".");
  page.close().element("pre", again.file).close().line();
}

std::string about(const study::StudyResult& result) {
  if (imported(result))
    return result.model_name + "; " +
           counted(static_cast<long long>(result.spec.seeds.size()), "seed") +
           "; scores measured elsewhere";
  return result.model_name + and_parameters(result.model_parameters) + "; " +
         counted(static_cast<long long>(result.spec.seeds.size()), "seed") + ", " +
         counted(result.spec.steps, "step") + " for each domain; xfer " + result.xfer_version;
}

}  // namespace

std::string to_html(const Report& report) {
  const study::StudyResult& result = report.result;
  const std::string title = "Transfer study: " + result.spec.name;
  Markup page;
  page.raw("<!DOCTYPE html>\n").open("html", {{"lang", "en"}}).line();
  page.open("head").empty("meta", {{"charset", "utf-8"}});
  page.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  // Nothing on the page may run or load, whatever a model wrote.
  page.empty("meta", {{"http-equiv", "Content-Security-Policy"},
                      {"content", "default-src 'none'; style-src 'unsafe-inline'"}});
  page.element("title", title).open("style").raw(page_style).close().close().line();
  page.open("body").line();
  page.open("header").element("h1", title);
  page.element("p", about(result), {{"class", "about"}}).close().line();
  page.open("main").line();
  if (report.cells.empty()) page.element("p", "Nothing has been evaluated yet.");
  write_study_results(page, report);
  if (report.cells.size() > 1) {
    page.open("nav", {{"aria-label", "Pairs"}}).open("ul");
    for (std::size_t i = 0; i < report.cells.size(); ++i) {
      page.open("li").element("a", cell_title(report.cells[i]), {{"href", "#" + anchor(i)}});
      write_prose(page, ": " + report.cells[i].headline);
      page.close();
    }
    page.close().close().line();
    write_table(page, overview_table(report), Fit::stack);
    write_table(page, effects_table(report), Fit::stack);
  }
  for (std::size_t i = 0; i < report.cells.size(); ++i)
    write_cell(page, report.cells[i], result.cells[i], i);
  write_method(page, report);
  write_reproduction(page, report);
  page.close().line();
  page.open("footer").element("p", "The same numbers for programs: report.json.").close().line();
  page.close().close().line();
  return page.finish();
}

}  // namespace xfer::report
