// SPDX-License-Identifier: Apache-2.0
// A limit on what is held in memory for strangers.
#pragma once

#include <cstddef>
#include <utility>

namespace xfer::serve {

/// Only on one thread. Must outlive its holds.
class ByteBudget {
public:
  explicit ByteBudget(std::size_t bytes_max) : max_(bytes_max) {}
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  /// A part of the budget; given back with the object.
  class Hold {
  public:
    Hold() = default;
    Hold(const Hold&) = delete;
    Hold(Hold&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Hold() {
      if (budget_ != nullptr) budget_->used_ -= bytes_;
    }

  private:
    friend class ByteBudget;
    ByteBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  /// False when so much is not left.
  bool take(std::size_t bytes, Hold& hold) {
    if (bytes > max_ - used_) return false;
    used_ += bytes;
    Hold taken;
    taken.budget_ = this;
    taken.bytes_ = bytes;
    hold = std::move(taken);
    return true;
  }
  std::size_t used() const noexcept { return used_; }

private:
  std::size_t max_;
  std::size_t used_ = 0;
};

}  // namespace xfer::serve
