// SPDX-License-Identifier: Apache-2.0
// What a model sees in a domain.
#pragma once

#include "xfer/domains/domain.hpp"
#include "xfer/engine/features.hpp"
#include "xfer/text/renderer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace xfer::similarity {

/// A domain's examples as a model reads them.
struct ModelInputs {
  std::vector<std::string> ids;
  /// Prompts up to where the answer starts, cut to the limit.
  std::vector<std::vector<std::int32_t>> prompts;
  /// Whole conversations whose answers carry the loss, each a mean over its answer's tokens;
  /// without those beyond the limit.
  std::vector<Datum> data;
  /// Bytes of each datum's answer, and index of its first token.
  std::vector<std::int64_t> answer_bytes;
  /// Class of each example's final answer: its first token, rare ones together; 0 to `classes` - 1.
  std::vector<std::int64_t> labels;
  std::size_t classes = 0;
};

ModelInputs model_inputs(const domains::Domain& domain, const std::vector<Example>& examples,
                         const text::Renderer& renderer, const text::Tokenizer& tokenizer,
                         std::size_t tokens_max);

/// What is kept of a domain.
struct ModelProfile {
  std::vector<std::string> ids;
  engine::FeatureRows hidden;
  std::vector<std::int64_t> labels;
  std::size_t classes = 0;
  engine::GradientMoments gradients;
  int rank = 0;
};

double centroid_cosine(const ModelProfile& a, const ModelProfile& b);
/// Median distance between rows of all profiles: the usual bandwidth of the kernel (Gretton et al.
/// 2012, section 8), one for all pairs so that they can be compared. 1 when all rows are alike.
double median_distance(const std::vector<ModelProfile>& profiles);
/// Squared maximum mean discrepancy, biased so that a domain's distance to itself is exactly 0.
double hidden_mmd2(const ModelProfile& a, const ModelProfile& b, double bandwidth);
/// At least 0: a classifier worse than chance has found no difference.
double a_distance(const ModelProfile& a, const ModelProfile& b);
/// LEEP of a head trained on the source's labels, on the target's examples and labels.
double head_leep(const ModelProfile& source, const ModelProfile& target);
/// LogME of that head's outputs for the target's labels.
double head_logme(const ModelProfile& source, const ModelProfile& target);
/// 1 - cos(F_a / (F_a + F_b), F_b / (F_a + F_b)) of the diagonals of the empirical Fisher
/// information (Achille et al. 2019, section 3), averaged over each output's weights.
double task2vec_distance(const ModelProfile& a, const ModelProfile& b);
/// The asymmetric variant (there): d(source, target) - 0.15 d(source, trivial task),
/// which brings sources that ask much of the model closer. The trivial task has the source's
/// information spread evenly over the outputs.
double task2vec_asymmetric(const ModelProfile& source, const ModelProfile& target);
/// Cosine of mean gradients in the metric of the source's Adam: the product is that of the source's
/// preconditioned gradient with the target's gradient (LESS: Xia et al. 2024, arXiv 2402.04333,
/// section 3), the lengths are taken in the same metric, so that no target is closer than the
/// source itself.
double gradient_cosine(const ModelProfile& source, const ModelProfile& target);

}  // namespace xfer::similarity
