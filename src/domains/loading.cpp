// SPDX-License-Identifier: Apache-2.0
#include "domains/loading.hpp"

#include "domains/records/text_tools.hpp"
#include "domains/splitting.hpp"
#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace xfer::domains {
namespace {

constexpr std::size_t listed_max = 100;

Side to_side(Split split) {
  return split == Split::train ? Side::train : split == Split::test ? Side::test : Side::validation;
}

/// Reads every row once: places for the splits, and everything a report tells.
class Scan {
public:
  Scan(const FileDataset& dataset, const ReadOptions& options, DataReport& report)
      : dataset_(dataset), options_(options), report_(report) {}

  std::vector<SortedRow> run() {
    for (std::uint32_t part = 0; part < dataset_.parts().size(); ++part)
      for (std::uint64_t row = 0; row < dataset_.parts()[part].file->size(); ++row) {
        try {
          read(part, row);
        } catch (const Error& e) {
          if (!options_.skip_bad || e.code() != Errc::bad_data) throw;
          if (report_.bad.size() < listed_max) report_.bad.emplace_back(e.what());
          ++report_.bad_rows;
        }
      }
    return std::move(rows_);
  }

private:
  void read(std::uint32_t part, std::uint64_t row) {
    const FilePart& from = dataset_.parts()[part];
    const Record record = from.file->record(row);
    const Reading reading = dataset_.read_row(part, row, record);
    if (reading.examples.empty()) {
      ++report_.set_aside[reading.set_aside];
      return;
    }
    Side side = Side::by_file;
    if (from.reader->side) side = from.reader->side(record);
    if (side == Side::by_file && from.split) side = to_side(*from.split);
    for (std::uint32_t number = 0; number < reading.examples.size(); ++number)
      refuse_second_id(reading.examples[number].id, {row, part, number});
    for (std::uint32_t number = 0; number < reading.examples.size(); ++number) {
      const Example& example = reading.examples[number];
      rows_.push_back({{row, part, number}, side, percentile(example)});
    }
  }

  void refuse_second_id(const std::string& id, const RowPlace& place) {
    const auto [found, is_new] = ids_.emplace(stream_id(id), rows_.size() + place.number);
    if (is_new || found->second >= rows_.size()) return;
    const RowPlace& earlier = rows_[found->second].place;
    if (dataset_.example(earlier).id != id) return;
    const auto& parts = dataset_.parts();
    throw Error(Errc::bad_data,
                fmt::format("{}: the id {} is there twice (before: {})",
                            parts[place.part].file->record(place.row).where(), shown(id),
                            parts[earlier.part].file->record(earlier.row).where()));
  }

  const FileDataset& dataset_;
  const ReadOptions& options_;
  DataReport& report_;
  std::vector<SortedRow> rows_;
  std::unordered_map<std::uint64_t, std::size_t> ids_;
};

/// Counts labels and looks for questions that are there twice, in the order of the splits.
void count_examples(const FileDataset& dataset, DataReport& report) {
  struct Seen {
    Split split;
    std::size_t index;
  };
  std::unordered_map<std::uint64_t, Seen> questions;
  for (const Split split : all_splits) {
    const std::string name(to_string(split));
    report.examples[name] = dataset.size(split);
    if (dataset.size(split) > 0) report.manifests[name] = dataset.manifest_hash(split);
    for (std::size_t i = 0; i < dataset.size(split); ++i) {
      const Example example = dataset.at(split, i);
      if (!example.choices.empty() || example.extra.contains("labels"))
        ++report.labels[name][example.answer];
      const std::string question = canonical(example.question);
      const auto [found, is_new] = questions.emplace(stream_id(question), Seen{split, i});
      if (is_new) continue;
      const Example first = dataset.at(found->second.split, found->second.index);
      if (canonical(first.question) != question) continue;
      ++report.duplicate_questions;
      if (report.duplicates.size() < listed_max)
        report.duplicates.push_back(
            {example.id, first.id, name, std::string(to_string(found->second.split))});
    }
  }
}

void describe_files(const std::vector<FilePart>& parts, DataReport& report) {
  for (const FilePart& part : parts) {
    const RecordFile& file = *part.file;
    report.files.push_back({file.path().string(), std::string(file.format()), file.content_hash(),
                            file.bytes(), file.size(),
                            part.split ? std::string(to_string(*part.split)) : ""});
  }
}

std::string title_of(const DatasetCard& card, const std::vector<FilePart>& parts,
                     const DataReport& report) {
  std::vector<std::string> notes;
  for (const FilePart& part : parts)
    if (!part.reader->note.empty() &&
        std::find(notes.begin(), notes.end(), part.reader->note) == notes.end())
      notes.push_back(part.reader->note);
  if (notes.size() > 3) notes = {fmt::format("{} tasks", notes.size())};
  notes.push_back(report.splits_note);
  if (report.bad_rows > 0) notes.push_back(fmt::format("{} bad rows skipped", report.bad_rows));
  return card.title + " (" + joined(notes, "; ") + ")";
}

std::vector<Example> few_shot_of(const FileDataset& dataset, const std::vector<SortedRow>& rows,
                                 int count) {
  std::vector<Example> shots;
  for (const SortedRow& row : rows)
    if (row.side == Side::few_shot) shots.push_back(dataset.example(row.place));
  if (!shots.empty()) return shots;
  const std::size_t most = std::min(static_cast<std::size_t>(count), dataset.size(Split::train));
  for (std::size_t i = 0; i < most; ++i) shots.push_back(dataset.at(Split::train, i));
  return shots;
}

}  // namespace

