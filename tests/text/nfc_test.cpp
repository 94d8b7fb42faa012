// SPDX-License-Identifier: Apache-2.0
#include "text/nfc.hpp"

#include "fixture.hpp"

namespace xfer::text {
namespace {

std::string nfc(std::string_view text) {
  std::string buffer;
  return std::string(to_nfc(text, buffer));
}

// Examples of Unicode Standard Annex 15, and of each rule on its own.
TEST(Nfc, composes_decomposes_and_orders) {
  EXPECT_EQ(nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(nfc("A\u030A"), "\u00C5");
  EXPECT_EQ(nfc("\u212B"), "\u00C5");                // singleton
  EXPECT_EQ(nfc("\u1E0A\u0323"), "\u1E0C\u0307");    // another mark comes first
  EXPECT_EQ(nfc("q\u0307\u0323"), "q\u0323\u0307");  // order only
  EXPECT_EQ(nfc("\u0958"), "\u0915\u093C");          // composition exclusion
  EXPECT_EQ(nfc("\u1112\u1161\u11AB"), "\uD55C");    // Hangul L V T
  EXPECT_EQ(nfc("\uD558\u11AB"), "\uD55C");          // Hangul LV T
  EXPECT_EQ(nfc("a\u0301\u0301"), "\u00E1\u0301");
  EXPECT_EQ(nfc("\u0301e"), "\u0301e");              // a mark without a letter
  EXPECT_EQ(nfc("\uFB01 \u00BD"), "\uFB01 \u00BD");  // compatibility stays
  EXPECT_EQ(nfc("b\u0344y"), "b\u0308\u0301y");
}

TEST(Nfc, returns_the_text_itself_when_there_is_nothing_to_do) {
  for (const std::string_view text :
       {"", "plain ascii", "caf\u00E9 \u4E16\u754C \uD55C \U0001F600"}) {
    std::string buffer;
    EXPECT_EQ(to_nfc(text, buffer).data(), text.data());
  }
}

TEST(Nfc, keeps_invalid_bytes_where_they_are) {
  EXPECT_EQ(nfc("\xFF"
                "e\u0301\xC3"),
            "\xFF\u00E9\xC3");
  EXPECT_EQ(nfc("e\xFF\u0301"), "e\xFF\u0301");
  EXPECT_EQ(nfc("e\u0301\xED\xA0\x80\u0301"), "\u00E9\xED\xA0\x80\u0301");
}

TEST(Nfc, is_idempotent_and_splits_anywhere_between_letters) {
  test::Dice dice(5);
  for (int i = 0; i < 500; ++i) {
    const std::string text = dice.text(20) + dice.bytes(dice.below(4));
    const std::string once = nfc(text);
    EXPECT_EQ(nfc(once), once);
    EXPECT_EQ(nfc(text + "." + text), once + "." + once);
  }
}

TEST(Nfc, many_marks_on_one_letter_take_no_quadratic_time) {
  std::string text = "a";
  for (int i = 0; i < 200000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string normal = nfc(text);
  EXPECT_TRUE(normal.starts_with("\u1EA1\u0323"));
  EXPECT_EQ(nfc(normal), normal);
}

}  // namespace
}  // namespace xfer::text
