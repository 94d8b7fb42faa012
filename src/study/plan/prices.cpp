// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/prices.hpp"

#include "study/spec/nearest.hpp"
#include "study/spec/toml.hpp"

#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"

#include <array>
#include <cmath>
#include <vector>

namespace xfer::study {
namespace {

constexpr std::size_t price_file_bytes_max = std::size_t{1} << 20U;
/// Above it a price is a slip of the decimal point.
constexpr double price_max = 1e6;

constexpr std::string_view built_in_prices = R"(
date = "2026-11-24"
source = "cost table of the study programme, dollars for 1,000 training steps"
[models."meta-llama/Llama-3.2-1B"]
per_1000_steps = 90
[models."meta-llama/Llama-3.2-3B"]
per_1000_steps = 150
[models."Qwen/Qwen3-30B-A3B"]
per_1000_steps = 150
)";

struct PriceKey {
  std::string_view name;
  double Price::*value;
};
constexpr std::array price_keys = {PriceKey{"prefill", &Price::prefill},
                                   PriceKey{"sample", &Price::sample},
                                   PriceKey{"train", &Price::train}};

class PriceReader {
public:
  explicit PriceReader(std::string origin) : origin_(std::move(origin)) {}

  PriceList read(const toml::table& document) const {
    PriceList list;
    list.origin = origin_;
    for (const auto& [key, node] : document) {
      const std::string name(key.str());
      if (name == "date")
        list.date = text(node, name);
      else if (name == "source")
        list.source = text(node, name);
      else if (name == "models")
        read_models(node, list);
      else
        refuse(key.source(), "unknown key '" + name + "'" +
                                 did_you_mean(name, {"date", "source", "models"}) +
                                 " (allowed: date, source, models)");
    }
    if (list.date.empty()) refuse_whole("'date' is missing: prices without a day mean nothing");
    if (list.source.empty()) refuse_whole("'source' is missing: say where the prices were read");
    if (list.models.empty()) refuse_whole("[models] names no model");
    return list;
  }

private:
  [[noreturn]] void refuse_whole(const std::string& what) const {
    throw Error(Errc::bad_data, "prices " + origin_ + ": " + what);
  }
  [[noreturn]] void refuse(const toml::source_region& where, const std::string& what) const {
    throw Error(Errc::bad_data,
                "prices " + origin_ + ":" + std::to_string(where.begin.line) + ": " + what);
  }

  std::string text(const toml::node& node, const std::string& key) const {
    if (!node.is_string() || (**node.as_string()).empty())
      refuse(node.source(), "'" + key + "' must be a string (got " + toml_kind(node) + ")");
    return **node.as_string();
  }

  double amount(const toml::node& node, const std::string& key) const {
    if (!node.is_number())
      refuse(node.source(),
             "'" + key + "' must be a number of dollars (got " + toml_kind(node) + ")");
    const double value =
        node.is_integer() ? static_cast<double>(**node.as_integer()) : **node.as_floating_point();
    if (!(value >= 0.0 && value <= price_max))
      refuse(node.source(),
             "'" + key + "' must be from 0 to 1000000 dollars (got " + std::to_string(value) + ")");
    return value;
  }

  void read_models(const toml::node& node, PriceList& list) const {
    if (!node.is_table()) refuse(node.source(), "'models' must be a table of models");
    for (const auto& [key, entry] : *node.as_table()) {
      const std::string model(key.str());
      if (!entry.is_table())
        refuse(entry.source(),
               "'models." + model + "' must be a table (got " + toml_kind(entry) + ")");
      list.models[model] = read_price(*entry.as_table(), model, key.source());
    }
  }

  Price read_price(const toml::table& table, const std::string& model,
                   const toml::source_region& where) const {
    Price price;
    std::vector<std::string> by_token;
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (name == "per_1000_steps") {
        price.per_1000_steps = amount(node, name);
        continue;
      }
      bool known = false;
      for (const PriceKey& one : price_keys) {
        if (one.name != name) continue;
        price.*one.value = amount(node, name);
        by_token.push_back(name);
        known = true;
      }
      if (!known)
        refuse(key.source(),
               "unknown key '" + name + "' of model " + model +
                   did_you_mean(name, {"prefill", "sample", "train", "per_1000_steps"}) +
                   " (allowed: prefill, sample, train, per_1000_steps)");
    }
    if (price.per_1000_steps ? !by_token.empty() : by_token.size() != price_keys.size())
      refuse(where, "model " + model +
                        " needs either per_1000_steps, or prefill, sample and train: a price "
                        "that is missing is not 0");
    return price;
  }

  std::string origin_;
};

bool runs_here(const std::string& model, bool by_path) {
  return model.starts_with("embedded:") || model.starts_with("pypi:") ||
         (by_path && model.find(':') == std::string::npos);
}

}  // namespace

PriceList PriceList::from_toml(std::string_view text, const std::string& origin) {
  return PriceReader(origin).read(parse_toml(text, origin));
}

PriceList PriceList::from_toml_file(const std::filesystem::path& path) {
  return from_toml(files::read_text(path, price_file_bytes_max), path.string());
}

PriceList PriceList::built_in() { return from_toml(built_in_prices, "built-in"); }

Price PriceList::of(const std::string& model, bool may_be_path) const {
  if (const auto found = models.find(model); found != models.end()) return found->second;
  if (runs_here(model, may_be_path)) return {};
  std::vector<std::string> known;
  for (const auto& [name, price] : models) known.push_back(name);
  throw Error(Errc::invalid_argument, "prices " + origin + ": no price for the model '" + model +
                                          "'" + did_you_mean(model, known) + " (known: " +
                                          listed(known) + "); add it to the price file");
}

}  // namespace xfer::study
