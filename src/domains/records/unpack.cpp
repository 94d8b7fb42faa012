// SPDX-License-Identifier: Apache-2.0
#include "domains/records/unpack.hpp"

#include "xfer/error.hpp"

#include <zlib.h>
#include <zstd.h>

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace xfer::domains {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kept_in_memory = std::size_t{64} << 20U;
constexpr std::size_t piece_bytes = std::size_t{1} << 18U;

std::uint64_t allowed_bytes(std::size_t packed) {
  return (std::uint64_t{64} << 20U) + std::uint64_t{300} * packed;
}

/// Takes what comes: in memory first, in a temporary file from some size on.
class Spool {
public:
  Spool(fs::path name, std::uint64_t bytes_max) : name_(std::move(name)), bytes_max_(bytes_max) {}
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool() {
    if (file_ >= 0) ::close(file_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  void append(const char* data, std::size_t size) {
    total_ += size;
    if (total_ > bytes_max_)
      throw Error(Errc::bad_data, name_.string() + ": unpacks to more than " +
                                      std::to_string(bytes_max_) + " bytes");
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    held_.insert(held_.end(), bytes, bytes + size);
    if (held_.size() > kept_in_memory) flush();
  }

  files::MappedFile finish() {
    if (file_ < 0) return files::MappedFile::hold(std::move(held_), name_);
    flush();
    // The mapping outlives the name of the file.
    return files::MappedFile::open(temporary_);
  }

private:
  void flush() {
    if (file_ < 0) {
      temporary_ = (fs::temp_directory_path() / "xfer-unpacked-XXXXXX").string();
      file_ = ::mkstemp(temporary_.data());
      if (file_ < 0) {
        temporary_.clear();
        fail("cannot make a temporary file");
      }
    }
    for (std::size_t done = 0; done < held_.size();) {
      const ssize_t count = ::write(file_, held_.data() + done, held_.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("cannot write to a temporary file");
      done += static_cast<std::size_t>(count);
    }
    held_.clear();
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Errc::io, name_.string() + ": unpacking: " + what + ": " + std::strerror(errno));
  }

  fs::path name_;
  std::uint64_t bytes_max_;
  std::uint64_t total_ = 0;
  std::vector<std::byte> held_;
  std::string temporary_;
  int file_ = -1;
};

[[noreturn]] void damaged(const fs::path& path, const std::string& what) {
  throw Error(Errc::bad_data, path.string() + ": " + what);
}

void unpack_gzip(std::string_view packed, const fs::path& path, Spool& out) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw Error(Errc::internal, "zlib: no stream");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  std::vector<char> buffer(piece_bytes);
  std::size_t at = 0;
  for (;;) {
    if (stream.avail_in == 0) {
      const std::size_t size = std::min(piece_bytes, packed.size() - at);
      // zlib reads only, but its pointer is not to const.
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + at));
      stream.avail_in = static_cast<uInt>(size);
      at += size;
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const uInt before = stream.avail_in;
    const int result = inflate(&stream, Z_NO_FLUSH);
    const std::size_t made = buffer.size() - stream.avail_out;
    out.append(buffer.data(), made);
    if (result == Z_STREAM_END) {
      // Files put one after the other are one file.
      const std::size_t rest = packed.size() - at + stream.avail_in;
      if (rest == 0) return;
      if (!is_gzip(packed.substr(packed.size() - rest)))
        damaged(path, "gzip: bytes follow the end of the packed data");
      inflateReset(&stream);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      damaged(path, std::string("gzip: damaged (") + (stream.msg ? stream.msg : "unknown") + ")");
    } else if (made == 0 && before == stream.avail_in && at == packed.size()) {
      damaged(path, "gzip: the file ends in the middle of the packed data");
    }
  }
}

void unpack_zstd(std::string_view packed, const fs::path& path, Spool& out) {
  const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                             ZSTD_freeDStream);
  if (!stream) throw Error(Errc::internal, "zstd: no stream");
  std::vector<char> buffer(piece_bytes);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (;;) {
    ZSTD_outBuffer made{buffer.data(), buffer.size(), 0};
    const std::size_t left = ZSTD_decompressStream(stream.get(), &made, &in);
    if (ZSTD_isError(left) != 0U)
      damaged(path, std::string("zstd: damaged (") + ZSTD_getErrorName(left) + ")");
    out.append(buffer.data(), made.pos);
    if (in.pos < in.size || made.pos == made.size) continue;
    if (left == 0) return;
    damaged(path, "zstd: the file ends in the middle of the packed data");
  }
}

}  // namespace

bool is_gzip(std::string_view bytes) noexcept { return bytes.starts_with("\x1F\x8B\x08"); }

bool is_zstd(std::string_view bytes) noexcept { return bytes.starts_with("\x28\xB5\x2F\xFD"); }

files::MappedFile unpack(std::string_view packed, const std::filesystem::path& path) {
  Spool out(path, allowed_bytes(packed.size()));
  if (is_gzip(packed)) {
    unpack_gzip(packed, path, out);
  } else {
    unpack_zstd(packed, path, out);
  }
  return out.finish();
}

}  // namespace xfer::domains
