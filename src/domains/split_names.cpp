// SPDX-License-Identifier: Apache-2.0
#include "domains/split_names.hpp"

#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace xfer::domains {
namespace {

namespace fs = std::filesystem;

struct Word {
  std::string_view word;
  Split split;
};

constexpr std::array words = {Word{"trainingdataset", Split::train},
                              Word{"training", Split::train},
                              Word{"train", Split::train},
                              Word{"validation", Split::validation},
                              Word{"valid", Split::validation},
                              Word{"val", Split::validation},
                              Word{"eval", Split::validation},
                              Word{"dev", Split::validation},
                              Word{"test", Split::test},
                              Word{"golden", Split::test}};

constexpr std::array endings = {".jsonl", ".json", ".csv", ".tsv",
                                ".txt",   ".gz",   ".zst", ".parquet"};

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

struct Match {
  std::size_t at;
  std::size_t size;
  Split split;
};

/// The words of the name, each standing between characters that are no letters.
std::vector<Match> matches(const std::string& name) {
  std::vector<Match> all;
  for (std::size_t at = 0; at < name.size();) {
    std::size_t end = at;
    while (end < name.size() && is_letter(name[end])) ++end;
    for (const Word& each : words)
      if (end - at == each.word.size() && name.compare(at, end - at, each.word) == 0)
        all.push_back({at, end - at, each.split});
    at = end + 1;
  }
  return all;
}

/// "-00003-of-00012" as "-#".
std::string without_shard(const std::string& name) {
  const std::size_t of = name.find("-of-");
  if (of == std::string::npos) return name;
  std::size_t begin = of;
  while (begin > 0 && name[begin - 1] >= '0' && name[begin - 1] <= '9') --begin;
  std::size_t end = of + 4;
  while (end < name.size() && name[end] >= '0' && name[end] <= '9') ++end;
  if (begin == of || end == of + 4) return name;
  return name.substr(0, begin) + "#" + name.substr(end);
}

/// A list of answers to PubMedQA's test items, not a dataset of its own.
constexpr std::string_view no_dataset = "test_ground_truth.json";

std::vector<fs::path> regular_files(const fs::path& folder) {
  std::vector<fs::path> all;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored) && it->path().filename() != no_dataset)
      all.push_back(it->path());
  }
  if (failure)
    throw Error(Errc::io, folder.string() + ": cannot list the folder: " + failure.message());
  std::sort(all.begin(), all.end());
  return all;
}

bool has_known_ending(const fs::path& path) {
  const std::string ending = lowered(path.extension().string());
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

}  // namespace

std::optional<SplitName> split_name(const fs::path& path) {
  std::string name = lowered(path.filename().string());
  const std::vector<Match> found = matches(name);
  if (found.empty()) return std::nullopt;
  for (const Match& each : found)
    if (each.split != found[0].split) return std::nullopt;
  name.replace(found[0].at, found[0].size, "*");
  return SplitName{found[0].split, without_shard(name)};
}

std::vector<fs::path> family_of(const fs::path& path) {
  const auto own = split_name(path);
  if (!own) return {path};
  std::vector<fs::path> all;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const fs::path& file : regular_files(folder)) {
    const auto other = split_name(file);
    if (file.filename() == path.filename()) {
      all.push_back(path);
    } else if (other && other->frame == own->frame) {
      all.push_back(path.has_parent_path() ? file : fs::path(file.filename()));
    }
  }
  // Not among the files of its folder when it is no dataset; what reads it says so.
  if (std::find(all.begin(), all.end(), path) == all.end()) return {path};
  return all;
}

std::vector<fs::path> dataset_in(const fs::path& folder) {
  std::map<std::string, fs::path> frames;
  std::vector<fs::path> others;
  for (const fs::path& file : regular_files(folder)) {
    if (!has_known_ending(file)) continue;
    if (const auto name = split_name(file)) {
      frames.emplace(name->frame, file);
    } else if (lowered(file.extension().string()) != ".txt") {
      others.push_back(file);
    }
  }
  if (frames.size() == 1) return family_of(frames.begin()->second);
  if (frames.empty() && others.size() == 1) return {others[0]};
  if (frames.empty()) return {};
  std::string names;
  for (const auto& [frame, file] : frames)
    names += (names.empty() ? "" : ", ") + file.filename().string();
  throw Error(Errc::bad_data,
              folder.string() + ": several datasets in this folder; name a file (" + names + ")");
}

std::string bare_stem(const fs::path& path) {
  fs::path name = path.filename();
  while (has_known_ending(name)) name = name.stem();
  return name.string();
}

}  // namespace xfer::domains
