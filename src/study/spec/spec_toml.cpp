// SPDX-License-Identifier: Apache-2.0
#include "study/spec/nearest.hpp"
#include "study/spec/spec_fields.hpp"
#include "study/spec/toml.hpp"

#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"
#include "xfer/study/spec.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <type_traits>

namespace xfer::study {
namespace {

constexpr std::size_t study_file_bytes_max = std::size_t{1} << 20U;

/// Reads one document; every complaint names origin and line.
class Reader {
public:
  Reader(std::string origin, std::filesystem::path base_folder)
      : origin_(std::move(origin)), base_folder_(std::move(base_folder)) {}

  StudySpec read(const toml::table& document) {
    StudySpec spec;
    read_section(document, "", spec);
    for (const std::string_view name : spec_sections) {
      const std::string section(name);
      if (const toml::node* node = document.get(section))
        read_section(as_table(*node, section), section, spec);
    }
    if (const toml::node* node = document.get("domains"))
      read_domains(as_table(*node, "domains"), spec);
    if (!document.contains("conditions")) spec.conditions = default_conditions(spec.methods);
    const bool here = spec.backend != "tinker";  // a service's names are no paths
    if (here && spec.model.find(':') == std::string::npos)
      spec.model = resolved(spec.model, "model", *document.get("model")).string();
    if (!spec.tokenizer.empty() && spec.tokenizer.find(':') == std::string::npos)
      spec.tokenizer = resolved(spec.tokenizer, "tokenizer", *document.get("tokenizer")).string();
    for (std::string& model : spec.models)
      if (here && model.find(':') == std::string::npos)
        model = resolved(model, "models", *document.get("models")).string();
    if (!spec.price_file.empty())
      spec.price_file =
          resolved(spec.price_file, "price_file", *document.get("price_file")).string();
    return spec;
  }

private:
  [[noreturn]] void refuse(const toml::source_region& where, const std::string& what) const {
    throw Error(Errc::bad_data, origin_ + ":" + std::to_string(where.begin.line) + ": " + what);
  }
  [[noreturn]] void refuse(const toml::node& node, const std::string& what) const {
    refuse(node.source(), what);
  }

  const toml::table& as_table(const toml::node& node, const std::string& key) const {
    if (!node.is_table())
      refuse(node, "'" + key + "' must be a table, [" + key + "] (got " + toml_kind(node) + ")");
    return *node.as_table();
  }
  const toml::array& as_array(const toml::node& node, const std::string& key,
                              const std::string& allowed) const {
    if (!node.is_array() || node.as_array()->empty())
      refuse(node, "'" + key + "' must be " + allowed + " (got " +
                       (node.is_array() ? "an empty array" : toml_kind(node)) + ")");
    return *node.as_array();
  }
  std::string as_string(const toml::node& node, const std::string& key,
                        const std::string& allowed) const {
    if (!node.is_string())
      refuse(node, "'" + key + "' must be " + allowed + " (got " + toml_kind(node) + ")");
    return **node.as_string();
  }

  static std::vector<std::string> keys_of(std::string_view section) {
    std::vector<std::string> keys;
    if (section.empty()) {
      keys = {"pairs", "conditions", "methods", "seeds", "domains"};
      keys.insert(keys.end(), spec_sections.begin(), spec_sections.end());
    }
    for (const SpecField& field : spec_fields())
      if (field.section == section) keys.emplace_back(field.key);
    for (const SpecList& list : spec_lists())
      if (list.section == section) keys.emplace_back(list.key);
    return keys;
  }

  /// A key that is right elsewhere is more helpful than one that merely looks alike.
  static std::string hint(const std::string& key, std::string_view section) {
    for (const SpecField& field : spec_fields())
      if (field.key == key && field.section != section)
        return field.section.empty() ? "; it belongs to the top level"
                                     : "; it belongs to [" + std::string(field.section) + "]";
    return did_you_mean(key, keys_of(section));
  }

  void read_top_level(const std::string& name, const toml::node& node, StudySpec& spec) const {
    if (name == "pairs") read_pairs(node, spec);
    if (name == "conditions") read_conditions(node, spec);
    if (name == "methods") read_methods(node, spec);
    if (name == "seeds") read_seeds(node, spec);
  }

