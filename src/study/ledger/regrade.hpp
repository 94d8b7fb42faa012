// SPDX-License-Identifier: Apache-2.0
// How another grading stands beside the first in the ledger.
#pragma once

#include "study/ledger/sqlite.hpp"

namespace xfer::study {

/// Makes this connection see items, and the protocols of their evaluations, under the latest
/// grading; does nothing where there is none.
void show_latest_grading(Sqlite& database);

}  // namespace xfer::study
