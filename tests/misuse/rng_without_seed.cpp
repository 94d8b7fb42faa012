// SPDX-License-Identifier: Apache-2.0
// Random numbers come from a seed that the caller names.
#include "xfer/rng.hpp"

double draw() {
#ifdef RIGHT
  xfer::Rng rng(7);
#else
  xfer::Rng rng;
#endif
  return rng.uniform();
}
