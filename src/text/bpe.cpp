// SPDX-License-Identifier: Apache-2.0
#include "text/bpe.hpp"

#include "text/unicode.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <limits>

namespace xfer::text {
namespace {

constexpr std::uint64_t spread = 0x9E3779B97F4A7C15U;

std::uint64_t pair_key(std::int32_t left, std::int32_t right) noexcept {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32U) |
         static_cast<std::uint32_t>(right);
}

std::size_t byte_pair(char left, char right) noexcept {
  return std::size_t{static_cast<unsigned char>(left)} * 256 + static_cast<unsigned char>(right);
}

}  // namespace

Bpe::Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options)
    : vocabulary_(std::move(vocabulary)), options_(std::move(options)),
      wholeness_(std::make_unique<std::atomic<std::uint8_t>[]>(
          static_cast<std::size_t>(vocabulary_.size()))) {
  insert_merges(merges);
  has_all_bytes_ = !options_.characters;
  for (std::size_t b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    byte_ids_[b] = vocabulary_.find(std::string_view(&byte, 1)).value_or(-1);
    has_all_bytes_ = has_all_bytes_ && byte_ids_[b] >= 0;
  }
  if (!has_all_bytes_) return;
  byte_pairs_.resize(std::size_t{256} * 256);
  for (std::size_t i = 0; i < byte_pairs_.size(); ++i)
    byte_pairs_[i] = find(byte_ids_[i / 256], byte_ids_[i % 256]);
}

void Bpe::insert_merges(const std::vector<Merge>& merges) {
  if (merges.size() >= std::numeric_limits<std::uint32_t>::max() / 4)
    throw Error(Errc::bad_data, "tokenizer: too many merges");
  std::size_t size = 16;
  while (size < merges.size() * 2) size *= 2;
  slots_.resize(size);
  for (std::size_t n = size; n > 1; n /= 2) --shift_;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    const std::uint64_t key = pair_key(merge.left, merge.right);
    auto i = static_cast<std::size_t>((key * spread) >> shift_);
    while (slots_[i].key != no_key && slots_[i].key != key) i = (i + 1) & (size - 1);
    slots_[i] = {key, {static_cast<std::uint32_t>(rank), merge.id}};
  }
}

Bpe::Target Bpe::find(std::int32_t left, std::int32_t right) const noexcept {
  const std::uint64_t key = pair_key(left, right);
  for (auto i = static_cast<std::size_t>((key * spread) >> shift_);;
       i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].key == key) return slots_[i].target;
    if (slots_[i].key == no_key) return {};
  }
}

template <class Append>
void Bpe::start_characters(std::string_view word, Append append) const {
  bool after_unknown = false;
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, code_point_at(word, at).length);
    at += character.size();
    const auto id = vocabulary_.find(character);
    if (id || !options_.byte_tokens.empty()) {
      if (id) append(*id);
      for (const char byte : id ? std::string_view() : character)
        append(options_.byte_tokens[static_cast<unsigned char>(byte)]);
      after_unknown = false;
      continue;
    }
    if (options_.unknown && !(options_.fuse_unknown && after_unknown)) append(*options_.unknown);
    after_unknown = true;
  }
}

template <class Append>
void Bpe::start_symbols(std::string_view word, Append append) const {
  if (options_.characters) return start_characters(word, append);
  bool after_unknown = false;
  for (const char byte : word) {
    std::int32_t id = byte_ids_[static_cast<unsigned char>(byte)];
    const bool unknown = id < 0;
    if (unknown) {
      if (!options_.unknown || (options_.fuse_unknown && after_unknown)) continue;
      id = *options_.unknown;
    }
    after_unknown = unknown;
    append(id);
  }
}

