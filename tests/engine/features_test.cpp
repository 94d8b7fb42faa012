// SPDX-License-Identifier: Apache-2.0
// What similarity measures read off a model: hidden states, gradients, products of adapters.
#include "xfer/engine/features.hpp"
#include "tests/engine/reference.hpp"
#include "tests/engine/support.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"
#include "xfer/files/safetensors.hpp"
#include "xfer/rng.hpp"
#include "xfer/run_blocking.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace xfer::engine {
namespace {

std::vector<std::vector<std::int32_t>> random_sequences(int vocab, std::vector<int> lengths) {
  Rng rng(4, "sequences");
  std::vector<std::vector<std::int32_t>> all;
  for (const int length : lengths) {
    auto& tokens = all.emplace_back();
    for (int i = 0; i < length; ++i)
      tokens.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(vocab))));
  }
  return all;
}

template <class Work>
void refuses(const std::string& says, Work work) {
  try {
    work();
    ADD_FAILURE() << "was taken; expected: " << says;
  } catch (const Error& e) {
    EXPECT_EQ(to_string(e.code()), to_string(Errc::invalid_argument)) << e.what();
    EXPECT_NE(std::string(e.what()).find(says), std::string::npos) << e.what();
  }
}

// The head is linear: of the mean hidden state it makes the mean of the logits.
TEST(HiddenStates, are_what_the_head_reads) {
  const auto model = tiny_model(2);
  auto& network = const_cast<Network&>(*model->network());  // only read
  const Reference reference(network);
  Floats head;
  for (const auto& [name, slot] : network.slots()) {
    if (name != "model.embed_tokens.weight") continue;
    head.resize(static_cast<std::size_t>(slot.size()));
    Network::read(slot, head.data());
  }
  ASSERT_FALSE(head.empty());
  const auto sequences = random_sequences(model->config().vocab_size, {1, 9, 40});
  const FeatureRows found = run_blocking(mean_hidden_states(model, sequences));
  ASSERT_EQ(found.rows, sequences.size());
  const auto width = static_cast<std::size_t>(model->config().hidden_size);
  ASSERT_EQ(found.columns, width);
  ASSERT_EQ(found.values.size(), found.rows * width);
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const auto logits = reference.logits(sequences[s]);
    for (std::size_t token = 0; token * width < head.size(); ++token) {
      double mean = 0.0;
      for (const auto& row : logits) mean += row[token] / static_cast<double>(logits.size());
      double made = 0.0;
      for (std::size_t i = 0; i < width; ++i)
        made += static_cast<double>(head[token * width + i]) * found.values[s * width + i];
      EXPECT_NEAR(made, mean, 1e-4) << s << " " << token;
    }
  }
}

TEST(HiddenStates, do_not_depend_on_what_is_computed_with_them) {
  const auto model = tiny_model(2);
  std::vector<int> lengths;  // several passes
  for (int i = 0; i < 40; ++i) lengths.push_back(30 + 10 * (i % 7));
  lengths.push_back(512);
  const auto sequences = random_sequences(model->config().vocab_size, lengths);
  const FeatureRows together = run_blocking(mean_hidden_states(model, sequences));
  ASSERT_EQ(together.rows, sequences.size());
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const FeatureRows alone = run_blocking(mean_hidden_states(model, {sequences[s]}));
    const auto begin = together.values.begin() + static_cast<std::ptrdiff_t>(s * together.columns);
    EXPECT_EQ(alone.values, std::vector<double>(begin, begin + std::ssize(alone.values))) << s;
  }
}

TEST(HiddenStates, refuse_what_is_no_sequence) {
  const auto model = tiny_model(1);
  const auto states = [&](std::vector<std::int32_t> tokens) {
    return [&model, tokens] { run_blocking(mean_hidden_states(model, {{1, 2}, tokens})); };
  };
  refuses("sequence 1 must have 1 to 512 tokens (got 0)", states({}));
  refuses("sequence 1 must have 1 to 512 tokens (got 513)",
          states(std::vector<std::int32_t>(513, 1)));
  refuses("sequence 1: token -1 is outside", states({1, -1}));
  refuses("is outside the vocabulary", states({model->config().vocab_size}));
  EXPECT_EQ(run_blocking(mean_hidden_states(model, {})).rows, 0U);
}

