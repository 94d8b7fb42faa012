// SPDX-License-Identifier: Apache-2.0
#include "study/ledger/run_lock.hpp"

#include "xfer/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace xfer::study {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& doing) {
  throw Error(Errc::io, "run lock " + path.string() + ": " + doing + ": " + std::strerror(errno));
}

std::string holder(int descriptor) {
  std::array<char, 256> text;
  const ssize_t count = pread(descriptor, text.data(), text.size(), 0);
  if (count <= 0) return "an unknown process";
  const std::string_view all(text.data(), static_cast<std::size_t>(count));
  return std::string(all.substr(0, all.find('\n')));
}

}  // namespace

std::string process_name() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) std::strcpy(host.data(), "this machine");
  return "pid " + std::to_string(getpid()) + " on " + host.data();
}

std::string holder_of(const std::filesystem::path& run_folder) {
  const std::filesystem::path path = run_folder / "run.lock";
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return "";
  std::string who;
  if (flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) who = holder(descriptor);
  close(descriptor);
  return who;
}

namespace {

/// Somebody who asks who works here has the lock for a moment.
bool lock_soon(int descriptor) {
  constexpr int attempts = 5;
  for (int i = 0; i < attempts; ++i) {
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    errno = EWOULDBLOCK;
  }
  return false;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& run_folder) {
  const std::filesystem::path path = run_folder / "run.lock";
  descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(path, "cannot be opened");
  if (!lock_soon(descriptor_)) {
    const bool held = errno == EWOULDBLOCK;
    const std::string who = held ? holder(descriptor_) : "";
    const int code = errno;
    close(descriptor_);
    errno = code;
    if (!held) fail(path, "cannot be locked");
    throw Error(Errc::unavailable, "run folder " + run_folder.string() + " is in use by " + who +
                                       "; wait for it, or choose another folder");
  }
  const std::string me = process_name() + "\n";
  if (ftruncate(descriptor_, 0) != 0 ||
      pwrite(descriptor_, me.data(), me.size(), 0) != static_cast<ssize_t>(me.size())) {
    const int code = errno;
    close(descriptor_);
    errno = code;
    fail(path, "cannot be written");
  }
}

RunLock::~RunLock() { close(descriptor_); }

}  // namespace xfer::study
