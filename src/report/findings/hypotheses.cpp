// SPDX-License-Identifier: Apache-2.0
#include "report/findings/hypotheses.hpp"

#include "report/findings/reading.hpp"
#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include "xfer/stats/multiplicity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace xfer::report {
namespace {

constexpr double alpha = 0.05;
/// (z of a two-sided 95 % interval + z of 80 % power) and the former alone.
constexpr double z_sum = 1.959963985 + 0.841621234;
constexpr double z_level = 1.959963985;

const Score& score_of(const study::StudySpec& spec) {
  return by_accuracy(spec) ? accuracy_score() : bits_score();
}

/// What one arm's models are, wherever they were tested.
std::string run_name(const CellReport& cell, const Arm& arm) {
  std::string name(to_string(cell.method));
  switch (arm.condition) {
    case Condition::transfer: name += " trained on " + cell.source; break;
    case Condition::direct: name += " trained on " + cell.target; break;
    case Condition::sequential:
    case Condition::joint:
      name += " " + std::string(to_string(arm.condition)) + " " + cell.source + ", " + cell.target;
      break;
    default: name += " " + std::string(to_string(arm.condition)) + " of " + cell.source;
  }
  for (const std::uint64_t seed : arm.seeds) name += " " + std::to_string(seed);
  return name;
}

class Answers {
public:
  Answers(const AlignedStudy& study, Report& report)
      : study_(study), report_(report), spec_(report.result.spec), score_(score_of(spec_)) {}

  std::vector<HypothesisAnswer> run() {
    std::vector<HypothesisAnswer> answers = hypothesis_rules(spec_);
    answer_controls(answers[0]);
    answer_similarity(answers[1]);
    answer_methods(answers[2]);
    answer_order(answers[3]);
    correct(answers);
    for (HypothesisAnswer& answer : answers) judge(answer);
    return answers;
  }

private:
  /// Two arms of one or two cells with the same items, or nothing when they may not be compared.
  std::optional<stats::ComparedCell> compared(std::size_t first_cell, Condition first,
                                              std::size_t second_cell, Condition second) const {
    const AlignedCell& a = study_.cells[first_cell];
    const AlignedCell& b = study_.cells[second_cell];
    const Arm* one = a.find(first);
    const Arm* two = b.find(second);
    if (!one || !two || a.items_hash != b.items_hash || a.protocol_hash != b.protocol_hash)
      return std::nullopt;
    const CellReport& cell = report_.cells[first_cell];
    const CellReport& other = report_.cells[second_cell];
    if (by_accuracy(spec_) && (!accuracy_doubts(cell, {Condition::baseline, first}).empty() ||
                               !accuracy_doubts(other, {second}).empty()))
      return std::nullopt;
    const std::vector<std::size_t> chosen = weighing(a, score_);
    if (chosen.size() < 2) return std::nullopt;
    ItemWeights weights = item_weights(a, score_, chosen);
    return stats::ComparedCell{cell.source,
                               cell.target + " " + a.items_hash,
                               {run_name(cell, *one), score_rows(*one, score_, chosen)},
                               {run_name(other, *two), score_rows(*two, score_, chosen)},
                               std::move(weights.weights),
                               std::move(weights.clusters)};
  }

  stats::PooledDifference pooled(const std::vector<stats::ComparedCell>& cells) const {
    stats::TransferOptions options;
    options.kind = score_.kind;
    options.seed = bootstrap_seed();
    return stats::pooled_difference(cells, options);
  }

  std::vector<std::size_t> cells_of(Method method) const {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < report_.cells.size(); ++i)
      if (report_.cells[i].method == method) places.push_back(i);
    return places;
  }

