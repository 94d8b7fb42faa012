// The seam between a study and what trains and samples for it.
#pragma once

#include "xfer/sampler.hpp"
#include "xfer/study/spec.hpp"
#include "xfer/task.hpp"
#include "xfer/text/tokenizer.hpp"
#include "xfer/trainer.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace xfer::engine {
class Model;
}

namespace xfer::study {

/// One base model on one machine or service.
class Backend {
public:
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  virtual const text::Tokenizer& tokenizer() const = 0;
  virtual std::string model_name() const = 0;
  /// Changes whenever an answer of the untrained model could.
  virtual std::string model_hash() const = 0;
  virtual std::int64_t parameters() const = 0;
  /// Changes whenever the same training could give other weights. Part of every key.
  virtual std::string version() const = 0;
  /// The renderer that "auto" stands for; what the tokenizer's special tokens ask for by default.
  virtual std::string recommended_renderer() const;

  /// A new adapter (or, with rank 0, a full copy of the weights) on the base model. `state_folder`
  /// exists and is this trainer's own: `save_state(name)` writes below it.
  virtual task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                        std::filesystem::path state_folder) = 0;
  virtual task<std::shared_ptr<Sampler>> base_sampler() = 0;

protected:
  Backend() = default;
};

/// The embedded engine on a model that is in memory already.
std::unique_ptr<Backend> make_local_backend(std::shared_ptr<const engine::Model> model);

/// The backend that a study's `model` asks for: the embedded engine. Throws what loading the model
/// throws, and `not_available` when a model is not installed.
std::unique_ptr<Backend> open_backend(const StudySpec& spec);

}  // namespace xfer::study
