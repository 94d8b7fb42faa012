// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/spec.hpp"

#include "study/spec/nearest.hpp"
#include "study/spec/spec_fields.hpp"

#include "xfer/domains/domain.hpp"
#include "xfer/study/model_names.hpp"
#include "xfer/tinker/lora_alpha.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

namespace xfer::study {
namespace {

std::string spell_number(double value) {
  if (std::abs(value) < 1e15 && value == std::floor(value))
    return std::to_string(static_cast<std::int64_t>(value));
  return spell(value);
}

[[noreturn]] void refuse(const std::string& key, const std::string& what) {
  throw SpecError(key, what);
}

void check_name(const std::string& key, const std::string& value) {
  constexpr std::size_t bytes_max = 4096;
  if (value.empty()) refuse(key, "must not be empty");
  if (value.size() > bytes_max) refuse(key, "is longer than 4096 bytes");
  for (const char c : value)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      refuse(key, "must not hold control characters");
}

void check_domain(const std::string& name, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  refuse("pairs", "names the unknown domain '" + name + "'" + did_you_mean(name, known) +
                      " (known: " + listed(known) + "; own files go under [domains])");
}

template <class T>
void refuse_repeats(const std::vector<T>& values, const std::string& key) {
  if (values.empty()) refuse(key, "must name at least one");
  if (std::set<T>(values.begin(), values.end()).size() != values.size())
    refuse(key, "names one of its members twice");
}

/// A condition that no method knows would silently be missing from the report.
void check_conditions(const StudySpec& spec) {
  for (const Condition condition : spec.conditions) {
    std::vector<std::string> where;
    bool wanted = false;
    for (const Method method : all_methods) {
      if (!exists(condition, method)) continue;
      where.emplace_back(to_string(method));
      wanted = wanted || std::count(spec.methods.begin(), spec.methods.end(), method) != 0;
    }
    if (!wanted)
      refuse("conditions", "names '" + std::string(to_string(condition)) +
                               "', which exists only under the methods " + listed(where));
  }
}

void check_looks(const StudySpec& spec) {
  if (!spec.adaptive) return;
  if (static_cast<int>(spec.seeds.size()) < spec.looks.first_seeds)
    refuse("seeds", "must name at least looks.first_seeds of them in an adaptive study (got " +
                        std::to_string(spec.seeds.size()) + " of " +
                        std::to_string(spec.looks.first_seeds) + ")");
  for (const Condition needed : {Condition::baseline, Condition::transfer})
    if (std::count(spec.conditions.begin(), spec.conditions.end(), needed) == 0)
      refuse("conditions", "must hold '" + std::string(to_string(needed)) +
                               "' in an adaptive study: its looks are at the gain");
}

void check_lists(const StudySpec& spec, const std::vector<std::string>& known_domains) {
  refuse_repeats(spec.pairs, "pairs");
  refuse_repeats(spec.conditions, "conditions");
  refuse_repeats(spec.methods, "methods");
  refuse_repeats(spec.seeds, "seeds");
  check_conditions(spec);
  check_looks(spec);
  for (const auto& [source, target] : spec.pairs) {
    check_domain(source, known_domains);
    check_domain(target, known_domains);
    if (source == target)
      refuse("pairs",
             "holds (" + source + ", " + target +
                 "): source and target must differ; training on the target itself is the condition "
                 "'direct'");
  }
  for (const std::uint64_t seed : spec.seeds)
    if (seed > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      refuse("seeds", "must be at most 9223372036854775807 (got " + std::to_string(seed) + ")");
}

/// The members of the lists that are empty by default.
void check_list_members(StudySpec& spec) {
  for (const SpecList& list : spec_lists()) {
    std::visit(
        [&](const auto* values) {
          using T = typename std::decay_t<decltype(*values)>::value_type;
          if (values->empty()) return;
          refuse_repeats(*values, list.dotted());
          if constexpr (!std::is_same_v<T, std::string>) {
            for (const T value : *values) {
              const auto number = static_cast<double>(value);
              if (!(number > list.min && number <= list.max))
                refuse(list.dotted(),
                       "must be " + allowed_values(list) + " (got " + spell_number(number) + ")");
            }
          }
        },
        list.member(spec));
  }
  for (const std::string& model : spec.models) check_name("models", model);
}

/// What a Tinker service cannot do.
void check_service(const StudySpec& spec) {
  if (!spec.base_url.empty() && !spec.base_url.starts_with("http://") &&
      !spec.base_url.starts_with("https://"))
    refuse("base_url", "must begin with http:// or https:// (got '" + spec.base_url + "')");
  if (spec.lora.rank < 1)
    refuse("train.rank", "must be at least 1 with backend = \"tinker\": services train adapters");
  if (spec.lora.alpha != tinker::service_lora_alpha)
    refuse("train.alpha", "must be 32 with backend = \"tinker\": services know no other (got " +
                              spell_number(spec.lora.alpha) + ")");
}

std::string spell_list(const std::vector<std::string>& items) { return "[" + listed(items) + "]"; }

std::string spell_members(const SpecList& list, StudySpec& spec) {
  std::vector<std::string> items;
  std::visit(
      [&](const auto* values) {
        for (const auto& value : *values) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, int>) items.push_back(std::to_string(value));
          if constexpr (std::is_same_v<T, double>) items.push_back(spell(value));
          if constexpr (std::is_same_v<T, std::string>)
            items.push_back(spell(std::string_view(value)));
        }
      },
      list.member(spec));
  return spell_list(items);
}

}  // namespace

