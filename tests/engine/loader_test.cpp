// SPDX-License-Identifier: Apache-2.0
#include "engine/loader.hpp"
#include "tests/engine/support.hpp"
#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"
#include "xfer/files/safetensors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace xfer::engine {
namespace {

constexpr const char* good_config = R"({"model_type": "llama", "vocab_size": 16, "hidden_size": 8,
 "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12,
 "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "tie_word_embeddings": true})";

std::string with(const std::string& from, const std::string& to) {
  std::string text = good_config;
  text.replace(text.find(from), from.size(), to);
  return text;
}

std::string message_of(const std::string& json) {
  try {
    parse_config(json, "config.json");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Config, is_read_and_written_back) {
  ModelConfig c = parse_config(good_config, "config.json");
  EXPECT_EQ(c.head_dim, 4);
  EXPECT_EQ(c.kv_heads, 2);
  c.end_tokens = {3, 5};
  c.rope_scaling.factor = 8.0;
  const ModelConfig again = parse_config(write_config(c), "config.json");
  EXPECT_EQ(write_config(again), write_config(c));
  EXPECT_EQ(again.end_tokens, c.end_tokens);
}

TEST(Config, faults_are_named) {
  EXPECT_NE(message_of("[]").find("not a JSON object"), std::string::npos);
  EXPECT_NE(message_of("{").find("not a JSON object"), std::string::npos);
  EXPECT_NE(
      message_of(with("\"llama\"", "\"bert\"")).find("'bert'; known: gemma3_text, llama, mistral"),
      std::string::npos);
  EXPECT_NE(message_of(with("\"hidden_size\": 8", "\"hidden_size\": -8")).find("hidden_size"),
            std::string::npos);
  EXPECT_NE(message_of(with("\"vocab_size\": 16", "\"vocab_size\": 1e99")).find("vocab_size"),
            std::string::npos);
  EXPECT_NE(message_of(with("\"vocab_size\": 16,", "")).find("vocab_size is missing"),
            std::string::npos);
  EXPECT_NE(message_of(with("\"num_attention_heads\": 2",
                            "\"num_attention_heads\": 3, \"num_key_value_heads\": 2"))
                .find("multiple"),
            std::string::npos);
  EXPECT_NE(message_of(with("1e-6", "0")).find("rms_norm_eps"), std::string::npos);
  EXPECT_NE(message_of(with("\"tie_word_embeddings\": true",
                            "\"rope_scaling\": {\"rope_type\": \"yarn\"}"))
                .find("'yarn'"),
            std::string::npos);
}

// Every family's file, as transformers writes it, comes back with nothing lost.
TEST(Config, of_every_family_is_read_and_written_back) {
  const auto goldens = std::filesystem::path(XFER_SOURCE_DIR) / "tests" / "engine" / "goldens";
  for (const char* name : {"mistral", "qwen2", "qwen3_moe", "gemma3_text"}) {
    const std::string text = files::read_text(goldens / name / "config.json");
    const ModelConfig c = parse_config(text, name);
    const ModelConfig again = parse_config(write_config(c), name);
    EXPECT_EQ(write_config(again), write_config(c));
    EXPECT_EQ(again.architecture, c.architecture);
    EXPECT_EQ(again.sliding_layers, c.sliding_layers);
    EXPECT_EQ(again.sliding_window, c.sliding_window);
    EXPECT_EQ(again.sliding_rope_theta, c.sliding_rope_theta);
    EXPECT_EQ(again.rope_scaling.factor, c.rope_scaling.factor);
    EXPECT_NEAR(again.query_scale, c.query_scale, 1e-15);
    EXPECT_EQ(again.logit_soft_cap, c.logit_soft_cap);
    EXPECT_EQ(again.experts.dense_layers, c.experts.dense_layers);
    EXPECT_EQ(again.experts.normalised, c.experts.normalised);
    EXPECT_EQ(again.parameters(), c.parameters());
  }
}

std::string family(const std::string& type, const std::string& more) {
  return with("\"model_type\": \"llama\"", "\"model_type\": \"" + type + "\"").insert(1, more);
}

TEST(Config, of_older_files_says_less_and_means_the_same) {
  const ModelConfig gemma = parse_config(
      family("gemma3_text", "\"sliding_window\": 16, \"sliding_window_pattern\": 2,"), "c");
  EXPECT_EQ(gemma.head_dim, 256);
  EXPECT_EQ(gemma.sliding_layers, std::vector<bool>{true});
  EXPECT_EQ(gemma.rope_theta, 1e6);
  EXPECT_EQ(gemma.sliding_rope_theta, 1e4);
  EXPECT_EQ(gemma.query_scale, 1.0 / 16.0);
  EXPECT_TRUE(parse_config(family("mistral", "\"sliding_window\": 9,"), "c").is_sliding(0));
  EXPECT_TRUE(
      parse_config(family("mistral", "\"sliding_window\": null,"), "c").sliding_layers.empty());
  EXPECT_TRUE(parse_config(family("qwen2", "\"sliding_window\": 9,"), "c").sliding_layers.empty());
  const auto qwen =
      parse_config(family("qwen2", "\"sliding_window\": 9, \"use_sliding_window\": true,"), "c");
  EXPECT_FALSE(qwen.is_sliding(0));
  EXPECT_EQ(parse_config(family("qwen3", ""), "c").head_dim, 128);
}

TEST(Config, faults_of_families_are_named) {
  const auto says = [](const std::string& type, const std::string& more, const char* part) {
    const std::string message = message_of(family(type, more));
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  says("gemma3", "", "'gemma3'; known: gemma3_text, llama, mistral, qwen2, qwen3, qwen3_moe");
  says("gemma3_text", "\"sliding_window\": 4, \"layer_types\": [\"full_attention\", \"x\"],",
       "layer_types");
  says("gemma3_text", "\"sliding_window\": 4, \"layer_types\": [],", "layer_types must be a list");
  says("gemma3_text",
       "\"sliding_window\": 4, \"layer_types\": [\"full_attention\", \"full_attention\"],",
       "layer_types must name each of the 1 layers (got 2)");
  says("gemma3_text", "\"sliding_window\": -4,", "sliding_window must be in");
  says("gemma3_text", "\"query_pre_attn_scalar\": 0,", "query_pre_attn_scalar");
  says("gemma3_text", "\"final_logit_softcapping\": -1.0,", "final_logit_softcapping");
  says("gemma3_text", "\"hidden_activation\": \"relu\",", "'relu'");
  says("gemma3_text", "\"rope_parameters\": {\"full_attention\": {}},", "sliding_attention");
  says("qwen2", "\"use_sliding_window\": 1,", "use_sliding_window");
  says("qwen3", "\"attention_bias\": true,", "attention_bias is not supported");
  says("qwen3_moe", "", "num_experts is missing");
  const std::string experts =
      "\"num_experts\": 4, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 8,";
  EXPECT_EQ(message_of(family("qwen3_moe", experts)), "");
  says("qwen3_moe", experts + "\"mlp_only_layers\": [7],", "mlp_only_layers must be in 0..0");
  says("qwen3_moe", experts + "\"decoder_sparse_step\": 0,", "decoder_sparse_step");
  says("qwen3_moe", "\"num_experts\": 4, \"num_experts_per_tok\": 5, \"moe_intermediate_size\": 8,",
       "num_experts_per_tok must be in 1..4");
  says("qwen3_moe",
       "\"num_experts\": 999999, \"num_experts_per_tok\": 5, \"moe_intermediate_size\": 8,",
       "num_experts must be in");
}

// transformers' llama3 rope for theta 500000, head_dim 8, factor 8, low 1, high 4, original 8192
// gives inverse frequencies 1, 3.7606031e-2, 3.9235163e-4 and 6.6478694e-6.
TEST(Rope, llama3_scaling_stretches_long_wavelengths) {
  ModelConfig c = parse_config(good_config, "config.json");
  c.head_dim = 8;
  c.rope_theta = 500000.0;
  c.rope_scaling = {8.0, 1.0, 4.0, 8192.0, false};
  const Network network(c);
  const float* sine = network.rope.sine.data() + 4;  // position 1
  EXPECT_NEAR(sine[0], std::sin(1.0), 1e-6);
  EXPECT_NEAR(sine[1], 3.7606031e-2, 1e-5);
  const double wavelength = 2 * 3.14159265358979 / 1.41421356e-3;
  const double smooth = (8192.0 / wavelength - 1.0) / 3.0;
  EXPECT_NEAR(sine[2], (1 - smooth) * 1.41421356e-3 / 8 + smooth * 1.41421356e-3, 1e-8);
  EXPECT_NEAR(sine[3], 5.3182959e-5 / 8.0, 1e-10);
}

class LoadFolder : public ::testing::Test {
protected:
  void SetUp() override {
    folder_ = scratch_folder("load-folder");
    files::write_atomically(folder_ / "config.json", std::string_view(good_config));
    Network network(parse_config(good_config, "config.json"));
    for (const auto& [name, slot] : network.slots()) {
      values_.emplace_back(static_cast<std::size_t>(slot.size()), 0.25F);
      tensors_.push_back({name,
                          files::StoredType::f32,
                          slot.vector ? std::vector<std::int64_t>{slot.cols}
                                      : std::vector<std::int64_t>{slot.rows, slot.cols},
                          {}});
    }
  }
  std::string load() {
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      tensors_[i].bytes = std::as_bytes(std::span(values_[i]));
    files::write_safetensors(folder_ / "model.safetensors", tensors_, {});
    try {
      load_folder(pool_, folder_);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  ThreadPool pool_{1};
  std::filesystem::path folder_;
  std::vector<std::vector<float>> values_;
  std::vector<files::TensorToStore> tensors_;
};

TEST_F(LoadFolder, takes_what_fits) { EXPECT_EQ(load(), ""); }

TEST_F(LoadFolder, names_a_missing_tensor) {
  const std::string name = tensors_.back().name;
  tensors_.pop_back();
  values_.pop_back();
  EXPECT_NE(load().find("tensor " + name + " is missing"), std::string::npos);
}

TEST_F(LoadFolder, names_a_wrong_shape) {
  std::swap(tensors_[0].shape[0], tensors_[0].shape[1]);
  EXPECT_NE(load().find("has shape [8, 16], the configuration asks for [16, 8]"),
            std::string::npos);
}

TEST_F(LoadFolder, refuses_values_that_are_not_finite) {
  values_[2][5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(load().find("not finite"), std::string::npos);
}

TEST_F(LoadFolder, names_missing_files) {
  EXPECT_THROW(load_folder(pool_, folder_ / "nowhere"), Error);
  std::filesystem::remove(folder_ / "config.json");
  try {
    load_folder(pool_, folder_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::io);
    EXPECT_NE(std::string(e.what()).find("config.json"), std::string::npos);
  }
}

}  // namespace
}  // namespace xfer::engine
