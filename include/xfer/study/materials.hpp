// SPDX-License-Identifier: Apache-2.0
// What the names in a study stand for.
#pragma once

#include "xfer/domains/domain.hpp"
#include "xfer/study/backend.hpp"
#include "xfer/study/spec.hpp"
#include "xfer/text/renderer.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// Domains by name. A caller may bring own ones; they go before a study's files and the procedural
/// ones.
using DomainSet = std::map<std::string, domains::Domain>;

/// Everything a plan is made from besides the study itself. Immutable; safe to share.
struct Materials {
  /// Those that the study's pairs name.
  DomainSet domains;
  text::Tokenizer tokenizer;
  std::shared_ptr<const text::Renderer> renderer;
  std::string model_name;
  std::string model_hash;
  std::string backend_version;
};

/// `StudySpec::validate` for a study that may name domains of the caller's.
void check(const StudySpec& spec, const DomainSet& own);

/// Opens the domains that a study names. Throws what reading them throws, and `bad_data` when a
/// split that the study needs is empty. The study must be valid.
DomainSet open_domains(const StudySpec& spec, const DomainSet& own = {});

/// Puts a study's materials together.
Materials gather_materials(const StudySpec& spec, const Backend& backend, DomainSet domains);

}  // namespace xfer::study
#pragma GCC visibility pop
