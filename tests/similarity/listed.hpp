// SPDX-License-Identifier: Apache-2.0
// Domains of listed examples, and the measurement of a few of them.
#pragma once

#include "xfer/domains/domain.hpp"
#include "xfer/engine/model.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/similarity/similarity.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xfer::similarity {

class ListedDataset final : public Dataset {
public:
  explicit ListedDataset(std::vector<Example> examples) : examples_(std::move(examples)) {}
  std::string_view name() const noexcept override { return "listed"; }

private:
  std::size_t do_size(Split split) const override {
    return split == Split::train ? examples_.size() : 0;
  }
  Example do_at(Split, std::size_t index) const override { return examples_[index]; }
  std::string do_manifest_hash(Split) const override { return "listed"; }
  std::vector<Example> examples_;
};

inline std::vector<Example> examples_of(const std::string& domain, std::size_t first,
                                        std::size_t count) {
  const domains::Domain whole = domains::procedural_domain(domain);
  std::vector<Example> examples;
  for (std::size_t i = first; i < first + count; ++i)
    examples.push_back(whole.dataset->at(Split::train, i));
  return examples;
}

inline domains::Domain listed(const std::string& name, std::vector<Example> examples) {
  domains::Domain domain = domains::procedural_domain("math");  // for its prompt and grader
  domain.name = name;
  domain.dataset = std::make_shared<ListedDataset>(std::move(examples));
  return domain;
}

/// Of `count` examples, the first `share` of `b` and the rest of `a`.
inline domains::Domain mixed(const std::string& name, const std::vector<Example>& a,
                             const std::vector<Example>& b, double share) {
  std::vector<Example> examples = a;
  const auto from_b = static_cast<std::ptrdiff_t>(share * static_cast<double>(b.size()) + 0.5);
  std::copy(b.begin(), b.begin() + from_b, examples.begin());
  return listed(name, std::move(examples));
}

/// The embedded model, loaded once.
inline std::shared_ptr<const engine::Model> small_model() {
  static const auto model = engine::Model::load(std::filesystem::path(XFER_SOURCE_DIR) / "python" /
                                                "xfer" / "models" / "small");
  return model;
}

inline stats::SimilarityTable measured(std::vector<domains::Domain> domains,
                                       SimilarityOptions options = {}) {
  return run_blocking(
      measure_similarity(std::move(domains), small_model(), "auto", std::move(options)));
}

/// Larger is closer, whatever the measure.
inline double closeness(const stats::SimilarityTable& table, const std::string& source,
                        const std::string& target, const std::string& measure) {
  const double* value = table.find(source, target, measure)->value.number();
  return table.measure(measure)->larger_is_closer ? *value : -*value;
}

inline std::vector<std::string> names_of_basis(const std::vector<std::string>& bases) {
  std::vector<std::string> names;
  for (const stats::SimilarityMeasure& m : known_measures())
    for (const std::string& basis : bases)
      if (m.basis == basis) names.push_back(m.name);
  return names;
}

}  // namespace xfer::similarity