  void read_section(const toml::table& table, const std::string& section, StudySpec& spec) const {
    const std::vector<std::string> allowed = keys_of(section);
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (std::find(allowed.begin(), allowed.end(), name) == allowed.end())
        refuse(key.source(), "unknown key '" + name + "'" +
                                 (section.empty() ? "" : " in [" + section + "]") +
                                 hint(name, section) + " (allowed: " + listed(allowed) + ")");
      if (section.empty()) read_top_level(name, node, spec);
      for (const SpecField& field : spec_fields())
        if (field.section == section && field.key == name) read_field(node, field, spec);
      for (const SpecList& list : spec_lists())
        if (list.section == section && list.key == name) read_list(node, list, spec);
    }
  }

  void read_list(const toml::node& node, const SpecList& list, StudySpec& spec) const {
    const auto refuse_kind = [&](const toml::node& wrong) {
      refuse(wrong, "'" + std::string(list.key) + "' must be " + allowed_values(list) + " (got " +
                        toml_kind(wrong) + ")");
    };
    if (!node.is_array()) refuse_kind(node);
    std::visit(
        [&](auto* values) {
          using T = typename std::decay_t<decltype(*values)>::value_type;
          values->clear();
          for (const toml::node& item : *node.as_array()) {
            if constexpr (std::is_same_v<T, std::string>) {
              if (!item.is_string()) refuse_kind(item);
              values->push_back(**item.as_string());
            } else {
              const bool fits = std::is_same_v<T, int> ? item.is_integer() : item.is_number();
              if (!fits) refuse_kind(item);
              const double number = item.is_integer() ? static_cast<double>(**item.as_integer())
                                                      : **item.as_floating_point();
              if (!(number > list.min && number <= list.max))
                refuse(item, "'" + std::string(list.key) + "' must be " + allowed_values(list));
              values->push_back(static_cast<T>(number));
            }
          }
        },
        list.member(spec));
  }

  void read_field(const toml::node& node, const SpecField& field, StudySpec& spec) const {
    const std::string name(field.key);
    const auto wrong_kind = [&] {
      refuse(node,
             "'" + name + "' must be " + allowed_values(field) + " (got " + toml_kind(node) + ")");
    };
    const auto check_range = [&](double value) {
      const std::string problem = range_problem(field, value);
      if (!problem.empty()) refuse(node, "'" + name + "' " + problem);
    };
    std::visit(
        [&](auto* value) {
          using T = std::remove_pointer_t<decltype(value)>;
          if constexpr (std::is_same_v<T, bool>) {
            if (!node.is_boolean()) wrong_kind();
            *value = **node.as_boolean();
          } else if constexpr (std::is_same_v<T, int>) {
            if (!node.is_integer()) wrong_kind();
            const std::int64_t whole = **node.as_integer();
            check_range(static_cast<double>(whole));
            *value = static_cast<int>(whole);
          } else if constexpr (std::is_same_v<T, double>) {
            if (field.zero_is_auto && node.is_string() && **node.as_string() == "auto") {
              *value = 0.0;
              return;
            }
            if (!node.is_number()) wrong_kind();
            *value = node.is_integer() ? static_cast<double>(**node.as_integer())
                                       : **node.as_floating_point();
            check_range(*value);
          } else {
            *value = as_string(node, name, allowed_values(field));
            if (value->empty() && !field.may_be_empty)
              refuse(node, "'" + name + "' must not be empty");
            const std::string problem = choice_problem(field, *value);
            if (!problem.empty()) refuse(node, "'" + name + "' " + problem);
          }
        },
        field.member(spec));
  }

  void read_pairs(const toml::node& node, StudySpec& spec) const {
    const std::string allowed = "a list of [\"source\", \"target\"]";
    spec.pairs.clear();
    for (const toml::node& item : as_array(node, "pairs", allowed)) {
      const toml::array* pair = item.as_array();
      if (!pair || pair->size() != 2 || !pair->is_homogeneous<std::string>())
        refuse(item, "'pairs' must be " + allowed + " (got " +
                         (pair ? "an array of " + std::to_string(pair->size()) : toml_kind(item)) +
                         ")");
      spec.pairs.emplace_back(as_string((*pair)[0], "pairs", allowed),
                              as_string((*pair)[1], "pairs", allowed));
    }
  }

