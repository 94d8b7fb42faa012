// SPDX-License-Identifier: Apache-2.0
// The whole study: matrix, verdicts, hypotheses, findings, tables, import.
#include "tests/report/well_formed.hpp"
#include "tests/support/results.hpp"
#include "xfer/error.hpp"
#include "xfer/report/data_tables.hpp"
#include "xfer/report/import.hpp"
#include "xfer/report/report.hpp"
#include "xfer/report/similarity_file.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace xfer::report {
namespace {

using nlohmann::json;
using testing::CellPlan;
using testing::make_cell;
using testing::make_result;
using testing::xml_problem;

const std::vector<std::string> domains = {"bio", "chem", "law"};

/// Three domains, every pair: chem helps bio, law harms bio, the rest does little.
study::StudyResult matrix_result() {
  std::map<std::pair<std::string, std::string>, double> after = {
      {{"chem", "bio"}, 0.70}, {{"law", "bio"}, 0.10}, {{"bio", "chem"}, 0.45},
      {{"law", "chem"}, 0.40}, {{"bio", "law"}, 0.42}, {{"chem", "law"}, 0.40}};
  study::StudyResult result;
  for (const std::string& target : domains)
    for (const std::string& source : domains) {
      if (source == target) continue;
      CellPlan plan;
      plan.source = source;
      plan.target = target;
      plan.items = 120;
      plan.seeds = {0, 1, 2};
      const double transfer = after.at({source, target});
      plan.accuracy = {{Condition::baseline, 0.4},
                       {Condition::transfer, transfer},
                       {Condition::direct, 0.8},
                       {Condition::sequential, 0.85},
                       {Condition::format_control, 0.4}};
      plan.bits_per_byte = {{Condition::baseline, 1.0},
                            {Condition::transfer, 1.4 - transfer},
                            {Condition::direct, 0.5},
                            {Condition::sequential, 0.45},
                            {Condition::format_control, 1.0}};
      if (result.cells.empty())
        result = make_result(plan);
      else
        result.cells.push_back(make_cell(plan));
    }
  result.spec.pairs.clear();
  for (study::CellResult& cell : result.cells) {
    result.spec.pairs.emplace_back(cell.source, cell.target);
    for (study::EvaluationResult& e : cell.evaluations)
      for (study::ItemResult& item : e.items) item.item_id = cell.target + item.item_id;
  }
  return result;
}

const Report& matrix_report() {
  static const Report report = make_report(matrix_result());
  return report;
}

const CellReport& cell(const std::string& source, const std::string& target) {
  for (const CellReport& c : matrix_report().cells)
    if (c.source == source && c.target == target) return c;
  throw std::logic_error("no such cell");
}

double value(const Metric& metric) {
  EXPECT_TRUE(metric.defined()) << metric.reason();
  return metric.defined() ? metric.estimate()->value : -99.0;
}

const HypothesisAnswer& hypothesis(const Report& report, const std::string& id) {
  for (const HypothesisAnswer& h : report.hypotheses)
    if (h.id == id) return h;
  throw std::logic_error("no such hypothesis");
}

TEST(Metrics, of_a_whole_matrix_are_all_worked_out) {
  const TransferMetrics& m = cell("chem", "bio").accuracy;
  EXPECT_NEAR(value(m.headroom_gain), 0.3 / 0.6, 1e-9);
  EXPECT_NEAR(value(m.source_normalised), 0.3 / 0.4, 1e-9);
  EXPECT_NEAR(value(m.asymmetry), 0.3 - 0.05, 1e-2);
  EXPECT_NEAR(value(m.standardised_asymmetry), (0.3 - 0.05) / 0.4, 3e-2);
  EXPECT_NEAR(value(m.forgetting), 0.0, 1e-9);  // chem on law
  EXPECT_EQ(m.sequential_forgetting.reason(), "no sequential condition on the source's items");
  EXPECT_EQ(m.held_out_gain.reason(), "no scores on a held-out set");
  EXPECT_EQ(m.gain_per_dollar.reason(), "what was spent is not known");
}

TEST(Metrics, know_what_the_runs_cost) {
  study::StudyResult result = matrix_result();
  result.spec.model = result.spec.priced_as = "a service's model";
  const std::filesystem::path prices =
      std::filesystem::temp_directory_path() / "xfer-findings-test-prices.toml";
  std::ofstream(prices) << "date = \"2026-01-01\"\nsource = \"a test\"\n"
                           "[models.\"a service's model\"]\nprefill = 1\nsample = 2\ntrain = 4\n";
  result.spec.price_file = prices.string();
  for (study::EvaluationResult& e : result.cells[0].evaluations) {
    if (e.condition != Condition::transfer) continue;
    e.legs = {result.legs[e.seed % 2].key};
    for (study::ItemResult& item : e.items) item.prompt_tokens = item.sampled_tokens = 100;
  }
  const Report report = make_report(std::move(result));
  std::filesystem::remove(prices);
  const CellReport& priced = report.cells[0];
  ASSERT_TRUE(priced.spending.has_value());
  EXPECT_NEAR(priced.spending->train_usd, 2 * 120000 * 4 / 1e6, 1e-12);
  EXPECT_NEAR(priced.spending->evaluation_usd, 3 * 120 * 100 * 3 / 1e6, 1e-12);
  EXPECT_NEAR(priced.spending->tokens, 2 * 120000 + 3 * 120 * 200, 1e-6);
  EXPECT_NEAR(value(priced.accuracy.gain_per_dollar),
              100 * value(priced.accuracy.gain) / (0.96 + 0.108), 1e-6);
}

TEST(Matrix, judges_all_cells_together) {
  ASSERT_EQ(matrix_report().matrices.size(), 1U);
  const MatrixReport& matrix = matrix_report().matrices[0];
  EXPECT_EQ(matrix.accuracy.size(), 6U);
  EXPECT_EQ(matrix.find("chem", "bio")->verdict, stats::TransferVerdict::gain);
  EXPECT_EQ(matrix.find("law", "bio")->verdict, stats::TransferVerdict::loss);
  EXPECT_EQ(matrix.find("bio", "law")->verdict, stats::TransferVerdict::inconclusive);
  EXPECT_EQ(matrix.find("bio", "bio"), nullptr);
  ASSERT_EQ(matrix.own.size(), 3U);
  EXPECT_NEAR(value(matrix.own[0].accuracy), 0.4, 1e-9);
  EXPECT_TRUE(matrix.accuracy_effects.interaction_share.defined());
  ASSERT_EQ(matrix.sources.size(), 3U);
  // Simultaneous intervals are wider than those of a cell alone.
  const Estimate& together = *matrix.find("chem", "bio")->gain.estimate();
  const Estimate& alone = *cell("chem", "bio").accuracy.gain.estimate();
  EXPECT_GT(together.upper - together.lower, alone.upper - alone.lower);
}

TEST(Matrix, of_one_pair_has_one_cell) {
  CellPlan plan;
  plan.accuracy = {{Condition::baseline, 0.2}, {Condition::transfer, 0.7}};
  const Report report = make_report(make_result(plan));
  ASSERT_EQ(report.matrices.size(), 1U);
  EXPECT_EQ(report.matrices[0].accuracy.size(), 1U);
  EXPECT_EQ(report.matrices[0].accuracy[0].verdict, stats::TransferVerdict::gain);
  EXPECT_FALSE(report.matrices[0].accuracy_reliability.full.defined());
}

TEST(Matrix, refuses_what_cannot_be_compared) {
  study::StudyResult result = matrix_result();
  for (study::CellResult& c : result.cells) {
    for (study::EvaluationResult& e : c.evaluations) {
      if (c.source == "chem" && c.target == "bio") e.protocol_hash = "another";
      if (c.source == "bio" && c.target == "law" && e.condition == Condition::transfer)
        for (study::ItemResult& item : e.items) item.extracted = item.score >= 1.0;
      if (c.source == "law" && c.target == "chem") e.items.pop_back();
    }
  }
  const Report report = make_report(std::move(result));
  const MatrixReport& matrix = report.matrices[0];
  const auto refused = [&](const char* source, const char* target, const char* why) {
    const stats::MatrixVerdict* found = matrix.find(source, target);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->verdict, stats::TransferVerdict::refused) << source;
    EXPECT_NE(found->reason.find(why), std::string::npos) << found->reason;
  };
  refused("bio", "law", "no final answer");
  refused("law", "chem", "other items");
  // The first source of a target sets its protocol.
  const bool first = matrix.find("chem", "bio")->verdict != stats::TransferVerdict::refused;
  refused(first ? "law" : "chem", "bio", "protocols differ");
  EXPECT_EQ(xml_problem(to_html(report)), "");
}

