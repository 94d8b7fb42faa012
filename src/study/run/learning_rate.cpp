// SPDX-License-Identifier: Apache-2.0
#include "study/run/learning_rate.hpp"

#include "study/spec/spec_fields.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <memory>
#include <utility>

namespace xfer::study {
namespace {

/// Where a study has no validation items of its own.
constexpr int validation_items_default = 100;

struct KnownModel {
  std::string_view name;
  int hidden_size;
};
/// Hidden sizes of models that services train, from their config.json.
constexpr std::array known_models = {
    KnownModel{"Llama-3.2-1B", 2048},  KnownModel{"Llama-3.2-3B", 3072},
    KnownModel{"Llama-3.1-8B", 4096},  KnownModel{"Llama-3.1-70B", 8192},
    KnownModel{"Llama-3.3-70B", 8192}, KnownModel{"Qwen3-4B", 2560},
    KnownModel{"Qwen3-8B", 4096},      KnownModel{"Qwen3-30B-A3B", 2048},
    KnownModel{"Qwen3-32B", 5120}};

std::string lower(std::string_view text) {
  std::string all(text);
  for (char& c : all) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return all;
}

double automatic_rate(const StudySpec& spec, const Backend& backend) {
  std::string family = backend.architecture();
  int hidden_size = backend.hidden_size();
  const std::string name = backend.model_name();
  for (const KnownModel& known : known_models)
    if (hidden_size == 0 && name.find(known.name) != std::string::npos)
      hidden_size = known.hidden_size;
  if (family.empty()) family = name;
  if (hidden_size == 0)
    throw Error(Errc::invalid_argument,
                "study: train.learning_rate = \"auto\" needs the hidden size of the model, which "
                "is not known for '" +
                    name +
                    "'; give a rate, or several to "
                    "train.learning_rate_search");
  return formula_learning_rate(family, hidden_size, spec.lora.rank > 0);
}

bool uses(const StudySpec& spec, Learning learning) {
  const Method without = learning == Learning::supervised ? Method::rl : Method::sl;
  return std::any_of(spec.methods.begin(), spec.methods.end(),
                     [&](Method method) { return method != without; });
}

std::vector<double> rates_to_try(const StudySpec& spec, Learning learning) {
  if (!uses(spec, learning)) return {};
  return learning == Learning::supervised ? spec.learning_rate_search
                                          : spec.rl.learning_rate_search;
}

/// The validation split in the place of the test split, so that nothing is chosen by test items.
class ValidationAsTest final : public Dataset {
public:
  explicit ValidationAsTest(std::shared_ptr<const Dataset> inner) : inner_(std::move(inner)) {}
  std::string_view name() const noexcept override { return inner_->name(); }

private:
  static Split of(Split split) { return split == Split::test ? Split::validation : split; }
  std::size_t do_size(Split split) const override { return inner_->size(of(split)); }
  Example do_at(Split split, std::size_t index) const override {
    return inner_->at(of(split), index);
  }
  std::string do_manifest_hash(Split split) const override {
    return inner_->manifest_hash(of(split));
  }
  std::shared_ptr<const Dataset> inner_;
};

DomainSet without_test_items(const DomainSet& domains) {
  DomainSet all = domains;
  for (auto& [name, domain] : all)
    domain.dataset = std::make_shared<ValidationAsTest>(domain.dataset);
  return all;
}

TriedRate outcome_of(const StudyResult& result, Learning learning, double rate) {
  TriedRate tried;
  tried.learning = learning;
  tried.rate = rate;
  double targets = 0.0;
  for (const CellResult& cell : result.cells) {
    for (const EvaluationResult& e : cell.evaluations) {
      double score = 0.0;
      double bits = 0.0;
      double bytes = 0.0;
      for (const ItemResult& item : e.items) {
        score += item.score;
        bits += item.reference_bits;
        bytes += static_cast<double>(item.reference_bytes);
      }
      if (e.items.empty() || bytes == 0.0) continue;
      tried.accuracy += score / static_cast<double>(e.items.size());
      tried.bits_per_byte += bits / bytes;
      targets += 1.0;
    }
  }
  if (targets > 0.0) {
    tried.accuracy /= targets;
    tried.bits_per_byte /= targets;
  }
  return tried;
}

/// Direct runs alone, tested where the study tests: on what it takes for the test split.
StudySpec probe_of(const StudySpec& spec, Method method) {
  StudySpec probe = spec;
  probe.conditions = {Condition::direct};
  probe.methods = {method};
  probe.seeds = {spec.seeds.front()};
  probe.adaptive = false;
  probe.items = spec.validation_items > 0 ? spec.validation_items : validation_items_default;
  probe.validation_items = 0;
  probe.held_out_items = probe.prompt_variants = probe.forgetting_items = 0;
  probe.learning_rate_search.clear();
  probe.rl.learning_rate_search.clear();
  return probe;
}

RunOptions quietly(const RunOptions& options, const std::string& folder, const std::string& what) {
  RunOptions inner = options;
  inner.run_folder = options.run_folder / "search" / folder;
  if (options.on_event)
    inner.on_event = [on_event = options.on_event, what](Event event) {
      const bool of_the_whole = event.kind == Event::Kind::started ||
                                event.kind == Event::Kind::finished ||
                                event.kind == Event::Kind::cancelled;
      if (of_the_whole) return;
      event.text = what + ": " + event.text;
      on_event(event);
    };
  return inner;
}

}  // namespace

double formula_learning_rate(std::string_view family, int hidden_size, bool adapter) {
  constexpr double base_rate = 5e-5;
  constexpr double adapter_factor = 10.0;
  constexpr double reference_size = 2000.0;
  const std::string name = lower(family);
  double power = 0.0;
  if (name.find("llama") != std::string::npos)
    power = 0.781;
  else if (name.find("qwen") != std::string::npos)
    power = 0.0775;
  else
    throw Error(Errc::invalid_argument,
                "study: learning_rate = \"auto\" knows models of the Llama and Qwen families only "
                "(got '" +
                    std::string(family) +
                    "'); give a rate, or several to "
                    "learning_rate_search");
  return base_rate * (adapter ? adapter_factor : 1.0) *
         std::pow(reference_size / hidden_size, power);
}

StudySpec with_learning_rates(const StudySpec& spec, const Backend& backend) {
  StudySpec chosen = spec;
  for (const Learning learning : {Learning::supervised, Learning::reinforcement}) {
    double& rate =
        learning == Learning::supervised ? chosen.learning_rate : chosen.rl.learning_rate;
    if (rate == 0.0 && uses(spec, learning) && rates_to_try(spec, learning).empty())
      rate = automatic_rate(spec, backend);
  }
  return chosen;
}

RateSearch search_learning_rates(StudySpec& spec, const RunOptions& options, Backend& backend,
                                 const DomainSet& domains, const RunTuning& tuning) {
  RateSearch search;
  const bool has_rl = std::count(spec.methods.begin(), spec.methods.end(), Method::rl) != 0;
  const DomainSet validation = without_test_items(domains);
  for (const Learning learning : {Learning::supervised, Learning::reinforcement}) {
    const bool reinforced = learning == Learning::reinforcement;
    std::vector<TriedRate> tried;
    for (const double rate : rates_to_try(spec, learning)) {
      StudySpec probe = probe_of(spec, !reinforced ? Method::sl
                                       : has_rl    ? Method::rl
                                                   : Method::sl_rl);
      (reinforced ? probe.rl.learning_rate : probe.learning_rate) = rate;
      for (double* limit : {&probe.budget.max_dollars, &probe.budget.max_dollars_per_day})
        if (*limit > 0.0) *limit = std::max(*limit - search.dollars, 1e-9);
      const std::string name = std::string(to_string(learning)) + "-" + spell(rate);
      const RunOptions inner = quietly(options, name, "trying learning rate " + spell(rate));
      const StudyResult result = run_study(probe, inner, &backend, validation, tuning);
      search.dollars += result.useful_dollars + result.lost_dollars;
      if (!result.stopped.empty()) throw Error(Errc::cancelled, result.stopped);
      tried.push_back(outcome_of(result, learning, rate));
    }
    std::stable_sort(tried.begin(), tried.end(), [&](const TriedRate& a, const TriedRate& b) {
      return reinforced ? a.accuracy > b.accuracy : a.bits_per_byte < b.bits_per_byte;
    });
    if (!tried.empty())
      (reinforced ? spec.rl.learning_rate : spec.learning_rate) = tried.front().rate;
    search.tried.insert(search.tried.end(), tried.begin(), tried.end());
  }
  return search;
}

}  // namespace xfer::study
