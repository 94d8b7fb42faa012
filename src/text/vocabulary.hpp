// SPDX-License-Identifier: Apache-2.0
// Tokens by id and by bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::text {

/// Ids a file may use; above it a file is taken to be damaged.
inline constexpr std::int32_t token_ids_max = 1 << 22;

/// The bytes of every token, and for tokens of the model also the way back.
class Vocabulary {
public:
  /// A token the model can produce from bytes. The first of two tokens with the same bytes is the
  /// one found. `id` must be free (`has`) and inside [0, token_ids_max).
  void add(std::int32_t id, std::string_view bytes);
  /// A token that `find` does not return.
  void add_hidden(std::int32_t id, std::string_view bytes);

  std::optional<std::int32_t> find(std::string_view bytes) const noexcept;
  bool has(std::int32_t id) const noexcept {
    return id >= 0 && id < size() && places_[static_cast<std::size_t>(id)].used;
  }
  /// `id` must be in the vocabulary.
  std::string_view bytes(std::int32_t id) const noexcept {
    const Place& place = places_[static_cast<std::size_t>(id)];
    return std::string_view(pool_).substr(place.offset, place.length);
  }
  /// One more than the largest id.
  std::int32_t size() const noexcept { return static_cast<std::int32_t>(places_.size()); }

private:
  struct Place {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    bool used = false;
  };
  /// Up to 7 bytes are the key themselves, with their number on top; longer ones are hashed and
  /// then compared.
  struct Slot {
    std::uint64_t key = 0;
    std::int32_t id = -1;
  };
  std::size_t slot_of(std::uint64_t key) const noexcept;
  void insert(Slot slot) noexcept;
  void grow();

  std::string pool_;
  std::vector<Place> places_;
  std::vector<Slot> slots_;
  std::size_t filled_ = 0;
  unsigned shift_ = 64;
};

}  // namespace xfer::text
