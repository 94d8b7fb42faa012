// SPDX-License-Identifier: Apache-2.0
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

#pragma GCC visibility push(default)
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
  /// 0 where a service does not say.
  virtual std::int64_t parameters() const = 0;
  /// Changes whenever the same training could give other weights. Part of every key.
  virtual std::string version() const = 0;
  /// As `model_type` in the model's config.json, and its hidden size; "" and 0 where the backend
  /// does not know.
  virtual std::string architecture() const { return ""; }
  virtual int hidden_size() const { return 0; }
  /// The renderer that "auto" stands for; what the tokenizer's special tokens ask for by default.
  virtual std::string recommended_renderer() const;

  /// A new adapter (or, with rank 0, a full copy of the weights) on the base model. `state_folder`
  /// exists and is this trainer's own: `save_state(name)` writes below it.
  virtual task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                        std::filesystem::path state_folder) = 0;
  virtual task<std::shared_ptr<Sampler>> base_sampler() = 0;

  /// Training runs that go on at the same time, each with what is tested on it. Its trainers and
  /// samplers are all used on one thread.
  virtual int concurrency() const { return 1; }
  /// Whether a state that `save_state` returned can still be loaded. Where it would run out by
  /// itself, its life is made longer.
  virtual task<bool> keep_state(std::string path);
  /// A state that is not needed any more, one in no folder of the trainer's.
  virtual task<void> drop_state(std::string path);

protected:
  Backend() = default;
};

/// The study with a number for every learning rate that is "auto", unless a search is to find it.
/// Throws `invalid_argument` for a model of which the formula knows nothing.
StudySpec with_learning_rates(const StudySpec& spec, const Backend& backend);

/// The embedded engine on a model that is in memory already.
std::unique_ptr<Backend> make_local_backend(std::shared_ptr<const engine::Model> model);

/// The backend that a study asks for: the embedded engine on its `model`, or a Tinker service.
/// Every exchange with a service is written to `record_file`, without secrets, when there is one.
/// Throws what loading the model throws, `not_available` when a model is not installed or a
/// service's tokenizer not found, and `invalid_argument` for a record of no service.
std::unique_ptr<Backend> open_backend(const StudySpec& spec,
                                      const std::filesystem::path& record_file = {});

}  // namespace xfer::study
#pragma GCC visibility pop
