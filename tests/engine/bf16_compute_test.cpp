// SPDX-License-Identifier: Apache-2.0
// Products with both sides in bf16.
#include "engine/kernels/gemm.hpp"
#include "tests/engine/support.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"
#include "xfer/rng.hpp"
#include "xfer/run_blocking.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace xfer::engine {
namespace {

float rounded(float x) { return std::bit_cast<float>(std::uint32_t{to_bf16(x)} << 16U); }

Floats normal_values(Rng& rng, int count) {
  Floats values(static_cast<std::size_t>(count));
  for (float& x : values) x = static_cast<float>(rng.normal());
  return values;
}

/// The sets that this machine has; the last is the one in use.
std::vector<std::string> kernel_sets() {
  std::vector<std::string> sets;
  for (const char* name : {"generic", "avx2", "avx512", "avx512_bf16"}) {
    try {
      force_kernels(name);
      sets.emplace_back(name);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::not_available);
    }
  }
  force_kernels("");
  return sets;
}

class Bf16Compute : public ::testing::Test {
protected:
  void TearDown() override { force_kernels(""); }
};

// Sums of float32 in any order: the error is at most that of k roundings of the largest sum.
void expect_product(const Floats& a, const Floats& w, int m, int n, int k, const Floats& got) {
  for (int row = 0; row < m; ++row)
    for (int col = 0; col < n; ++col) {
      double sum = 0.0;
      double size = 0.0;
      for (int p = 0; p < k; ++p) {
        const double term = double{rounded(a[static_cast<std::size_t>(row * k + p)])} *
                            double{rounded(w[static_cast<std::size_t>(col * k + p)])};
        sum += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(got[static_cast<std::size_t>(row * n + col)], sum, 1e-6 * size + 1e-30)
          << row << ", " << col;
    }
}

TEST_F(Bf16Compute, products_are_those_of_both_sides_rounded) {
  Rng rng(4, "pairs");
  ThreadPool pool(2);
  ThreadPool alone(1);
  const int n = 8 * panel_width * 2 + 37;
  for (const int k : {1, 2, 45, 64, 129}) {
    const Floats w = normal_values(rng, n * k);
    PackedMatrix pairs(k, n, Storage::bf16_pairs);
    pack_weight(pool, w.data(), n - 40, 0, pairs);
    pack_weight(pool, w.data() + (n - 40) * k, 40, n - 40, pairs);  // does not begin at a panel
    const int m = 29;
    const Floats a = normal_values(rng, m * k);
    for (const std::string& set : kernel_sets()) {
      force_kernels(set);
      Floats got(static_cast<std::size_t>(m * n));
      gemm(pool, m, {a.data(), k}, pairs, got.data(), n, false);
      expect_product(a, w, m, n, k, got);
      Floats again(got.size());
      gemm(alone, m, {a.data(), k}, pairs, again.data(), n, false);
      EXPECT_EQ(again, got) << set << ": threads";
      for (int row = 0; row < m; row += 7) {
        Floats one(static_cast<std::size_t>(n));
        gemm(pool, 1, {a.data() + row * k, k}, pairs, one.data(), n, false);
        EXPECT_TRUE(std::equal(one.begin(), one.end(), got.begin() + row * n)) << set << " " << k;
      }
      Floats turned(static_cast<std::size_t>(m * k));  // the same left side, k by m
      for (int row = 0; row < m; ++row)
        for (int p = 0; p < k; ++p)
          turned[static_cast<std::size_t>(p * m + row)] = a[static_cast<std::size_t>(row * k + p)];
      gemm(pool, m, {turned.data(), 1, m}, pairs, again.data(), n, false);
      EXPECT_EQ(again, got) << set << ": strides";
      gemm(pool, m, {a.data(), k}, pairs, again.data(), n, true);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(again[i], got[i] + got[i]);
    }
    Floats column(static_cast<std::size_t>(k));
    for (const int col : {0, 31, n - 1}) {
      pairs.column(col, column.data());
      for (int p = 0; p < k; ++p)
        ASSERT_EQ(column[static_cast<std::size_t>(p)],
                  rounded(w[static_cast<std::size_t>(col * k + p)]));
    }
  }
}

TEST_F(Bf16Compute, a_transposed_matrix_holds_the_same_values) {
  Rng rng(5, "pairs");
  ThreadPool pool(2);
  for (const int k : {2, 19, 64})
    for (const auto& [first, cols] : {std::pair{0, 100}, {16, 51}, {32, 1}}) {
      const int n = 100 + first;
      const Floats w = normal_values(rng, n * k);
      PackedMatrix pairs(k, n, Storage::bf16_pairs);
      pack_weight(pool, w.data(), n, 0, pairs);
      PackedMatrix turned;
      pack_transposed(pool, pairs, first, cols, turned);
      ASSERT_EQ(turned.storage(), Storage::bf16_pairs);
      for (int p = 0; p < k; ++p)
        for (int c = 0; c < cols; ++c) ASSERT_EQ(turned.at(c, p), pairs.at(p, first + c));
      const Floats x = normal_values(rng, 3 * cols);
      Floats got(static_cast<std::size_t>(3 * k));
      gemm(pool, 3, {x.data(), cols}, turned, got.data(), k, false);
      Floats right(static_cast<std::size_t>(k * cols));
      for (int p = 0; p < k; ++p)
        for (int c = 0; c < cols; ++c)
          right[static_cast<std::size_t>(p * cols + c)] =
              w[static_cast<std::size_t>((first + c) * k + p)];
      expect_product(x, right, 3, k, cols, got);
    }
}

struct Training {
  std::vector<double> losses;
  std::vector<float> scores;
};

Training train(const std::string& name, WeightStorage weights, int threads) {
  ModelOptions options;
  options.threads = threads;
  options.weights = weights;
  const auto model = Model::load(
      std::filesystem::path(XFER_SOURCE_DIR) / "tests" / "engine" / "goldens" / name, options);
  LoraConfig lora;
  lora.rank = 4;
  const auto trainer = make_local_trainer(model, lora, scratch_folder("bf16_compute"));
  AdamParams params;
  params.learning_rate = 1e-2;
  Training result;
  for (int step = 0; step < 8; ++step) {
    const auto done = run_blocking(trainer->forward_backward(ForwardBackwardRequest(
        {supervised_datum({1, 2, 3}, {4, 5, 6, 7, 8, 9}), supervised_datum({9, 3}, {2, 8, 1})})));
    result.losses.push_back(done.metrics.at("loss:sum"));
    run_blocking(trainer->optim_step(params));
  }
  const auto sampler = run_blocking(trainer->snapshot());
  result.scores = run_blocking(sampler->score(ScoreRequest({5, 4, 3, 2, 1, 0, 6}, 1)));
  return result;
}

TEST_F(Bf16Compute, training_goes_as_in_float32) {
  for (const char* name : {"mistral", "qwen2", "qwen3_moe", "gemma3_text"}) {
    const Training plain = train(name, WeightStorage::f32, 2);
    const Training half = train(name, WeightStorage::bf16_compute, 2);
    EXPECT_LT(half.losses.back(), 0.8 * half.losses.front()) << name;
    for (std::size_t i = 0; i < plain.losses.size(); ++i)
      EXPECT_NEAR(half.losses[i], plain.losses[i], 0.03 * plain.losses[i]) << name << " " << i;
    EXPECT_NE(half.scores, plain.scores) << name << ": nothing was rounded";
  }
}

TEST_F(Bf16Compute, bits_do_not_depend_on_the_number_of_threads) {
  const Training one = train("qwen2", WeightStorage::bf16_compute, 1);
  const Training five = train("qwen2", WeightStorage::bf16_compute, 5);
  EXPECT_EQ(one.losses, five.losses);
  EXPECT_EQ(one.scores, five.scores);
}

TEST_F(Bf16Compute, storage_goes_by_name) {
  EXPECT_EQ(weight_storage("bf16_compute"), WeightStorage::bf16_compute);
  EXPECT_EQ(weight_storage("blocks"), WeightStorage::blocks);
  try {
    weight_storage("fp8");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::invalid_argument);
    EXPECT_NE(std::string(e.what()).find("bf16_compute (got fp8)"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace xfer::engine
