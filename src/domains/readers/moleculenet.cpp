// SPDX-License-Identifier: Apache-2.0
// MoleculeNet: properties of molecules (Wu et al. 2018, Chemical Science 9:513), asked in words.
// One example for each molecule and label; a blank label is missing, never "no".
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <array>
#include <utility>

namespace xfer::domains {
namespace {

struct Task {
  std::string column;
  std::string question;
};

struct Dataset {
  std::string_view name;
  /// Asked with "Yes" or "No", or for a number.
  bool numbers;
  std::vector<Task> tasks;
  /// Other names of the first task's column.
  std::vector<std::string> aliases;
};

std::vector<Task> tox21_tasks() {
  std::vector<Task> tasks;
  for (const char* assay : {"NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD",
                            "NR-PPAR-gamma", "SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53"})
    tasks.push_back(
        {assay, "Is this molecule active in the Tox21 toxicity assay " + std::string(assay) + "?"});
  return tasks;
}

const std::vector<Dataset>& datasets() {
  static const std::vector<Dataset> all = {
      {"bbbp", false, {{"p_np", "Does this molecule pass the blood-brain barrier?"}}, {"BBBP"}},
      {"bace",
       false,
       {{"Class", "Does this molecule inhibit human beta-secretase 1 (BACE-1)?"}},
       {}},
      {"clintox",
       false,
       {{"FDA_APPROVED", "Is this drug approved by the FDA?"},
        {"CT_TOX", "Did this drug fail clinical trials because it is toxic?"}},
       {}},
      {"hiv", false, {{"HIV_active", "Does this molecule inhibit the replication of HIV?"}}, {}},
      {"tox21", false, tox21_tasks(), {}},
      {"esol",
       true,
       {{"measured log solubility in mols per litre",
         "What is the base-10 logarithm of this molecule's solubility in water, in mol per "
         "litre?"}},
       {"logSolubility", "measured log solubility"}},
      {"freesolv",
       true,
       {{"expt", "What is this molecule's free energy of hydration, in kcal/mol?"}},
       {"freesolv"}},
      {"lipophilicity",
       true,
       {{"exp",
         "What is this molecule's octanol/water distribution coefficient (logD at pH 7.4)?"}},
       {"lipo"}},
  };
  return all;
}

constexpr std::array smiles_columns = {"smiles", "SMILES", "mol", "Smiles"};

std::string_view smiles_column(const Record& record) {
  for (const char* column : smiles_columns)
    if (record.is_text(column)) return column;
  return "";
}

bool has_column(const Record& record, const std::string& column) {
  return record.object().contains(column);
}

/// The column under which the file has the dataset's first label, "" when it is not that dataset.
std::string first_column(const Dataset& dataset, const Record& record) {
  if (has_column(record, dataset.tasks[0].column)) return dataset.tasks[0].column;
  for (const std::string& alias : dataset.aliases)
    if (has_column(record, alias)) return alias;
  return "";
}

const Dataset* dataset_of(const Record& record) {
  for (const Dataset& each : datasets())
    if (!first_column(each, record).empty()) return &each;
  return nullptr;
}

bool is_one(const Record& record, std::string_view column, const std::string& text) {
  if (text == "1" || text == "1.0") return true;
  if (text != "0" && text != "0.0")
    record.refuse(column, "must be 0 or 1", "the text " + shown(text));
  return false;
}

/// Nothing where the label is missing.
void add_example(Reading& reading, const Record& record, const std::string& smiles,
                 const Task& task, bool number) {
  if (!record.has(task.column)) return;
  const std::string label = trimmed(record.text_or_number(task.column));
  if (label.empty() || lowered(label) == "nan") return;
  Example example;
  example.question = "Molecule (SMILES): " + smiles + "\nQuestion: " + task.question;
  example.kind = task.column;
  // The same molecule under another label stays on the same side of the split.
  example.cluster = smiles;
  example.extra["smiles"] = smiles;
  if (number) {
    example.answer = decimal(record, task.column);
    example.solution = example.answer;
  } else {
    set_label(example, record, task.column, {"Yes", "No"},
              is_one(record, task.column, label) ? "Yes" : "No");
  }
  reading.examples.push_back(std::move(example));
}

struct Plan {
  std::vector<Task> tasks;
  bool numbers;
};

Reading read_molecule(const Record& record, const Plan& plan) {
  const std::string_view column = smiles_column(record);
  if (column.empty()) record.refuse("field \"smiles\" is missing");
  const std::string smiles = trimmed(record.text(column));
  need_content(record, column, smiles);
  if (smiles.find_first_of(blanks) != std::string::npos)
    record.refuse(column, "must be a SMILES string", "the text " + shown(smiles));
  Reading reading;
  for (const Task& task : plan.tasks) {
    if (!has_column(record, task.column)) record.refuse("field \"" + task.column + "\" is missing");
    add_example(reading, record, smiles, task, plan.numbers);
  }
  if (reading.examples.empty()) reading.set_aside = "no label";
  return reading;
}

/// The pIC50 of BACE is a regression task beside its class.
std::vector<Task> also(std::string_view dataset) {
  if (dataset != "bace") return {};
  return {{"pIC50", "What is the pIC50 of this molecule against human beta-secretase 1 (BACE-1)?"}};
}

Plan plan_for(const Dataset& dataset, const Record& first, const Source& source) {
  Plan plan{dataset.tasks, dataset.numbers};
  plan.tasks[0].column = first_column(dataset, first);
  const std::string& wanted = source.options.task;
  if (wanted.empty()) return plan;
  std::string known;
  for (const auto& [tasks, numbers] :
       {std::pair(plan.tasks, dataset.numbers), std::pair(also(dataset.name), true)}) {
    for (const Task& task : tasks) {
      if (task.column == wanted) return {{task}, numbers};
      known += (known.empty() ? "" : ", ") + task.column;
    }
  }
  throw Error(Errc::invalid_argument,
              source.path.string() + ": no task named \"" + wanted + "\" (allowed: " + known + ")");
}

Reader molecule_rows(const Source& source, const Dataset& dataset, const Record& first) {
  Reader reader;
  const Plan plan = plan_for(dataset, first, source);
  reader.read = [plan](const Record& record) { return read_molecule(record, plan); };
  reader.grader = plan.numbers ? "number" : "label";
  reader.note = "molecules cut by hash of their SMILES, not by scaffold";
  return reader;
}

/// SIDER has a column for each class of organs, 27 of them.
constexpr std::string_view sider_column = "Hepatobiliary disorders";

Dataset sider(const Record& first) {
  Dataset dataset{"sider", false, {}, {}};
  const std::string_view smiles = smiles_column(first);
  for (const auto& entry : first.object().items())
    if (entry.key() != smiles)
      dataset.tasks.push_back(
          {entry.key(), "Does this drug have side effects of the kind \"" + entry.key() + "\"?"});
  return dataset;
}

/// The first row that parses: the columns of all are the same.
Record first_row(const Source& source) {
  for (const auto& file : source.files)
    for (std::size_t i = 0; i < file->size(); ++i) {
      try {
        return file->record(i);
      } catch (const Error&) {
        continue;
      }
    }
  throw Error(Errc::bad_data, source.path.string() + ": no row can be read");
}

template <std::size_t number>
Form form() {
  return {datasets()[number].name, "table of SMILES and labels",
          [](const Record& r, const std::filesystem::path&) {
            return !smiles_column(r).empty() && dataset_of(r) == &datasets()[number];
          },
          [](const Source& source) {
            return molecule_rows(source, datasets()[number], first_row(source));
          }};
}

}  // namespace

std::vector<Form> moleculenet_forms() {
  std::vector<Form> all = {form<0>(), form<1>(), form<2>(), form<3>(),
                           form<4>(), form<5>(), form<6>(), form<7>()};
  all.push_back({"sider", "table of SMILES and labels",
                 [](const Record& r, const std::filesystem::path&) {
                   return !smiles_column(r).empty() &&
                          (has_column(r, std::string(sider_column)) || has_column(r, "SIDER1"));
                 },
                 [](const Source& source) {
                   const Record first = first_row(source);
                   return molecule_rows(source, sider(first), first);
                 }});
  return all;
}

}  // namespace xfer::domains
