// SPDX-License-Identifier: Apache-2.0
// The rounds of an adaptive study in its ledger.
#include "study/ledger/ledger.hpp"
#include "study/spec/spec_fields.hpp"

#include "xfer/error.hpp"

#include <set>

namespace xfer::study {

std::vector<Look> read_looks(Sqlite& database) {
  Statement select(database,
                   "SELECT round, source, target, method, seeds, gain, lower, upper, bound, spent, "
                   "verdict, goes_on FROM looks ORDER BY round, rowid");
  std::vector<Look> looks;
  while (select.step()) {
    Look& look = looks.emplace_back();
    look.round = static_cast<int>(select.integer(0));
    look.source = select.text(1);
    look.target = select.text(2);
    const auto method = parse_method(select.text(3));
    if (!method)
      throw Error(Errc::bad_data, "ledger " + database.path().string() + ": unknown method '" +
                                      select.text(3) + "'");
    look.method = *method;
    look.seeds = static_cast<int>(select.integer(4));
    look.gain = select.real(5);
    look.lower = select.real(6);
    look.upper = select.real(7);
    look.bound = select.real(8);
    look.spent = select.real(9);
    look.verdict = select.text(10);
    look.goes_on = select.integer(11) != 0;
  }
  return looks;
}

void Ledger::note_looks(std::span<const Look> looks) {
  const auto row_of = [](const Look& look) {
    std::string row;
    for (const std::string& part :
         {std::to_string(look.round), look.source, look.target, std::string(to_string(look.method)),
          std::to_string(look.seeds), spell(look.gain), spell(look.lower), spell(look.upper),
          spell(look.bound), spell(look.spent), look.verdict, std::to_string(look.goes_on ? 1 : 0)})
      row += part + "\n";
    return row;
  };
  if (looks.empty()) return;
  std::set<std::string> known;
  for (const Look& look : read_looks(database_))
    if (look.round == looks.front().round) known.insert(row_of(look));
  const bool again = !known.empty();
  for (const Look& look : looks)
    if (again && !known.count(row_of(look)))
      throw Error(Errc::internal, "ledger " + database_.path().string() + ": round " +
                                      std::to_string(look.round) +
                                      " of the adaptive study comes out otherwise than it did");
  if (again) return;
  transaction([&] {
    Statement insert(database_, "INSERT INTO looks VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (const Look& look : looks) {
      insert.bind(1, look.round).bind(2, look.source).bind(3, look.target);
      insert.bind(4, to_string(look.method)).bind(5, look.seeds).bind(6, look.gain);
      insert.bind(7, look.lower).bind(8, look.upper).bind(9, look.bound).bind(10, look.spent);
      insert.bind(11, look.verdict).bind(12, look.goes_on ? 1 : 0).run();
    }
  });
}

}  // namespace xfer::study
