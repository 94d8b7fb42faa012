// SPDX-License-Identifier: Apache-2.0
#include "report/tables/method.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include <algorithm>

namespace xfer::report {

namespace {

std::string sequential_and_joint(const study::StudySpec& spec) {
  if (spec.match == "stage_steps")
    return "Sequential trains on the source, then on the target, with the full number of steps for "
           "each: twice the steps of direct. Joint trains on an even mixture in as many steps as "
           "direct, so it sees half of the target's examples.";
  const std::string what = spec.match == "steps"      ? "steps"
                           : spec.match == "examples" ? "examples"
                           : spec.match == "tokens"   ? "training tokens"
                                                      : "dollars";
  return "Matched in " + what + ": over all its stages a sequential or joint run has as many " +
         what +
         " as the direct run. Sequential spends half of them on the source, then half on "
         "the target; joint spends them on an even mixture.";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> definitions(const study::StudySpec& spec) {
  std::vector<std::pair<std::string, std::string>> terms = {
      {"Score",
       "S(condition) is the mean score of a condition's models on the target's test "
       "items, over all training seeds. All conditions answer the same items under one "
       "protocol (prompt, sampling, grader); otherwise no report is made."},
      {"Accuracy",
       "Mean score of the task's own grader on the generated answers. Differences are "
       "in percentage points."},
      {"Bits per byte",
       "How many bits the model needs for the reference answer: total "
       "−log2 probability over total bytes of all items. Fewer is better; "
       "differences count reductions. It moves even where no answer is right."},
      {"Bits per byte after the first token",
       "The same without each answer's first token, where a model mostly chooses the style of its "
       "answer. References of one token drop out."},
      {"Transfer Gain", "S(transfer) − S(baseline): the primary number."},
      {"Gain above format control",
       "S(transfer) − S(format control). The format control trains on the same prompts with "
       "answers of the same kind that belong to other prompts, and learns of each only the tokens "
       "it shares with the right answer: how answers look, but not how to find them. What it "
       "gains too is answer habit, not skill."},
      {"Direct gain (ceiling)",
       "S(direct) − S(baseline), with the same number of steps as the "
       "transfer run."},
      {"Transfer Efficiency",
       "Transfer Gain / direct gain. Undefined unless the direct gain's "
       "interval lies above 2 points (or 0.01 bits per byte): near zero a "
       "ratio means nothing."},
      {"Relative Transfer",
       "Transfer Gain / S(baseline). Undefined for a baseline below 5% "
       "accuracy (or 0.05 bits per byte)."},
      {"Headroom-normalised gain",
       "Transfer Gain / (best score − S(baseline)). Undefined where the "
       "baseline leaves less than 5% of room."},
      {"Source-normalised transfer",
       "Transfer Gain / what the same runs gain on the source's own "
       "items."},
      {"Change on other domains",
       "S(transfer) − S(baseline) on the items of the study's "
       "domains that are neither source nor target: below zero is "
       "forgetting."},
      {"Asymmetry",
       "Transfer Gain − that of the reverse pair; also with each gain first divided "
       "by its target's direct gain."},
      {"Verdicts", "Gain, loss, equivalent (within ±" + plain(spec.hypotheses.margin_points) +
                       " points or " + plain(spec.hypotheses.margin_bits) +
                       " bits per byte), inconclusive, or refused, read off intervals that hold "
                       "for all cells of the matrix together (max-t bands of the crossed "
                       "bootstrap): the chance that any of them is false is at most 5%."},
      {"Sequential and joint", sequential_and_joint(spec)},
      {"Intervals",
       "95% percentile intervals from 10,000 bootstrap resamples, crossed over "
       "training seeds and test items (whole clusters, where items share a passage "
       "or template), without the surplus by which crossing counts the noise of single "
       "answers more than once (Owen 2007), and widened by Student's t because few "
       "seeds tell their own spread badly. Items are paired across conditions, seeds are not; the "
       "shared "
       "baseline is drawn once per resample. In every resample bits per byte is a "
       "ratio of sums. The accuracy of a single run has a Wilson interval."},
      {"Reading",
       "“Not distinguishable from zero” means that the interval contains zero; it "
       "does not mean that there is no effect. A gain counts as answer habit when the "
       "format control reaches more than half of it and the rest is not "
       "distinguishable from zero, when the control ends above the transfer run, or "
       "when the reference answers became less probable after their first token. A "
       "control whose interval lies below the baseline did harm of its own, and a gain "
       "above it counts as skill only where bits per byte improved too. The verdict "
       "on accuracy is held back when the baseline scores exactly 0 or when no final "
       "answer could be found in more than "
       "5% of the baseline's or the transfer model's answers."},
  };
  if (spec.held_out_items > 0)
    terms.emplace_back("Held-out items",
                       "Items of the target's held-out split, which no training "
                       "draws from; in the built-in domains harder problems "
                       "than the test's.");
  if (spec.prompt_variants > 0)
    terms.emplace_back("Other wordings",
                       "The test items once more with the question put in other "
                       "words. Training used the standard wording alone.");
  if (spec.adaptive)
    terms.emplace_back(
        "Adaptive looks",
        "Seeds went, round by round, to the pairs whose verdict was least certain. The verdicts of "
        "the looks are read off repeated confidence intervals under an error rate that was fixed "
        "before the first. Every other interval of this report is made at the level at which the "
        "intervals of all looks together hold with 95% (Bonferroni), so that stopping early does "
        "not make it too narrow.");
  if (std::all_of(spec.methods.begin(), spec.methods.end(),
                  [](Method method) { return method == Method::sl; }))
    return terms;
  terms.emplace_back(
      "Methods",
      "SL imitates worked answers. RL samples groups of answers from the model itself, has the "
      "grader score them, and makes those more probable that score above the others. SL + RL does "
      "the second from where the first ended. Each has its own steps and learning rate: their "
      "difference is that of two recipes, not of two methods at equal cost.");
  terms.emplace_back(
      "Format reward and random reward",
      "Controls of RL. The first rewards any answer in which a final answer can be found, right or "
      "wrong, and takes the place of the format control; the second rewards by a coin that ignores "
      "the answer and falls on 1 as often as the model is right.");
  terms.emplace_back(
      "Divergence from the base",
      "The mean over the sampled tokens of ln p(policy) − ln p(base model), in nats: an estimate "
      "of the Kullback-Leibler divergence per token on the model's own answers.");
  return terms;
}

bool imported(const study::StudyResult& result) { return result.xfer_version.empty(); }

Reproduction reproduction(const Report& report) {
  if (imported(report.result))
    return {"",
            "The scores were measured elsewhere: how is known to those who did. xfer's "
            "importers make this report of the same scores again (xfer import)."};
  // Threads and prices never change a result, and equal studies make equal pages on any machine.
  study::StudySpec spec = report.result.spec;
  spec.threads = 0;
  spec.price_file.clear();
  return {clean_text(spec.to_toml()), "xfer run study.toml"};
}

}  // namespace xfer::report
