// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/chunking.hpp"
#include "tinker/client/sample_window.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace xfer::tinker {
namespace {

using namespace std::chrono_literals;

std::vector<Datum> datums(const std::vector<std::size_t>& tokens) {
  std::vector<Datum> data;
  for (const std::size_t n : tokens) data.emplace_back(ModelInput(std::vector<std::int32_t>(n)));
  return data;
}

TEST(Chunking, begins_a_new_chunk_at_either_limit) {
  using Sizes = std::vector<std::size_t>;
  EXPECT_EQ(chunk_sizes(datums({1, 1, 1}), {}), Sizes{3});
  EXPECT_EQ(chunk_sizes(datums({1, 1, 1, 1, 1}), {2, 1000}), (Sizes{2, 2, 1}));
  EXPECT_EQ(chunk_sizes(datums({10, 10, 10}), {99, 80}), (Sizes{2, 1}));
  EXPECT_EQ(chunk_sizes(datums({1000, 1, 1000}), {99, 80}), (Sizes{1, 1, 1}));
  EXPECT_EQ(chunk_sizes({}, {}), Sizes{});
}

TEST(Chunking, weighs_tokens_tensors_and_sparse_indices) {
  Datum datum{ModelInput({1, 2, 3})};
  EXPECT_EQ(estimated_bytes(datum), 12U);
  datum.loss_fn_inputs["weights"] = Tensor(std::vector<float>(3));
  EXPECT_EQ(estimated_bytes(datum), 24U);
  datum.loss_fn_inputs["target_tokens"] = Tensor(std::vector<std::int64_t>(3));
  EXPECT_EQ(estimated_bytes(datum), 48U);
  datum.loss_fn_inputs["weights"].csr.emplace();
  datum.loss_fn_inputs["weights"].csr->col = {1, 2};
  EXPECT_EQ(estimated_bytes(datum), 64U);
}

ForwardBackwardOutput chunk(std::size_t datums, std::map<std::string, double> metrics) {
  ForwardBackwardOutput out;
  out.loss_fn_outputs.resize(datums);
  out.metrics = std::move(metrics);
  return out;
}

TEST(Chunking, reduces_metrics_as_their_suffix_says) {
  const auto out = join_chunks({chunk(3, {{"loss:sum", 1.0},
                                          {"a:mean", 2.0},
                                          {"b:min", 5.0},
                                          {"c:max", 5.0},
                                          {"d:slack", 4.0},
                                          {"e:hash2", 7.0},
                                          {"f:unique", 1.5},
                                          {"g:other", 1.0},
                                          {"plain", 1.0},
                                          {"x:y:sum", 1.0}}),
                                chunk(1, {{"loss:sum", 2.5},
                                          {"a:mean", 6.0},
                                          {"b:min", 3.0},
                                          {"c:max", 9.0},
                                          {"d:slack", 8.0},
                                          {"e:hash2", 8.0},
                                          {"f:unique", 2.5}})});
  const std::map<std::string, double> expected = {
      {"loss:sum", 3.5}, {"a:mean", 3.0},   {"b:min", 3.0},    {"c:max", 9.0},
      {"d:slack", 3.0},  {"e:hash2", 15.0}, {"f:unique", 1.5}, {"f:unique_1", 2.5}};
  EXPECT_EQ(out.metrics, expected);
  EXPECT_EQ(out.loss_fn_outputs.size(), 4U);
}

TEST(Chunking, joins_outputs_in_order) {
  std::vector<ForwardBackwardOutput> chunks(2);
  for (int i = 0; i < 3; ++i) {
    std::map<std::string, Tensor> datum;
    datum.emplace("logprobs", Tensor(std::vector<float>{static_cast<float>(i)}));
    chunks[i < 2 ? 0 : 1].loss_fn_outputs.push_back(std::move(datum));
  }
  const auto out = join_chunks(std::move(chunks));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(std::get<std::vector<float>>(out.loss_fn_outputs[i].at("logprobs").data)[0],
              static_cast<float>(i));
}

TEST(SampleWindow, halves_once_for_samples_sent_before) {
  SampleWindow window(2000, 1000ms);
  const SampleWindow::Clock::time_point now{};
  EXPECT_EQ(window.limit(), 2000);
  const auto before = window.on_submit();
  window.on_refused(before, 400, false, 0ms, now);
  window.on_refused(before, 399, false, 0ms, now + 1ms);
  EXPECT_EQ(window.limit(), 200);
  EXPECT_EQ(window.paused_until(), now + 1001ms);
  window.on_refused(window.on_submit(), 200, true, 0ms, now);
  EXPECT_EQ(window.limit(), 100);
  EXPECT_EQ(window.paused_until(), now + 5000ms);
  window.on_refused(window.on_submit(), 100, false, 30s, now);
  EXPECT_EQ(window.paused_until(), now + 30s);
}

TEST(SampleWindow, never_closes_and_opens_again) {
  SampleWindow window(64, 1ms);
  for (int i = 0; i < 20; ++i) window.on_refused(window.on_submit(), 64, false, 0ms, {});
  EXPECT_EQ(window.limit(), 1);
  int successes = 0;
  while (window.limit() < 64 && successes < 100'000) {
    window.on_success();
    ++successes;
  }
  EXPECT_EQ(window.limit(), 64);
  EXPECT_LT(successes, 2000);
  window.on_success();
  EXPECT_EQ(window.limit(), 64);
}

}  // namespace
}  // namespace xfer::tinker
