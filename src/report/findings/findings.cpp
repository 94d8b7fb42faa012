// SPDX-License-Identifier: Apache-2.0
#include "report/findings/findings.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace xfer::report {
namespace {

using stats::MatrixVerdict;
using stats::TransferVerdict;

std::string pair_name(const std::string& source, const std::string& target) {
  return clean_text(source) + " → " + clean_text(target);
}

std::string points(const Metric& metric) {
  return with_interval(*metric.estimate(), Style::points);
}

const MatrixReport* first_matrix(const Report& report) {
  return report.matrices.empty() ? nullptr : &report.matrices.front();
}

const CellReport* cell_of(const Report& report, Method method, const std::string& source,
                          const std::string& target) {
  for (const CellReport& cell : report.cells)
    if (cell.method == method && cell.source == source && cell.target == target) return &cell;
  return nullptr;
}

/// "3 gains, 1 loss, ...", only those there are.
std::string verdict_counts(const std::vector<MatrixVerdict>& cells) {
  std::map<TransferVerdict, int> counts;
  for (const MatrixVerdict& cell : cells) ++counts[cell.verdict];
  std::vector<std::string> parts;
  const auto add = [&](TransferVerdict verdict, const char* one, const char* many) {
    if (const int n = counts[verdict]; n > 0)
      parts.push_back(std::to_string(n) + " " + (n == 1 ? one : many));
  };
  add(TransferVerdict::gain, "gain", "gains");
  add(TransferVerdict::loss, "loss", "losses");
  add(TransferVerdict::equivalent, "equivalent to no change", "equivalent to no change");
  add(TransferVerdict::inconclusive, "inconclusive", "inconclusive");
  add(TransferVerdict::refused, "refused", "refused");
  return joined(parts);
}

std::string list_cells(std::vector<const MatrixVerdict*> cells, std::size_t most, bool largest) {
  std::sort(cells.begin(), cells.end(), [&](const MatrixVerdict* a, const MatrixVerdict* b) {
    const double x = a->gain.estimate()->value;
    const double y = b->gain.estimate()->value;
    return largest ? x > y : x < y;
  });
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < std::min(most, cells.size()); ++i)
    parts.push_back(pair_name(cells[i]->source, cells[i]->target) + " " + points(cells[i]->gain));
  if (cells.size() > most) parts.push_back(std::to_string(cells.size() - most) + " more");
  return joined(parts);
}

std::vector<const MatrixVerdict*> with_verdict(const MatrixReport& matrix,
                                               TransferVerdict verdict) {
  std::vector<const MatrixVerdict*> cells;
  for (const MatrixVerdict& cell : matrix.accuracy)
    if (cell.verdict == verdict) cells.push_back(&cell);
  return cells;
}

FindingParagraph negative_transfer(const Report& report, const MatrixReport& matrix) {
  FindingParagraph p{"negative_transfer", "Negative transfer", ""};
  const auto losses = with_verdict(matrix, TransferVerdict::loss);
  p.text = "Of " + counted(static_cast<long long>(matrix.accuracy.size()), "cell") + ", " +
           verdict_counts(matrix.accuracy) + " in accuracy (simultaneous 95% intervals; margin ±" +
           plain(report.result.spec.hypotheses.margin_points) + " points). ";
  if (losses.empty()) {
    p.text +=
        "No cell's interval lies below zero: negative transfer was not shown, which is not "
        "the same as shown to be absent.";
  } else {
    p.text += "Negative transfer was shown in " + list_cells(losses, 5, false) + ".";
  }
  const auto gains = with_verdict(matrix, TransferVerdict::gain);
  if (!gains.empty()) p.text += " The largest gains shown: " + list_cells(gains, 5, true) + ".";
  int below = 0;
  int judged = 0;
  for (const MatrixVerdict& cell : matrix.accuracy)
    if (const Estimate* e = cell.gain.estimate()) {
      ++judged;
      below += e->value < 0.0 ? 1 : 0;
    }
  if (judged > 1)
    p.text += fmt::format(" Point estimates are negative in {} of {} cells.", below, judged);
  p.text += " In bits per byte: " + verdict_counts(matrix.bits_per_byte) + ".";
  return p;
}

