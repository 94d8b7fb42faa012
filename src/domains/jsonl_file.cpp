#include "domains/jsonl_file.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <limits>
#include <utility>

namespace xfer::domains {
namespace {

using nlohmann::json;

std::string named(std::string_view field) {
  return "field \"" + std::string(field) + "\"";
}

}  // namespace

Record::Record(json object, std::string where)
    : object_(std::move(object)), where_(std::move(where)) {}

void Record::refuse(const std::string& what) const {
  throw Error(Errc::bad_data, where_ + ": " + what);
}

std::string Record::text(std::string_view field) const {
  const auto found = object_.find(field);
  if (found == object_.end()) refuse(named(field) + " is missing");
  if (!found->is_string())
    refuse(named(field) + " must be a string (got " + found->type_name() + ")");
  return found->get<std::string>();
}

std::string Record::text_or_empty(std::string_view field) const {
  const auto found = object_.find(field);
  if (found == object_.end() || found->is_null()) return "";
  return text(field);
}

std::int64_t Record::integer(std::string_view field) const {
  const auto found = object_.find(field);
  if (found == object_.end()) refuse(named(field) + " is missing");
  const bool fits = found->is_number_integer() &&
                    (!found->is_number_unsigned() ||
                     found->get<std::uint64_t>() <=
                         static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!fits) refuse(named(field) + " must be a 64-bit integer (got " + found->type_name() + ")");
  return found->get<std::int64_t>();
}

std::vector<std::string> Record::texts(std::string_view field) const {
  const auto found = object_.find(field);
  if (found == object_.end() || found->is_null()) return {};
  if (!found->is_array())
    refuse(named(field) + " must be an array of strings (got " + found->type_name() + ")");
  std::vector<std::string> all;
  for (const json& entry : *found) {
    if (!entry.is_string())
      refuse(named(field) + " must hold strings (got " + entry.type_name() + ")");
    all.push_back(entry.get<std::string>());
  }
  return all;
}

JsonlFile::JsonlFile(const std::filesystem::path& path) : file_(files::MappedFile::open(path)) {
  const std::string_view text = file_.text();
  content_hash_ = Sha256().update(text).hex();
  std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  for (std::size_t number = 1; at < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::size_t length = end - at;
    if (length > 0 && text[end - 1] == '\r') --length;
    if (text.substr(at, length).find_first_not_of(" \t\r") != std::string_view::npos)
      lines_.push_back({at, length, number});
    at = end + 1;
  }
  if (lines_.empty()) throw Error(Errc::bad_data, path.string() + ": the file has no content");
}

Record JsonlFile::record(std::size_t index) const {
  const Line& line = lines_.at(index);
  const std::string where = file_.path().string() + ":" + std::to_string(line.number);
  json value;
  try {
    value = json::parse(file_.text().substr(line.offset, line.length));
  } catch (const json::exception& e) {
    const std::string why = e.what();
    // The library's own prefix "[json.exception.parse_error.101] " tells the reader nothing.
    throw Error(Errc::bad_data, where + ": not a JSON object: " + why.substr(why.find("] ") + 2));
  }
  if (!value.is_object())
    throw Error(Errc::bad_data,
                where + ": one JSON object a line is expected (got " + value.type_name() + ")");
  return {std::move(value), where};
}

}  // namespace xfer::domains
