// SPDX-License-Identifier: Apache-2.0
#include "xfer/files/mapped_file.hpp"

#include "file_descriptor.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace xfer::files {
namespace {

int open_for_reading(const std::filesystem::path& path) {
  // Without O_NONBLOCK a named pipe would wait here for a writer.
  const int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (number < 0) throw_io(path, "cannot open");
  return number;
}

std::size_t size_of_regular(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw_io(path, "cannot examine");
  if (!S_ISREG(status.st_mode)) {
    throw Error(Errc::io, path.string() + ": not a regular file" +
                              (S_ISDIR(status.st_mode) ? " but a folder" : ""));
  }
  return static_cast<std::size_t>(status.st_size);
}

// Repositories cloned without git-lfs hold a small text in place of each large file.
void refuse_lfs_pointer(const std::filesystem::path& path, std::string_view text) {
  if (text.size() < 1024 && text.starts_with("version https://git-lfs")) {
    throw Error(Errc::bad_data, path.string() +
                                    ": a git-lfs pointer in place of the file itself; fetch it "
                                    "with `git lfs pull`, or download the file");
  }
}

}  // namespace

MappedFile MappedFile::open(const std::filesystem::path& path) {
  const FileDescriptor file(open_for_reading(path));
  const std::size_t size = size_of_regular(file, path);
  MappedFile mapped;
  mapped.path_ = std::make_shared<const std::filesystem::path>(path);
  if (size == 0) return mapped;  // mmap refuses an empty range
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (start == MAP_FAILED) throw_io(path, "cannot map " + std::to_string(size) + " bytes");
  mapped.owner_ = std::shared_ptr<const void>(
      start, [size](const void* address) { ::munmap(const_cast<void*>(address), size); });
  mapped.bytes_ = {static_cast<const std::byte*>(start), size};
  refuse_lfs_pointer(path, mapped.text());
  return mapped;
}

MappedFile MappedFile::hold(std::vector<std::byte> content, std::filesystem::path name) {
  MappedFile held;
  held.path_ = std::make_shared<const std::filesystem::path>(std::move(name));
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(content));
  held.bytes_ = *owner;
  held.owner_ = owner;
  refuse_lfs_pointer(held.path(), held.text());
  return held;
}

std::string read_text(const std::filesystem::path& path, std::size_t bytes_max) {
  const FileDescriptor file(open_for_reading(path));
  const std::size_t size = size_of_regular(file, path);
  if (size > bytes_max) {
    throw Error(Errc::bad_data, path.string() + ": too large (got " + std::to_string(size) +
                                    " bytes, allowed " + std::to_string(bytes_max) + ")");
  }
  // Read, not mapped: a file that shrinks meanwhile then only ends early.
  std::string text(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t count = ::read(file.number(), text.data() + filled, size - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_io(path, "cannot read");
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  refuse_lfs_pointer(path, text);
  return text;
}

}  // namespace xfer::files
