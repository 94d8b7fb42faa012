// SPDX-License-Identifier: Apache-2.0
// Weights kept in bf16, and the memory that things need.
#include "engine/kernels/gemm.hpp"
#include "engine/memory.hpp"
#include "engine/parameters.hpp"
#include "tests/engine/support.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"
#include "xfer/rng.hpp"
#include "xfer/run_blocking.hpp"

#include <gtest/gtest.h>

#include <array>

#include <bit>
#include <cmath>
#include <limits>

namespace xfer::engine {
namespace {

float widened(std::uint16_t half) { return std::bit_cast<float>(std::uint32_t{half} << 16U); }

TEST(Bf16, rounds_to_nearest_and_ties_to_even) {
  EXPECT_EQ(to_bf16(1.0F), 0x3F80);
  EXPECT_EQ(to_bf16(-0.0F), 0x8000);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // a tie, down to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82);  // a tie, up to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::infinity()), 0x7F80);
  EXPECT_TRUE(std::isnan(widened(to_bf16(std::bit_cast<float>(0x7F800001U)))));
}

TEST(Bf16, products_are_those_of_the_rounded_values) {
  ThreadPool pool(2);
  Rng rng(2, "bf16");
  const int k = 45;
  const int n = 300;
  Floats w(static_cast<std::size_t>(n * k));
  for (float& x : w) x = static_cast<float>(rng.normal());
  PackedMatrix half(k, n, Storage::bf16);
  PackedMatrix full(k, n);
  pack_weight(pool, w.data(), 260, 0, half);
  pack_weight(pool, w.data() + 260 * k, 40, 260, half);  // does not begin at a panel
  for (float& x : w) x = widened(to_bf16(x));
  pack_weight(pool, w.data(), n, 0, full);
  for (const int m : {1, 2, 13}) {
    Floats a(static_cast<std::size_t>(m * k));
    for (float& x : a) x = static_cast<float>(rng.normal());
    Floats got(static_cast<std::size_t>(m * n));
    Floats want(got.size());
    gemm(pool, m, {a.data(), k}, half, got.data(), n, false);
    gemm(pool, m, {a.data(), k}, full, want.data(), n, false);
    EXPECT_EQ(got, want) << m;
  }
  Floats column(static_cast<std::size_t>(k));
  half.column(270, column.data());
  EXPECT_TRUE(std::equal(column.begin(), column.end(), w.begin() + 270 * k));
  PackedMatrix half_turned, full_turned;
  pack_transposed(pool, half, 16, 100, half_turned);
  pack_transposed(pool, full, 16, 100, full_turned);
  Floats x(100, 1.0F), got(static_cast<std::size_t>(k)), want(static_cast<std::size_t>(k));
  gemm(pool, 1, {x.data(), 100}, half_turned, got.data(), k, false);
  gemm(pool, 1, {x.data(), 100}, full_turned, want.data(), k, false);
  EXPECT_EQ(got, want);
}

// The golden models are stored in bf16: keeping them so loses nothing.
TEST(Bf16, a_model_that_is_bf16_already_gives_the_same_bits) {
  for (const char* name : {"mistral", "qwen2", "qwen3_moe", "gemma3_text"}) {
    const auto folder =
        std::filesystem::path(XFER_SOURCE_DIR) / "tests" / "engine" / "goldens" / name;
    ModelOptions options;
    options.threads = 2;
    const auto full = Model::load(folder, options);
    options.weights = WeightStorage::bf16;
    const auto half = Model::load(folder, options);
    EXPECT_NE(half->content_hash(), full->content_hash());
    const auto scores = [&](const std::shared_ptr<const Model>& model, int rank) {
      LoraConfig lora;
      lora.rank = rank;
      const auto trainer = make_local_trainer(model, lora, scratch_folder("bf16"));
      AdamParams params;
      params.learning_rate = 1e-2;
      for (int step = 0; step < 2; ++step) {
        run_blocking(trainer->forward_backward(
            ForwardBackwardRequest({supervised_datum({1, 2, 3}, {4, 5, 6, 7, 8, 9})})));
        run_blocking(trainer->optim_step(params));
      }
      const auto sampler = run_blocking(trainer->snapshot());
      return run_blocking(sampler->score(ScoreRequest({5, 4, 3, 2, 1, 0, 6}, 1)));
    };
    for (const int rank : {2, 0}) EXPECT_EQ(scores(half, rank), scores(full, rank)) << name;
  }
}

// 16 bits of scale and a short code: what one rounding gives is what `dequantize` gives.
void fill_blocks(PackedMatrix& blocks, PackedMatrix& plain, Rng& rng) {
  const int codes_end = blocks.code_bits() == 4 ? 16 : 128;
  const int codes_begin = blocks.code_bits() == 4 ? 0 : -128;
  std::vector<float> column(static_cast<std::size_t>(blocks.k()));
  for (int col = 0; col < blocks.n(); ++col) {
    for (int block = 0; block < blocks.k() / block_size; ++block) {
      std::array<std::int8_t, block_size> codes;
      const auto scale = static_cast<float>(static_cast<int>(rng.below(4096)) - 2048) / 65536.0F;
      const auto offset = static_cast<float>(static_cast<int>(rng.below(4096)) - 2048) / 8192.0F;
      for (int i = 0; i < block_size; ++i) {
        const int code =
            codes_begin +
            static_cast<int>(rng.below(static_cast<std::uint64_t>(codes_end - codes_begin)));
        codes[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(code);
        column[static_cast<std::size_t>(block * block_size + i)] =
            static_cast<float>(code) * scale + offset;
      }
      blocks.set_block(col, block, codes, scale, offset);
    }
    plain.set_column(col, column.data());
  }
}

TEST(Blocks, products_are_those_of_the_dequantised_values_bit_by_bit) {
  ThreadPool pool(2);
  Rng rng(3, "blocks");
  const int k = 96;
  const int n = 8 * panel_width * 2 + 21;
  for (const char* kernel_set : {"generic", ""})
    for (const Storage storage : {Storage::blocks4, Storage::blocks8}) {
      force_kernels(kernel_set);
      PackedMatrix blocks(k, n, storage), plain(k, n);
      fill_blocks(blocks, plain, rng);
      std::vector<float> one(static_cast<std::size_t>(k)), other(one.size());
      for (int col = 0; col < n; col += 17) {
        blocks.column(col, one.data());
        plain.column(col, other.data());
        ASSERT_EQ(one, other);
      }
      for (const int m : {1, 7}) {
        Floats x(static_cast<std::size_t>(m * k));
        for (float& value : x) value = static_cast<float>(rng.normal());
        Floats got(static_cast<std::size_t>(m * n)), want(got.size());
        gemm(pool, m, {x.data(), k}, blocks, got.data(), n, false);
        gemm(pool, m, {x.data(), k}, plain, want.data(), n, false);
        EXPECT_EQ(got, want) << kernel_set << " " << m << " rows";
      }
      PackedMatrix turned, plain_turned;
      pack_transposed(pool, blocks, 16, 100, turned);
      pack_transposed(pool, plain, 16, 100, plain_turned);
      std::vector<float> row(100), plain_row(100);
      for (int p = 0; p < k; ++p) {
        turned.column(p, row.data());
        plain_turned.column(p, plain_row.data());
        ASSERT_EQ(row, plain_row);
      }
    }
  force_kernels("");
}

TEST(Memory, too_much_is_refused_before_it_is_tried) {
  EXPECT_GT(available_memory(), 0);
  require_memory(1, "nothing");
  try {
    require_memory(std::int64_t{1} << 60U, "a very large model");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::out_of_memory);
    EXPECT_NE(std::string(e.what()).find("a very large model needs"), std::string::npos);
  }
}

TEST(Memory, a_model_that_does_not_fit_is_refused_before_it_is_read) {
  ModelConfig config;
  config.vocab_size = 1'000'000;
  config.hidden_size = 65'536;
  config.layers = 1'000;
  config.heads = config.kv_heads = 1'024;
  config.head_dim = 64;
  config.intermediate_size = 1'000'000;
  const auto model = tiny_model(1);
  try {
    Model::random(config, model->tokenizer(), 1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::out_of_memory);
  }
  EXPECT_EQ(2 * (Network::bytes(config, Storage::bf16) - Network::bytes(config, Storage::f32) / 2),
            Network::bytes(config, Storage::f32) - 4 * config.parameters());  // the rotary table
}

TEST(Memory, a_set_of_parameters_is_as_large_as_said) {
  for (const char* name : {"qwen3_moe", "gemma3_text", "qwen2"}) {
    const auto model =
        Model::load(std::filesystem::path(XFER_SOURCE_DIR) / "tests" / "engine" / "goldens" / name);
    LoraConfig lora;
    lora.rank = 3;
    EXPECT_EQ(ParameterSet::bytes(model->config(), lora),
              16 * ParameterSet::lora(model->config(), lora).size());
    lora.rank = 0;
    Network network(*model->network());
    EXPECT_EQ(ParameterSet::bytes(model->config(), lora), 16 * ParameterSet::full(network).size());
  }
}

}  // namespace
}  // namespace xfer::engine
