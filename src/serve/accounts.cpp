// SPDX-License-Identifier: Apache-2.0
#include "serve/accounts.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace xfer::serve {
namespace {

std::array<std::uint8_t, 32> digest_of(std::string_view key) {
  return Sha256().update("xfer serve key\n").update(key).digest();
}

std::string hex_of(const std::uint8_t* bytes, std::size_t count) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += digits[bytes[i] >> 4U];
    out += digits[bytes[i] & 15U];
  }
  return out;
}

}  // namespace

Accounts::Accounts(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (key.empty()) throw Error(Errc::invalid_argument, "serve: an API key is empty");
    const auto digest = digest_of(key);
    // The name must not help to check guesses of the key: a digest of the digest's half.
    const auto name =
        Sha256().update("account\n").update(hex_of(digest.data(), digest.size() / 2)).digest();
    entries_.push_back({digest, "account-" + hex_of(name.data(), 6)});
  }
}

std::optional<std::string> Accounts::of(std::string_view key) const {
  if (entries_.empty()) return "local";
  const auto digest = digest_of(key);
  const Entry* found = nullptr;
  for (const Entry& entry : entries_)
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry;
  if (found == nullptr) return std::nullopt;
  return found->name;
}

std::string random_id(const std::string& prefix) {
  std::array<std::uint8_t, 16> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw Error(Errc::not_available, "serve: the system gives no random numbers");
  return prefix + "-" + hex_of(bytes.data(), bytes.size());
}

}  // namespace xfer::serve
