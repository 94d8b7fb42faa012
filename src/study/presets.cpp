#include "xfer/study/presets.hpp"

#include "study/nearest.hpp"

#include "xfer/domains/domain.hpp"
#include "xfer/error.hpp"

#include <array>

namespace xfer::study {
namespace {

struct Preset {
  std::string_view name;
  StudySpec (*make)();
};

StudySpec main_study() {
  StudySpec spec;
  spec.name = "main";
  spec.pairs = {{"math", "code"}, {"math", "physics"}, {"physics", "chemistry"},
                {"biology", "logic"}, {"logic", "law"}};
  spec.methods = {Method::sl, Method::rl, Method::sl_rl};
  spec.conditions = default_conditions(spec.methods);
  spec.steps = 100;
  spec.rl.steps = 60;
  spec.items = 200;
  spec.validation_items = 0;
  return spec;
}

StudySpec full_matrix() {
  StudySpec spec;
  spec.name = "full_matrix";
  spec.pairs.clear();
  const std::vector<std::string> domains = domains::procedural_domain_names();
  for (const std::string& source : domains)
    for (const std::string& target : domains)
      if (source != target) spec.pairs.emplace_back(source, target);
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::direct,
                     Condition::format_control};
  spec.seeds = {0};
  spec.items = 400;
  spec.validation_items = 0;
  return spec;
}

constexpr std::array presets = {Preset{"pilot", [] { return StudySpec(); }},
                                Preset{"main", main_study}, Preset{"full_matrix", full_matrix}};

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& one : presets) names.emplace_back(one.name);
  return names;
}

StudySpec preset(std::string_view name) {
  for (const Preset& one : presets)
    if (one.name == name) return one.make();
  throw Error(Errc::invalid_argument, "study: no preset is called '" + std::string(name) + "'" +
                                          did_you_mean(name, preset_names()) + " (known: " +
                                          listed(preset_names()) + ")");
}

}  // namespace xfer::study
