// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary.hpp"

#include "xfer/error.hpp"

#include <bit>
#include <cstring>
#include <limits>

namespace xfer::text {
namespace {

static_assert(std::endian::native == std::endian::little, "keys are loaded as they lie");

constexpr std::size_t short_max = 7;
constexpr std::uint64_t long_mark = std::uint64_t{0xFF} << 56U;
// An odd number without pattern: 2^64 divided by the golden ratio.
constexpr std::uint64_t id_spread = 0x9E3779B97F4A7C15U;

std::uint64_t load64(const char* p) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, p, 8);
  return value;
}

std::uint64_t load32(const char* p) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, p, 4);
  return value;
}

std::uint64_t key_of(std::string_view bytes) noexcept {
  const std::size_t n = bytes.size();
  const char* p = bytes.data();
  const auto at = [p](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(p[i])) << (8 * i);
  };
  if (n <= short_max) {
    std::uint64_t key = static_cast<std::uint64_t>(n) << 56U;
    // Loads that overlap give the same bits twice, and no load goes past the end.
    if (n >= 4) return key | load32(p) | (load32(p + n - 4) << (8 * (n - 4)));
    if (n > 0) key |= at(0) | at(n / 2) | at(n - 1);
    return key;
  }
  std::uint64_t hash = n * id_spread;
  for (std::size_t i = 0; i + 8 < n; i += 8) {
    hash = (hash ^ load64(p + i)) * id_spread;
    hash ^= hash >> 29U;
  }
  hash = (hash ^ load64(p + n - 8)) * id_spread;
  hash ^= hash >> 32U;
  return hash | long_mark;
}

}  // namespace

std::size_t Vocabulary::slot_of(std::uint64_t key) const noexcept {
  return static_cast<std::size_t>((key * id_spread) >> shift_);
}

void Vocabulary::insert(Slot slot) noexcept {
  std::size_t i = slot_of(slot.key);
  while (slots_[i].id >= 0) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = slot;
}

void Vocabulary::grow() {
  std::vector<Slot> old(slots_.empty() ? 1024 : slots_.size() * 2);
  old.swap(slots_);
  shift_ = 64;
  for (std::size_t n = slots_.size(); n > 1; n /= 2) --shift_;
  for (const Slot& slot : old) {
    if (slot.id >= 0) insert(slot);
  }
}

void Vocabulary::add(std::int32_t id, std::string_view bytes) {
  const bool is_new = !find(bytes).has_value();
  add_hidden(id, bytes);
  if (!is_new) return;
  if (filled_ * 2 >= slots_.size()) grow();
  insert({key_of(bytes), id});
  ++filled_;
}

void Vocabulary::add_hidden(std::int32_t id, std::string_view bytes) {
  if (id < 0 || id >= token_ids_max || bytes.size() > std::numeric_limits<std::uint32_t>::max())
    throw Error(Errc::internal, "vocabulary: token out of range");
  const auto index = static_cast<std::size_t>(id);
  if (index >= places_.size()) places_.resize(index + 1);
  places_[index] = {pool_.size(), static_cast<std::uint32_t>(bytes.size()), true};
  pool_.append(bytes);
}

std::optional<std::int32_t> Vocabulary::find(std::string_view bytes) const noexcept {
  if (slots_.empty()) return std::nullopt;
  const std::uint64_t key = key_of(bytes);
  for (std::size_t i = slot_of(key);; i = (i + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[i];
    if (slot.id < 0) return std::nullopt;
    if (slot.key != key) continue;
    if (bytes.size() <= short_max || this->bytes(slot.id) == bytes) return slot.id;
  }
}

}  // namespace xfer::text