std::string allowed_values(const SpecList& list) {
  StudySpec probe;
  const ListPointer member = list.member(probe);
  if (std::holds_alternative<std::vector<std::string>*>(member)) return "a list of strings";
  const bool whole = std::holds_alternative<std::vector<int>*>(member);
  return std::string("a list of ") + (whole ? "integers" : "numbers") + " above " +
         spell_number(list.min) + " to " + spell_number(list.max);
}

std::string allowed_values(const SpecField& field) {
  StudySpec probe;
  const FieldPointer member = field.member(probe);
  if (std::holds_alternative<bool*>(member)) return "true or false";
  if (std::holds_alternative<std::string*>(member))
    return field.choices.empty() ? "a string" : "one of " + std::string(field.choices);
  const std::string kind = std::holds_alternative<int*>(member) ? "an integer " : "a number ";
  return kind + (field.above_min ? "above " : "from ") + spell_number(field.min) + " to " +
         spell_number(field.max) + (field.zero_is_auto ? ", or \"auto\"" : "");
}

std::string range_problem(const SpecField& field, double value) {
  const bool low = field.above_min ? !(value > field.min) : !(value >= field.min);
  if (!low && value <= field.max) return "";
  return "must be " + allowed_values(field) + " (got " + spell_number(value) + ")";
}

std::string choice_problem(const SpecField& field, const std::string& value) {
  std::vector<std::string> choices;
  std::string_view rest = field.choices;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(", "), rest.size());
    choices.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end())
    return "";
  return "must be " + allowed_values(field) + " (got '" + value + "'" +
         did_you_mean(value, choices) + ")";
}

