// SPDX-License-Identifier: Apache-2.0
#include "tinker/remote/journal.hpp"

#include "tinker/client/chunking.hpp"

namespace xfer::tinker {
namespace {

std::size_t bytes_of(const Journal::Entry& entry) {
  std::size_t bytes = sizeof(AdamParams);
  if (const auto* step = std::get_if<GradientStep>(&entry))
    for (const Datum& datum : step->data) bytes += estimated_bytes(datum);
  return bytes;
}

}  // namespace

void Journal::start_from(std::string path, bool with_optimizer, std::int64_t steps) {
  path_ = std::move(path);
  with_optimizer_ = with_optimizer;
  steps_ = steps;
  entries_.clear();
  bytes_ = 0;
  complete_ = true;
  open_gradients_ = false;
}

void Journal::add(GradientStep step) {
  open_gradients_ = true;
  if (!complete_) return;
  entries_.emplace_back(std::move(step));
  bytes_ += bytes_of(entries_.back());
  if (bytes_ <= bytes_max_) return;
  complete_ = false;
  entries_.clear();
  bytes_ = 0;
}

void Journal::add(const AdamParams& step) {
  ++steps_;
  open_gradients_ = false;
  if (complete_) entries_.emplace_back(step);
}

std::size_t Journal::first_open() const noexcept {
  std::size_t first = entries_.size();
  while (first > 0 && std::holds_alternative<GradientStep>(entries_[first - 1])) --first;
  return first;
}

void Journal::saved_as(std::string path) {
  path_ = std::move(path);
  with_optimizer_ = true;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_open()));
  bytes_ = 0;
  for (const Entry& entry : entries_) bytes_ += bytes_of(entry);
  complete_ = complete_ || !open_gradients_;
}

void Journal::drop_gradients() {
  open_gradients_ = false;
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(first_open()), entries_.end());
}

}  // namespace xfer::tinker
