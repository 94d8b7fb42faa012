// SPDX-License-Identifier: Apache-2.0
// Which dataset a file is.
#include "domains/loading.hpp"
#include "domains/readers/legalbench.hpp"
#include "domains/split_names.hpp"
#include "xfer/error.hpp"

#include <map>
#include <optional>

namespace xfer::domains {
namespace {

namespace fs = std::filesystem;

/// A bad first row does not hide what the others are.
constexpr std::size_t rows_looked_at = 20;

Record first_good_row(const RecordFile& file) {
  std::optional<Error> first;
  for (std::size_t i = 0; i < std::min(rows_looked_at, file.size()); ++i) {
    try {
      return file.record(i);
    } catch (const Error& e) {
      if (!first) first = e;
    }
  }
  if (first) throw *first;
  throw Error(Errc::bad_data, file.path().string() + ": the file has no rows");
}

std::string known_datasets() {
  std::string names;
  for (const DomainCard& card : domain_cards())
    for (const DatasetCard& dataset : card.datasets)
      names += (names.empty() ? "" : ", ") + dataset.title.substr(0, dataset.title.find(':'));
  return names;
}

[[noreturn]] void refuse_unknown(const Record& record) {
  if (record.has("task_id") && record.has("completion"))
    record.refuse("answers to HumanEval's tasks (task_id, completion), not the tasks themselves");
  std::string fields;
  for (const auto& entry : record.object().items()) {
    if (fields.size() > 200) break;
    fields += (fields.empty() ? "" : ", ") + shown(entry.key());
  }
  record.refuse("not a dataset that is known here (got the fields " + fields +
                "; known: " + known_datasets() +
                "; or an own dataset with \"question\", \"answer\" and \"choices\", \"labels\" or "
                "\"grader\")");
}

const Form& form_of(const RecordFile& file) {
  static const std::vector<Form> forms = all_forms();
  const Record record = first_good_row(file);
  for (const Form& form : forms)
    if (form.fits(record, file.path())) return form;
  refuse_unknown(record);
}

/// MATH's folders and single problems are sorted into splits by the folders they lie in.
std::optional<Split> split_of(const RecordFile& file) {
  if (const auto name = split_name(file.path())) return name->split;
  if (file.format() != "folder of JSON files" && file.format() != "JSON object")
    return std::nullopt;
  const fs::path folder = fs::absolute(file.path()).lexically_normal().parent_path();
  for (const fs::path& above : {folder, folder.parent_path()})
    if (const auto name = split_name(above); name && name->frame == "*") return name->split;
  return std::nullopt;
}

DatasetCard card_of(std::string_view dataset) {
  if (dataset != "own") return dataset_card(dataset);
  DatasetCard card;
  card.name = "own";
  card.title = "Own dataset";
  card.prompts = {{"Question: ", "\nAnswer:"},
                  {"Q: ", "\nA:"},
                  {"Problem: ", "\nSolution:"},
                  {"Task: ", "\nReply:"},
                  {"", "\nAnswer:"}};
  card.stop_strings = {"\n\n"};
  return card;
}

std::vector<std::shared_ptr<const RecordFile>> open_all(const std::vector<fs::path>& paths) {
  std::vector<std::shared_ptr<const RecordFile>> files;
  for (const fs::path& path : paths) files.push_back(open_records(path));
  return files;
}

/// Every task below a folder, as one dataset.
Loaded load_legal_tasks(const std::vector<fs::path>& folders, const ReadOptions& options) {
  std::vector<FilePart> parts;
  std::string skipped;
  for (const fs::path& folder : folders) {
    const std::string task = folder.filename().string();
    if (!options.task.empty() && options.task != task) continue;
    if (legal_rule(task) == "by hand") {
      skipped += (skipped.empty() ? "" : ", ") + task;
      continue;
    }
    Source source{folder / "train.tsv", open_all(family_of(folder / "train.tsv")), options, true};
    const Form& form = form_of(*source.files[0]);
    auto reader = std::make_shared<const Reader>(form.make(source));
    for (const auto& file : source.files)
      parts.push_back({file, reader, split_of(*file), task + "/" + bare_stem(file->path())});
  }
  if (parts.empty())
    throw Error(Errc::invalid_argument, folders[0].parent_path().string() +
                                            ": no task of LegalBench named \"" + options.task +
                                            "\" here");
  Loaded loaded =
      load_parts(std::move(parts), dataset_card("legalbench"), "folder of tasks", options);
  loaded.grader = "label+legalbench";
  // Each question is the task's own prompt as a whole.
  loaded.prompts = {{"", ""}};
  for (const char* hint :
       {"Answer in as few words as you can.\n\n", "Answer the last question.\n\n",
        "Here is a legal task.\n\n", "Complete the last answer.\n\n"})
    loaded.prompts.push_back({hint, ""});
  if (!skipped.empty()) loaded.report.set_aside["judged by hand: " + skipped] = 0;
  return loaded;
}

}  // namespace

std::vector<Form> all_forms() {
  std::vector<Form> all;
  for (const auto& forms :
       {gsm8k_forms(), math_forms(), aqua_forms(), humaneval_forms(), mbpp_forms(), sciq_forms(),
        arc_forms(), chemqa_forms(), moleculenet_forms(), bioasq_forms(), pubmedqa_forms(),
        reclor_forms(), casehold_forms(), logiqa_forms(), legalbench_forms(), own_forms()})
    all.insert(all.end(), forms.begin(), forms.end());
  return all;
}

std::vector<std::shared_ptr<const RecordFile>> open_family(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    // A file that cannot be opened is named before its neighbours are looked at.
    if (!fs::exists(path, ignored)) return {open_records(path)};
    return open_all(family_of(path));
  }
  std::vector<fs::path> found;
  if (fs::is_regular_file(path / "train.tsv", ignored)) found = family_of(path / "train.tsv");
  if (found.empty()) found = dataset_in(path);
  if (found.empty()) return {open_records(path)};
  return open_all(found);
}

Loaded load_dataset(const fs::path& path, const ReadOptions& options) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    const std::vector<fs::path> tasks = legal_task_folders(path);
    if (!tasks.empty()) return load_legal_tasks(tasks, options);
  }
  return load_files(open_family(path), path, options);
}

Loaded load_files(const std::vector<std::shared_ptr<const RecordFile>>& files, const fs::path& path,
                  const ReadOptions& options) {
  std::error_code ignored;
  Source source{path, files, options, false};
  if (fs::is_directory(path, ignored)) source.path = files[0]->path();
  std::vector<FilePart> parts;
  std::map<const Form*, std::shared_ptr<const Reader>> readers;
  const Form* first = nullptr;
  for (const auto& file : files) {
    const Form& form = form_of(*file);
    if (first == nullptr) first = &form;
    if (form.dataset != first->dataset)
      throw Error(Errc::bad_data,
                  file->path().string() + ": looks like " + std::string(form.dataset) + ", but " +
                      files[0]->path().string() + " beside it like " + std::string(first->dataset));
    auto& reader = readers[&form];
    if (!reader) reader = std::make_shared<const Reader>(form.make(source));
    parts.push_back({file, reader, split_of(*file), bare_stem(file->path())});
  }
  return load_parts(std::move(parts), card_of(first->dataset), first->about, options);
}

}  // namespace xfer::domains
