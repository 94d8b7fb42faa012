// SPDX-License-Identifier: Apache-2.0
// One model's requests, brought into the order of their numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace xfer::serve {

/// Numbers start at 1. An item is given out when every smaller number has been; until then it is
/// held.
template <class Item>
class SeqQueue {
public:
  explicit SeqQueue(std::size_t held_max) : held_max_(held_max) {}

  enum class Offer {
    taken,
    repeated,  ///< The number was used before.
    full       ///< Too many are held already.
  };
  /// Leaves `item` alone unless it is taken.
  Offer offer(std::int64_t number, Item&& item) {
    if (number < next_ || held_.count(number) != 0) return Offer::repeated;
    // The one that all others wait for always has a place.
    if (held_.size() >= held_max_ && number != next_) return Offer::full;
    held_.emplace(number, std::move(item));
    return Offer::taken;
  }
  /// The next item, if it is there.
  std::optional<Item> take() {
    if (waits_for_a_gap()) return std::nullopt;
    return take_any();
  }
  /// The first of those that are held, whatever is missing before it.
  std::optional<Item> take_any() {
    const auto first = held_.begin();
    if (first == held_.end()) return std::nullopt;
    std::optional<Item> item = std::move(first->second);
    next_ = first->first + 1;
    held_.erase(first);
    return item;
  }

  std::size_t held() const noexcept { return held_.size(); }
  bool waits_for_a_gap() const noexcept { return !held_.empty() && held_.begin()->first != next_; }
  /// The number that is to be given out next.
  std::int64_t next() const noexcept { return next_; }

private:
  std::size_t held_max_;
  std::int64_t next_ = 1;
  std::map<std::int64_t, Item> held_;
};

}  // namespace xfer::serve
