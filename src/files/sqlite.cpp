// SPDX-License-Identifier: Apache-2.0
#include "files/sqlite.hpp"

#include "xfer/error.hpp"

#include <sqlite3.h>

#include <utility>

namespace xfer::files {
namespace {

constexpr int busy_wait_ms = 10'000;

Errc code_for(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_MISMATCH:
    case SQLITE_FORMAT: return Errc::bad_data;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Errc::unavailable;
    case SQLITE_NOMEM: return Errc::out_of_memory;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_INTERNAL: return Errc::internal;
    default: return Errc::io;
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement::Statement(Sqlite& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  statement_.reset(statement);
  check(code);
}

void Statement::check(int code) {
  if (code != SQLITE_OK) database_->fail("reading or writing");
}

Statement& Statement::bind(int index, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), index, value));
  return *this;
}
Statement& Statement::bind(int index, double value) {
  check(sqlite3_bind_double(statement_.get(), index, value));
  return *this;
}
Statement& Statement::bind(int index, const std::optional<double>& value) {
  if (value) return bind(index, *value);
  check(sqlite3_bind_null(statement_.get(), index));
  return *this;
}
Statement& Statement::bind(int index, const std::optional<std::int64_t>& value) {
  if (value) return bind(index, *value);
  check(sqlite3_bind_null(statement_.get(), index));
  return *this;
}
Statement& Statement::bind(int index, std::string_view value) {
  // A null pointer would be stored as NULL.
  const char* data = value.empty() ? "" : value.data();
  check(sqlite3_bind_text64(statement_.get(), index, data, value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    database_->fail("reading or writing");
  }
  return false;
}
void Statement::run() {
  while (step()) {
  }
  reset();
}
void Statement::reset() {
  sqlite3_reset(statement_.get());
  bound_ = 0;
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }
std::optional<double> Statement::optional_real(int column) const {
  if (is_null(column)) return std::nullopt;
  return real(column);
}
std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}
std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return data ? std::string(data, static_cast<std::size_t>(bytes)) : std::string();
}

void Sqlite::Close::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

Sqlite::Sqlite(const std::filesystem::path& path, Mode mode, std::string name)
    : path_(path), name_(std::move(name)) {
  sqlite3* handle = nullptr;
  const int flags =
      mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_FULLMUTEX, nullptr);
  handle_.reset(handle);
  if (!handle)
    throw Error(Errc::out_of_memory, name_ + " " + path.string() + ": SQLite could not start");
  if (code != SQLITE_OK) fail("opening");
  sqlite3_extended_result_codes(handle, 1);
  if (mode != Mode::exclusive) {
    sqlite3_busy_timeout(handle, busy_wait_ms);
    return;
  }
  execute("PRAGMA locking_mode = EXCLUSIVE");
  execute("PRAGMA journal_mode = WAL");
  execute("PRAGMA synchronous = FULL");
  execute("BEGIN IMMEDIATE; COMMIT");
}

void Sqlite::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    fail("reading or writing");
}

void Sqlite::fail(const std::string& doing) const {
  const int code = sqlite3_extended_errcode(handle_.get());
  std::string hint;
  if ((code & 0xFF) == SQLITE_FULL) hint = "; free some space and run again, nothing is lost";
  throw Error(code_for(code), name_ + " " + path_.string() + ": " + doing +
                                  " failed: " + sqlite3_errmsg(handle_.get()) + hint);
}

}  // namespace xfer::files
