// SPDX-License-Identifier: Apache-2.0
// The ledger's way to its database.
#pragma once

#include "files/sqlite.hpp"

namespace xfer::study {

using files::Sqlite;
using files::Statement;

}  // namespace xfer::study
