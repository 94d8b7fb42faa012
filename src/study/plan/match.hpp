// SPDX-License-Identifier: Apache-2.0
// What a sequential or joint run spends as much of as the direct run.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/study/materials.hpp"
#include "xfer/study/prices.hpp"
#include "xfer/study/spec.hpp"

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace xfer::study {

/// Steps of a stage by the study's `match`. Not thread-safe.
class BudgetMatch {
public:
  /// Throws `invalid_argument` when dollars are to be matched and calls cost none.
  BudgetMatch(const StudySpec& spec, const Materials& materials);

  /// Steps of one stage of `condition` on `domains`, where the direct run learns `target`; at least
  /// 1 unless the stage has none.
  int steps(Condition condition, const Stage& stage, const std::vector<std::string>& domains,
            const std::string& target);

private:
  /// What a step takes of what is matched, from the first steps of seed 0.
  double step_cost(Learning learning, const std::vector<std::string>& domains);
  double supervised_cost(const std::vector<std::string>& domains) const;
  double reinforced_cost(const std::vector<std::string>& domains) const;

  const StudySpec& spec_;
  const Materials& materials_;
  /// Set when dollars are matched; else tokens are.
  std::optional<Price> price_;
  std::map<std::tuple<Learning, std::vector<std::string>>, double> costs_;
};

}  // namespace xfer::study