TEST(Matrix, of_an_unfinished_study_uses_the_seeds_that_are_there) {
  study::StudyResult result = matrix_result();
  std::erase_if(result.cells[0].evaluations, [](const study::EvaluationResult& e) {
    return e.condition == Condition::transfer && e.seed == 2;
  });
  const Report report = make_report(std::move(result));
  EXPECT_EQ(report.matrices[0].accuracy.size(), 6U);
}

TEST(Hypotheses, are_answered_by_their_rules) {
  const Report& report = matrix_report();
  ASSERT_EQ(report.hypotheses.size(), 4U);
  const HypothesisAnswer& h1 = hypothesis(report, "H1");
  EXPECT_NEAR(value(h1.estimate), (0.3 - 0.3 + 0.05 + 0.0 + 0.02 + 0.0) / 6.0, 1e-2);
  EXPECT_EQ(h1.cells, 6);
  EXPECT_EQ(h1.verdict, HypothesisVerdict::inconclusive);
  EXPECT_NE(h1.needed.find("80% power"), std::string::npos);
  EXPECT_NE(h1.check.find("Not run: random text"), std::string::npos);
  EXPECT_EQ(hypothesis(report, "H2").verdict, HypothesisVerdict::untested);
  EXPECT_EQ(hypothesis(report, "H3").verdict, HypothesisVerdict::untested);
  const HypothesisAnswer& h4 = hypothesis(report, "H4");
  EXPECT_NEAR(value(h4.estimate), 0.05, 1e-9);
  EXPECT_EQ(h4.verdict, HypothesisVerdict::held_back);
  EXPECT_NE(h4.reason.find("twice the steps"), std::string::npos);
  EXPECT_NE(h1.rule.find("±2.0 points"), std::string::npos);
}

