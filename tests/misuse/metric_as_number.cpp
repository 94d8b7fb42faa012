// SPDX-License-Identifier: Apache-2.0
// A metric may be undefined: it does not pass for a number.
#include "xfer/transfer_metrics.hpp"

double doubled(const xfer::Metric& gain) {
#ifdef RIGHT
  return gain.defined() ? 2.0 * gain.estimate()->value : 0.0;
#else
  return 2.0 * gain;
#endif
}
