// SPDX-License-Identifier: Apache-2.0
// What a run spends, in its ledger.
#include "study/ledger/ledger.hpp"

namespace xfer::study {

namespace fs = std::filesystem;

namespace {

std::vector<Spend> read_spending(Sqlite& database) {
  std::vector<Spend> all;
  Statement sums(database, "SELECT leg, day, useful, lost FROM spending ORDER BY leg, day");
  while (sums.step()) {
    Spend spend;
    spend.leg = sums.text(0);
    spend.day = sums.text(1);
    for (const auto& [column, outcome] :
         {std::pair(2, Outcome::useful), std::pair(3, Outcome::lost)}) {
      spend.spent = spend.reserved = sums.integer(column);
      spend.outcome = outcome;
      if (spend.spent > 0) all.push_back(spend);
    }
  }
  Statement open(database, "SELECT id, leg, day, amount FROM reservations ORDER BY id");
  while (open.step()) {
    Spend spend;
    spend.id = open.integer(0);
    spend.leg = open.text(1);
    spend.day = open.text(2);
    spend.reserved = open.integer(3);
    all.push_back(spend);
  }
  return all;
}

}  // namespace

std::vector<Spend> Ledger::spending() { return read_spending(database_); }

std::vector<Spend> spending_of(std::span<const fs::path> run_folders) {
  std::vector<fs::path> ledgers;
  std::error_code ignored;
  for (const fs::path& folder : run_folders) {
    ledgers.push_back(folder / "study.db");
    for (const auto& entry : fs::directory_iterator(folder / "search", ignored))
      ledgers.push_back(entry.path() / "study.db");
  }
  std::vector<Spend> all;
  for (const fs::path& path : ledgers) {
    if (!fs::is_regular_file(path, ignored)) continue;
    Sqlite database(path, Sqlite::Mode::read_only, "ledger");
    Statement begun(database, "SELECT count(*) FROM sqlite_master WHERE name = 'spending'");
    if (!begun.step() || begun.integer(0) == 0) continue;
    for (Spend& spend : read_spending(database)) {
      spend.id = 0;
      spend.leg = path.string();  // no leg of this run
      if (spend.outcome == Outcome::open) {
        spend.spent = spend.reserved;
        spend.outcome = Outcome::lost;
      }
      all.push_back(std::move(spend));
    }
  }
  return all;
}

void Ledger::keep(const Spend& spend) {
  // Two such transactions come with each call: they do not wait for the disk.
  struct WithoutWaiting {
    explicit WithoutWaiting(Sqlite& opened) : database(opened) {
      database.execute("PRAGMA synchronous=NORMAL");
    }
    WithoutWaiting(const WithoutWaiting&) = delete;
    WithoutWaiting& operator=(const WithoutWaiting&) = delete;
    ~WithoutWaiting() {
      try {
        database.execute("PRAGMA synchronous=FULL");
      } catch (const Error&) {
        // The database fails altogether, as the next transaction will say.
      }
    }
    Sqlite& database;
  };
  const WithoutWaiting quick(database_);
  transaction([&] {
    if (spend.outcome == Outcome::open) {
      Statement insert(database_, "INSERT INTO reservations VALUES(?, ?, ?, ?)");
      insert.bind(1, spend.id).bind(2, spend.leg).bind(3, spend.day).bind(4, spend.reserved).run();
      return;
    }
    Statement remove(database_, "DELETE FROM reservations WHERE id = ?");
    remove.bind(1, spend.id).run();
    const std::string column = spend.outcome == Outcome::useful ? "pending" : "lost";
    Statement add(database_, "INSERT INTO spending(leg, day, " + column +
                                 ") VALUES(?, ?, ?) ON CONFLICT(leg, day) DO UPDATE SET " + column +
                                 " = " + column + " + excluded." + column);
    add.bind(1, spend.leg).bind(2, spend.day).bind(3, spend.spent).run();
  });
}

}  // namespace xfer::study
