// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/intervals.hpp"

#include <cstdio>

int main() {
  // 41 of 50 answers were right: what does that say about the next ones?
  const xfer::Estimate share = xfer::stats::wilson(41, 50);
  std::printf("%.3f, 95%% interval [%.3f, %.3f]\n", share.value, share.lower, share.upper);
}