std::optional<double> correlation(const std::vector<std::pair<double, double>>& pairs) {
  double mx = 0.0;
  double my = 0.0;
  const auto n = static_cast<double>(pairs.size());
  for (const auto& [x, y] : pairs) {
    mx += x / n;
    my += y / n;
  }
  double xx = 0.0;
  double yy = 0.0;
  double xy = 0.0;
  for (const auto& [x, y] : pairs) {
    xx += (x - mx) * (x - mx);
    yy += (y - my) * (y - my);
    xy += (x - mx) * (y - my);
  }
  if (!(xx > 0.0) || !(yy > 0.0)) return std::nullopt;
  return xy / std::sqrt(xx * yy);
}

std::optional<FindingParagraph> asymmetry(const Report& report, const MatrixReport& matrix) {
  std::vector<const CellReport*> clear;
  std::vector<std::pair<double, double>> pairs;
  int known = 0;
  int flips = 0;
  for (const CellReport& cell : report.cells) {
    if (cell.method != matrix.method || !(cell.source < cell.target)) continue;
    const CellReport* back = cell_of(report, matrix.method, cell.target, cell.source);
    if (!back || !cell.accuracy.gain.defined() || !back->accuracy.gain.defined()) continue;
    const double a = cell.accuracy.gain.estimate()->value;
    const double b = back->accuracy.gain.estimate()->value;
    // Both orders, so that it does not matter which domain is named first.
    pairs.emplace_back(a, b);
    pairs.emplace_back(b, a);
    flips += a * b < 0.0 ? 1 : 0;
    const Estimate* e = cell.accuracy.asymmetry.estimate();
    if (!e) continue;
    ++known;
    if (e->lower > 0.0 || e->upper < 0.0) clear.push_back(&cell);
  }
  if (pairs.empty()) return std::nullopt;
  std::sort(clear.begin(), clear.end(), [](const CellReport* a, const CellReport* b) {
    return std::abs(a->accuracy.asymmetry.estimate()->value) >
           std::abs(b->accuracy.asymmetry.estimate()->value);
  });
  FindingParagraph p{"asymmetry", "Asymmetry", ""};
  p.text = counted(static_cast<long long>(pairs.size() / 2), "pair") +
           " of domains was tested both ways. ";
  if (pairs.size() > 2)
    p.text = counted(static_cast<long long>(pairs.size() / 2), "pair") +
             " of domains were tested both ways. ";
  p.text += fmt::format(
      "In {} of {} the two directions differ beyond their own 95% interval "
      "(exploratory: not corrected for the number of pairs)",
      clear.size(), known);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, clear.size()); ++i) {
    Estimate e = *clear[i]->accuracy.asymmetry.estimate();
    std::string from = clear[i]->source;
    std::string to = clear[i]->target;
    if (e.value < 0.0) {
      std::swap(from, to);
      e = {-e.value, -e.upper, -e.lower};
    }
    parts.push_back(pair_name(from, to) + " gains " + with_interval(e, Style::points) +
                    " points more than the reverse");
  }
  p.text += parts.empty() ? "." : ": " + joined(parts) + ".";
  if (pairs.size() >= 6)
    if (const auto r = correlation(pairs))
      p.text += fmt::format(
          " Gains there and back correlate at {}, and in {} of {} pairs their signs differ: a "
          "symmetric similarity cannot explain more than the part they share.",
          (*r < 0.0 ? "−" : "") + fmt::format("{:.2f}", std::abs(*r)), flips, pairs.size() / 2);
  return p;
}

std::optional<FindingParagraph> ceiling(const Report& report, const MatrixReport& matrix) {
  if (matrix.own.empty()) return std::nullopt;
  FindingParagraph p{"ceiling", "Ceiling", ""};
  std::vector<std::string> own;
  for (const OwnGain& gain : matrix.own)
    if (gain.accuracy.defined())
      own.push_back(clean_text(gain.domain) + " " + points(gain.accuracy));
  if (own.empty()) return std::nullopt;
  p.text = "What a domain's own training gains on it, in points: " + joined(own) + ".";
  std::vector<const CellReport*> efficient;
  int cells = 0;
  for (const CellReport& cell : report.cells) {
    if (cell.method != matrix.method || !cell.accuracy.gain.defined()) continue;
    ++cells;
    if (cell.accuracy.efficiency.defined()) efficient.push_back(&cell);
  }
  p.text += fmt::format(
      " Transfer Efficiency is defined in {} of {} cells (elsewhere the ceiling "
      "is not clearly above 2 points)",
      efficient.size(), cells);
  if (efficient.empty()) {
    p.text += ".";
    return p;
  }
  std::sort(efficient.begin(), efficient.end(), [](const CellReport* a, const CellReport* b) {
    return a->accuracy.efficiency.estimate()->value < b->accuracy.efficiency.estimate()->value;
  });
  const CellReport& best = *efficient.back();
  const CellReport& middle = *efficient[(efficient.size() - 1) / 2];
  p.text += "; the median is " +
            number(middle.accuracy.efficiency.estimate()->value, Style::share) + "%, the highest " +
            with_interval(*best.accuracy.efficiency.estimate(), Style::share) + "% for " +
            pair_name(best.source, best.target) + ".";
  int reached = 0;
  for (const CellReport* cell : efficient)
    reached += cell->accuracy.efficiency.estimate()->lower >= 1.0 ? 1 : 0;
  p.text += reached == 0
                ? " In no cell does transfer clearly reach what direct training reaches."
                : " Transfer clearly reaches the ceiling in " + counted(reached, "cell") + ".";
  return p;
}

