// SPDX-License-Identifier: Apache-2.0
// Who may use the server.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::serve {

/// Keys are kept as SHA-256 only, and compared in a time that depends on neither side's content.
class Accounts {
public:
  /// Throws `invalid_argument` for an empty key.
  explicit Accounts(const std::vector<std::string>& keys);

  /// The account's name in the database; nothing when the key is refused. Without keys everyone is
  /// "local".
  std::optional<std::string> of(std::string_view key) const;

private:
  struct Entry {
    std::array<std::uint8_t, 32> digest;
    std::string name;
  };
  std::vector<Entry> entries_;
};

/// "<prefix>-<32 hexadecimal digits>" of the system's randomness: not to be guessed.
std::string random_id(const std::string& prefix);

}  // namespace xfer::serve
