// SPDX-License-Identifier: Apache-2.0
// An open file that closes itself, and the error for when the system refuses.
#pragma once

#include "xfer/error.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

namespace xfer::files {

/// Throws `io` with the file, what was tried and the reason in `errno`.
[[noreturn]] inline void throw_io(const std::filesystem::path& path, const std::string& what,
                                  int reason = errno) {
  throw Error(Errc::io,
              path.string() + ": " + what + ": " + std::generic_category().message(reason));
}

class FileDescriptor {
public:
  explicit FileDescriptor(int number) noexcept : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { close(); }

  int number() const noexcept { return number_; }
  bool is_open() const noexcept { return number_ >= 0; }
  /// 0, or the reason. Some file systems report a full disk only here.
  int close() noexcept {
    if (number_ < 0) return 0;
    const int result = ::close(number_) == 0 ? 0 : errno;
    number_ = -1;
    return result;
  }

private:
  int number_;
};

}  // namespace xfer::files