std::optional<FindingParagraph> method_effects(const Report& report) {
  if (report.effects.empty()) return std::nullopt;
  FindingParagraph p{"method_effects", "Method effects", ""};
  std::map<Method, std::pair<int, int>> clear;
  std::map<Method, std::vector<double>> all;
  for (const MethodEffect& effect : report.effects) {
    const Estimate* e = effect.accuracy.estimate();
    if (effect.condition != Condition::transfer || !e) continue;
    all[effect.method].push_back(e->value);
    clear[effect.method].first += e->lower > 0.0 ? 1 : 0;
    clear[effect.method].second += e->upper < 0.0 ? 1 : 0;
  }
  std::vector<std::string> parts;
  for (const auto& [method, values] : all) {
    double mean = 0.0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    parts.push_back(std::string(display_name(method)) + " minus SL is " +
                    number(mean, Style::points) + " points on average over " +
                    counted(static_cast<long long>(values.size()), "pair") +
                    ", clearly above zero in " + std::to_string(clear[method].first) +
                    " and clearly below in " + std::to_string(clear[method].second));
  }
  if (parts.empty()) return std::nullopt;
  p.text = "For the transfer condition, " + joined(parts) +
           " (each pair alone, not corrected for their number). Whether methods differ in general "
           "is H3.";
  return p;
}

std::string strongest(const std::vector<stats::MainEffect>& effects) {
  const auto by = [](const stats::MainEffect& a, const stats::MainEffect& b) {
    return a.effect < b.effect;
  };
  const auto low = std::min_element(effects.begin(), effects.end(), by);
  const auto high = std::max_element(effects.begin(), effects.end(), by);
  return clean_text(high->name) + " (" + number(high->effect, Style::points) + " points) to " +
         clean_text(low->name) + " (" + number(low->effect, Style::points) + ")";
}

std::optional<FindingParagraph> sources_and_targets(const MatrixReport& matrix) {
  const stats::MainEffects& e = matrix.accuracy_effects;
  if (e.sources.size() < 2 || e.targets.size() < 2 || !e.interaction_share.defined())
    return std::nullopt;
  const auto percent = [](const stats::Value& v) {
    return number(*v.number(), Style::share) + "%";
  };
  FindingParagraph p{"sources_and_targets", "Sources, targets, and pairs", ""};
  p.text = "The mean gain over cells is " + number(e.mean, Style::points) +
           " points. Of the variation between cells, " + percent(e.source_share) +
           " belongs to sources that are good or bad for every target, " + percent(e.target_share) +
           " to targets that gain or lose from every source, and " + percent(e.interaction_share) +
           " to neither: the pairs themselves and noise. Sources range from " +
           strongest(e.sources) + ", targets from " + strongest(e.targets) +
           ". Only what belongs to pairs can be explained by how alike two domains are.";
  return p;
}

std::optional<FindingParagraph> reliability(const MatrixReport& matrix) {
  if (matrix.accuracy.size() < 3) return std::nullopt;
  FindingParagraph p{"reliability", "Reliability", ""};
  const auto words = [](const stats::Reliability& r) {
    if (!r.full.defined()) return "undefined (" + clean_text(r.full.reason()) + ")";
    return fmt::format("{:.2f}", *r.full.number());
  };
  p.text =
      "Split-half reliability of the mean gains over seeds: " + words(matrix.accuracy_reliability) +
      " in accuracy, " + words(matrix.bits_reliability) +
      " in bits per byte. At 1 the matrix would come out the same with other seeds; at 0 its "
      "pattern is chance.";
  return p;
}

