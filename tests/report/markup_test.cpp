// SPDX-License-Identifier: Apache-2.0
#include "report/pages/markup.hpp"

#include "report/tables/format.hpp"
#include "tests/report/well_formed.hpp"
#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace xfer::report {
namespace {

TEST(CleanText, keeps_valid_text) {
  const std::string text = "plain, tab\t, newline\n, ümlaut, 日本, 😀, −→";
  EXPECT_EQ(clean_text(text), text);
  EXPECT_EQ(clean_text("a\r\nb\rc"), "a\nb\nc");
}

TEST(CleanText, replaces_what_is_not_utf8) {
  EXPECT_EQ(clean_text("a\xff"
                       "b"),
            "a\uFFFD"
            "b");
  EXPECT_EQ(clean_text("\xc0\xaf"), "\uFFFD\uFFFD");            // overlong slash
  EXPECT_EQ(clean_text("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // surrogate
  EXPECT_EQ(clean_text("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(clean_text("\xe2\x82"), "\uFFFD\uFFFD");  // cut short
  EXPECT_EQ(clean_text("\xef\xbf\xbf"), "\uFFFD");    // noncharacter
}

TEST(CleanText, shows_control_characters) {
  EXPECT_EQ(clean_text(std::string_view("\0\x1b\x7f", 3)), "\u2400\u241B\u2421");
  EXPECT_EQ(clean_text("\xc2\x85"), "\uFFFD");
}

TEST(CleanText, makes_any_bytes_fit_for_json_and_xml) {
  Rng rng(7, "bytes");
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (int i = 0; i < 60; ++i) bytes += static_cast<char>(rng.next_u32() & 0xFFU);
    EXPECT_NO_THROW(nlohmann::json(clean_text(bytes)).dump());
    Markup page;
    page.element("p", bytes, {{"title", bytes}});
    EXPECT_EQ(testing::xml_problem(page.finish()), "");
    EXPECT_EQ(clean_text(clean_text(bytes)), clean_text(bytes));
  }
}

TEST(ClipText, counts_characters_and_marks_the_cut) {
  EXPECT_EQ(clip_text("日本語", 3), "日本語");
  EXPECT_EQ(clip_text("日本語", 2), "日本 […]");
  EXPECT_EQ(clip_text(std::string(1000000, 'x'), 3), "xxx […]");
}

TEST(Escape, leaves_no_markup) {
  EXPECT_EQ(escape_markup("<script>alert('\"&')</script>"),
            "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;");
  EXPECT_EQ(escape_markdown("<b> | *x* `y`\n[z](u) ![z][u] _a_ &lt; \\ $x$ ~~z~~"),
            "&lt;b> \\| \\*x\\* \\`y\\` [z\\](u) ![z\\][u] \\_a\\_ &amp;lt; \\\\ \\$x\\$ "
            "\\~\\~z\\~\\~");
  EXPECT_EQ(escape_markdown("+1.0 [0.5, 1.5], format_control, a & b"),
            "+1.0 [0.5, 1.5], format_control, a & b");
}

TEST(Fence, is_longer_than_any_inside) {
  EXPECT_EQ(markdown_fence("a"), "```\na\n```\n");
  EXPECT_EQ(markdown_fence("````\nx"), "`````\n````\nx\n`````\n");
}

TEST(Markup, refuses_to_finish_unbalanced) {
  Markup page;
  page.open("p");
  EXPECT_THROW(page.finish(), Error);
}

TEST(Number, has_the_decimals_of_its_kind) {
  EXPECT_EQ(number(0.12345, Style::points), "+12.3");
  EXPECT_EQ(number(-0.12345, Style::points), "−12.3");
  EXPECT_EQ(number(0.34312, Style::percent), "34.3");
  EXPECT_EQ(number(2.43121, Style::bits), "2.431");
  EXPECT_EQ(number(0.05149, Style::bits_change), "+0.051");
  EXPECT_EQ(number(0.4512, Style::share), "45");
  EXPECT_EQ(number(-0.561, Style::share_change), "−56");
}

TEST(Number, never_prints_a_signed_zero) {
  EXPECT_EQ(number(-0.0001, Style::points), "0.0");
  EXPECT_EQ(number(0.0001, Style::points), "0.0");
  EXPECT_EQ(number(-0.0001, Style::bits_change), "0.000");
}

TEST(Number, intervals_stand_in_brackets) {
  EXPECT_EQ(with_interval({0.123, 0.081, 0.164}, Style::points), "+12.3 [8.1, 16.4]");
  EXPECT_EQ(with_interval({-0.01, -0.03, 0.011}, Style::points), "−1.0 [−3.0, 1.1]");
}

TEST(Number, groups_and_counts) {
  EXPECT_EQ(grouped(1650000), "1,650,000");
  EXPECT_EQ(grouped(-1000), "-1,000");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(counted(1, "seed"), "1 seed");
  EXPECT_EQ(counted(2, "seed"), "2 seeds");
  EXPECT_EQ(and_parameters(1650000), ", 1,650,000 parameters");
  // A service does not say.
  EXPECT_EQ(and_parameters(0), "");
  EXPECT_EQ(joined({"a", "b", "c"}), "a, b and c");
}

}  // namespace
}  // namespace xfer::report
