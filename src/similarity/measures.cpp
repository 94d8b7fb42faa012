// SPDX-License-Identifier: Apache-2.0
// What each measure is, and what the table says about sources.
#include "xfer/similarity/similarity.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <utility>

namespace xfer::similarity {

const std::vector<stats::SimilarityMeasure>& known_measures() {
  static const std::string symmetric = "the same from source to target and back";
  static const std::vector<stats::SimilarityMeasure> measures = {
      {"gradient_cosine", "LoRA-gradient cosine", true, true,
       "how far a step of the source's Adam goes along the target's gradient, at the untrained "
       "model",
       "model"},
      {"vocabulary_jaccard", "vocabulary Jaccard", true, false, symmetric, "text"},
      {"vocabulary_coverage", "vocabulary coverage", true, true,
       "share of the target's words that the source has", "text"},
      {"tfidf_cosine", "TF-IDF cosine", true, false, symmetric, "text"},
      {"jensen_shannon", "Jensen-Shannon divergence of words, bits", false, false, symmetric,
       "text"},
      {"pair_jensen_shannon", "Jensen-Shannon divergence of word pairs, bits", false, false,
       symmetric, "text"},
      {"centroid_cosine", "cosine of mean hidden states", true, false, symmetric, "model"},
      {"mmd2", "squared maximum mean discrepancy of hidden states", false, false, symmetric,
       "model"},
      {"proxy_a_distance", "proxy A-distance of hidden states", false, false, symmetric, "model"},
      {"leep", "LEEP", true, true,
       "how well classes of the source's answers, as a head on the untrained model tells them, "
       "predict those of the target's; compare sources of one target",
       "model"},
      {"logme", "LogME", true, true,
       "evidence of the target's answers in the outputs of a head for the source's; compare "
       "sources of one target",
       "model"},
      {"task2vec", "Task2Vec distance", false, false, symmetric, "model"},
      {"task2vec_asymmetric", "asymmetric Task2Vec distance", false, true,
       "the distance less 0.15 times the source's distance to a trivial task: sources that ask "
       "more of the model are closer",
       "model"},
      {"cross_perplexity", "cross-perplexity, bits per byte", false, true,
       "bits per byte of the target's answers under a model trained on the source, less those "
       "under the untrained model",
       "run"},
      {"task_vector_cosine", "task-vector cosine", true, false, symmetric, "run"},
      {"reasoning_types", "shared types of reasoning", true, false, symmetric, "cards"},
      {"problem_structure", "shared structure of problems", true, false, symmetric, "cards"},
  };
  return measures;
}

std::vector<std::string> predicted_sources(const stats::SimilarityTable& table,
                                           const std::string& target, const std::string& measure) {
  const std::string& name = measure.empty() ? table.primary : measure;
  const stats::SimilarityMeasure* about = table.measure(name);
  if (about == nullptr)
    throw Error(Errc::invalid_argument, "similarity: the table has no measure \"" + name + "\"");
  if (std::find(table.domains.begin(), table.domains.end(), target) == table.domains.end())
    throw Error(Errc::invalid_argument, "similarity: the table has no domain \"" + target + "\"");
  std::vector<std::pair<double, std::string>> found;
  for (const std::string& source : table.domains) {
    if (source == target) continue;
    const stats::SimilarityRow* row = table.find(source, target, name);
    const double* value = row != nullptr ? row->value.number() : nullptr;
    if (value != nullptr) found.emplace_back(about->larger_is_closer ? -*value : *value, source);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> sources;
  for (auto& [ignored, source] : found) sources.push_back(std::move(source));
  return sources;
}

}  // namespace xfer::similarity
