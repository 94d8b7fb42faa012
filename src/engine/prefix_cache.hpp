// SPDX-License-Identifier: Apache-2.0
// Keys and values of prompts that were computed lately, for prompts that begin alike.
#pragma once

#include "engine/infer_pass.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

namespace xfer::engine {

/// What two token sequences have in common at their beginning.
std::size_t common_prefix(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

/// Least recently used entries go first. A copied prefix has the bits that computing it would give.
/// Only on the engine's thread.
class PrefixCache {
public:
  explicit PrefixCache(const ModelConfig& config) : config_(config) {}

  /// Shorter beginnings are computed rather than looked up.
  static constexpr std::size_t least_tokens = 32;

  /// How much of the prompt can be copied; its last token never, whose logits are needed.
  std::size_t find(const Adapter* adapter, std::span<const std::int32_t> prompt) const;
  /// Copies that much into an empty cache and returns how many positions it was.
  std::size_t fill(const Adapter* adapter, std::span<const std::int32_t> prompt, KvCache& cache);
  /// Remembers a computed prompt, unless nearly all of it is there already or it is large. Forgets
  /// those whose adapter is gone.
  void keep(const std::shared_ptr<const Adapter>& adapter, std::span<const std::int32_t> prompt,
            const KvCache& cache);
  std::int64_t bytes() const noexcept { return bytes_; }

private:
  struct Entry {
    std::weak_ptr<const Adapter> adapter;
    bool has_adapter;
    std::vector<std::int32_t> tokens;
    KvCache cache;
  };
  std::list<Entry>::const_iterator best(const Adapter* adapter,
                                        std::span<const std::int32_t> prompt,
                                        std::size_t& shared) const;
  void forget(std::list<Entry>::iterator entry);
  std::int64_t bytes_of(std::size_t tokens) const {
    return KvCache::bytes_per_token(config_) * static_cast<std::int64_t>(tokens);
  }

  const ModelConfig& config_;
  std::list<Entry> entries_;  ///< latest use first
  std::int64_t bytes_ = 0;
};

}  // namespace xfer::engine
