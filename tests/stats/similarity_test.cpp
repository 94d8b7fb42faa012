// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/similarity.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace xfer::stats {
namespace {

using Numbers = std::vector<double>;
using Labels = std::vector<std::int64_t>;

TEST(JensenShannon, matches_the_worked_example) {
  const Numbers p = {.5, .3, .2, 0};
  const Numbers q = {.1, .4, .4, .1};
  const double bits = jensen_shannon(p, q);
  EXPECT_NEAR(bits, 0.184674676, 1e-9);
  EXPECT_NEAR(bits * std::log(2.0), 0.128006731, 1e-9);
  EXPECT_NEAR(std::sqrt(bits), 0.429737915, 1e-9);
  EXPECT_EQ(jensen_shannon(q, p), bits);
  EXPECT_EQ(jensen_shannon(p, p), 0.0);
  EXPECT_EQ(jensen_shannon(Numbers{5, 0}, Numbers{0, 3}), 1.0);
  EXPECT_NEAR(jensen_shannon(Numbers{5, 3, 2, 0}, Numbers{1, 4, 4, 1}), bits, 1e-12);
}

TEST(JensenShannon, falls_steadily_as_one_source_is_mixed_into_the_other) {
  Rng rng(1);
  Numbers a(50);
  Numbers b(50);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = rng.uniform() / 25.0;
    b[i] = rng.uniform() / 25.0;
  }
  double before = 2.0;
  for (int step = 0; step <= 10; ++step) {
    Numbers mixture(50);
    for (std::size_t i = 0; i < a.size(); ++i)
      mixture[i] = 0.1 * (step * a[i] + (10 - step) * b[i]);
    const double now = jensen_shannon(a, mixture);
    EXPECT_LT(now, before);
    before = now;
  }
}

TEST(JensenShannon, refuses_what_is_not_a_distribution) {
  EXPECT_THROW(jensen_shannon(Numbers{1}, Numbers{1, 2}), Error);
  EXPECT_THROW(jensen_shannon(Numbers{0, 0}, Numbers{1, 2}), Error);
  EXPECT_THROW(jensen_shannon(Numbers{-1, 2}, Numbers{1, 2}), Error);
  EXPECT_THROW(jensen_shannon(Numbers{NAN, 2}, Numbers{1, 2}), Error);
  EXPECT_THROW(jensen_shannon({}, {}), Error);
}

TEST(Mmd2, matches_the_worked_example) {
  const Numbers x = {0, 1, 2};
  const Numbers y = {1, 2, 4};
  EXPECT_NEAR(mmd2({x, 3, 1}, {y, 3, 1}, 1.0), -0.21103326, 1e-8);
  EXPECT_NEAR(mmd2({x, 3, 1}, {y, 3, 1}, 1.0, MmdEstimator::biased), 0.22214767, 1e-8);
  EXPECT_NEAR(mmd2({x, 3, 1}, {x, 3, 1}, 1.0, MmdEstimator::biased), 0.0, 1e-15);
  EXPECT_THROW(mmd2({x, 3, 1}, {y, 1, 3}, 1.0), Error);
  EXPECT_THROW(mmd2({x, 3, 2}, {y, 3, 2}, 1.0), Error);
  EXPECT_THROW(mmd2({x, 3, 1}, {y, 3, 1}, 0.0), Error);
  EXPECT_THROW(mmd2({std::span(x).first(1), 1, 1}, {y, 3, 1}, 1.0), Error);
}

TEST(Mmd2, two_halves_of_one_sample_are_nearer_than_two_samples) {
  Rng rng(2);
  Numbers a(200 * 3);
  Numbers b(100 * 3);
  for (double& v : a) v = rng.normal();
  for (double& v : b) v = rng.normal() + 0.5;
  const MatrixView first{std::span(a).first(300), 100, 3};
  const MatrixView second{std::span(a).last(300), 100, 3};
  EXPECT_LT(std::abs(mmd2(first, second, 1.0)), 0.02);
  EXPECT_GT(mmd2(first, {b, 100, 3}, 1.0), 0.05);
}

