// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/adapters.hpp"

#include "study/ledger/sqlite.hpp"

#include "xfer/condition.hpp"
#include "xfer/error.hpp"

namespace xfer::study {

namespace fs = std::filesystem;

std::map<std::string, fs::path> trained_adapters(const fs::path& run_folder) {
  const fs::path path = run_folder / "study.db";
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored))
    throw Error(Errc::io, "run folder " + run_folder.string() + ": holds no study.db");
  Sqlite database(path, Sqlite::Mode::read_only, "ledger");
  std::map<std::string, fs::path> adapters;
  // Conditions are in the order of pairs, methods and seeds; the last stage ends the training.
  Statement select(database,
                   "SELECT CASE c.condition WHEN ? THEN c.source ELSE c.target END, l.checkpoint "
                   "FROM conditions c JOIN stages s ON s.condition = c.id JOIN legs l ON l.id = "
                   "s.leg WHERE c.condition IN (?, ?) AND l.steps_done = l.steps AND l.checkpoint "
                   "<> '' AND s.steps_before = (SELECT max(steps_before) FROM stages WHERE "
                   "condition = c.id) ORDER BY c.id");
  select.bind(1, to_string(Condition::transfer)).bind(2, to_string(Condition::transfer));
  select.bind(3, to_string(Condition::direct));
  while (select.step()) {
    const fs::path stored = select.text(1);
    const fs::path folder = stored.is_absolute() ? stored : run_folder / stored;
    if (fs::is_regular_file(folder / "adapter_config.json", ignored))
      adapters.emplace(select.text(0), folder);
  }
  return adapters;
}

}  // namespace xfer::study
