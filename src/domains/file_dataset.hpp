// SPDX-License-Identifier: Apache-2.0
// Datasets whose examples are rows of files.
#pragma once

#include "domains/readers/form.hpp"
#include "xfer/dataset.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xfer::domains {

/// One file of a dataset and how it is read.
struct FilePart {
  std::shared_ptr<const RecordFile> file;
  std::shared_ptr<const Reader> reader;
  /// What the names of the file and its folders say.
  std::optional<Split> split;
  std::string stem;
};

/// Where an example is: file, row, and number within the row.
struct RowPlace {
  std::uint64_t row = 0;
  std::uint32_t part = 0;
  std::uint32_t number = 0;
};

/// Examples are read from their files when asked for; only their places are kept.
class FileDataset final : public Dataset {
public:
  /// `settings` is what, besides the files, decides the examples.
  FileDataset(std::string name, std::vector<FilePart> parts, std::string settings)
      : name_(std::move(name)), parts_(std::move(parts)), settings_(std::move(settings)) {}

  std::string_view name() const noexcept override { return name_; }
  const std::vector<FilePart>& parts() const noexcept { return parts_; }
  /// Before the dataset is shared.
  void add_row(Split split, const RowPlace& place) {
    rows_[static_cast<std::size_t>(split)].push_back(place);
  }
  /// All examples of a row with their ids. Throws `bad_data`.
  Reading read_row(std::uint32_t part, std::uint64_t row, const Record& record) const;
  Example example(const RowPlace& place) const;

private:
  const std::vector<RowPlace>& rows(Split split) const {
    return rows_[static_cast<std::size_t>(split)];
  }
  std::size_t do_size(Split split) const override { return rows(split).size(); }
  Example do_at(Split split, std::size_t index) const override {
    return example(rows(split)[index]);
  }
  std::string do_manifest_hash(Split split) const override;

  std::string name_;
  std::vector<FilePart> parts_;
  std::string settings_;
  std::array<std::vector<RowPlace>, all_splits.size()> rows_;
};

}  // namespace xfer::domains
