// SPDX-License-Identifier: Apache-2.0
#include "tests/report/well_formed.hpp"
#include "tests/support/results.hpp"
#include "xfer/error.hpp"
#include "xfer/report/report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace xfer::report {
namespace {

using nlohmann::json;
using testing::CellPlan;
using testing::make_result;
using testing::xml_problem;

study::StudyResult small_result() {
  CellPlan plan;
  plan.items = 60;
  plan.accuracy = {{Condition::baseline, 0.2}, {Condition::transfer, 0.5},
                   {Condition::direct, 0.7},   {Condition::sequential, 0.75},
                   {Condition::joint, 0.6},    {Condition::format_control, 0.45}};
  plan.bits_per_byte = {{Condition::baseline, 1.0}, {Condition::transfer, 0.95},
                        {Condition::direct, 0.5},   {Condition::sequential, 0.45},
                        {Condition::joint, 0.6},    {Condition::format_control, 0.96}};
  study::StudyResult result = make_result(plan);
  for (study::EvaluationResult& e : result.cells[0].evaluations)
    for (study::ItemResult& item : e.items) {
      item.strict_score = item.score;
      item.strict_extracted = true;
    }
  // One answer was right, but not in the form that was asked for.
  for (study::EvaluationResult& e : result.cells[0].evaluations)
    if (e.condition == Condition::transfer && e.seed == 1) {
      e.items[0].strict_score = 0.0;
      e.items[0].strict_extracted = false;
    }
  return result;
}

/// A study whose every text tries to get out of its place.
study::StudyResult hostile_result() {
  study::StudyResult result = small_result();
  static constexpr char head[] = "</pre></title><script>alert(1)</script>\xff\xc0\0\x1b[2J";
  const std::string evil = std::string(head, sizeof head - 1) +
                           "]]>--> & \" ' | `````` \xed\xa0\x80\xe2\x80\xae\r\n# heading\n<!-- ";
  result.spec.name = evil;
  result.model_name = evil;
  result.model_hash = evil;
  result.xfer_version = evil;
  result.cells[0].source = evil;
  result.cells[0].target = evil;
  for (study::LegSummary& leg : result.legs) leg.description = leg.key = evil;
  for (study::EvaluationResult& e : result.cells[0].evaluations) {
    e.protocol_hash = evil;
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      study::ItemResult& item = e.items[i];
      item.item_id = evil + std::to_string(i);
      item.kind = evil + std::to_string(i % 2);
      item.completion = item.answer = evil + std::string(i * 100, '`');
      item.failure = evil;
    }
  }
  return result;
}

