// SPDX-License-Identifier: Apache-2.0
#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"
#include "xfer/report/report.hpp"

#include <system_error>

namespace xfer::report {

void write_report(const Report& report, const std::filesystem::path& folder) {
  // All text first: a failure to write it out leaves no mixture of old and new behind but for the
  // file system's own faults.
  const std::string json = to_json(report);
  const std::string markdown = to_markdown(report);
  const std::string html = to_html(report);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw Error(Errc::io,
                "report: cannot make the folder " + folder.string() + ": " + error.message());
  files::write_atomically(folder / "report.json", std::string_view(json));
  files::write_atomically(folder / "report.md", std::string_view(markdown));
  files::write_atomically(folder / "report.html", std::string_view(html));
}

}  // namespace xfer::report