/// "; +1.2 [0.8, 1.6] points per dollar" where money was spent.
std::string price(const CellReport& cell) {
  const Estimate* e = cell.accuracy.gain_per_dollar.estimate();
  if (!e) return "";
  return fmt::format(", {:.1f} [{:.1f}, {:.1f}] points per $100", 100.0 * e->value,
                     100.0 * e->lower, 100.0 * e->upper);
}

}  // namespace

std::vector<FindingParagraph> write_findings(const Report& report) {
  std::vector<FindingParagraph> all;
  const MatrixReport* matrix = first_matrix(report);
  const auto add = [&](std::optional<FindingParagraph> paragraph) {
    if (paragraph) all.push_back(std::move(*paragraph));
  };
  if (matrix && !matrix->accuracy.empty()) {
    add(negative_transfer(report, *matrix));
    add(asymmetry(report, *matrix));
    add(ceiling(report, *matrix));
    add(sources_and_targets(*matrix));
    add(reliability(*matrix));
  }
  add(method_effects(report));
  return all;
}

std::vector<Recommendation> recommend(const Report& report) {
  std::vector<Recommendation> all;
  const MatrixReport* matrix = first_matrix(report);
  if (!matrix) return all;
  for (const std::string& target : matrix->targets) {
    const MatrixVerdict* best = nullptr;
    std::vector<std::string> avoid;
    std::vector<std::string> habit;
    std::vector<std::string> neutral;
    for (const MatrixVerdict& cell : matrix->accuracy) {
      if (cell.target != target) continue;
      const CellReport* found = cell_of(report, matrix->method, cell.source, target);
      if (cell.verdict == TransferVerdict::loss)
        avoid.push_back(clean_text(cell.source) + " (" + points(cell.gain) + ")");
      if (cell.verdict == TransferVerdict::equivalent) neutral.push_back(clean_text(cell.source));
      if (cell.verdict != TransferVerdict::gain || !found) continue;
      if (found->finding == Finding::answer_habit) {
        habit.push_back(clean_text(cell.source));
        continue;
      }
      if (!best || cell.gain.estimate()->lower > best->gain.estimate()->lower) best = &cell;
    }
    Recommendation r{target, ""};
    const std::string name = clean_text(target);
    if (best) {
      const CellReport& cell = *cell_of(report, matrix->method, best->source, target);
      r.text = "For " + name + ", train on " + clean_text(best->source) +
               " first: " + points(best->gain) + " points over the base model" + price(cell) + ".";
      if (cell.finding != Finding::transfer)
        r.text += " That this is skill and not the style of answers was not shown.";
      const Estimate* more = cell.accuracy.sequential_over_direct.estimate();
      if (more)
        r.text +=
            more->lower > 0.0 ? " Before training on " + name + " itself it adds " +
                                    with_interval(*more, Style::points) + " points."
            : more->upper < 0.0
                ? " Before training on " + name + " itself it costs " +
                      with_interval({-more->value, -more->upper, -more->lower}, Style::points) +
                      " points."
                : " That it adds to training on " + name + " itself was not shown.";
    } else {
      r.text = "For " + name +
               ", no source is recommended: no gain was shown that is not answer "
               "habit.";
    }
    if (!habit.empty())
      r.text += " Gains from " + joined(habit) + " are mostly the style of answers.";
    if (!avoid.empty()) r.text += " Do not use " + joined(avoid) + ".";
    if (!neutral.empty())
      r.text += " " + joined(neutral) + (neutral.size() == 1 ? " makes" : " make") +
                " no difference that matters.";
    all.push_back(std::move(r));
  }
  return all;
}

std::string study_headline(const Report& report) {
  const MatrixReport* matrix = first_matrix(report);
  if (!matrix || matrix->accuracy.empty())
    return "No pair has both a baseline and a trained model yet.";
  std::string text = counted(static_cast<long long>(matrix->accuracy.size()), "transfer") +
                     " tested: " + verdict_counts(matrix->accuracy) + " in accuracy.";
  auto gains = with_verdict(*matrix, TransferVerdict::gain);
  if (gains.empty()) return text;
  const auto best = std::max_element(gains.begin(), gains.end(), [](const auto* a, const auto* b) {
    return a->gain.estimate()->value < b->gain.estimate()->value;
  });
  return text + " Largest gain shown: " + list_cells({*best}, 1, true) + " points.";
}

}  // namespace xfer::report
