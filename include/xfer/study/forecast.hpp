// SPDX-License-Identifier: Apache-2.0
// What a study will take and what it can show, before anything is run.
#pragma once

#include "xfer/study/materials.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/study/prices.hpp"
#include "xfer/study/spec.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// How much of something; all three are equal where it is known exactly.
struct Range {
  double low = 0.0;
  double expected = 0.0;
  double high = 0.0;

  Range& operator+=(const Range& other) {
    low += other.low;
    expected += other.expected;
    high += other.high;
    return *this;
  }
};

/// Tokens read (prompts, and texts that are scored), drawn, and trained on. Each is counted once
/// for every request in which it is sent.
struct TokenForecast {
  Range prefill;
  Range sample;
  Range train;

  TokenForecast& operator+=(const TokenForecast& other) {
    prefill += other.prefill;
    sample += other.sample;
    train += other.train;
    return *this;
  }
};

/// The smallest effect that the design finds with 80 % power in a two-sided test at 5 %, and what
/// that takes for granted. Without a number where the design cannot show any.
struct Detectable {
  std::optional<double> effect;
  std::string assumptions;
};

/// What one more of something would buy.
struct Advice {
  std::string change;  ///< e.g. "600 test items in place of 300"
  double more_dollars = 0.0;
  double more_hours = 0.0;
  /// Smallest detectable gain after it.
  double gain_effect = 0.0;
};

struct Forecast {
  /// In the order of the plan. Supervised legs are counted by making every batch: exact.
  std::vector<TokenForecast> legs;
  std::vector<TokenForecast> evaluations;
  TokenForecast training;
  TokenForecast testing;
  /// Every leg is supervised, so that `training` is exact.
  bool training_exact = true;

  Range training_dollars;
  Range testing_dollars;
  /// Expected dollars of the training that a plan without sharing would do.
  double naive_training_dollars = 0.0;
  /// The model whose price was taken.
  std::string priced_model;
  std::string price_date;
  std::string price_source;
  std::string price_origin;

  /// On this machine's own engine; nothing is said of a service's queue.
  Range hours;

  /// Points of accuracy as a share, e.g. 0.05.
  Detectable gain;
  Detectable efficiency;
  /// H2: the correlation over pairs between the similarity of two domains and their transfer.
  Detectable correlation;
  std::vector<Advice> advice;
};

/// Throws what reading the study's data throws, `invalid_argument` for a model without a price, and
/// `cancelled` soon after `stop` became true. `parameters` are the model's.
Forecast make_forecast(const StudySpec& spec, const Materials& materials, const Plan& plan,
                       const PriceList& prices, std::int64_t parameters,
                       const std::atomic<bool>* stop = nullptr);

/// The price of a study's calls; nothing when they are free, or when the price is unknown and no
/// limit depends on it. Throws `invalid_argument` for an unknown price where [budget] sets a limit,
/// and what reading the price file throws.
std::optional<Price> price_of_calls(const StudySpec& spec);

/// The prices that a study asks for: its price file, or the built-in list.
PriceList prices_of(const StudySpec& spec);

/// What the calls of a study cost: nothing on this machine and on a service of one's own
/// (`base_url`) whose model the list does not name. Throws `invalid_argument` for another model
/// without a price.
Price price_of(const PriceList& prices, const StudySpec& spec);

}  // namespace xfer::study
#pragma GCC visibility pop
