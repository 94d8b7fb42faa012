// SPDX-License-Identifier: Apache-2.0
#include "xfer/similarity/similarity.hpp"

#include "similarity/card_profile.hpp"
#include "similarity/cross_perplexity.hpp"
#include "similarity/examples.hpp"
#include "similarity/model_profile.hpp"
#include "similarity/words.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

namespace xfer::similarity {
namespace {

using stats::SimilarityMeasure;
using stats::SimilarityTable;
using stats::Value;

constexpr std::size_t sequences_at_once = 16;
constexpr std::size_t data_at_once = 4;
/// A classifier in five folds on fewer rows says nothing.
constexpr std::size_t rows_min = 10;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Errc::invalid_argument, "similarity: " + what);
}

Undefined undefined(std::string reason) { return {std::move(reason)}; }

std::vector<SimilarityMeasure> chosen_measures(const std::vector<std::string>& names) {
  if (names.empty()) return known_measures();
  std::string known;
  for (const SimilarityMeasure& m : known_measures()) known += (known.empty() ? "" : ", ") + m.name;
  for (const std::string& name : names)
    if (std::none_of(known_measures().begin(), known_measures().end(),
                     [&](const SimilarityMeasure& m) { return m.name == name; }))
      refuse("unknown measure \"" + name + "\" (allowed: " + known + ")");
  std::vector<SimilarityMeasure> chosen;
  for (const SimilarityMeasure& m : known_measures())
    if (std::find(names.begin(), names.end(), m.name) != names.end()) chosen.push_back(m);
  return chosen;
}

