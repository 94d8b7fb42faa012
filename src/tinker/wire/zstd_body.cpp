// SPDX-License-Identifier: Apache-2.0
#include "tinker/wire/zstd_body.hpp"

#include "xfer/error.hpp"

#include <zstd.h>

#include <memory>

namespace xfer::tinker {

std::string zstd_compress(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), ZSTD_CLEVEL_DEFAULT);
  if (ZSTD_isError(size) != 0)
    throw Error(Errc::internal, std::string("zstd: ") + ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

std::string zstd_decompress(std::string_view bytes, std::size_t bytes_max) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  if (!context) throw Error(Errc::out_of_memory, "zstd: no memory");
  // A frame may ask for a window of gigabytes; 2^27 is what decoders must accept at most.
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 27);
  std::string out;
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::string piece(ZSTD_DStreamOutSize(), '\0');
  std::size_t hint = bytes.empty() ? 0 : 1;
  for (;;) {
    ZSTD_outBuffer to{piece.data(), piece.size(), 0};
    const std::size_t before = in.pos;
    if (in.pos < in.size || hint != 0) hint = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(hint) != 0)
      throw Error(Errc::bad_data, std::string("zstd body: ") + ZSTD_getErrorName(hint));
    if (to.pos > bytes_max - out.size())
      throw Error(Errc::bad_data,
                  "zstd body: holds more than the allowed " + std::to_string(bytes_max) + " bytes");
    out.append(piece, 0, to.pos);
    if (in.pos == in.size && hint == 0) return out;
    if (in.pos == before && to.pos == 0) throw Error(Errc::bad_data, "zstd body: cut short");
  }
}

}  // namespace xfer::tinker