  /// Takes the estimate over cells like these where there are enough, else over these alone.
  void take(HypothesisAnswer& answer, const stats::PooledDifference& d) const {
    const bool random_cells = d.like_cells.defined();
    answer.estimate = random_cells ? d.like_cells : d.these_cells;
    answer.p = random_cells ? d.like_cells_p : d.these_cells_p;
    answer.test = random_cells ? "Student's t over cells (cells as a random effect)"
                               : "crossed bootstrap over seeds and items of these cells alone";
    answer.cells = static_cast<int>(d.cells.size());
    answer.runs = d.runs;
    answer.check = fmt::format("Sign test over cells: {} up, {} down, p = {:.3g}", d.positive,
                               d.negative, d.sign_p);
    if (random_cells && d.these_cells.defined())
      answer.check += "; over these cells as they are, " + shown(d.these_cells);
    answer.check += ".";
  }

  std::string shown(const Metric& metric) const {
    return with_interval(*metric.estimate(),
                         by_accuracy(spec_) ? Style::points : Style::bits_change);
  }

  void answer_controls(HypothesisAnswer& answer) {
    const Method method = spec_.methods.front();
    const bool supervised = method == Method::sl;
    const std::vector<Condition> controls =
        supervised ? std::vector{Condition::format_control, Condition::random_text}
                   : std::vector{Condition::format_reward, Condition::random_reward};
    std::vector<std::string> run;
    std::vector<std::string> absent;
    double p = 0.0;
    std::optional<stats::PooledDifference> nearest;
    for (const Condition control : controls) {
      std::vector<stats::ComparedCell> cells;
      for (const std::size_t i : cells_of(method))
        if (auto cell = compared(i, Condition::transfer, i, control))
          cells.push_back(std::move(*cell));
      std::string name(to_string(control));
      std::replace(name.begin(), name.end(), '_', ' ');
      if (cells.empty()) {
        absent.push_back(name);
        continue;
      }
      stats::PooledDifference d = pooled(cells);
      if (!d.these_cells.defined()) continue;
      run.push_back(name + " " + shown(d.these_cells));
      p = std::max(p, d.these_cells_p);
      if (!nearest || d.these_cells.estimate()->value < nearest->these_cells.estimate()->value)
        nearest = std::move(d);
    }
    if (!nearest) {
      answer.reason =
          "no control was evaluated beside the transfer condition, or accuracy is "
          "held back in every pair";
      return;
    }
    take(answer, *nearest);
    answer.estimate = nearest->these_cells;
    answer.p = nearest->these_cells.estimate()->value > 0.0 ? p : nearest->these_cells_p;
    answer.test = "crossed bootstrap over seeds and items; intersection-union over the controls";
    answer.check = "Transfer minus each control: " + joined(run) + "." +
                   (absent.empty() ? "" : " Not run: " + joined(absent) + ".");
  }

  void answer_similarity(HypothesisAnswer& answer) {
    answer.is_correlation = true;
    const MatrixReport* matrix = nullptr;
    for (const MatrixReport& candidate : report_.matrices)
      if (candidate.method == spec_.methods.front()) matrix = &candidate;
    if (!matrix || report_.similarity.rows.empty()) {
      answer.reason = "no similarities of the domains are known";
      return;
    }
    for (const stats::SimilarityMeasure& measure : report_.similarity.measures)
      add_measure(*matrix, measure);
    correct_exploratory();
    const auto declared = std::find_if(report_.similarities.begin(), report_.similarities.end(),
                                       [](const SimilarityFinding& f) { return f.declared; });
    if (declared == report_.similarities.end()) {
      answer.reason =
          "the declared measure, " + clean_text(spec_.hypotheses.similarity) + ", was not computed";
      return;
    }
    const stats::SimilarityTransfer& found = declared->found;
    answer.cells = found.cells;
    answer.runs = runs_of(*matrix);
    answer.test = "mean rank correlation within targets, sources relabelled within targets";
    if (!found.coefficient.defined()) {
      answer.reason = clean_text(found.coefficient.reason());
      return;
    }
    answer.p = found.p;
    answer.estimate = found.interval;
    if (!found.interval.defined()) {
      const double rho = *found.coefficient.number();
      answer.estimate = Estimate{rho, -1.0, 1.0};
      answer.reason = "no interval: " + found.interval.reason();
    }
    answer.check =
        found.attenuated.defined()
            ? fmt::format("Corrected for noise in the gains: {:.2f}.", *found.attenuated.number())
            : "Not corrected for noise in the gains: " + clean_text(found.attenuated.reason()) +
                  ".";
    if (found.smallest.defined())
      answer.check += fmt::format(" {} cells find a correlation of {:.2f} or more with 80% power.",
                                  found.cells, *found.smallest.number());
    if (found.cells_needed.defined())
      answer.needed = fmt::format(
          "A correlation of {:.2f} needs about {} independent cells; cells "
          "that share domains count for less.",
          *found.coefficient.number(),
          grouped(std::llround(std::ceil(*found.cells_needed.number()))));
  }

