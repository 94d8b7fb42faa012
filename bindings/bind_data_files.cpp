// SPDX-License-Identifier: Apache-2.0
// Dataset files, domains of one's own, cards, and the overlap between splits.
#include "bindings.hpp"
#include "python_grader.hpp"

#include "xfer/domains/cards.hpp"
#include "xfer/domains/data_file.hpp"
#include "xfer/domains/mixture.hpp"
#include "xfer/domains/overlap.hpp"
#include "xfer/error.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using domains::Domain;
using domains::OverlapSet;
using domains::ReadOptions;
using domains::RowsFile;
using NoGil = py::call_guard<py::gil_scoped_release>;

/// (lines, origin, sha256, bytes)
using RowsTuple =
    std::tuple<std::filesystem::path, std::filesystem::path, std::string, std::uint64_t>;

std::vector<RowsFile> to_rows(const std::vector<RowsTuple>& given) {
  std::vector<RowsFile> rows;
  for (const auto& [lines, origin, sha256, bytes] : given)
    rows.push_back({lines, origin, sha256, bytes});
  return rows;
}

ReadOptions to_options(bool skip_bad, std::string task, std::uint64_t seed) {
  ReadOptions options;
  options.skip_bad = skip_bad;
  options.task = std::move(task);
  options.seed = seed;
  return options;
}

py::dict report_dict(const domains::DataReport& report) {
  py::list files;
  for (const auto& file : report.files)
    files.append(py::dict("path"_a = file.path, "format"_a = file.format, "sha256"_a = file.sha256,
                          "bytes"_a = file.bytes, "rows"_a = file.rows, "split"_a = file.split));
  py::list duplicates;
  for (const auto& each : report.duplicates)
    duplicates.append(py::dict("id"_a = each.id, "split"_a = each.split,
                               "first_id"_a = each.first_id, "first_split"_a = each.first_split));
  return py::dict(
      "dataset"_a = report.dataset, "form"_a = report.form, "domain"_a = report.domain,
      "title"_a = report.title, "licence"_a = report.licence, "splits"_a = report.splits_note,
      "files"_a = files, "examples"_a = report.examples, "manifest_hashes"_a = report.manifests,
      "labels"_a = report.labels, "set_aside"_a = report.set_aside, "bad_rows"_a = report.bad_rows,
      "bad"_a = report.bad, "duplicate_questions"_a = report.duplicate_questions,
      "duplicates"_a = duplicates);
}

py::list card_list() {
  py::list cards;
  for (const domains::DomainCard& card : domains::domain_cards()) {
    py::list datasets;
    for (const domains::DatasetCard& each : card.datasets) {
      py::list prompts;
      for (const auto& prompt : each.prompts)
        prompts.append(py::make_tuple(prompt.before, prompt.after));
      datasets.append(
          py::dict("name"_a = each.name, "title"_a = each.title, "weight"_a = each.weight,
                   "files"_a = each.source.files, "hub"_a = each.source.hub,
                   "hub_config"_a = each.source.hub_config, "licence"_a = each.source.licence,
                   "gate"_a = each.source.gate, "splits"_a = each.splits, "grader"_a = each.grader,
                   "metric"_a = each.metric, "reward"_a = each.reward,
                   "answer_format"_a = each.answer_format, "reasoning"_a = each.reasoning,
                   "prompts"_a = prompts, "few_shot"_a = each.few_shot,
                   "max_answer_tokens"_a = each.max_answer_tokens,
                   "stop_strings"_a = each.stop_strings, "note"_a = each.note));
    }
    cards.append(py::dict("name"_a = card.name, "title"_a = card.title, "datasets"_a = datasets));
  }
  return cards;
}

/// What `xfer.domain._build` puts together.
Domain make_own_domain(const std::string& name, const std::string& title,
                       const std::map<std::string, std::vector<std::filesystem::path>>& files,
                       const std::map<std::string, std::vector<RowsTuple>>& rows,
                       const std::map<std::string, std::string>& fields, const py::object& grader,
                       const std::vector<std::string>& labels,
                       const std::vector<std::pair<std::string, std::string>>& prompts,
                       int few_shot, int max_answer_tokens,
                       const std::vector<std::string>& stop_strings, bool skip_bad) {
  domains::OwnDomain own;
  own.name = name;
  own.title = title;
  for (const auto& [split, paths] : files) own.files[to_split(split)] = paths;
  for (const auto& [split, given] : rows) own.rows[to_split(split)] = to_rows(given);
  own.fields.question = fields.at("question");
  own.fields.answer = fields.at("answer");
  own.fields.solution = fields.at("solution");
  own.fields.choices = fields.at("choices");
  own.fields.id = fields.at("id");
  own.fields.kind = fields.at("kind");
  own.fields.cluster = fields.at("cluster");
  if (py::isinstance<py::str>(grader)) {
    own.grader = grader.cast<std::string>();
  } else {
    own.own_grader = make_python_grader(grader);
  }
  own.labels = labels;
  for (const auto& [before, after] : prompts) own.prompts.push_back({before, after});
  own.few_shot = few_shot;
  own.max_answer_tokens = max_answer_tokens;
  own.stop_strings = stop_strings;
  const py::gil_scoped_release nogil;
  return domains::own_domain(own, to_options(skip_bad, "", 0));
}

