// SPDX-License-Identifier: Apache-2.0
// Which learning rate a study trains with, where its file leaves that open.
#pragma once

#include "study/run/study_run.hpp"

#include "xfer/study/backend.hpp"
#include "xfer/study/result.hpp"
#include "xfer/study/spec.hpp"

#include <string_view>
#include <vector>

namespace xfer::study {

/// 5e-5, ten times that for an adapter, times (2000 / hidden size)^p; p is 0.781 where `family`
/// contains "llama" and 0.0775 where it contains "qwen", in any case (`get_lr` of Tinker's cookbook
/// 0.6.1). Throws `invalid_argument` naming `family` for any other.
double formula_learning_rate(std::string_view family, int hidden_size, bool adapter);

/// What a search of learning rates found and spent.
struct RateSearch {
  std::vector<TriedRate> tried;
  double dollars = 0.0;
};

/// Replaces the rates of `spec` by the best of its lists: the direct runs of the first seed are
/// trained with each rate, in folders of their own below `options.run_folder`, and tested on
/// validation items. Supervised rates are compared by bits per byte, those of reinforcement by
/// accuracy. Throws what `run_study` throws, and `cancelled` when the budget ends it.
RateSearch search_learning_rates(StudySpec& spec, const RunOptions& options, Backend& backend,
                                 const DomainSet& domains, const RunTuning& tuning);

}  // namespace xfer::study