void Bpe::encode_word(std::string_view word, std::vector<std::int32_t>& out) const {
  const auto id = vocabulary_.find(word);
  if (!id) return word.size() <= short_word_max ? encode_short(word, out) : encode_long(word, out);
  auto& state = wholeness_[static_cast<std::size_t>(*id)];
  if (options_.ignore_merges || state.load(std::memory_order_relaxed) == whole) {
    out.push_back(*id);
    return;
  }
  const std::size_t before = out.size();
  if (word.size() <= short_word_max) {
    encode_short(word, out);
  } else {
    encode_long(word, out);
  }
  if (state.load(std::memory_order_relaxed) == unseen) {
    const bool is_whole = out.size() == before + 1 && out.back() == *id;
    state.store(is_whole ? whole : split, std::memory_order_relaxed);
  }
}

void Bpe::encode_short(std::string_view word, std::vector<std::int32_t>& out) const {
  std::array<std::int32_t, short_word_max> ids;
  std::array<Target, short_word_max> next;  // what [i] and [i + 1] become
  std::size_t count = 0;
  if (has_all_bytes_) {
    for (const char byte : word) ids[count++] = byte_ids_[static_cast<unsigned char>(byte)];
    for (std::size_t i = 0; i + 1 < count; ++i)
      next[i] = byte_pairs_[byte_pair(word[i], word[i + 1])];
  } else {
    start_symbols(word, [&](std::int32_t id) { ids[count++] = id; });
    for (std::size_t i = 0; i + 1 < count; ++i) next[i] = find(ids[i], ids[i + 1]);
  }
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (next[i].rank < next[best].rank) best = i;
    }
    if (next[best].rank == no_rank) break;
    ids[best] = next[best].id;
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      ids[i] = ids[i + 1];
      next[i - 1] = next[i];
    }
    if (best + 1 < count) next[best] = find(ids[best], ids[best + 1]);
    if (best > 0) next[best - 1] = find(ids[best - 1], ids[best]);
  }
  out.insert(out.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
}

/// A piece of a long word, linked to its neighbours by index; -1 where there is none.
struct Bpe::Symbol {
  std::int32_t id = 0;
  std::int64_t previous = -1;
  std::int64_t next = -1;
  bool gone = false;
};

/// A pair that may be merged: stale when its symbols have changed since.
struct Bpe::Candidate {
  Target target;
  std::int64_t position = 0;
  /// Orders a heap so that the lowest rank, and among equals the leftmost, comes out first.
  bool operator<(const Candidate& other) const noexcept {
    if (target.rank != other.target.rank) return target.rank > other.target.rank;
    return position > other.position;
  }
};

void Bpe::encode_long(std::string_view word, std::vector<std::int32_t>& out) const {
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
  symbols.reserve(word.size());
  start_symbols(word, [&](std::int32_t id) {
    const auto here = static_cast<std::int64_t>(symbols.size());
    if (here > 0) symbols.back().next = here;
    symbols.push_back({id, here - 1, -1, false});
  });
  const auto at = [&](std::int64_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  const auto target_at = [&](std::int64_t i) {
    return at(i).next < 0 ? Target{} : find(at(i).id, at(at(i).next).id);
  };
  const auto offer = [&](std::int64_t i) {
    const Target target = target_at(i);
    if (target.rank == no_rank) return;
    heap.push_back({target, i});
    std::push_heap(heap.begin(), heap.end());
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const Target target = target_at(static_cast<std::int64_t>(i));
    if (target.rank != no_rank) heap.push_back({target, static_cast<std::int64_t>(i)});
  }
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate candidate = heap.back();
    heap.pop_back();
    Symbol& left = at(candidate.position);
    if (left.gone || target_at(candidate.position).rank != candidate.target.rank) continue;
    Symbol& right = at(left.next);
    left.id = candidate.target.id;
    right.gone = true;
    left.next = right.next;
    if (left.next >= 0) at(left.next).previous = candidate.position;
    offer(candidate.position);
    if (left.previous >= 0) offer(left.previous);
  }
  for (std::int64_t i = symbols.empty() ? -1 : 0; i >= 0; i = at(i).next) out.push_back(at(i).id);
}

}  // namespace xfer::text
