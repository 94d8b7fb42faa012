// SPDX-License-Identifier: Apache-2.0
// What this machine has to build a cage from, and the command line that builds it.
#pragma once

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

/// The command that runs `script` (text, given to the interpreter with -c) in a cage. Its folder
/// /work is a place to put a working folder, and its only right is to make namespaces.
std::vector<std::string> cage_command(const CageTools& tools, const std::string& script);

}  // namespace xfer::grade
