// SPDX-License-Identifier: Apache-2.0
// The checks of the interfaces cannot be gone round: what implementations override is private.
#include "xfer/trainer.hpp"

xfer::task<std::string> save(xfer::Trainer& trainer) {
#ifdef RIGHT
  return trainer.save_state("final", true);
#else
  return trainer.do_save_state("", true);
#endif
}
