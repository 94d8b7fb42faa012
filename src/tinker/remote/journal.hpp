// SPDX-License-Identifier: Apache-2.0
// What was done to a model since its last state that can be loaded.
#pragma once

#include "xfer/tinker/training_client.hpp"
#include "xfer/trainer.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace xfer::tinker {

struct GradientStep {
  GradientStep() = default;
  std::vector<Datum> data;
  LossCallOptions options;
};

class Journal {
public:
  using Entry = std::variant<GradientStep, AdamParams>;

  explicit Journal(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// From a new adapter (no path) or a checkpoint.
  void start_from(std::string path, bool with_optimizer, std::int64_t steps);
  void add(GradientStep step);
  void add(const AdamParams& step);
  /// The state now was saved: what it holds is forgotten. Gradients that no optimizer step has used
  /// yet are not in it.
  void saved_as(std::string path);
  /// Gradients that no optimizer step has used are void.
  void drop_gradients();

  /// False when more happened than is remembered.
  bool complete() const noexcept { return complete_; }
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  const std::string& path() const noexcept { return path_; }
  bool with_optimizer() const noexcept { return with_optimizer_; }
  /// Optimizer steps, those before the state included.
  std::int64_t steps() const noexcept { return steps_; }

private:
  /// The first entry after the last optimizer step.
  std::size_t first_open() const noexcept;

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  bool complete_ = true;
  /// There are gradients that no optimizer step has used, remembered or not.
  bool open_gradients_ = false;
  std::string path_;
  bool with_optimizer_ = false;
  std::int64_t steps_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace xfer::tinker
