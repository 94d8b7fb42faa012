// SPDX-License-Identifier: Apache-2.0
// A folder with one JSON object a file, as MATH is published: MATH/test/algebra/1072.json.
#include "domains/records/record_file.hpp"
#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <algorithm>
#include <utility>

namespace xfer::domains {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t files_max = 1'000'000;

/// By number where the names are numbers, so that 9.json goes before 10.json.
bool before(const fs::path& a, const fs::path& b) {
  if (a.parent_path() != b.parent_path()) return a.parent_path() < b.parent_path();
  const std::string left = a.stem().string();
  const std::string right = b.stem().string();
  const auto digits = [](const std::string& s) {
    return !s.empty() && s.find_first_not_of("0123456789") == std::string::npos;
  };
  if (digits(left) && digits(right) && left.size() != right.size())
    return left.size() < right.size();
  return left < right;
}

struct Found {
  std::vector<fs::path> files;
  std::string hash;
  std::uint64_t bytes = 0;
};

Found find_files(const fs::path& folder) {
  Found found;
  for (const auto& entry :
       fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".json") continue;
    if (found.files.size() == files_max)
      throw Error(Errc::bad_data, folder.string() + ": more than a million JSON files");
    found.files.push_back(entry.path());
  }
  if (found.files.empty())
    throw Error(Errc::bad_data, folder.string() + ": the folder has no dataset file");
  std::sort(found.files.begin(), found.files.end(), before);
  HashBuilder hash("json-folder/1");
  for (const fs::path& file : found.files) {
    const std::string text = files::read_text(file, std::size_t{16} << 20U);
    hash.field(fs::relative(file, folder).string(), text);
    found.bytes += text.size();
  }
  found.hash = hash.hex();
  return found;
}

class JsonFolder final : public RecordFile {
public:
  JsonFolder(const fs::path& folder, Found found)
      : RecordFile(folder, std::move(found.hash), found.bytes), files_(std::move(found.files)) {}
  std::size_t size() const override { return files_.size(); }
  std::string_view format() const override { return "folder of JSON files"; }
  Record record(std::size_t index) const override {
    const fs::path& file = files_.at(index);
    const std::string where = place(file, 1);
    const std::string text = files::read_text(file, std::size_t{16} << 20U);
    std::string_view body = text;
    if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
    return {parse_object(body, where), where,
            fs::relative(file, path()).replace_extension().generic_string()};
  }

private:
  std::vector<fs::path> files_;
};

}  // namespace

std::shared_ptr<const RecordFile> open_json_folder(const fs::path& folder) {
  return std::make_shared<const JsonFolder>(folder, find_files(folder));
}

}  // namespace xfer::domains
