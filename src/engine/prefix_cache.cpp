// SPDX-License-Identifier: Apache-2.0
#include "engine/prefix_cache.hpp"

#include <algorithm>
#include <iterator>

namespace xfer::engine {
namespace {

constexpr std::int64_t bytes_max = 128LL << 20U;

}  // namespace

std::size_t common_prefix(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  const std::size_t n = std::min(a.size(), b.size());
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first -
      a.begin());
}

std::list<PrefixCache::Entry>::const_iterator PrefixCache::best(
    const Adapter* adapter, std::span<const std::int32_t> prompt, std::size_t& shared) const {
  auto found = entries_.end();
  shared = 0;
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->has_adapter != (adapter != nullptr) || it->adapter.lock().get() != adapter) continue;
    const std::size_t common = common_prefix(it->tokens, prompt);
    if (common > shared) {
      shared = common;
      found = it;
    }
  }
  shared = std::min(shared, prompt.size() - 1);
  if (shared < least_tokens) shared = 0;
  return found;
}

std::size_t PrefixCache::find(const Adapter* adapter, std::span<const std::int32_t> prompt) const {
  std::size_t shared = 0;
  best(adapter, prompt, shared);
  return shared;
}

std::size_t PrefixCache::fill(const Adapter* adapter, std::span<const std::int32_t> prompt,
                              KvCache& cache) {
  std::size_t shared = 0;
  const auto it = best(adapter, prompt, shared);
  if (shared == 0) return 0;
  cache.copy_from(it->cache, static_cast<int>(shared));
  entries_.splice(entries_.begin(), entries_, it);
  return shared;
}

void PrefixCache::forget(std::list<Entry>::iterator entry) {
  bytes_ -= bytes_of(entry->tokens.size());
  entries_.erase(entry);
}

void PrefixCache::keep(const std::shared_ptr<const Adapter>& adapter,
                       std::span<const std::int32_t> prompt, const KvCache& cache) {
  std::size_t shared = 0;
  best(adapter.get(), prompt, shared);
  const std::int64_t size = bytes_of(prompt.size());
  if (prompt.size() - shared < least_tokens || size > bytes_max / 2) return;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (entry->has_adapter && entry->adapter.expired()) forget(entry);
  }
  while (!entries_.empty() && bytes_ + size > bytes_max) forget(std::prev(entries_.end()));
  KvCache copy(config_);
  copy.copy_from(cache, static_cast<int>(prompt.size()));
  std::vector<std::int32_t> tokens(prompt.begin(), prompt.end());
  entries_.push_front({adapter, adapter != nullptr, std::move(tokens), std::move(copy)});
  bytes_ += size;
}

}  // namespace xfer::engine