TEST(Gradients, have_the_moments_of_those_that_training_computes) {
  const auto model = tiny_model(2);
  LoraConfig lora;
  lora.rank = 3;
  lora.seed = 11;
  const auto request = tiny_batch(model->config().vocab_size);
  std::vector<double> sum;
  std::vector<double> squares;
  for (const Datum& datum : request.data) {
    ParameterSet parameters = ParameterSet::lora(model->config(), lora);
    gradients_of(*model->network(), parameters, ForwardBackwardRequest({datum}));
    std::size_t at = 0;
    for (const LoraPair& pair : parameters.pairs()) {
      for (const float g : parameters.all()[static_cast<std::size_t>(pair.a)].grad)
        ASSERT_EQ(g, 0.0F);
      for (const float g : parameters.all()[static_cast<std::size_t>(pair.b)].grad) {
        if (sum.size() <= at) sum.push_back(0.0), squares.push_back(0.0);
        sum[at] += static_cast<double>(g);
        squares[at++] += static_cast<double>(g) * static_cast<double>(g);
      }
    }
  }
  GradientMeter meter(model, lora);
  run_blocking(meter.add({request.data[0]}));
  run_blocking(meter.add({request.data[1], request.data[2]}));
  const GradientMoments found = meter.moments();
  EXPECT_EQ(found.data, 3);
  ASSERT_EQ(found.mean.size(), sum.size());
  double size = 0.0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    EXPECT_NEAR(found.mean[i], sum[i] / 3.0, 1e-6 + 1e-5 * std::abs(sum[i])) << i;
    EXPECT_NEAR(found.mean_square[i], squares[i] / 3.0, 1e-6 + 1e-5 * squares[i]) << i;
    size += squares[i];
  }
  EXPECT_GT(size, 1e-3);
}

TEST(Gradients, refuse_what_has_none) {
  const auto model = tiny_model(1);
  LoraConfig lora;
  lora.rank = 0;
  refuses("rank must be in 1..4096 (got 0)", [&] { GradientMeter(model, lora); });
  lora.rank = 2;
  GradientMeter meter(model, lora);
  refuses("no data", [&] { meter.moments(); });
  refuses("datum 1 has no tokens", [&] {
    run_blocking(meter.add({tiny_batch(model->config().vocab_size).data[0], Datum()}));
  });
  refuses("no data", [&] { meter.moments(); });
}

/// The change of one module's weight, dense: alpha / rank times B A.
std::vector<double> dense_change(const files::Safetensors& file, const std::string& module,
                                 double scale) {
  const auto* a = file.find(module + ".lora_A.weight");
  const auto* b = file.find(module + ".lora_B.weight");
  const auto read = [](const files::StoredTensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.shape[0] * tensor.shape[1]));
    to_float(tensor, values);
    return values;
  };
  const auto inputs = static_cast<std::size_t>(a->shape[1]);
  const auto outputs = static_cast<std::size_t>(b->shape[0]);
  const auto rank = static_cast<std::size_t>(a->shape[0]);
  const auto a_values = read(*a);
  const auto b_values = read(*b);
  std::vector<double> change(outputs * inputs);
  for (std::size_t o = 0; o < outputs; ++o)
    for (std::size_t r = 0; r < rank; ++r)
      for (std::size_t i = 0; i < inputs; ++i)
        change[o * inputs + i] += scale * static_cast<double>(b_values[o * rank + r]) *
                                  static_cast<double>(a_values[r * inputs + i]);
  return change;
}

double dense_product(const std::filesystem::path& first, double first_scale,
                     const std::filesystem::path& second, double second_scale) {
  const auto one = files::Safetensors::open(first / "adapter_model.safetensors");
  const auto two = files::Safetensors::open(second / "adapter_model.safetensors");
  double sum = 0.0;
  const std::string end = ".lora_A.weight";
  for (const auto& [name, ignored] : one.tensors()) {
    if (!name.ends_with(end) || two.find(name) == nullptr) continue;
    const std::string module = name.substr(0, name.size() - end.size());
    const auto x = dense_change(one, module, first_scale);
    const auto y = dense_change(two, module, second_scale);
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  }
  return sum;
}

TEST(AdapterProducts, are_those_of_the_dense_changes) {
  const auto model = tiny_model(2);
  const auto trained = [&](int rank, double alpha, bool mlp, std::uint64_t seed) {
    LoraConfig lora;
    lora.rank = rank;
    lora.alpha = alpha;
    lora.seed = seed;
    lora.train_mlp = mlp;
    const auto trainer =
        make_local_trainer(model, lora, scratch_folder("products-" + std::to_string(seed)));
    AdamParams adam;
    adam.learning_rate = 0.05;
    for (int step = 0; step < 2; ++step) {
      run_blocking(trainer->forward_backward(tiny_batch(model->config().vocab_size, seed + 1)));
      run_blocking(trainer->optim_step(adam));
    }
    return std::filesystem::path(run_blocking(trainer->save_state("end", false)));
  };
  const std::vector<std::filesystem::path> folders = {trained(4, 8.0, true, 1),
                                                      trained(3, 12.0, false, 2)};
  const std::vector<double> scales = {2.0, 4.0};
  const auto products = adapter_products(*model, folders);
  ASSERT_EQ(products.size(), 4U);
  EXPECT_EQ(products[1], products[2]);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 2; ++j) {
      const double want = dense_product(folders[i], scales[i], folders[j], scales[j]);
      EXPECT_NEAR(products[i * 2 + j], want, 1e-6 * std::abs(want) + 1e-9) << i << " " << j;
      EXPECT_GT(std::abs(want), 1e-6) << i << " " << j;
    }
}

}  // namespace
}  // namespace xfer::engine
