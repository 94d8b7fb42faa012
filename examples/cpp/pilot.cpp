// SPDX-License-Identifier: Apache-2.0
#include "xfer/report/report.hpp"
#include "xfer/study/runner.hpp"

#include <cstdio>

int main() {
  const xfer::study::StudySpec pilot;  // every member has the pilot's value
  xfer::study::RunOptions options;
  options.run_folder = "runs/pilot";
  try {
    const auto report = xfer::report::make_report(xfer::study::run_study(pilot, options));
    std::puts(xfer::report::to_text(report).c_str());
    xfer::report::write_report(report, options.run_folder);
  } catch (const xfer::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