TEST(Hypotheses, a_matched_budget_lets_h4_be_decided) {
  study::StudyResult result = matrix_result();
  result.spec.match = "steps";
  const Report report = make_report(std::move(result));
  EXPECT_EQ(hypothesis(report, "H4").verdict, HypothesisVerdict::supported);
}

TEST(Hypotheses, methods_are_compared_only_at_tuned_rates) {
  study::StudyResult result = matrix_result();
  const std::size_t cells = result.cells.size();
  for (std::size_t i = 0; i < cells; ++i) {
    study::CellResult other = result.cells[i];
    other.method = Method::rl;
    for (study::EvaluationResult& e : other.evaluations) {
      if (e.condition == Condition::format_control) e.condition = Condition::format_reward;
      if (e.condition == Condition::transfer)
        for (study::ItemResult& item : e.items) item.score = 1.0;
    }
    result.cells.push_back(other);
  }
  result.spec.methods = {Method::sl, Method::rl};
  const Report held = make_report(result);
  EXPECT_EQ(hypothesis(held, "H3").verdict, HypothesisVerdict::held_back);
  EXPECT_EQ(held.matrices.size(), 2U);
  result.spec.hypotheses.learning_rates_tuned = true;
  const Report tuned = make_report(result);
  EXPECT_EQ(hypothesis(tuned, "H3").verdict, HypothesisVerdict::supported);
  EXPECT_EQ(hypothesis(tuned, "H3").cells, 6);
}

stats::SimilarityTable similarity_table() {
  stats::SimilarityTable table;
  table.domains = domains;
  table.primary = "gradient_cosine";
  table.measures = {{"gradient_cosine", "LoRA-gradient cosine", true, true, "", "model"},
                    {"jensen_shannon", "Jensen-Shannon", false, false, "", "text"}};
  double next = 0.0;
  for (const stats::SimilarityMeasure& m : table.measures)
    for (const std::string& source : domains)
      for (const std::string& target : domains)
        table.rows.push_back(
            {source, target, m.name, stats::Value(next = std::fmod(next + 0.37, 1.0))});
  return table;
}

