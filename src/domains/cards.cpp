// SPDX-License-Identifier: Apache-2.0
#include "xfer/domains/cards.hpp"

#include "domains/card_texts.hpp"
#include "xfer/error.hpp"

// Only read: no need for its writers.
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>

namespace xfer::domains {
namespace {

/// A mistake in a card is ours, and every build's tests read all cards.
[[noreturn]] void wrong(std::string_view card, const std::string& what) {
  throw Error(Errc::internal, "domain card " + std::string(card) + ": " + what);
}

class CardReader {
public:
  explicit CardReader(const CardText& text) : name_(text.name) {
    try {
      table_ = toml::parse(text.text, std::string(text.name) + ".toml");
    } catch (const toml::parse_error& e) {
      wrong(name_, std::string(e.description()));
    }
  }

  DomainCard read() const {
    DomainCard card;
    card.name = name_;
    card.title = text(table_, "title");
    const toml::array* datasets = table_["dataset"].as_array();
    if (datasets == nullptr) wrong(name_, "no [[dataset]]");
    double weights = 0.0;
    for (const toml::node& node : *datasets) {
      card.datasets.push_back(read_dataset(*node.as_table()));
      weights += card.datasets.back().weight;
    }
    if (std::abs(weights - 1.0) > 1e-9) wrong(name_, "the weights do not add up to 1");
    return card;
  }

private:
  DatasetCard read_dataset(const toml::table& table) const {
    DatasetCard dataset;
    dataset.name = text(table, "name");
    dataset.title = text(table, "title");
    dataset.weight = table["weight"].value<double>().value_or(0.0);
    dataset.source = {text(table, "files"), text_or_empty(table, "hub"),
                      text_or_empty(table, "hub_config"), text(table, "licence"),
                      text_or_empty(table, "gate")};
    dataset.splits = text(table, "splits");
    dataset.grader = text(table, "grader");
    dataset.metric = text(table, "metric");
    dataset.reward = text(table, "reward");
    dataset.answer_format = text(table, "answer_format");
    dataset.note = text_or_empty(table, "note");
    dataset.reasoning = texts(table, "reasoning");
    dataset.stop_strings = texts(table, "stop_strings");
    dataset.few_shot = table["few_shot"].value<int>().value_or(0);
    dataset.max_answer_tokens = table["max_answer_tokens"].value<int>().value_or(0);
    if (dataset.max_answer_tokens < 1) wrong(name_, dataset.name + ": max_answer_tokens");
    const toml::array* prompts = table["prompts"].as_array();
    if (prompts == nullptr || prompts->size() < 5) wrong(name_, dataset.name + ": 5 prompts");
    for (const toml::node& prompt : *prompts) {
      const toml::array& pair = *prompt.as_array();
      dataset.prompts.push_back(
          {pair[0].value<std::string>().value(), pair[1].value<std::string>().value()});
    }
    return dataset;
  }

  std::string text_or_empty(const toml::table& table, std::string_view key) const {
    return table[key].value<std::string>().value_or("");
  }
  std::string text(const toml::table& table, std::string_view key) const {
    std::string found = text_or_empty(table, key);
    if (found.empty()) wrong(name_, "no \"" + std::string(key) + "\"");
    return found;
  }
  std::vector<std::string> texts(const toml::table& table, std::string_view key) const {
    std::vector<std::string> all;
    if (const toml::array* array = table[key].as_array())
      for (const toml::node& node : *array) all.push_back(node.value<std::string>().value());
    return all;
  }

  std::string name_;
  toml::table table_;
};

}  // namespace

const std::vector<DomainCard>& domain_cards() {
  static const std::vector<DomainCard> cards = [] {
    std::vector<DomainCard> all;
    for (const CardText& text : card_texts()) all.push_back(CardReader(text).read());
    return all;
  }();
  return cards;
}

const DatasetCard& dataset_card(std::string_view name) {
  std::string known;
  for (const DomainCard& card : domain_cards())
    for (const DatasetCard& dataset : card.datasets) {
      if (dataset.name == name) return dataset;
      known += (known.empty() ? "" : ", ") + dataset.name;
    }
  throw Error(Errc::invalid_argument,
              "no dataset named \"" + std::string(name) + "\" (known: " + known + ")");
}

std::string_view domain_of_dataset(std::string_view name) {
  for (const DomainCard& card : domain_cards())
    for (const DatasetCard& dataset : card.datasets)
      if (dataset.name == name) return card.name;
  return "";
}

}  // namespace xfer::domains
