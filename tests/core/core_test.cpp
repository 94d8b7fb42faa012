// SPDX-License-Identifier: Apache-2.0
#include "xfer/xfer.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <string>

namespace xfer {
namespace {

TEST(Sha256, matches_the_published_vectors) {
  EXPECT_EQ(Sha256().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256().update("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256().update("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Sha256 million;
  for (int i = 0; i < 1000; ++i) million.update(std::string(1000, 'a'));
  EXPECT_EQ(million.hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(HashBuilder, separates_fields_that_concatenate_alike) {
  EXPECT_NE(HashBuilder("k").field("a", "bc").hex(), HashBuilder("k").field("ab", "c").hex());
  EXPECT_NE(HashBuilder("k").field("a", 1).hex(), HashBuilder("k").field("a", "1").hex());
  EXPECT_NE(HashBuilder("k").field("a", true).hex(), HashBuilder("k").field("a", 1).hex());
  EXPECT_EQ(HashBuilder("k").field("a", 0.0).hex(), HashBuilder("k").field("a", -0.0).hex());
  EXPECT_EQ(HashBuilder("k").field("a", "x").hex(), HashBuilder("k").field("a", "x").hex());
}

TEST(Philox, matches_the_reference_vectors) {
  // Known-answer file of the Random123 distribution, philox4x32 10 rounds.
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, streams_are_reproducible_and_differ) {
  Rng a(7, "data");
  Rng b(7, "data");
  Rng c(7, "init");
  EXPECT_EQ(a.next_u64(), b.next_u64());
  EXPECT_NE(a.next_u64(), c.next_u64());
  EXPECT_EQ(Rng(7).fork("x").next_u64(), Rng(7).fork("x").next_u64());
  EXPECT_NE(Rng(7).fork("x").next_u64(), Rng(8).fork("x").next_u64());
}

TEST(Rng, below_is_uniform) {
  Rng rng(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<std::size_t>(rng.below(7))];
  double chi2 = 0.0;
  for (const int n : counts) chi2 += (n - 10000.0) * (n - 10000.0) / 10000.0;
  EXPECT_LT(chi2, 22.5);  // 6 degrees of freedom, p = .001
  double mean = 0.0;
  double square = 0.0;
  for (int i = 0; i < 20000; ++i) {
    const double z = rng.normal();
    mean += z / 20000;
    square += z * z / 20000;
  }
  EXPECT_NEAR(mean, 0.0, 0.03);
  EXPECT_NEAR(square, 1.0, 0.05);
}

TEST(Rng, shuffle_is_a_permutation) {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  Rng(3).shuffle(std::span(items));
  EXPECT_EQ(std::set<int>(items.begin(), items.end()).size(), 100U);
  EXPECT_FALSE(std::is_sorted(items.begin(), items.end()));
}

TEST(Condition, names_round_trip) {
  for (const Condition c : all_conditions) EXPECT_EQ(parse_condition(to_string(c)), c);
  EXPECT_FALSE(parse_condition("transfr").has_value());
}

TEST(Condition, transfer_is_the_first_stage_of_sequential) {
  EXPECT_EQ(stages(Condition::sequential).front(), stages(Condition::transfer).front());
  EXPECT_TRUE(stages(Condition::baseline).empty());
}

TEST(SupervisedDatum, puts_weight_on_the_answer_only) {
  const Datum d = supervised_datum({1, 2, 3}, {4, 5});
  EXPECT_EQ(d.tokens, (std::vector<std::int32_t>{1, 2, 3, 4}));
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(d.loss_fn_inputs.at("target_tokens").data),
            (std::vector<std::int64_t>{2, 3, 4, 5}));
  EXPECT_EQ(std::get<std::vector<float>>(d.loss_fn_inputs.at("weights").data),
            (std::vector<float>{0, 0, 1, 1}));
  EXPECT_THROW(supervised_datum({}, {1}), Error);
}

task<int> forty_two() { co_return 42; }
task<void> fails() {
  throw Error(Errc::timeout, "too late");
  co_return;
}

TEST(RunBlocking, returns_and_throws) {
  EXPECT_EQ(run_blocking(forty_two()), 42);
  try {
    run_blocking(fails());
    FAIL() << "did not throw";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::timeout);
  }
}

TEST(Metric, is_never_a_number_without_a_value) {
  EXPECT_FALSE(Metric().defined());
  EXPECT_EQ(Metric(Undefined{"no baseline"}).reason(), "no baseline");
  EXPECT_EQ(Metric(Estimate{1, 0, 2}).estimate()->value, 1.0);
}

}  // namespace
}  // namespace xfer
