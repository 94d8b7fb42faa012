// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/backend.hpp"

#include "study/backends/tinker_backend.hpp"

#include "xfer/engine/local_trainer.hpp"
#include "xfer/engine/model.hpp"
#include "xfer/error.hpp"
#include "xfer/study/model_names.hpp"
#include "xfer/text/renderer.hpp"

namespace xfer::study {
namespace {

/// The embedded engine.
class LocalBackend final : public Backend {
public:
  explicit LocalBackend(std::shared_ptr<const engine::Model> model) : model_(std::move(model)) {}

  const text::Tokenizer& tokenizer() const override { return model_->tokenizer(); }
  std::string model_name() const override { return model_->name(); }
  std::string model_hash() const override { return model_->content_hash(); }
  std::int64_t parameters() const override { return model_->parameters(); }
  std::string version() const override { return "local " + std::string(engine::engine_version()); }
  std::string architecture() const override { return model_->config().architecture; }
  int hidden_size() const override { return model_->config().hidden_size; }

  task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                std::filesystem::path state_folder) override {
    co_return engine::make_local_trainer(model_, lora, state_folder);
  }
  task<std::shared_ptr<Sampler>> base_sampler() override {
    co_return engine::make_local_sampler(model_);
  }
  task<bool> keep_state(std::string path) override {
    std::error_code ignored;
    co_return std::filesystem::exists(path, ignored);
  }

private:
  std::shared_ptr<const engine::Model> model_;
};

}  // namespace

std::string Backend::recommended_renderer() const {
  return text::Renderer::recommended(tokenizer());
}

task<bool> Backend::keep_state(std::string) { co_return true; }

task<void> Backend::drop_state(std::string) { co_return; }

std::unique_ptr<Backend> make_local_backend(std::shared_ptr<const engine::Model> model) {
  return std::make_unique<LocalBackend>(std::move(model));
}

std::unique_ptr<Backend> open_backend(const StudySpec& spec,
                                      const std::filesystem::path& record_file) {
  if (spec.backend == "tinker") return open_tinker_backend(spec, record_file);
  if (!record_file.empty())
    throw Error(Errc::invalid_argument,
                "record: only exchanges with a service are recorded; this study has backend = \"" +
                    spec.backend + "\"");
  engine::ModelOptions options;
  options.threads = spec.threads;
  return make_local_backend(engine::Model::load(locate_model(spec.model), options));
}

}  // namespace xfer::study