  void add_measure(const MatrixReport& matrix, const stats::SimilarityMeasure& measure) {
    std::map<std::string, std::int64_t> places;
    const auto place = [&](const std::string& name) {
      return places.emplace(name, static_cast<std::int64_t>(places.size())).first->second;
    };
    std::vector<stats::PairValue> cells;
    for (const stats::MatrixVerdict& cell :
         by_accuracy(spec_) ? matrix.accuracy : matrix.bits_per_byte) {
      const stats::SimilarityRow* row =
          report_.similarity.find(cell.source, cell.target, measure.name);
      if (!row || !row->value.defined() || !cell.gain.defined()) continue;
      const double sign = measure.larger_is_closer ? 1.0 : -1.0;
      cells.push_back({place(cell.source), place(cell.target), sign * *row->value.number(),
                       cell.gain.estimate()->value});
    }
    stats::PermutationOptions options;
    options.seed = bootstrap_seed();
    const stats::Value& reliability =
        (by_accuracy(spec_) ? matrix.accuracy_reliability : matrix.bits_reliability).full;
    report_.similarities.push_back(
        {measure.name, measure.title, measure.name == spec_.hypotheses.similarity,
         stats::similarity_transfer(cells, reliability, true, options), 1.0});
  }

  void correct_exploratory() {
    std::vector<double> p;
    std::vector<SimilarityFinding*> exploratory;
    for (SimilarityFinding& f : report_.similarities) {
      f.q = f.found.p;
      if (f.declared || !f.found.coefficient.defined()) continue;
      p.push_back(f.found.p);
      exploratory.push_back(&f);
    }
    if (p.empty()) return;
    const std::vector<double> q = stats::benjamini_hochberg(p);
    for (std::size_t i = 0; i < q.size(); ++i) exploratory[i]->q = q[i];
  }

  int runs_of(const MatrixReport& matrix) const {
    std::map<std::string, std::size_t> seeds;
    for (const std::size_t i : cells_of(matrix.method))
      if (const Arm* arm = study_.cells[i].find(Condition::transfer))
        seeds[report_.cells[i].source] =
            std::max(seeds[report_.cells[i].source], arm->seeds.size());
    std::size_t sum = 0;
    for (const auto& [source, count] : seeds) sum += count;
    return static_cast<int>(sum);
  }

  void answer_methods(HypothesisAnswer& answer) {
    std::vector<stats::ComparedCell> cells;
    for (const std::size_t i : cells_of(Method::rl)) {
      const CellReport& cell = report_.cells[i];
      const auto reference = study_.find(cell.source, cell.target, Method::sl);
      if (!reference) continue;
      if (auto both = compared(i, Condition::transfer, *reference, Condition::transfer))
        cells.push_back(std::move(*both));
    }
    if (cells.empty()) {
      answer.reason = "no pair was studied under both rl and sl";
      return;
    }
    take(answer, pooled(cells));
    const bool searched =
        !spec_.learning_rate_search.empty() && !spec_.rl.learning_rate_search.empty();
    if (!searched && !spec_.hypotheses.learning_rates_tuned)
      answer.reason =
          "the learning rates were neither searched for in this study nor declared as "
          "tuned before it, so this compares learning rates as much as methods";
  }