void check(const std::vector<domains::Domain>& domains, const engine::Model* model,
           const SimilarityOptions& options) {
  if (domains.size() < 2) refuse("needs at least two domains to compare");
  std::set<std::string> names;
  for (const domains::Domain& domain : domains) {
    if (!domain.dataset || domain.prompts.empty())
      refuse("domain " + domain.name + " needs a dataset and a prompt");
    if (!names.insert(domain.name).second) refuse("two domains are named " + domain.name);
  }
  const auto range = [](const char* name, int value, int least, int most) {
    if (value < least || value > most)
      refuse(std::string(name) + " must be " + std::to_string(least) + " to " +
             std::to_string(most) + " (got " + std::to_string(value) + ")");
  };
  range("text_examples", options.text_examples, 1, 1'000'000);
  range("model_examples", options.model_examples, 2, 10'000);
  range("rank", options.rank, 1, 4'096);
  range("tokens_max", options.tokens_max, 8, 1'000'000);
  for (const auto& [name, ignored] : options.adapters)
    if (!names.count(name)) refuse("an adapter is given for " + name + ", which is not compared");
  if (model == nullptr && needs_model(options)) refuse("these measures need a model");
}

/// One measurement: what is read of the domains, then every pair.
class Measurement {
public:
  Measurement(std::vector<domains::Domain> domains, std::shared_ptr<const engine::Model> model,
              const std::string& renderer, SimilarityOptions options)
      : domains_(std::move(domains)), model_(std::move(model)), options_(std::move(options)) {
    check(domains_, model_.get(), options_);
    table_.measures = chosen_measures(options_.measures);
    for (const domains::Domain& domain : domains_) table_.domains.push_back(domain.name);
    if (model_ == nullptr || !needs_model(options_)) return;
    const std::string name =
        renderer == "auto" ? text::Renderer::recommended(model_->tokenizer()) : renderer;
    renderer_ = text::Renderer::make(name, model_->tokenizer());
    inputs_.resize(domains_.size());
    profiles_.resize(domains_.size());
  }

  task<SimilarityTable> measure() {
    progress_.total = total();
    read_texts();
    if (renderer_ != nullptr) {
      for (std::size_t i = 0; i < domains_.size(); ++i) {
        auto reading = read_with_model(i);
        co_await std::move(reading);
      }
      bandwidth_ = wants("mmd2") ? median_distance(profiles_) : 1.0;
    }
    if (wants("cross_perplexity") && !options_.adapters.empty()) {
      auto scoring = read_cross_perplexity();
      co_await std::move(scoring);
    }
    read_task_vectors();
    for (const SimilarityMeasure& m : table_.measures)
      for (std::size_t s = 0; s < domains_.size(); ++s)
        for (std::size_t t = 0; t < domains_.size(); ++t) {
          stop_if_asked();
          table_.rows.push_back(
              {domains_[s].name, domains_[t].name, m.name, value_of(m.name, s, t)});
        }
    table_.primary = primary();
    co_return std::move(table_);
  }

private:
  bool wants(const std::string& name) const { return table_.measure(name) != nullptr; }
  bool wants_basis(const std::string& basis) const {
    return std::any_of(table_.measures.begin(), table_.measures.end(),
                       [&](const SimilarityMeasure& m) { return m.basis == basis; });
  }
  bool wants_gradients() const {
    return wants("gradient_cosine") || wants("task2vec") || wants("task2vec_asymmetric");
  }
  bool wants_hidden() const {
    for (const char* name : {"centroid_cosine", "mmd2", "proxy_a_distance", "leep", "logme"})
      if (wants(name)) return true;
    return false;
  }

  /// Domains read, and examples that the model reads.
  std::int64_t total() const {
    const auto n = std::ssize(domains_);
    const std::int64_t examples = options_.model_examples;
    std::int64_t sum = n;
    if (renderer_ == nullptr) return sum;
    if (wants_hidden()) sum += n * examples;
    if (wants_gradients()) sum += n * examples;
    if (wants("cross_perplexity") && !options_.adapters.empty())
      sum += n * examples * (std::ssize(options_.adapters) + 1);
    return sum;
  }

  void stop_if_asked() const {
    if (options_.stop != nullptr && *options_.stop)
      throw Error(Errc::cancelled, "similarity: stopped");
  }

  void tell(std::string doing, std::int64_t done) {
    stop_if_asked();
    progress_.doing = std::move(doing);
    progress_.done = std::min(progress_.total, progress_.done + done);
    if (options_.on_progress) options_.on_progress(progress_);
  }

  void read_texts() {
    for (const domains::Domain& domain : domains_) {
      tell("reading " + domain.name, 1);
      if (wants_basis("text"))
        texts_.push_back(
            text_profile(draw_examples(domain, options_.text_examples, options_.seed)));
      cards_.push_back(card_profile(domain.name));
    }
  }

  task<void> read_with_model(std::size_t i) {
    const domains::Domain& domain = domains_[i];
    const auto limit =
        static_cast<std::size_t>(std::min(options_.tokens_max, model_->config().max_positions));
    inputs_[i] = model_inputs(domain, draw_examples(domain, options_.model_examples, options_.seed),
                              *renderer_, model_->tokenizer(), limit);
    ModelProfile& profile = profiles_[i];
    profile.ids = inputs_[i].ids;
    profile.labels = inputs_[i].labels;
    profile.classes = inputs_[i].classes;
    profile.rank = options_.rank;
    if (wants_hidden()) {
      auto reading = read_hidden(domain.name, inputs_[i], profile);
      co_await std::move(reading);
    }
    if (wants_gradients() && !inputs_[i].data.empty()) {
      auto reading = read_gradients(domain.name, inputs_[i], profile);
      co_await std::move(reading);
    }
  }

  task<void> read_hidden(const std::string& name, const ModelInputs& inputs,
                         ModelProfile& profile) {
    for (std::size_t at = 0; at < inputs.prompts.size(); at += sequences_at_once) {
      const std::size_t end = std::min(at + sequences_at_once, inputs.prompts.size());
      std::vector<std::vector<std::int32_t>> part(
          inputs.prompts.begin() + static_cast<std::ptrdiff_t>(at),
          inputs.prompts.begin() + static_cast<std::ptrdiff_t>(end));
      tell("hidden states of " + name, 0);
      auto computing = engine::mean_hidden_states(model_, std::move(part));
      const engine::FeatureRows rows = co_await std::move(computing);
      profile.hidden.values.insert(profile.hidden.values.end(), rows.values.begin(),
                                   rows.values.end());
      profile.hidden.rows += rows.rows;
      profile.hidden.columns = rows.columns;
      tell("hidden states of " + name, static_cast<std::int64_t>(end - at));
    }
  }

  task<void> read_gradients(const std::string& name, const ModelInputs& inputs,
                            ModelProfile& profile) {
    LoraConfig lora;
    lora.rank = options_.rank;
    lora.alpha = options_.rank;
    lora.train_unembed = false;  // its gradient says which words occur, which others measure
    lora.seed = options_.seed;
    engine::GradientMeter meter(model_, lora);
    for (std::size_t at = 0; at < inputs.data.size(); at += data_at_once) {
      const std::size_t end = std::min(at + data_at_once, inputs.data.size());
      std::vector<Datum> part(inputs.data.begin() + static_cast<std::ptrdiff_t>(at),
                              inputs.data.begin() + static_cast<std::ptrdiff_t>(end));
      tell("gradients of " + name, 0);
      auto computing = meter.add(std::move(part));
      co_await std::move(computing);
      tell("gradients of " + name, static_cast<std::int64_t>(end - at));
    }
    profile.gradients = meter.moments();
  }

  task<void> read_cross_perplexity() {
    CrossPerplexity scoring(model_, inputs_);
    std::vector<std::string> names = {""};  // the untrained model
    for (const auto& [name, ignored] : options_.adapters) names.push_back(name);
    for (const std::string& name : names)
      for (std::size_t t = 0; t < domains_.size(); ++t) {
        tell((name.empty() ? "untrained model" : "model trained on " + name) + " reads " +
                 domains_[t].name,
             0);
        auto reading = scoring.bits_per_byte(
            name.empty() ? std::filesystem::path() : options_.adapters.at(name), t);
        Value bits = co_await std::move(reading);
        bits_[name].push_back(std::move(bits));
        tell(progress_.doing, std::ssize(inputs_[t].data));
      }
  }

  void read_task_vectors() {
    if (!wants("task_vector_cosine") || options_.adapters.empty()) return;
    std::vector<std::filesystem::path> folders;
    for (const auto& [name, folder] : options_.adapters) {
      vectors_.push_back(name);
      folders.push_back(folder);
    }
    products_ = engine::adapter_products(*model_, folders);
  }

  Value value_of(const std::string& measure, std::size_t s, std::size_t t) const {
    const std::string& basis = table_.measure(measure)->basis;
    if (basis == "text") return text_value(measure, s, t);
    if (basis == "cards") return card_value(measure, s, t);
    if (basis == "run") return run_value(measure, s, t);
    return model_value(measure, s, t);
  }

  Value text_value(const std::string& measure, std::size_t s, std::size_t t) const {
    const TextProfile& a = texts_[s];
    const TextProfile& b = texts_[t];
    if (a.pairs.empty() || b.pairs.empty())
      return undefined(domains_[a.pairs.empty() ? s : t].name + " has no words");
    if (measure == "vocabulary_jaccard") return vocabulary_jaccard(a, b);
    if (measure == "vocabulary_coverage") return vocabulary_coverage(a, b);
    if (measure == "tfidf_cosine") return tfidf_cosine(a, b);
    if (measure == "jensen_shannon") return word_divergence(a, b);
    return pair_divergence(a, b);
  }

  Value card_value(const std::string& measure, std::size_t s, std::size_t t) const {
    for (const std::size_t i : {s, t})
      if (!cards_[i]) return undefined("no domain card describes " + domains_[i].name);
    return measure == "reasoning_types" ? shared_tags(cards_[s]->reasoning, cards_[t]->reasoning)
                                        : shared_tags(cards_[s]->structure, cards_[t]->structure);
  }

  Value model_value(const std::string& measure, std::size_t s, std::size_t t) const {
    const ModelProfile& a = profiles_[s];
    const ModelProfile& b = profiles_[t];
    if (measure == "gradient_cosine" || measure.starts_with("task2vec")) {
      for (const std::size_t i : {s, t})
        if (inputs_[i].data.empty())
          return undefined("no example of " + domains_[i].name + " has at most " +
                           std::to_string(options_.tokens_max) + " tokens");
      if (measure == "gradient_cosine") return gradient_cosine(a, b);
      return measure == "task2vec" ? task2vec_distance(a, b) : task2vec_asymmetric(a, b);
    }
    if (measure == "centroid_cosine") return centroid_cosine(a, b);
    if (measure == "mmd2") return hidden_mmd2(a, b, bandwidth_);
    if (measure == "proxy_a_distance") {
      for (const std::size_t i : {s, t})
        if (profiles_[i].hidden.rows < rows_min)
          return undefined("a classifier needs at least " + std::to_string(rows_min) +
                           " examples of " + domains_[i].name);
      return a_distance(a, b);
    }
    for (const std::size_t i : {s, t})
      if (profiles_[i].classes < 2)
        return undefined("the answers of " + domains_[i].name +
                         " all begin alike or all differ: they have no classes");
    return measure == "leep" ? head_leep(a, b) : head_logme(a, b);
  }

  Value run_value(const std::string& measure, std::size_t s, std::size_t t) const {
    const auto missing = [](const std::string& name) {
      return undefined("needs an adapter trained on " + name + ": name a finished run");
    };
    if (!options_.adapters.count(domains_[s].name)) return missing(domains_[s].name);
    if (measure == "cross_perplexity") {
      const Value& trained = bits_.at(domains_[s].name)[t];
      const Value& base = bits_.at("")[t];
      if (!trained.defined()) return trained;
      return *trained.number() - *base.number();
    }
    if (!options_.adapters.count(domains_[t].name)) return missing(domains_[t].name);
    const std::size_t n = vectors_.size();
    const auto place = [&](std::size_t i) {
      return static_cast<std::size_t>(
          std::find(vectors_.begin(), vectors_.end(), domains_[i].name) - vectors_.begin());
    };
    const std::size_t i = place(s);
    const std::size_t j = place(t);
    const double lengths = std::sqrt(products_[i * n + i]) * std::sqrt(products_[j * n + j]);
    if (!(lengths > 0.0)) return undefined("an adapter that changes nothing has no direction");
    return std::clamp(products_[i * n + j] / lengths, -1.0, 1.0);
  }

  /// The declared one where it was measured, else the divergence of words.
  std::string primary() const {
    for (const char* name : {default_primary, "jensen_shannon"})
      if (std::any_of(table_.rows.begin(), table_.rows.end(), [&](const auto& row) {
            return row.measure == name && row.source != row.target && row.value.defined();
          }))
        return name;
    return table_.measures.front().name;
  }

  std::vector<domains::Domain> domains_;
  std::shared_ptr<const engine::Model> model_;
  SimilarityOptions options_;
  SimilarityTable table_;
  Progress progress_;
  std::unique_ptr<text::Renderer> renderer_;  ///< null: the model is not asked
  std::vector<TextProfile> texts_;
  std::vector<std::optional<CardProfile>> cards_;
  std::vector<ModelInputs> inputs_;
  std::vector<ModelProfile> profiles_;
  double bandwidth_ = 1.0;
  /// Bits per byte of each domain by the adapter's domain; "" is the untrained model.
  std::map<std::string, std::vector<Value>> bits_;
  std::vector<std::string> vectors_;
  std::vector<double> products_;
};

}  // namespace

bool needs_model(const SimilarityOptions& options) {
  for (const SimilarityMeasure& m : chosen_measures(options.measures))
    if (m.basis == "model" || (m.basis == "run" && !options.adapters.empty())) return true;
  return false;
}

task<SimilarityTable> measure_similarity(std::vector<domains::Domain> domains,
                                         std::shared_ptr<const engine::Model> model,
                                         std::string renderer, SimilarityOptions options) {
  Measurement measurement(std::move(domains), std::move(model), renderer, std::move(options));
  auto measuring = measurement.measure();
  auto table = co_await std::move(measuring);
  co_return table;
}

}  // namespace xfer::similarity
