// SPDX-License-Identifier: Apache-2.0
#include "study/spec/spec_fields.hpp"

#include <cctype>
#include <set>

namespace xfer::study {
namespace {

/// A folder name that says which model it is: "embedded-small", "Llama-3.2-1B".
std::string model_folder_name(const std::string& model) {
  const std::size_t slash = model.find_last_of('/');
  std::string name = slash == std::string::npos ? model : model.substr(slash + 1);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_') c = '-';
  return name.empty() || name.front() == '.' ? "model" + name : name;
}

StudyPart part_of(const StudySpec& spec, std::string name, std::set<std::string>& taken) {
  while (!taken.insert(name).second) name += "-again";
  StudyPart part{name, spec};
  part.spec.name = spec.name + " (" + name + ")";
  part.spec.models.clear();
  part.spec.ablation = {};
  return part;
}

}  // namespace

std::vector<StudyPart> study_parts(const StudySpec& spec) {
  if (spec.models.empty() && spec.ablation.examples.empty()) return {{"", spec}};
  std::vector<StudyPart> parts;
  std::set<std::string> names;
  const std::vector<std::string> models =
      spec.models.empty() ? std::vector<std::string>{spec.model} : spec.models;
  for (const std::string& model : models) {
    StudySpec one = spec;
    one.model = model;
    parts.push_back(part_of(one, model_folder_name(model), names));
  }
  for (const int examples : spec.ablation.examples) {
    StudySpec one = spec;
    one.model = models.front();
    one.examples = examples;
    const auto pairs = static_cast<std::size_t>(spec.ablation.pairs);
    if (pairs > 0 && pairs < one.pairs.size()) one.pairs.resize(pairs);
    parts.push_back(part_of(one, std::to_string(examples) + "-examples", names));
  }
  return parts;
}

}  // namespace xfer::study
