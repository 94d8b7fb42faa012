// What this machine has to build a cage from, and the command line that builds it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xfer::grade {

/// The programs a cage needs on the host.
struct CageTools {
  std::string bwrap;
  /// Drops root before anything else runs; "" when we are not root.
  std::string setpriv;
  /// The interpreter's own file, symbolic links resolved.
  std::string python;
  /// Where the interpreter's library lives when that is not under /usr; "" otherwise.
  std::string python_prefix;
};

/// Looks for them. Throws `not_available` naming the one that is missing and its package.
CageTools find_cage_tools();

/// The command that runs `script` (text, given to the interpreter with -c) in a cage whose working
/// folder holds at most `folder_bytes`. Descriptor 4 must hold the system-call filter.
std::vector<std::string> cage_command(const CageTools& tools, std::uint64_t folder_bytes,
                                      const std::string& script);

}  // namespace xfer::grade
