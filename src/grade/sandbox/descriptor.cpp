// SPDX-License-Identifier: Apache-2.0
#include "grade/sandbox/descriptor.hpp"

#include "xfer/error.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace xfer::grade {

void sandbox_fail(const std::string& what, int error) {
  throw Error(Errc::not_available, "sandbox: " + what + ": " + std::strerror(error));
}

void Descriptor::reset() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Descriptor::move_up() {
  const int moved = ::fcntl(fd_, F_DUPFD_CLOEXEC, 16);
  if (moved < 0) sandbox_fail("no free file descriptor", errno);
  *this = Descriptor(moved);
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) sandbox_fail("cannot make a pipe", errno);
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  pipe.write.move_up();
  return pipe;
}

Descriptor make_input(std::string_view content) {
  Descriptor file(static_cast<int>(::syscall(SYS_memfd_create, "xfer-sandbox", 1U)));  // CLOEXEC
  if (!file.open()) sandbox_fail("cannot make a file in memory", errno);
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t n = ::write(file.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) sandbox_fail("cannot write a file in memory", errno);
    done += static_cast<std::size_t>(n);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) sandbox_fail("cannot rewind a file in memory", errno);
  file.move_up();
  return file;
}

void Stream::drain(std::size_t keep) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(source.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) {
    source.reset();
    return;
  }
  const std::size_t room = keep - std::min(keep, text->size());
  text->append(buffer.data(), std::min(room, static_cast<std::size_t>(n)));
}

}  // namespace xfer::grade
