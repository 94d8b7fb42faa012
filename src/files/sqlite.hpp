// SPDX-License-Identifier: Apache-2.0
// The little of SQLite's C interface that rooms need, with errors that name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

#pragma GCC visibility push(default)
namespace xfer::files {

class Sqlite;

/// One prepared statement. Bind by number, or one after the other without; then `step` until
/// false. `reset` to use it again.
class Statement {
public:
  Statement(Sqlite& database, std::string_view sql);

  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, int value) { return bind(index, static_cast<std::int64_t>(value)); }
  Statement& bind(int index, double value);
  Statement& bind(int index, std::string_view value);
  /// Nothing is stored as NULL.
  Statement& bind(int index, const std::optional<double>& value);
  Statement& bind(int index, const std::optional<std::int64_t>& value);
  /// The one after the last that was bound so.
  template <class T>
  Statement& bind(const T& value) {
    return bind(++bound_, value);
  }
  /// Whether there is a row.
  bool step();
  /// Runs a statement that gives no rows and makes it ready for the next use.
  void run();
  void reset();

  std::int64_t integer(int column) const;
  double real(int column) const;
  /// Nothing for NULL.
  std::optional<double> optional_real(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  /// Any bytes, zeros included.
  std::string text(int column) const;

private:
  void check(int code);
  bool is_null(int column) const;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  Sqlite* database_;
  int bound_ = 0;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A connection. Not for use by several threads at once.
class Sqlite {
public:
  /// `exclusive`: no other process can have it open at the same time; the kernel's lock goes when
  /// the process does.
  enum class Mode { read_only, read_write, exclusive };
  /// `name` is what errors call it. All modes but `read_only` make the file when it is not there.
  /// Throws `io` naming the file, `bad_data` when it is not a database, `unavailable` when another
  /// process keeps it.
  Sqlite(const std::filesystem::path& path, Mode mode, std::string name = "database");

  void execute(const std::string& sql);
  const std::filesystem::path& path() const noexcept { return path_; }
  sqlite3* handle() const noexcept { return handle_.get(); }
  /// Throws the error that the connection last saw: full disk, no permission, not a database.
  [[noreturn]] void fail(const std::string& doing) const;

private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };
  std::filesystem::path path_;
  std::string name_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace xfer::files
#pragma GCC visibility pop
