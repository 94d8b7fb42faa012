// SPDX-License-Identifier: Apache-2.0
// File descriptors that close themselves, for talking with child processes.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace xfer::grade {

/// Throws `not_available`: "sandbox: <what>: <the system's words for the error number>".
[[noreturn]] void sandbox_fail(const std::string& what, int error);

class Descriptor {
public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  int get() const noexcept { return fd_; }
  bool open() const noexcept { return fd_ >= 0; }
  void reset() noexcept;
  /// Moves it clear of the low numbers that a child's descriptors will take.
  void move_up();

private:
  int fd_ = -1;
};

/// Both ends close on exec.
struct Pipe {
  Descriptor read;
  Descriptor write;
};
Pipe make_pipe();

/// A file in memory with the given content, to be read from its start. Unlike a pipe it takes any
/// amount without a reader at the other end.
Descriptor make_input(std::string_view content);

/// One output of a child while it is being collected.
struct Stream {
  Descriptor source;
  std::string* text = nullptr;

  /// Reads what is there, keeping up to `keep` bytes in all; closes itself at the end.
  void drain(std::size_t keep);
};

}  // namespace xfer::grade
