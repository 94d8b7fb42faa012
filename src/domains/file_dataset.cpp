// SPDX-License-Identifier: Apache-2.0
#include "domains/file_dataset.hpp"

#include "xfer/hash.hpp"

#include <fmt/format.h>

namespace xfer::domains {

Reading FileDataset::read_row(std::uint32_t part, std::uint64_t row, const Record& record) const {
  const FilePart& from = parts_[part];
  Reading reading = from.reader->read(record);
  for (Example& example : reading.examples) {
    std::string id = name_ + "/";
    if (example.id.empty() || from.reader->ids_per_file) id += from.stem + "/";
    id += example.id.empty() ? std::to_string(row) : example.id;
    if (reading.examples.size() > 1) id += "/" + example.kind;
    example.id = std::move(id);
  }
  return reading;
}

Example FileDataset::example(const RowPlace& place) const {
  Reading reading = read_row(place.part, place.row, parts_[place.part].file->record(place.row));
  return std::move(reading.examples.at(place.number));
}

std::string FileDataset::do_manifest_hash(Split split) const {
  HashBuilder hash("file-dataset/2");
  hash.field("name", name_).field("split", to_string(split)).field("settings", settings_);
  for (const FilePart& part : parts_)
    hash.field("file", part.file->content_hash()).field("stem", part.stem);
  // The rows too: they depend on the names of the files as well as on their content.
  for (const RowPlace& place : rows(split))
    hash.field("row", fmt::format("{}:{}:{}", place.part, place.row, place.number));
  return hash.hex();
}

}  // namespace xfer::domains