TEST(Leep, matches_the_worked_example) {
  const Numbers theta = {.7, .3, .6, .4, .2, .8, .1, .9, .5, .5, .9, .1};
  const Labels y = {0, 0, 1, 1, 1, 0};
  EXPECT_NEAR(leep({theta, 6, 2}, y), -0.5028603110, 1e-10);
  EXPECT_LE(leep({theta, 6, 2}, Labels{4, 4, 4, 4, 4, 4}), 0.0);
  EXPECT_THROW(leep({theta, 6, 2}, Labels{0, 1}), Error);
  EXPECT_THROW(leep({theta, 5, 2}, Labels{0, 1, 0, 1, 0}), Error);
  EXPECT_THROW(leep({Numbers{0, 0, 1, 1}, 2, 2}, Labels{0, 1}), Error);
}

TEST(Nce, matches_the_worked_example) {
  EXPECT_NEAR(nce(Labels{0, 0, 1, 1, 0, 1}, Labels{0, 0, 1, 1, 1, 0}), -0.6365141683, 1e-10);
  EXPECT_EQ(nce(Labels{0, 1, 2}, Labels{5, 5, 6}), 0.0);
  EXPECT_THROW(nce({}, {}), Error);
}

const Numbers logme_features = {.1,  .2, -.3, 0,   .5, .1,  1,  -.2, .3, .9, .1,  .2,
                                -.5, .4, 0,   1.2, 0,  -.1, .2, .3,  .4, .8, -.4, .1};
const Labels logme_labels = {0, 0, 1, 1, 0, 1, 0, 1};

TEST(LogMe, matches_the_published_programs) {
  // Their two programs stop at unlike tolerances: -0.718398426 and -0.718407332.
  EXPECT_NEAR(logme({logme_features, 8, 3}, logme_labels), -0.718398426, 2e-6);
}

TEST(LogMe, does_not_depend_on_rotation_order_or_idle_features) {
  const double plain = logme({logme_features, 8, 3}, logme_labels);
  Numbers turned;
  Numbers padded;
  Numbers wide;
  for (std::size_t i = 0; i < 8; ++i) {
    const double* f = &logme_features[3 * i];
    turned.insert(turned.end(), {0.6 * f[0] - 0.8 * f[1], 0.8 * f[0] + 0.6 * f[1], -f[2]});
    padded.insert(padded.end(), {f[0], f[1], f[2], 0.0});
    wide.insert(wide.end(), f, f + 3);
    wide.insert(wide.end(), 17, 0.0);  // more features than examples
  }
  EXPECT_NEAR(logme({turned, 8, 3}, logme_labels), plain, 1e-9);
  EXPECT_NEAR(logme({padded, 8, 4}, logme_labels), plain, 1e-9);
  EXPECT_NEAR(logme({wide, 8, 20}, logme_labels), plain, 1e-9);
  Labels other = logme_labels;
  for (auto& label : other) label = 7 - 3 * label;
  EXPECT_NEAR(logme({logme_features, 8, 3}, other), plain, 1e-12);
}

TEST(LogMe, prefers_features_that_tell_the_classes) {
  Labels scrambled = {0, 1, 0, 1, 1, 0, 1, 0};
  EXPECT_GT(logme({logme_features, 8, 3}, logme_labels), logme({logme_features, 8, 3}, scrambled));
  Numbers exact;
  for (const auto label : logme_labels)
    exact.insert(exact.end(), {static_cast<double>(label), 1.0 - static_cast<double>(label)});
  EXPECT_GT(logme({exact, 8, 2}, logme_labels), 0.5);
}

TEST(LogMe, refuses_malformed_input) {
  EXPECT_THROW(logme({logme_features, 8, 2}, logme_labels), Error);
  EXPECT_THROW(logme({logme_features, 8, 3}, Labels{0, 1}), Error);
  EXPECT_THROW(logme({logme_features, 8, 3}, Labels(8, 1)), Error);
  EXPECT_THROW(logme({Numbers(24), 8, 3}, logme_labels), Error);
  Numbers bad = logme_features;
  bad[5] = INFINITY;
  EXPECT_THROW(logme({bad, 8, 3}, logme_labels), Error);
}

TEST(ProxyADistance, matches_the_worked_example) {
  EXPECT_NEAR(proxy_a_distance(0.15), 1.4, 1e-12);
  EXPECT_EQ(proxy_a_distance(0.5), 0.0);
  EXPECT_THROW(proxy_a_distance(1.5), Error);
}

}  // namespace
}  // namespace xfer::stats
