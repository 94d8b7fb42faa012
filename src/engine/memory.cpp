// SPDX-License-Identifier: Apache-2.0
#include "engine/memory.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>

namespace xfer::engine {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

std::optional<std::int64_t> number_in(const std::string& file) {
  std::ifstream in(file);
  std::int64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;  // "max", or no such file
}

std::int64_t system_memory() {
  std::ifstream info("/proc/meminfo");
  std::string key;
  std::int64_t kib = 0;
  std::string unit;
  while (info >> key >> kib >> unit)
    if (key == "MemAvailable:") return kib * 1024;
  return unlimited;
}

// The process's own group and those above it; Linux, cgroup versions 2 and 1. File caches count as
// used there but give way, so they are added back.
std::int64_t group_memory() {
  std::ifstream groups("/proc/self/cgroup");
  std::int64_t least = unlimited;
  std::string line;
  while (std::getline(groups, line)) {
    const auto first = line.find(':');
    const auto second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && controllers.find("memory") == std::string::npos) continue;
    const std::string root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    std::string path = line.substr(second + 1);
    for (;;) {
      const std::string at = root + path + (path == "/" ? "" : "/");
      const auto limit = number_in(at + (v2 ? "memory.max" : "memory.limit_in_bytes"));
      const auto used = number_in(at + (v2 ? "memory.current" : "memory.usage_in_bytes"));
      if (limit && used) {
        std::ifstream stat(at + "memory.stat");
        std::string key;
        std::int64_t value = 0;
        std::int64_t cache = 0;
        while (stat >> key >> value)
          if (key == (v2 ? "inactive_file" : "total_inactive_file")) cache = value;
        least = std::min(least, std::max<std::int64_t>(0, *limit - *used + cache));
      }
      if (path.empty() || path == "/") break;
      path.resize(path.rfind('/'));
    }
  }
  return least;
}

}  // namespace

std::int64_t available_memory() { return std::min(system_memory(), group_memory()); }

void require_memory(std::int64_t bytes, const std::string& what) {
  const std::int64_t free = available_memory();
  if (bytes > free)
    throw Error(Errc::out_of_memory, what + " needs " + std::to_string(bytes >> 20U) +
                                         " MiB, this machine has " + std::to_string(free >> 20U) +
                                         " MiB free");
}

}  // namespace xfer::engine