std::string spell(double value) {
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string text(buffer.data(), end);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string spell(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      std::array<char, 8> escape;
      std::snprintf(escape.data(), escape.size(), "\\u%04X", static_cast<unsigned>(c));
      quoted += escape.data();
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::vector<std::pair<std::string, std::string>> spelled_out(const StudySpec& spec) {
  StudySpec copy = spec;
  std::vector<std::pair<std::string, std::string>> all;
  const auto add_section = [&](std::string_view section) {
    for (const SpecField& field : spec_fields()) {
      if (field.section != section) continue;
      const std::string text = std::visit(
          [](auto* value) -> std::string {
            using T = std::remove_pointer_t<decltype(value)>;
            if constexpr (std::is_same_v<T, bool>) return *value ? "true" : "false";
            if constexpr (std::is_same_v<T, int>) return std::to_string(*value);
            if constexpr (std::is_same_v<T, double>) return spell(*value);
            if constexpr (std::is_same_v<T, std::string>) return spell(std::string_view(*value));
          },
          field.member(copy));
      const bool is_auto = field.zero_is_auto && text == "0.0";
      all.emplace_back(field.dotted(), is_auto ? "\"auto\"" : text);
    }
    for (const SpecList& list : spec_lists())
      if (list.section == section) all.emplace_back(list.dotted(), spell_members(list, copy));
  };
  add_section("");
  std::vector<std::string> items;
  for (const auto& [source, target] : spec.pairs)
    items.push_back(spell_list({spell(std::string_view(source)), spell(std::string_view(target))}));
  all.emplace_back("pairs", spell_list(items));
  items.clear();
  for (const Condition condition : spec.conditions) items.push_back(spell(to_string(condition)));
  all.emplace_back("conditions", spell_list(items));
  items.clear();
  for (const Method method : spec.methods) items.push_back(spell(to_string(method)));
  all.emplace_back("methods", spell_list(items));
  items.clear();
  for (const std::uint64_t seed : spec.seeds) items.push_back(std::to_string(seed));
  all.emplace_back("seeds", spell_list(items));
  for (const auto& [name, path] : spec.domain_files)
    all.emplace_back("domains." + name, spell(std::string_view(path.string())));
  for (const std::string_view section : spec_sections) add_section(section);
  return all;
}

void validate(const StudySpec& spec, const std::vector<std::string>& more_domains) {
  StudySpec copy = spec;
  for (const SpecField& field : spec_fields()) {
    const FieldPointer member = field.member(copy);
    const auto* name = std::get_if<std::string*>(&member);
    if (name && !(field.may_be_empty && (*name)->empty())) check_name(field.dotted(), **name);
    std::string problem;
    if (const auto* text = std::get_if<std::string*>(&member))
      problem = choice_problem(field, **text);
    if (const auto* whole = std::get_if<int*>(&member)) problem = range_problem(field, **whole);
    if (const auto* real = std::get_if<double*>(&member))
      if (!(field.zero_is_auto && **real == 0.0)) problem = range_problem(field, **real);
    if (!problem.empty()) refuse(field.dotted(), problem);
  }
  check_list_members(copy);
  if (spec.lora.seed != 0)
    refuse("lora.seed", "must be 0: the adapters' seeds are derived from `seeds` (got " +
                            std::to_string(spec.lora.seed) + ")");
  if (spec.lora.rank > 0 && !spec.lora.train_attn && !spec.lora.train_mlp &&
      !spec.lora.train_unembed)
    refuse("train.train_attn",
           "is false, and so are train_mlp and train_unembed: nothing is left "
           "to train");
  const bool reinforced = std::any_of(spec.methods.begin(), spec.methods.end(),
                                      [](Method method) { return method != Method::sl; });
  if (reinforced && spec.rl.group_size < 2 && spec.rl.advantage != "reinforce")
    refuse("rl.group_size", "must be at least 2 with the advantage '" + spec.rl.advantage +
                                "': an answer alone in its group has nothing to be better than");
  std::vector<std::string> known = domains::procedural_domain_names();
  for (const auto& [name, path] : spec.domain_files) {
    check_name("domains", name);
    if (std::find(known.begin(), known.end(), name) != known.end())
      refuse("domains." + name, "has the name of a procedural domain; give the file another");
    if (path.empty()) refuse("domains." + name, "must name a file");
    known.push_back(name);
  }
  known.insert(known.end(), more_domains.begin(), more_domains.end());
  check_lists(spec, known);
  if (spec.backend == "tinker") {
    check_service(spec);
    return;
  }
  for (const auto& [key, value] :
       {std::pair("base_url", spec.base_url), std::pair("tokenizer", spec.tokenizer)})
    if (!value.empty()) refuse(key, "is only for backend = \"tinker\"");
  check_model_name(spec.model);
  for (const std::string& model : spec.models) check_model_name(model);
}

SpecError::SpecError(std::string key, const std::string& what)
    : Error(Errc::invalid_argument, "study: " + key + " " + what), key_(std::move(key)) {}

std::vector<Condition> default_conditions(const std::vector<Method>& methods) {
  std::vector<Condition> conditions = {Condition::baseline, Condition::transfer, Condition::direct,
                                       Condition::sequential, Condition::joint};
  for (const Condition control : {Condition::format_control, Condition::format_reward})
    if (std::any_of(methods.begin(), methods.end(),
                    [&](Method method) { return exists(control, method); }))
      conditions.push_back(control);
  return conditions;
}

void StudySpec::validate() const { study::validate(*this, {}); }

}  // namespace xfer::study