  /// A list of names of which `all` are known; `what` is one of them in words.
  template <class T, class All, class Parse>
  std::vector<T> read_names(const toml::node& node, const std::string& key, const std::string& what,
                            const All& all, Parse parse) const {
    std::vector<std::string> known;
    for (const T one : all) known.emplace_back(to_string(one));
    std::vector<T> named;
    for (const toml::node& item : as_array(node, key, "a list of names")) {
      const std::string name = as_string(item, key, "a list of names");
      const std::optional<T> one = parse(name);
      if (!one)
        refuse(item, "'" + key + "' names the unknown " + what + " '" + name + "'" +
                         did_you_mean(name, known) + " (allowed: " + listed(known) + ")");
      named.push_back(*one);
    }
    return named;
  }

  void read_conditions(const toml::node& node, StudySpec& spec) const {
    spec.conditions =
        read_names<Condition>(node, "conditions", "condition", all_conditions, parse_condition);
  }

  void read_methods(const toml::node& node, StudySpec& spec) const {
    spec.methods = read_names<Method>(node, "methods", "method", all_methods, parse_method);
  }

  void read_seeds(const toml::node& node, StudySpec& spec) const {
    const std::string allowed = "a list of integers, each at least 0";
    spec.seeds.clear();
    for (const toml::node& item : as_array(node, "seeds", allowed)) {
      if (!item.is_integer())
        refuse(item, "'seeds' must be " + allowed + " (got " + toml_kind(item) + ")");
      if (**item.as_integer() < 0)
        refuse(item,
               "'seeds' must be " + allowed + " (got " + std::to_string(**item.as_integer()) + ")");
      spec.seeds.push_back(static_cast<std::uint64_t>(**item.as_integer()));
    }
  }

  void read_domains(const toml::table& table, StudySpec& spec) const {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const std::string text = as_string(node, "domains." + name, "the path of a dataset file");
      if (text.empty()) refuse(node, "'domains." + name + "' must name a dataset file");
      spec.domain_files[name] = resolved(text, "domains." + name, node);
    }
  }

  /// `${NAME}` replaced from the environment, then taken from the folder of the study file.
  std::filesystem::path resolved(const std::string& text, const std::string& key,
                                 const toml::node& node) const {
    std::string path;
    for (std::size_t at = 0; at < text.size();) {
      if (text.compare(at, 2, "${") != 0) {
        path += text[at++];
        continue;
      }
      const std::size_t end = text.find('}', at);
      if (end == std::string::npos) refuse(node, "'" + key + "': '${' is not closed by '}'");
      const std::string variable = text.substr(at + 2, end - at - 2);
      const char* value = std::getenv(variable.c_str());
      if (!value || !*value)
        refuse(node, "'" + key + "': the environment variable " + variable +
                         " is not set; set it to the folder that '" + text + "' starts from");
      path += value;
      at = end + 1;
    }
    const std::filesystem::path whole = path;
    return (whole.is_absolute() ? whole : base_folder_ / whole).lexically_normal();
  }

  std::string origin_;
  std::filesystem::path base_folder_;
};

}  // namespace

StudySpec read_stored_spec(std::string_view text, const std::string& origin) {
  return Reader(origin, {}).read(parse_toml(text, origin));
}

StudySpec StudySpec::from_toml(std::string_view text, const std::string& origin,
                               const std::filesystem::path& base_folder) {
  const toml::table document = parse_toml(text, origin);
  StudySpec spec = Reader(origin, base_folder).read(document);
  try {
    spec.validate();
  } catch (const SpecError& e) {
    const auto node = document.at_path(e.key());
    const std::string line = node ? ":" + std::to_string(node.node()->source().begin.line) : "";
    throw Error(Errc::bad_data, origin + line + ": " + e.what());
  }
  return spec;
}

StudySpec StudySpec::from_toml_file(const std::filesystem::path& path) {
  const std::string text = files::read_text(path, study_file_bytes_max);
  return from_toml(text, path.string(), std::filesystem::absolute(path).parent_path());
}

std::string StudySpec::to_toml() const {
  std::string top;
  std::map<std::string, std::string> sections;
  for (const auto& [dotted, value] : spelled_out(*this)) {
    const std::size_t dot = dotted.find('.');
    if (dot == std::string::npos) {
      top += dotted + " = " + value + "\n";
      continue;
    }
    const std::string section = dotted.substr(0, dot);
    const std::string key = dotted.substr(dot + 1);
    sections[section] +=
        (section == "domains" ? spell(std::string_view(key)) : key) + " = " + value + "\n";
  }
  const auto add = [&](const std::string& section) {
    if (sections.count(section)) top += "\n[" + section + "]\n" + sections[section];
  };
  add("domains");
  for (const std::string_view section : spec_sections) add(std::string(section));
  return top;
}

}  // namespace xfer::study
