// SPDX-License-Identifier: Apache-2.0
// Saved states that do not fit, or that something has changed, are refused by name, and the trainer
// is then what it was.
#include "tests/engine/support.hpp"

#include "xfer/engine/local_trainer.hpp"
#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"
#include "xfer/files/safetensors.hpp"
#include "xfer/run_blocking.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace xfer::engine {
namespace {

namespace fs = std::filesystem;

/// A safetensors file in memory, to be changed and written back.
struct Container {
  std::map<std::string, std::pair<std::vector<std::int64_t>, std::vector<std::byte>>> tensors;
  std::map<std::string, std::string> metadata;
};

void rewrite(const fs::path& path, const std::function<void(Container&)>& change) {
  Container content;
  {
    const auto file = files::Safetensors::open(path);
    content.metadata = file.metadata();
    for (const auto& [name, tensor] : file.tensors())
      content.tensors[name] = {tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
  }
  change(content);
  std::vector<files::TensorToStore> tensors;
  for (const auto& [name, tensor] : content.tensors)
    tensors.push_back({name, files::StoredType::f32, tensor.first, tensor.second});
  files::write_safetensors(path, tensors, content.metadata);
}

class SavedState : public ::testing::Test {
protected:
  void SetUp() override {
    model_ = tiny_model(1);
    lora_.rank = 4;
    folder_ = scratch_folder("states");
    trainer_ = make_local_trainer(model_, lora_, folder_);
    step();
    path_ = run_blocking(trainer_->save_state("one", true));
    step();
  }

  void step() {
    run_blocking(trainer_->forward_backward(tiny_batch(model_->config().vocab_size)));
    run_blocking(trainer_->optim_step({}));
  }

  double loss() {
    const auto request = tiny_batch(model_->config().vocab_size);
    return run_blocking(trainer_->forward(request)).metrics.at("loss:sum");
  }

  /// Changes a file of the state, and looks that it is refused and nothing taken from it.
  void refuses(const std::string& file, Errc code, const std::string& says,
               const std::function<void(Container&)>& change) {
    const double before = loss();
    const auto steps = trainer_->info().optimizer_steps;
    rewrite(fs::path(path_) / file, change);
    try {
      run_blocking(trainer_->load_state(path_, true));
      ADD_FAILURE() << "was taken; expected: " << says;
    } catch (const Error& e) {
      EXPECT_EQ(to_string(e.code()), to_string(code)) << e.what();
      EXPECT_NE(std::string(e.what()).find(says), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(file), std::string::npos) << e.what();
    }
    EXPECT_EQ(loss(), before);
    EXPECT_EQ(trainer_->info().optimizer_steps, steps);
  }

  std::shared_ptr<const Model> model_;
  LoraConfig lora_;
  fs::path folder_;
  std::shared_ptr<Trainer> trainer_;
  std::string path_;
};

constexpr const char* weights = "adapter_model.safetensors";
constexpr const char* moments = "optimizer.safetensors";

TEST_F(SavedState, as_it_was_written_takes_the_trainer_back) {
  const double later = loss();
  run_blocking(trainer_->load_state(path_, true));
  const double saved = loss();
  EXPECT_NE(saved, later);
  step();
  EXPECT_EQ(loss(), later);
}

TEST_F(SavedState, without_a_tensor) {
  refuses(weights, Errc::run_mismatch, "is missing",
          [](Container& c) { c.tensors.erase(c.tensors.begin()); });
}

TEST_F(SavedState, with_a_tensor_too_many) {
  refuses(weights, Errc::run_mismatch, "tensor extra has no place in this trainer",
          [](Container& c) { c.tensors["extra"] = c.tensors.begin()->second; });
}

TEST_F(SavedState, with_a_tensor_turned_over) {
  refuses(weights, Errc::run_mismatch, "has another shape than", [](Container& c) {
    auto& shape = c.tensors.begin()->second.first;
    ASSERT_EQ(shape.size(), 2U);
    ASSERT_NE(shape[0], shape[1]);
    std::swap(shape[0], shape[1]);
  });
}

TEST_F(SavedState, without_a_moment) {
  refuses(moments, Errc::run_mismatch, "is missing",
          [](Container& c) { c.tensors.erase(std::prev(c.tensors.end())); });
}

TEST_F(SavedState, without_a_number_of_steps) {
  for (const char* value : {"", "-1", "two", "1.5", "99999999999999999999"})
    refuses(moments, Errc::bad_data, "'steps' is not a number",
            [&](Container& c) { c.metadata["steps"] = value; });
  refuses(moments, Errc::bad_data, "'steps' is not a number",
          [](Container& c) { c.metadata.erase("steps"); });
}

TEST_F(SavedState, of_the_optimizer_is_not_needed_for_the_weights_alone) {
  fs::remove(fs::path(path_) / moments);
  EXPECT_THROW(run_blocking(trainer_->load_state(path_, true)), Error);
  run_blocking(trainer_->load_state(path_, false));
  EXPECT_EQ(trainer_->info().optimizer_steps, 0);
}

// What PEFT writes in an adapter's configuration and would compute otherwise.
TEST_F(SavedState, with_a_configuration_of_another_kind_of_adapter) {
  const fs::path file = fs::path(path_) / "adapter_config.json";
  const auto whole = nlohmann::json::parse(files::read_text(file, 1U << 20U));
  const auto refuses_key = [&](const std::string& key, const nlohmann::json& value) {
    auto changed = whole;
    changed[key] = value;
    files::write_atomically(file, std::string_view(changed.dump()));
    try {
      make_local_sampler(model_, path_);
      ADD_FAILURE() << key << " = " << value << " was taken";
    } catch (const Error& e) {
      EXPECT_EQ(to_string(e.code()), to_string(Errc::bad_data)) << e.what();
      const std::string text = e.what();
      EXPECT_NE(text.find(key == "r" ? "r must be" : key), std::string::npos) << text;
      EXPECT_NE(text.find("adapter_config.json"), std::string::npos) << text;
    }
  };
  refuses_key("peft_type", "IA3");
  for (const char* key : {"use_dora", "use_rslora", "fan_in_fan_out"}) refuses_key(key, true);
  refuses_key("rank_pattern", {{"q_proj", 8}});
  refuses_key("alpha_pattern", {{"q_proj", 8}});
  refuses_key("alora_invocation_tokens", {1, 2});
  refuses_key("layer_replication", {{0, 2}, {1, 2}});
  for (const nlohmann::json& rank : {nlohmann::json(0), nlohmann::json(1.5), nlohmann::json("4"),
                                     nlohmann::json(1e9), nlohmann::json(nullptr)})
    refuses_key("r", rank);
  refuses_key("lora_alpha", "8");
  refuses_key("target_modules", "all-linear");
  refuses_key("target_modules", {"q_proj"});
  refuses_key("target_modules", {"q_proj", "k_proj", "v_proj", "o_proj", 1});
  files::write_atomically(file, std::string_view("[]"));
  EXPECT_THROW(make_local_sampler(model_, path_), Error);

  // What says the same as nothing is taken.
  auto usual = whole;
  usual["use_dora"] = false;
  usual["rank_pattern"] = nlohmann::json::object();
  usual["alora_invocation_tokens"] = nullptr;
  files::write_atomically(file, std::string_view(usual.dump()));
  EXPECT_NO_THROW(make_local_sampler(model_, path_));
}

TEST_F(SavedState, of_another_alpha) {
  LoraConfig other = lora_;
  other.alpha = lora_.alpha * 2.0;
  const auto trainer = make_local_trainer(model_, other, scratch_folder("other-alpha"));
  try {
    run_blocking(trainer->load_state(path_, true));
    FAIL() << "was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::run_mismatch);
    EXPECT_NE(std::string(e.what()).find("alpha"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace xfer::engine
