// SPDX-License-Identifier: Apache-2.0
#include "domains/records/source_text.hpp"

#include "domains/records/unpack.hpp"
#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <array>

namespace xfer::domains {
namespace {

using namespace std::string_view_literals;

struct Foreign {
  std::string_view start;
  std::string_view what;
};

/// What people give by mistake, and what to do about it.
constexpr std::array foreign = {
    Foreign{"PAR1"sv,
            "a Parquet file; C++ does not read these: open it from Python (pyarrow), or export it "
            "as JSON Lines"},
    Foreign{"ARROW1"sv, "an Arrow file; export it as JSON Lines or Parquet"},
    Foreign{"PK\x03\x04"sv, "a zip archive; unpack it first"},
    Foreign{"BZh"sv, "packed with bzip2; unpack it, or pack it with gzip or zstd"},
    Foreign{"\xFD\x37zXZ"sv, "packed with xz; unpack it, or pack it with gzip or zstd"},
    Foreign{"\xFF\xFE"sv, "UTF-16 or UTF-32 text; save it as UTF-8"},
    Foreign{"\xFE\xFF"sv, "UTF-16 text; save it as UTF-8"},
    Foreign{"\0\0\xFE\xFF"sv, "UTF-32 text; save it as UTF-8"},
};

void refuse_foreign(std::string_view text, const std::filesystem::path& path) {
  for (const Foreign& each : foreign)
    if (text.starts_with(each.start))
      throw Error(Errc::bad_data, path.string() + ": this is " + std::string(each.what));
  if (text.substr(0, 4096).find('\0') != std::string_view::npos)
    throw Error(Errc::bad_data,
                path.string() + ": not text (a zero byte near its start); UTF-8 is expected");
}

}  // namespace

SourceText SourceText::open(const std::filesystem::path& path) {
  files::MappedFile file = files::MappedFile::open(path);
  const std::string_view raw = file.text();
  std::string sha256 = Sha256().update(raw).hex();
  const std::uint64_t bytes = raw.size();
  SourceText source(is_gzip(raw) || is_zstd(raw) ? unpack(raw, path) : std::move(file), path);
  source.sha256_ = std::move(sha256);
  source.bytes_ = bytes;
  source.text_ = source.file_.text();
  refuse_foreign(source.text_, path);
  if (source.text_.starts_with("\xEF\xBB\xBF")) source.text_.remove_prefix(3);
  return source;
}

std::size_t invalid_utf8_at(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0U) != 0x80) return i;
    const unsigned char second = byte(i + 1);
    // Overlong forms, surrogates, and what lies beyond U+10FFFF.
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
      return i;
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace xfer::domains