TEST(Hypotheses, similarity_of_three_domains_says_what_it_lacks) {
  const Report report = make_report(matrix_result(), similarity_table());
  ASSERT_EQ(report.similarities.size(), 2U);
  EXPECT_TRUE(report.similarities[0].declared);
  // Two sources for each target give no rank correlation.
  EXPECT_EQ(hypothesis(report, "H2").verdict, HypothesisVerdict::untested);
  EXPECT_FALSE(hypothesis(report, "H2").reason.empty());
  EXPECT_NE(to_html(report).find("Similarity and transfer"), std::string::npos);
}

TEST(SimilarityFile, is_read_or_refused) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "xfer-similarity-file-test";
  std::filesystem::create_directories(folder);
  std::filesystem::remove(folder / "similarity.json");
  EXPECT_TRUE(read_similarity(folder).rows.empty());
  const auto write = [&](const std::string& text) {
    std::ofstream(folder / "similarity.json") << text;
  };
  const std::string head =
      R"({"domains": ["a", "b"], "primary": "m", "measures": [{"name": "m", "title": "M",
          "larger_is_closer": true, "directed": false, "direction_note": "", "basis": "text"}],
          "rows": [{"source": "a", "target": "b", "measure": "m", "value": )";
  write(head +
        "0.5}, {\"source\": \"b\", \"target\": \"a\", \"measure\": \"m\", \"value\": null, "
        "\"undefined\": \"too short\"}]}");
  const stats::SimilarityTable table = read_similarity(folder);
  EXPECT_EQ(*table.find("a", "b", "m")->value.number(), 0.5);
  EXPECT_EQ(table.find("b", "a", "m")->value.reason(), "too short");
  for (const std::string& bad : {std::string("{"), std::string("[]"), std::string("{}"),
                                 head + "\"x\"}]}", head + "1e999}]}", std::string(100000, '[')}) {
    write(bad);
    EXPECT_THROW(read_similarity(folder), Error) << bad.substr(0, 40);
  }
  std::filesystem::remove_all(folder);
}

TEST(Findings, never_go_beyond_the_verdicts) {
  const Report& report = matrix_report();
  const auto text_of = [&](const std::string& id) {
    for (const FindingParagraph& p : report.findings)
      if (p.id == id) return p.text;
    return std::string();
  };
  EXPECT_NE(text_of("negative_transfer").find("law → bio"), std::string::npos);
  EXPECT_NE(text_of("asymmetry").find("3 pairs of domains were tested both ways"),
            std::string::npos);
  EXPECT_NE(text_of("ceiling").find("Transfer Efficiency is defined in 6 of 6 cells"),
            std::string::npos);
  EXPECT_FALSE(text_of("sources_and_targets").empty());
  ASSERT_EQ(report.recommendations.size(), 3U);
  const Recommendation& bio = report.recommendations[0];
  EXPECT_EQ(bio.target, "bio");
  EXPECT_NE(bio.text.find("train on chem first"), std::string::npos) << bio.text;
  EXPECT_NE(bio.text.find("Do not use law"), std::string::npos) << bio.text;
  EXPECT_NE(report.recommendations[1].text.find("no source is recommended"), std::string::npos);
  EXPECT_NE(report.headline.find("6 transfers tested: 1 gain, 1 loss"), std::string::npos)
      << report.headline;
}

TEST(Changes, add_up_by_every_grouping) {
  const CellReport& c = cell("chem", "bio");
  const auto transfer = std::find_if(c.changes.begin(), c.changes.end(), [](const auto& change) {
    return change.condition == Condition::transfer;
  });
  ASSERT_NE(transfer, c.changes.end());
  EXPECT_NEAR(transfer->fixed, 36.0, 1e-9);  // 30 points of 120 items
  EXPECT_NEAR(transfer->broken, 0.0, 1e-9);
  std::map<std::string, double> fixed;
  for (const ChangeGroup& g : transfer->groups) fixed[g.by] += g.fixed;
  EXPECT_EQ(fixed.count("topic"), 1U);
  EXPECT_EQ(fixed.count("difficulty"), 1U);
  for (const auto& [by, sum] : fixed) EXPECT_NEAR(sum, 36.0, 1e-6) << by;
}

