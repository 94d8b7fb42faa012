// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/kernels.hpp"

#include "xfer/error.hpp"

#include <atomic>
#include <string>

namespace xfer::engine {

namespace generic {
extern const Kernels table;
}
#ifdef XFER_X86_KERNELS
namespace avx2 {
extern const Kernels table;
}
namespace avx512 {
extern const Kernels table;
}
namespace avx512_bf16 {
extern const Kernels table;
}
#endif

namespace {

const Kernels* find(std::string_view name) {
#ifdef XFER_X86_KERNELS
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  const bool has_bf16 = has_avx512 && __builtin_cpu_supports("avx512bf16");
  if (has_bf16 && (name.empty() || name == "avx512_bf16")) return &avx512_bf16::table;
  if (has_avx512 && (name.empty() || name == "avx512")) return &avx512::table;
  if (has_avx2 && (name.empty() || name == "avx2")) return &avx2::table;
#endif
  if (name.empty() || name == "generic") return &generic::table;
  return nullptr;
}

std::atomic<const Kernels*> forced{nullptr};

}  // namespace

const Kernels& kernels() {
  static const Kernels* const best = find("");
  const Kernels* chosen = forced.load(std::memory_order_relaxed);
  return chosen != nullptr ? *chosen : *best;
}

void force_kernels(std::string_view name) {
  if (name.empty()) {
    forced = nullptr;
    return;
  }
  const Kernels* table = find(name);
  if (table == nullptr)
    throw Error(Errc::not_available,
                "kernels: this machine or build has no '" + std::string(name) + "' kernels");
  forced = table;
}

}  // namespace xfer::engine
