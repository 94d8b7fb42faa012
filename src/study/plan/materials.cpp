// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/materials.hpp"

#include "study/spec/nearest.hpp"
#include "study/spec/spec_fields.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <set>

namespace xfer::study {
namespace {

domains::Domain open_domain(const std::string& name, const StudySpec& spec, const DomainSet& own) {
  if (const auto mine = own.find(name); mine != own.end()) return mine->second;
  if (const auto file = spec.domain_files.find(name); file != spec.domain_files.end()) {
    domains::ReadOptions options;
    options.skip_bad = spec.skip_bad;
    domains::Domain domain = domains::domain_from_file(file->second, options);
    domain.name = name;
    return domain;
  }
  return domains::procedural_domain(name);
}

void need(const domains::Domain& domain, Split split, const std::string& why) {
  if (domain.dataset->size(split) == 0)
    throw Error(Errc::bad_data, "domain " + domain.name + ": its " + std::string(to_string(split)) +
                                    " split is empty; " + why);
}

void need_wordings(const domains::Domain& domain, int variants) {
  if (static_cast<std::size_t>(variants) < domain.prompts.size()) return;
  throw Error(Errc::invalid_argument,
              "study: eval.prompt_variants asks for " + std::to_string(variants) +
                  " wordings besides the standard one, but domain " + domain.name + " has " +
                  std::to_string(domain.prompts.size() - 1));
}

}  // namespace

void check(const StudySpec& spec, const DomainSet& own) {
  std::vector<std::string> names;
  for (const auto& [name, domain] : own) names.push_back(name);
  validate(spec, names);
}

DomainSet open_domains(const StudySpec& spec, const DomainSet& own) {
  DomainSet all;
  for (const auto& [source, target] : spec.pairs)
    for (const std::string& name : {source, target})
      if (!all.count(name)) all.emplace(name, open_domain(name, spec, own));
  for (const auto& [name, domain] : all)
    if (!domain.dataset || !domain.grader || domain.prompts.empty())
      throw Error(Errc::invalid_argument,
                  "domain " + name + ": needs a dataset, a grader and at least one prompt");
  for (const auto& [source, target] : spec.pairs) {
    need(all.at(target), Split::test, "a target needs items to be tested on");
    if (spec.validation_items > 0)
      need(all.at(target), Split::validation,
           "set eval.validation_items = 0 to do without learning curves");
    if (spec.held_out_items > 0)
      need(all.at(target), Split::heldout, "set eval.held_out_items = 0 to do without");
    need_wordings(all.at(target), spec.prompt_variants);
    for (const Condition condition : spec.conditions) {
      for (const Method method : spec.methods) {
        for (const Stage& stage : stages(condition, method)) {
          if (stage.mixture != Mixture::target)
            need(all.at(source), Split::train, "a source needs examples to train on");
          if (stage.mixture != Mixture::source)
            need(all.at(target), Split::train,
                 "condition '" + std::string(to_string(condition)) + "' trains on the target");
        }
      }
    }
  }
  for (const auto& [name, domain] : all)
    if (spec.forgetting_items > 0)
      need(domain, Split::test, "set eval.forgetting_items = 0 to do without");
  return all;
}

Materials gather_materials(const StudySpec& spec, const Backend& backend, DomainSet domains) {
  const std::string name = spec.renderer == "auto" ? backend.recommended_renderer() : spec.renderer;
  const std::vector<std::string> known = text::Renderer::names();
  if (std::find(known.begin(), known.end(), name) == known.end())
    throw SpecError("renderer", "names the unknown renderer '" + name + "'" +
                                    did_you_mean(name, known) + " (allowed: auto, " +
                                    listed(known) + ")");
  return {
      std::move(domains),   backend.tokenizer(),  text::Renderer::make(name, backend.tokenizer()),
      backend.model_name(), backend.model_hash(), backend.version()};
}

}  // namespace xfer::study
