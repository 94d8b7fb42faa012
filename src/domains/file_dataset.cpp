#include "domains/file_dataset.hpp"

#include "xfer/hash.hpp"

namespace xfer::domains {

std::size_t FileDataset::add_file(std::shared_ptr<const JsonlFile> file) {
  files_.push_back(std::move(file));
  return files_.size() - 1;
}

void FileDataset::add_row(Split split, std::size_t file, std::size_t line, std::string id) {
  rows_[static_cast<std::size_t>(split)].push_back({file, line, std::move(id)});
}

Example FileDataset::do_at(Split split, std::size_t index) const {
  const Row& row = rows(split)[index];
  Example example = read_(files_[row.file]->record(row.line));
  example.id = row.id;
  return example;
}

std::string FileDataset::do_manifest_hash(Split split) const {
  HashBuilder hash("file-dataset/1");
  hash.field("name", name_).field("split", to_string(split));
  for (const auto& file : files_) hash.field("file", file->content_hash());
  // The rows too: they depend on the names of the files as well as on their content.
  for (const Row& row : rows(split))
    hash.field("row", std::to_string(row.file) + ":" + std::to_string(row.line) + ":" + row.id);
  return hash.hex();
}

Domain domain_from_file(const std::filesystem::path& path) {
  auto file = std::make_shared<const JsonlFile>(path);
  const Record first = file->record(0);
  if (looks_like_gsm8k(first)) return gsm8k_domain(std::move(file));
  if (looks_like_mbpp(first)) return mbpp_domain(std::move(file));
  first.refuse(
      "not a dataset that is known here (allowed: GSM8K with fields \"question\" and \"answer\", "
      "the answer ending in \"#### <number>\"; MBPP with \"task_id\", \"text\", \"code\" and "
      "\"test_list\")");
}

}  // namespace xfer::domains