Loaded load_parts(std::vector<FilePart> parts, DatasetCard card, std::string_view form,
                  const ReadOptions& options) {
  Loaded loaded;
  DataReport& report = loaded.report;
  report.dataset = card.name;
  report.form = form;
  report.domain = domain_of_dataset(card.name);
  report.licence = card.source.licence;
  describe_files(parts, report);
  loaded.dataset = std::make_shared<FileDataset>(
      card.name, std::move(parts), fmt::format("seed {} task {}", options.seed, options.task));
  const Reader& reader = *loaded.dataset->parts()[0].reader;
  std::vector<SortedRow> rows = Scan(*loaded.dataset, options, report).run();
  if (rows.empty()) {
    std::string why = report.bad_rows > 0 ? fmt::format("; {} bad rows", report.bad_rows) : "";
    for (const auto& [reason, count] : report.set_aside)
      why += fmt::format("; {} rows: {}", count, reason);
    throw Error(Errc::bad_data,
                fmt::format("{}: no row of {} can be used{}",
                            loaded.dataset->parts()[0].file->path().string(), card.name, why));
  }
  report.splits_note = sort_into_splits(rows, reader.validation_is_test);
  for (const SortedRow& row : rows)
    if (const auto split = to_split(row.side)) loaded.dataset->add_row(*split, row.place);
  report.title = title_of(card, loaded.dataset->parts(), report);
  loaded.few_shot = few_shot_of(*loaded.dataset, rows, card.few_shot);
  loaded.grader = reader.grader.empty() ? card.grader : reader.grader;
  loaded.prompts = reader.prompts;
  loaded.prompts.insert(loaded.prompts.end(), card.prompts.begin(), card.prompts.end());
  loaded.card = std::move(card);
  return loaded;
}

Domain to_domain(Loaded loaded, std::shared_ptr<const grade::Grader> grader) {
  Domain domain;
  domain.name = loaded.card.name;
  domain.title = loaded.report.title;
  domain.dataset = std::move(loaded.dataset);
  domain.grader = std::move(grader);
  domain.prompts = std::move(loaded.prompts);
  domain.few_shot = std::move(loaded.few_shot);
  domain.max_answer_tokens = loaded.card.max_answer_tokens;
  domain.stop_strings = std::move(loaded.card.stop_strings);
  return domain;
}

Domain domain_from_file(const std::filesystem::path& path, const ReadOptions& options) {
  Loaded loaded = load_dataset(path, options);
  auto grader = make_grader(loaded.grader);
  return to_domain(std::move(loaded), std::move(grader));
}

namespace {

std::vector<std::shared_ptr<const RecordFile>> open_rows_files(const std::vector<RowsFile>& files) {
  if (files.empty()) throw Error(Errc::invalid_argument, "domain_from_rows: no files");
  std::vector<std::shared_ptr<const RecordFile>> opened;
  for (const RowsFile& each : files)
    opened.push_back(open_rows(each.lines, each.origin, each.sha256, each.bytes));
  return opened;
}

DataReport checked(Loaded loaded) {
  count_examples(*loaded.dataset, loaded.report);
  return std::move(loaded.report);
}

ReadOptions tolerant(ReadOptions options) {
  options.skip_bad = true;
  return options;
}

}  // namespace

Domain domain_from_rows(const std::vector<RowsFile>& files, const ReadOptions& options) {
  const auto opened = open_rows_files(files);
  Loaded loaded = load_files(opened, files[0].origin, options);
  auto grader = make_grader(loaded.grader);
  return to_domain(std::move(loaded), std::move(grader));
}

DataReport check_data(const std::filesystem::path& path, const ReadOptions& options) {
  return checked(load_dataset(path, tolerant(options)));
}

DataReport check_rows(const std::vector<RowsFile>& files, const ReadOptions& options) {
  return checked(load_files(open_rows_files(files), files.at(0).origin, tolerant(options)));
}

}  // namespace xfer::domains