py::list overlap_list(const std::vector<Domain>& train, const std::vector<Domain>& test,
                      const std::string& train_split, const std::string& test_split, int gram_words,
                      double similarity, std::uint64_t items_max, std::uint64_t pairs_max) {
  std::vector<OverlapSet> from;
  std::vector<OverlapSet> to;
  for (const Domain& d : train) from.push_back({d.name, d.dataset, to_split(train_split)});
  for (const Domain& d : test) to.push_back({d.name, d.dataset, to_split(test_split)});
  domains::OverlapOptions options;
  options.gram_words = gram_words;
  options.similarity = similarity;
  options.items_max = items_max;
  options.pairs_max = pairs_max;
  std::vector<domains::OverlapCell> cells;
  {
    const py::gil_scoped_release nogil;
    cells = domains::find_overlap(from, to, options);
  }
  py::list all;
  for (const domains::OverlapCell& cell : cells) {
    py::dict flagged;
    for (std::size_t i = 0; i < cell.flagged.size(); ++i)
      flagged[py::str(std::string(to_string(static_cast<domains::Overlap>(i))))] = cell.flagged[i];
    py::list pairs;
    for (const auto& pair : cell.pairs)
      pairs.append(py::dict("test_id"_a = pair.test_id, "train_id"_a = pair.train_id,
                            "kind"_a = std::string(to_string(pair.kind)),
                            "strength"_a = pair.strength));
    all.append(py::dict("train"_a = cell.train, "test"_a = cell.test,
                        "train_items"_a = cell.train_items, "test_items"_a = cell.test_items,
                        "flagged"_a = flagged, "flagged_ids"_a = cell.flagged_ids,
                        "pairs"_a = pairs));
  }
  return all;
}

void bind_files(py::module_& module) {
  module.def(
      "domain_from_file",
      [](const std::filesystem::path& path, bool skip_bad, std::string task, std::uint64_t seed) {
        return domains::domain_from_file(path, to_options(skip_bad, std::move(task), seed));
      },
      "path"_a, py::kw_only(), "skip_bad"_a = false, "task"_a = "", "seed"_a = 0, NoGil(),
      "A domain from a dataset file or folder, recognised by its content.");
  module.def(
      "domain_from_rows",
      [](const std::vector<RowsTuple>& files, bool skip_bad, std::string task, std::uint64_t seed) {
        return domains::domain_from_rows(to_rows(files),
                                         to_options(skip_bad, std::move(task), seed));
      },
      "files"_a, py::kw_only(), "skip_bad"_a = false, "task"_a = "", "seed"_a = 0, NoGil(),
      "The same from rows in JSON Lines: (lines, origin, sha256, bytes) of each file.");
  module.def(
      "check_data",
      [](const std::filesystem::path& path, std::string task, std::uint64_t seed) {
        domains::DataReport report;
        {
          const py::gil_scoped_release nogil;
          report = domains::check_data(path, to_options(true, std::move(task), seed));
        }
        return report_dict(report);
      },
      "path"_a, py::kw_only(), "task"_a = "", "seed"_a = 0,
      "What a dataset file holds: rows per split, bad rows, duplicates, labels.");
  module.def(
      "check_rows",
      [](const std::vector<RowsTuple>& files, std::string task, std::uint64_t seed) {
        domains::DataReport report;
        {
          const py::gil_scoped_release nogil;
          report = domains::check_rows(to_rows(files), to_options(true, std::move(task), seed));
        }
        return report_dict(report);
      },
      "files"_a, py::kw_only(), "task"_a = "", "seed"_a = 0, "The same of rows in JSON Lines.");
  module.def("domain_cards", &card_list, "What there is to know about each domain of real data.");
}

}  // namespace

void bind_data_files(py::module_& module) {
  bind_files(module);
  module.def("make_own_domain", &make_own_domain, "name"_a, py::kw_only(), "title"_a, "files"_a,
             "rows"_a, "fields"_a, "grader"_a, "labels"_a, "prompts"_a, "few_shot"_a,
             "max_answer_tokens"_a, "stop_strings"_a, "skip_bad"_a,
             "What `xfer.Domain(...)` calls once its sources are rows.");
  module.def("find_overlap", &overlap_list, "train"_a, "test"_a, py::kw_only(),
             "train_split"_a = "train", "test_split"_a = "test",
             "gram_words"_a = domains::OverlapOptions().gram_words,
             "similarity"_a = domains::OverlapOptions().similarity,
             "items_max"_a = domains::OverlapOptions().items_max,
             "pairs_max"_a = domains::OverlapOptions().pairs_max,
             "Every train split against every test split: test items that are in training text.");
  module.def(
      "mixed_domain",
      [](const std::string& name, const std::vector<Domain>& parts,
         const std::vector<double>& weights) {
        if (weights.size() != parts.size())
          throw Error(Errc::invalid_argument, "mixture " + name + ": one weight for each part");
        std::vector<domains::MixturePart> all;
        for (std::size_t i = 0; i < parts.size(); ++i) all.push_back({parts[i], weights[i]});
        return domains::mixed_domain(name, all);
      },
      "name"_a, "parts"_a, "weights"_a, NoGil(),
      "Several domains as one, in the proportion of their weights.");
  module.def(
      "without_items",
      [](const Domain& domain, const std::vector<std::string>& ids, const std::string& split) {
        return domains::without_items(domain, to_split(split), ids);
      },
      "domain"_a, "ids"_a, "split"_a = "test", NoGil(),
      "The domain with the items left out of a split.");
}

}  // namespace xfer::bindings