bool valid_utf8(const std::string& text) {
  try {
    (void)json(text).dump();
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

int columns(const std::string& line) {
  int n = 0;
  for (const char c : line) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return n;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Json, holds_the_documented_keys) {
  const json j = json::parse(to_json(make_report(small_result())));
  EXPECT_EQ(j["schema"], "xfer-report/1");
  EXPECT_EQ(j["study"]["seeds"], (json{0, 1}));
  EXPECT_EQ(j["study"]["pairs"], json::parse(R"([["math", "code"]])"));
  EXPECT_EQ(j["model"]["parameters"], 1650000);
  const json& cell = j["cells"][0];
  EXPECT_EQ(cell["source"], "math");
  for (const char* score : {"accuracy", "bits_per_byte", "bits_per_byte_after_first"})
    for (const char* metric :
         {"gain", "gain_above_control", "ceiling", "efficiency", "relative_transfer",
          "sequential_over_direct", "joint_over_direct"}) {
      const json& m = cell["metrics"][score][metric];
      EXPECT_TRUE(m.contains("undefined") ||
                  (m["lower"].is_number() && m["value"].is_number() && m["upper"].is_number()))
          << score << " " << metric << ": " << m;
    }
  EXPECT_NEAR(cell["metrics"]["accuracy"]["gain"]["value"].get<double>(), 0.3, 1e-12);
  EXPECT_EQ(cell["conditions"].size(), 6U);
  EXPECT_EQ(cell["kinds"].size(), 3U);
  EXPECT_EQ(cell["curves"].size(), 10U);
  EXPECT_EQ(cell["curves"][0]["points"].size(), 4U);
  EXPECT_EQ(cell["finding"], "answer_habit");
  EXPECT_FALSE(cell["examples"].empty());
  EXPECT_EQ(j["legs"].size(), 2U);
  EXPECT_FALSE(j["legs"][0].contains("seconds"));
}

TEST(Json, differs_between_equal_studies_only_in_timing) {
  study::StudyResult later = small_result();
  later.seconds = 5000;
  later.spec.threads = 7;
  for (study::LegSummary& leg : later.legs) leg.seconds = 4000;
  json a = json::parse(to_json(make_report(small_result())));
  json b = json::parse(to_json(make_report(later)));
  EXPECT_NE(a, b);
  a.erase("timing");
  b.erase("timing");
  EXPECT_EQ(a, b);
  EXPECT_EQ(to_markdown(make_report(small_result())), to_markdown(make_report(later)));
  EXPECT_EQ(to_html(make_report(small_result())), to_html(make_report(later)));
}

TEST(Outputs, are_equal_byte_for_byte_in_two_runs) {
  const Report a = make_report(small_result());
  const Report b = make_report(small_result());
  EXPECT_EQ(to_json(a), to_json(b));
  EXPECT_EQ(to_markdown(a), to_markdown(b));
  EXPECT_EQ(to_html(a), to_html(b));
  EXPECT_EQ(to_text(a), to_text(b));
}

TEST(Outputs, survive_hostile_text) {
  const Report report = make_report(hostile_result());
  const std::string html = to_html(report);
  EXPECT_EQ(xml_problem(html), "");
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
  for (const std::string& text : {html, to_markdown(report), to_json(report), to_text(report)}) {
    EXPECT_TRUE(valid_utf8(text));
    for (const char c : text)
      ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  }
  EXPECT_TRUE(json::accept(to_json(report)));
  EXPECT_EQ(xml_problem(condition_chart_svg(report.cells[0])), "");
  EXPECT_EQ(xml_problem(learning_curve_svg(report.result.cells[0])), "");
}

TEST(Markdown, keeps_hostile_text_inside_its_fences) {
  std::istringstream lines(to_markdown(make_report(hostile_result())));
  std::string fence;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t ticks = std::min(line.find_first_not_of('`'), line.size());
    if (fence.empty()) {
      EXPECT_EQ(line.find("<script"), std::string::npos) << line;
      EXPECT_NE(line.substr(0, 9), "# heading");
      if (ticks >= 3) fence = line.substr(0, ticks);
    } else if (ticks >= fence.size() && ticks == line.size()) {
      fence.clear();
    }
  }
  EXPECT_EQ(fence, "");
}

TEST(Html, is_one_accessible_self_contained_page) {
  const std::string html = to_html(make_report(small_result()));
  EXPECT_EQ(xml_problem(html), "");
  for (const char* outside : {"src=", "http-equiv=\"refresh\"", "@import", "url(", "<link"})
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  for (const char* part :
       {"<html lang=\"en\">", "name=\"viewport\"", "prefers-color-scheme", "@media print",
        "<caption>", "scope=\"row\"", "Transfer Gain", "Transfer Efficiency", "Relative Transfer",
        "<svg", "How to reproduce", "answer habit"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_LT(html.find("class=\"headline\""), html.find("<table"));
}

TEST(Text, fits_any_width) {
  const Report report = make_report(small_result());
  for (const int width : {40, 60, 80, 100, 160}) {
    std::istringstream lines(to_text(report, width));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), width) << line;
    EXPECT_NE(to_text(report, width).find("Transfer Gain"), std::string::npos);
  }
  EXPECT_THROW(to_text(report, 39), Error);
}

TEST(Text, is_a_table_at_a_hundred_columns) {
  const std::string text = to_text(make_report(small_result()), 100);
  EXPECT_NE(text.find("Transfer Gain "), std::string::npos);
  EXPECT_NE(text.find("────"), std::string::npos);
}

// To write the golden file anew after a wanted change: XFER_UPDATE_GOLDEN=1 test_report
// --gtest_filter=Markdown.equals_the_golden_report; then read the difference before committing it.
TEST(Markdown, equals_the_golden_report) {
  const std::filesystem::path path =
      std::filesystem::path(XFER_SOURCE_DIR) / "tests/report/golden/report.md";
  const std::string text = to_markdown(make_report(small_result()));
  if (std::getenv("XFER_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(text, read_file(path));
}

TEST(WriteReport, writes_three_files) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() /
      ("xfer-report-test-" + std::to_string(static_cast<unsigned long>(std::rand())));
  std::filesystem::remove_all(folder);
  const Report report = make_report(small_result());
  write_report(report, folder / "deep");
  EXPECT_EQ(read_file(folder / "deep/report.json"), to_json(report));
  EXPECT_EQ(read_file(folder / "deep/report.md"), to_markdown(report));
  EXPECT_EQ(read_file(folder / "deep/report.html"), to_html(report));
  std::ofstream(folder / "file") << "x";
  EXPECT_THROW(write_report(report, folder / "file"), Error);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace xfer::report
