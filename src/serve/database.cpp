#include "serve/database.hpp"

#include "xfer/error.hpp"

#include <sqlite3.h>

namespace xfer::serve {
namespace {

Errc code_for(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: return Errc::bad_data;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Errc::unavailable;
    case SQLITE_NOMEM: return Errc::out_of_memory;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_CONSTRAINT:
    case SQLITE_INTERNAL: return Errc::internal;
    default: return Errc::io;
  }
}

}  // namespace

void Query::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Query::Query(Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  statement_.reset(statement);
  check(code);
}

void Query::check(int code) const {
  if (code != SQLITE_OK) database_->fail();
}

Query& Query::bind(std::string_view text) {
  // A null pointer would be stored as NULL.
  const char* data = text.empty() ? "" : text.data();
  check(sqlite3_bind_text64(statement_.get(), ++bound_, data, text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}
Query& Query::bind(std::int64_t number) {
  check(sqlite3_bind_int64(statement_.get(), ++bound_, number));
  return *this;
}
Query& Query::bind(const std::optional<std::int64_t>& number) {
  if (number) return bind(*number);
  check(sqlite3_bind_null(statement_.get(), ++bound_));
  return *this;
}

bool Query::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_->fail();
  return false;
}
void Query::run() {
  while (step()) {
  }
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
std::optional<std::int64_t> Query::integer_or_none(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}
std::string Query::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return data != nullptr ? std::string(data, static_cast<std::size_t>(bytes)) : std::string();
}

void Database::Close::operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }

Database::Database(const std::filesystem::path& path) : path_(path) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  handle_.reset(handle);
  if (!handle) throw Error(Errc::out_of_memory, "serve: SQLite could not start");
  if (code != SQLITE_OK) fail();
  sqlite3_extended_result_codes(handle, 1);
  // The lock is the kernel's: it goes when the process does, however that ends.
  execute("PRAGMA locking_mode = EXCLUSIVE");
  execute("PRAGMA journal_mode = WAL");
  execute("PRAGMA synchronous = FULL");
  execute("BEGIN IMMEDIATE; COMMIT");
}

void Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

void Database::fail() const {
  const Errc code = code_for(sqlite3_extended_errcode(handle_.get()));
  const std::string what = "serve: database " + path_.string() + ": ";
  if (code == Errc::unavailable)
    throw Error(code, what + "another server uses this folder; stop it or choose another");
  throw Error(code, what + sqlite3_errmsg(handle_.get()));
}

}  // namespace xfer::serve
