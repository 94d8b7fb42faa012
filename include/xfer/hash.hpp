// SPDX-License-Identifier: Apache-2.0
// Content hashes: SHA-256 (FIPS 180-4) and the canonical form in which xfer hashes records.
// Written out here, rather than taken from OpenSSL, so that the core stays free of dependencies.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer {

/// Incremental SHA-256.
class Sha256 {
public:
  Sha256& update(std::span<const std::byte> bytes) noexcept {
    total_ += bytes.size();
    while (!bytes.empty()) {
      const std::size_t take = std::min(bytes.size(), block_.size() - filled_);
      std::memcpy(block_.data() + filled_, bytes.data(), take);
      filled_ += take;
      bytes = bytes.subspan(take);
      if (filled_ == block_.size()) {
        compress();
        filled_ = 0;
      }
    }
    return *this;
  }
  Sha256& update(std::string_view text) noexcept {
    return update(std::as_bytes(std::span(text.data(), text.size())));
  }

  /// The digest of everything so far. Ends the object's use.
  std::array<std::uint8_t, 32> digest() noexcept {
    const std::uint64_t bits = total_ * 8;
    const std::byte one{0x80};
    update(std::span(&one, 1));
    const std::byte zero{0};
    while (filled_ != 56) update(std::span(&zero, 1));
    std::array<std::byte, 8> length;
    for (unsigned i = 0; i < 8; ++i)
      length[i] = static_cast<std::byte>((bits >> (56U - 8U * i)) & 0xFFU);
    update(length);
    std::array<std::uint8_t, 32> out{};
    for (std::size_t i = 0; i < 32; ++i)
      out[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24U - 8U * (i % 4)));
    return out;
  }
  /// The digest as 64 lower-case hexadecimal digits. Ends the object's use.
  std::string hex() {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t b : digest()) {
      text += digits[b >> 4U];
      text += digits[b & 15U];
    }
    return text;
  }

private:
  void compress() noexcept {
    static constexpr std::array<std::uint32_t, 64> k = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    std::array<std::uint32_t, 64> w;
    for (std::size_t i = 0; i < 16; ++i) {
      w[i] = 0;
      for (std::size_t j = 0; j < 4; ++j)
        w[i] = (w[i] << 8U) | static_cast<std::uint32_t>(block_[4 * i + j]);
    }
    for (std::size_t i = 16; i < 64; ++i) {
      const std::uint32_t s0 =
          std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3U);
      const std::uint32_t s1 =
          std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10U);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t i = 0; i < 64; ++i) {
      const std::uint32_t t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                               ((e & f) ^ (~e & g)) + k[i] + w[i];
      const std::uint32_t t2 =
          (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const std::array<std::uint32_t, 8> add = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state_[i] += add[i];
  }

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t total_ = 0;
};

/// Hash of one record made of named fields. Each field is hashed with its name, a type mark and
/// its length, so no two different records share a byte stream. Field order matters.
class HashBuilder {
public:
  /// `kind` names and versions the record, e.g. "leg/1".
  explicit HashBuilder(std::string_view kind) { add('k', "kind", kind); }

  HashBuilder& field(std::string_view name, std::string_view value) {
    return add('s', name, value);
  }
  HashBuilder& field(std::string_view name, const char* value) {
    return add('s', name, std::string_view(value));
  }
  HashBuilder& field(std::string_view name, std::int64_t value) {
    return add('i', name, std::to_string(value));
  }
  HashBuilder& field(std::string_view name, int value) {
    return field(name, static_cast<std::int64_t>(value));
  }
  HashBuilder& field(std::string_view name, std::uint64_t value) {
    return add('u', name, std::to_string(value));
  }
  HashBuilder& field(std::string_view name, bool value) {
    return add('b', name, value ? "1" : "0");
  }
  /// Hashes the bits; -0.0 and 0.0 count as equal.
  HashBuilder& field(std::string_view name, double value) {
    return add('d', name, std::to_string(std::bit_cast<std::uint64_t>(value == 0.0 ? 0.0 : value)));
  }
  /// 64 hexadecimal digits. Ends the object's use.
  std::string hex() { return sha_.hex(); }

private:
  HashBuilder& add(char type, std::string_view name, std::string_view value) {
    const std::string head = std::string(1, type) + std::to_string(name.size()) + ":" +
                             std::string(name) + std::to_string(value.size()) + ":";
    sha_.update(head).update(value);
    return *this;
  }
  Sha256 sha_;
};

}  // namespace xfer
#pragma GCC visibility pop
