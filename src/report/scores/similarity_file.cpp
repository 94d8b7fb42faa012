// SPDX-License-Identifier: Apache-2.0
#include "xfer/report/similarity_file.hpp"

#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <system_error>

namespace xfer::report {
namespace {

using nlohmann::json;

constexpr std::size_t file_bytes_max = std::size_t{64} << 20U;

class Reader {
public:
  explicit Reader(std::string origin) : origin_(std::move(origin)) {}

  stats::SimilarityTable read(const std::string& text) const {
    // Deep nesting is refused before it can exhaust the stack.
    const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= 8; };
    const json document = json::parse(text, shallow, false);
    if (document.is_discarded() || !document.is_object()) refuse("is not a JSON object");
    stats::SimilarityTable table;
    for (const json& name : list(document, "domains")) table.domains.push_back(as_text(name));
    table.primary = member_text(document, "primary");
    for (const json& m : list(document, "measures"))
      table.measures.push_back({member_text(m, "name"), member_text(m, "title"),
                                member_flag(m, "larger_is_closer"), member_flag(m, "directed"),
                                member_text(m, "direction_note"), member_text(m, "basis")});
    for (const json& row : list(document, "rows"))
      table.rows.push_back({member_text(row, "source"), member_text(row, "target"),
                            member_text(row, "measure"), value(row)});
    return table;
  }

private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Errc::bad_data, origin_ + ": " + what);
  }

  const json& member(const json& object, const char* key) const {
    if (!object.is_object() || !object.contains(key))
      refuse("an object lacks '" + std::string(key) + "'");
    return object.at(key);
  }
  const json& list(const json& object, const char* key) const {
    const json& found = member(object, key);
    if (!found.is_array()) refuse("'" + std::string(key) + "' must be a list");
    return found;
  }
  std::string as_text(const json& found) const {
    if (!found.is_string()) refuse("a name must be a string");
    return found.get<std::string>();
  }
  std::string member_text(const json& object, const char* key) const {
    const json& found = member(object, key);
    if (!found.is_string()) refuse("'" + std::string(key) + "' must be a string");
    return found.get<std::string>();
  }
  bool member_flag(const json& object, const char* key) const {
    const json& found = member(object, key);
    if (!found.is_boolean()) refuse("'" + std::string(key) + "' must be true or false");
    return found.get<bool>();
  }
  stats::Value value(const json& row) const {
    const json& found = member(row, "value");
    if (found.is_null())
      return Undefined{row.contains("undefined") ? as_text(row.at("undefined")) : "not computed"};
    if (!found.is_number() || !std::isfinite(found.get<double>()))
      refuse("'value' must be a number or null");
    return found.get<double>();
  }

  std::string origin_;
};

}  // namespace

stats::SimilarityTable read_similarity(const std::filesystem::path& run_folder) {
  const std::filesystem::path path = run_folder / "similarity.json";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return {};
  return Reader(path.string()).read(files::read_text(path, file_bytes_max));
}

}  // namespace xfer::report
