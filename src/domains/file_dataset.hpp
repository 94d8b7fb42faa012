// Datasets whose examples are lines of files.
#pragma once

#include "domains/jsonl_file.hpp"
#include "xfer/dataset.hpp"
#include "xfer/domains/domain.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xfer::domains {

/// Turns one line into an example (all but `id`); throws `bad_data`.
using ReadExample = Example (*)(const Record& record);

/// Rows of one or more files, sorted into splits when they are first read; texts stay in the files.
class FileDataset final : public Dataset {
public:
  FileDataset(std::string name, ReadExample read) : name_(std::move(name)), read_(read) {}

  std::string_view name() const noexcept override { return name_; }
  /// Before the dataset is shared: adds a file, and rows of it to splits.
  std::size_t add_file(std::shared_ptr<const JsonlFile> file);
  void add_row(Split split, std::size_t file, std::size_t line, std::string id);

private:
  struct Row {
    std::size_t file;
    std::size_t line;
    std::string id;
  };
  const std::vector<Row>& rows(Split split) const { return rows_[static_cast<std::size_t>(split)]; }
  std::size_t do_size(Split split) const override { return rows(split).size(); }
  Example do_at(Split split, std::size_t index) const override;
  std::string do_manifest_hash(Split split) const override;

  std::string name_;
  ReadExample read_;
  std::vector<std::shared_ptr<const JsonlFile>> files_;
  std::array<std::vector<Row>, all_splits.size()> rows_;
};

/// Whether the first line looks like GSM8K's, and the domain of such a file. A `train...` and a
/// `test...` file of the same ending in one folder are read together.
bool looks_like_gsm8k(const Record& first);
Domain gsm8k_domain(std::shared_ptr<const JsonlFile> file);

bool looks_like_mbpp(const Record& first);
Domain mbpp_domain(std::shared_ptr<const JsonlFile> file);

}  // namespace xfer::domains
