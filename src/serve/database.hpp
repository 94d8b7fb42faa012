// The little of SQLite's C interface that the server needs, with errors that name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace xfer::serve {

class Database;

/// One run of one statement: bind from left to right, then read rows.
class Query {
public:
  Query(Database& database, std::string_view sql);

  Query& bind(std::string_view text);
  Query& bind(std::int64_t number);
  Query& bind(const std::optional<std::int64_t>& number);
  /// Whether there is a row.
  bool step();
  /// For statements without rows.
  void run();

  std::int64_t integer(int column) const;
  std::optional<std::int64_t> integer_or_none(int column) const;
  std::string text(int column) const;

private:
  void check(int code) const;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  Database* database_;
  int bound_ = 0;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A connection that no other process can share. Only on one thread at a time.
class Database {
public:
  /// Makes the file when it is not there. Throws `unavailable` when another process has it open,
  /// `bad_data` when it is not a database, else `io`.
  explicit Database(const std::filesystem::path& path);

  void execute(const std::string& sql);
  sqlite3* handle() const noexcept { return handle_.get(); }
  /// Throws what the connection saw last.
  [[noreturn]] void fail() const;

private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };
  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace xfer::serve