TEST(Learning, is_summed_up_by_area_and_steps) {
  const CellReport& c = cell("chem", "bio");
  ASSERT_FALSE(c.learning.empty());
  const auto transfer = std::find_if(c.learning.begin(), c.learning.end(), [](const auto& s) {
    return s.condition == Condition::transfer;
  });
  ASSERT_NE(transfer, c.learning.end());
  EXPECT_GT(value(transfer->accuracy_area), 0.0);
  EXPECT_GT(value(transfer->accuracy_steps), 50.0);
  EXPECT_LT(value(transfer->accuracy_steps), 150.0);
}

TEST(Outputs, of_a_matrix_are_whole) {
  const Report report = make_report(matrix_result(), similarity_table());
  const std::string html = to_html(report);
  EXPECT_EQ(xml_problem(html), "");
  for (const char* part : {"class=\"matrix\"", "Asymmetry: gain there", "Forgetting", "Hypotheses",
                           "Recommendations", "heat-g3", "▼"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  const json j = json::parse(to_json(report));
  EXPECT_EQ(j["matrices"][0]["accuracy"].size(), 6U);
  EXPECT_EQ(j["hypotheses"].size(), 4U);
  EXPECT_EQ(j["cells"][0]["metrics"]["accuracy"]["held_out_gain"]["undefined"],
            "no scores on a held-out set");
  EXPECT_EQ(j["study"]["hypotheses"]["score"], "accuracy");
  EXPECT_NE(to_markdown(report).find("### Hypotheses"), std::string::npos);
}

TEST(Tables, are_rectangular_and_documented) {
  std::ifstream in(std::filesystem::path(XFER_SOURCE_DIR) / "docs/report-tables.md");
  std::stringstream docs;
  docs << in.rdbuf();
  for (const DataTable& table : data_tables(matrix_report())) {
    EXPECT_NE(docs.str().find("## " + table.name + "\n"), std::string::npos) << table.name;
    for (const std::string& column : table.columns)
      EXPECT_NE(docs.str().find("`" + column + "`"), std::string::npos) << column;
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
}

TEST(Tables, are_csv_that_reads_back) {
  DataTable table{"t", {"text", "real", "none", "count"}, {}};
  table.rows.push_back({std::string("a \"b\", c\nd"), 0.1, std::monostate{}, std::int64_t{-3}});
  EXPECT_EQ(to_csv(table), "text,real,none,count\n\"a \"\"b\"\", c\nd\",0.1,,-3\n");
}

/// Braces and environments that a compiler of LaTeX would find open.
std::string latex_problem(const std::string& tex) {
  int braces = 0;
  std::vector<std::string> open;
  for (std::size_t i = 0; i < tex.size(); ++i) {
    if (static_cast<unsigned char>(tex[i]) >= 0x80) return "a character beyond ASCII";
    if (tex[i] == '\\' && (tex[i + 1] == '{' || tex[i + 1] == '}' || tex[i + 1] == '\\')) {
      ++i;
      continue;
    }
    if (tex[i] == '%' && tex[i - 1] != '\\' && tex[i + 1] != '\n') return "a comment";
    braces += tex[i] == '{' ? 1 : tex[i] == '}' ? -1 : 0;
    if (braces < 0) return "a brace closed too often";
    for (const std::string_view word : {"\\begin{", "\\end{"}) {
      if (tex.compare(i, word.size(), word) != 0) continue;
      const std::string name = tex.substr(i + word.size(), tex.find('}', i) - i - word.size());
      if (word == "\\begin{") {
        open.push_back(name);
      } else {
        if (open.empty() || open.back() != name) return "\\end{" + name + "} does not match";
        open.pop_back();
      }
    }
  }
  return braces != 0 ? "an open brace" : !open.empty() ? "an open " + open.back() : "";
}

TEST(Latex, is_balanced_and_escaped) {
  study::StudyResult result = matrix_result();
  result.spec.name = "\\input{/etc/passwd} $x_1^2$ 100% & #1 ~ {\xe4\xb8\xad}\n\n[a]";
  const std::string tex = to_latex(make_report(std::move(result)));
  EXPECT_EQ(latex_problem(tex), "");
  EXPECT_EQ(tex.find("\\input"), std::string::npos);
  EXPECT_NE(tex.find("[U+4E2D]"), std::string::npos);
  for (const char* part : {"\\documentclass", "\\begin{tabular}", "\\toprule", "figures/matrix.pdf",
                           "\\section{Method}", "\\end{document}"})
    EXPECT_NE(tex.find(part), std::string::npos) << part;
}

std::vector<ScoreRow> imported_rows() {
  std::vector<ScoreRow> rows;
  const auto add = [&](const std::string& trained, const std::string& tested, std::uint64_t seed,
                       int right, const std::string& prompt = "", bool held_out = false) {
    for (int i = 0; i < 50; ++i) {
      ScoreRow row;
      row.trained_on = trained;
      row.tested_on = tested;
      row.seed = seed;
      row.item = "item " + std::to_string(i);
      row.score = i < right ? 1.0 : 0.0;
      row.prompt = prompt;
      row.held_out = held_out;
      rows.push_back(row);
    }
  };
  add("", "b", 0, 20);
  add("a", "b", 0, 40);
  add("a", "b", 1, 41);
  add("b", "b", 0, 45);
  add("b", "b", 1, 46);
  add("", "b", 0, 21, "terse");
  add("a", "b", 0, 39, "terse");
  add("a", "b", 1, 38, "terse");
  add("", "b", 0, 19, "", true);
  add("a", "b", 0, 30, "", true);
  add("a", "b", 1, 31, "", true);
  return rows;
}

TEST(Import, makes_the_report_that_a_study_makes) {
  const Report report = make_report(result_of_scores(imported_rows(), {"others", "a model"}));
  ASSERT_EQ(report.cells.size(), 1U);
  const CellReport& c = report.cells[0];
  EXPECT_NEAR(value(c.accuracy.gain), 40.5 / 50 - 0.4, 1e-9);
  EXPECT_NEAR(value(c.accuracy.efficiency), 20.5 / 25.5, 1e-9);
  EXPECT_NEAR(value(c.accuracy.held_out_gain), 30.5 / 50 - 19.0 / 50, 1e-9);
  EXPECT_NEAR(value(c.accuracy.generalisation), 0.23 - 0.41, 1e-9);
  ASSERT_TRUE(c.robustness.has_value());
  EXPECT_EQ(c.robustness->names.size(), 2U);
  EXPECT_EQ(c.robustness->accuracy.sign, stats::SignSurvival::survives);
  EXPECT_EQ(report.matrices[0].accuracy[0].verdict, stats::TransferVerdict::gain);
  EXPECT_EQ(c.bits_per_byte.gain.reason(), "the reference answers have no text to score");
  EXPECT_EQ(xml_problem(to_html(report)), "");
}

TEST(Import, names_the_row_that_it_cannot_use) {
  const auto problem = [](auto change) {
    std::vector<ScoreRow> rows = imported_rows();
    change(rows[60]);
    try {
      make_report(result_of_scores(rows));
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(problem([](ScoreRow& r) { r.score = NAN; }).find("row 61: score"), std::string::npos);
  EXPECT_NE(problem([](ScoreRow& r) { r.tested_on = ""; }).find("row 61"), std::string::npos);
  EXPECT_NE(problem([](ScoreRow& r) { r.condition = "magic"; }).find("baseline, transfer"),
            std::string::npos);
  EXPECT_NE(problem([](ScoreRow& r) { r.method = "x"; }).find("sl, rl"), std::string::npos);
  EXPECT_NE(problem([](ScoreRow& r) { r.condition = "baseline"; }).find("row 61"),
            std::string::npos);
  EXPECT_NE(problem([](ScoreRow& r) { r.item = "item 11"; }).find("twice"), std::string::npos);
  EXPECT_THROW(result_of_scores({}), Error);
}

}  // namespace
}  // namespace xfer::report