  void answer_order(HypothesisAnswer& answer) {
    std::vector<stats::ComparedCell> cells;
    for (const std::size_t i : cells_of(spec_.methods.front()))
      if (auto both = compared(i, Condition::sequential, i, Condition::direct))
        cells.push_back(std::move(*both));
    if (cells.empty()) {
      answer.reason =
          "sequential and direct were not both evaluated in any pair, or accuracy is "
          "held back";
      return;
    }
    take(answer, pooled(cells));
    // More training that does not help settles the question; more training that helps does not.
    if (spec_.match == "stage_steps" && answer.estimate.defined() &&
        answer.estimate.estimate()->upper > margin_of(spec_))
      answer.reason =
          "sequential had twice the steps of direct, so an advantage may be that of "
          "more training";
  }

  static void correct(std::vector<HypothesisAnswer>& answers) {
    std::vector<double> p;
    std::vector<HypothesisAnswer*> tested;
    for (HypothesisAnswer& answer : answers) {
      if (!answer.estimate.defined()) continue;
      p.push_back(answer.p);
      tested.push_back(&answer);
    }
    if (p.empty()) return;
    const std::vector<double> adjusted = stats::holm(p);
    for (std::size_t i = 0; i < adjusted.size(); ++i) tested[i]->p_adjusted = adjusted[i];
  }

  void judge(HypothesisAnswer& answer) const {
    if (!answer.estimate.defined()) {
      if (answer.reason.empty()) answer.reason = answer.estimate.reason();
      return;
    }
    const Estimate& e = *answer.estimate.estimate();
    const bool clear = answer.p_adjusted <= alpha;
    const double margin = margin_of(spec_);
    if (answer.is_correlation) {
      answer.verdict = !clear          ? HypothesisVerdict::inconclusive
                       : e.value > 0.0 ? HypothesisVerdict::supported
                                       : HypothesisVerdict::contradicted;
      return;
    }
    if (!answer.reason.empty())
      answer.verdict = HypothesisVerdict::held_back;
    else if (e.lower > 0.0 && clear)
      answer.verdict = HypothesisVerdict::supported;
    else if (e.upper < 0.0 && clear)
      answer.verdict = HypothesisVerdict::contradicted;
    else if (e.lower > -margin && e.upper < margin)
      answer.verdict = HypothesisVerdict::equivalent;
    else
      answer.verdict = HypothesisVerdict::inconclusive;
    if (answer.verdict == HypothesisVerdict::inconclusive && !clear &&
        (e.lower > 0.0 || e.upper < 0.0))
      answer.reason = "the interval excludes 0, but not after Holm's correction";
    answer.needed = needed(answer, (e.upper - e.lower) / (2.0 * z_level));
  }

  std::string needed(const HypothesisAnswer& answer, double error) const {
    const double margin = margin_of(spec_);
    const std::string now = "As run, a difference of " + amount(spec_, z_sum * error) +
                            " would be found with 80% power";
    if (answer.verdict != HypothesisVerdict::inconclusive || !(margin > 0.0)) return now + ".";
    const double factor = std::pow(z_sum * error / margin, 2.0);
    if (factor <= 1.0) return now + ".";
    return now + fmt::format(
                     "; {} needs about {:.1f} times as many independent runs ({} in place "
                     "of {}).",
                     amount(spec_, margin), factor,
                     grouped(std::llround(std::ceil(factor * answer.runs))), grouped(answer.runs));
  }

  const AlignedStudy& study_;
  Report& report_;
  const study::StudySpec& spec_;
  const Score& score_;
};

}  // namespace

std::vector<HypothesisAnswer> answer_hypotheses(const AlignedStudy& study, Report& report) {
  return Answers(study, report).run();
}

}  // namespace xfer::report
