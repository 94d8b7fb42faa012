// SPDX-License-Identifier: Apache-2.0
// What a study found, item by item, as its ledger holds it.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/study/spec.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// An answer drawn for pass@k.
struct SampledAnswer {
  std::string completion;
  /// Grader's score, 0 to 1; the answer passes with 1.
  double score = 0.0;
  /// The token limit cut the answer.
  bool truncated = false;
};

/// One test item answered by one model state. All texts are valid UTF-8: bytes of an answer that
/// are not are replaced by U+FFFD (the grader saw them as they were).
struct ItemResult {
  std::string item_id;
  std::string kind;
  std::string cluster;
  /// Grader's score, 0 to 1.
  double score = 0.0;
  bool extracted = false;
  /// The same when only the form that the dataset asks for counts; see `grade::Verdict`.
  double strict_score = 0.0;
  bool strict_extracted = false;
  /// The token limit cut the answer.
  bool truncated = false;
  /// A stop text ended the answer, and not the model's own end of a turn.
  bool stopped_by_text = false;
  /// The answer is the option with the largest log-probability: nothing was written.
  bool chosen = false;
  /// Where it was chosen: the natural log-probability of each option, and which is right.
  std::vector<double> option_logprobs;
  int right_option = -1;
  /// The bare problem and its worked reference answer, as the dataset has them.
  std::string question;
  std::string reference;
  /// The final answer that the reference ends with.
  std::string gold;
  std::string completion;
  std::string answer;
  std::string failure;
  /// Bits (-log2 probability) of the reference answer, of its first token alone, and its length.
  /// The token or text that ends the turn is left out: when to stop is habit, not content.
  double reference_bits = 0.0;
  double first_token_bits = 0.0;
  std::int64_t reference_bytes = 0;
  /// Bytes of the first token, so that bits per byte can be stated without it.
  std::int64_t first_token_bytes = 0;
  /// What the item cost: tokens read before answering, drawn, and read to score the reference.
  std::int64_t prompt_tokens = 0;
  std::int64_t sampled_tokens = 0;
  std::int64_t scored_tokens = 0;
  /// As many as the study's `samples`, or none. Their tokens are in `sampled_tokens`.
  std::vector<SampledAnswer> samples;
};

/// One model state on one test set under one protocol.
struct EvaluationResult {
  Condition condition = Condition::baseline;
  /// Seed of the training run; 0 for the baseline.
  std::uint64_t seed = 0;
  std::string protocol_hash;
  std::vector<ItemResult> items;
  /// Keys of the training runs that its weights went through, in order; empty for the base model.
  std::vector<std::string> legs;
};

/// Baseline and transfer on the test items under another wording of the prompt.
struct PromptVariantResult {
  std::string name;
  std::vector<EvaluationResult> evaluations;
};

/// Models of a cell on test items of a domain that is not its target.
struct OtherDomainResult {
  std::string domain;
  std::vector<EvaluationResult> evaluations;
};

/// One point of a learning curve, on validation items of the leg's target.
struct CurvePoint {
  /// Counted over all stages of the condition; 0 is the base model.
  int step = 0;
  /// Mean over the target tokens of the steps since the point before (and within this stage); at
  /// step 0 that of the first batch, which the untouched weights see.
  double train_loss_per_token = 0.0;
  double accuracy = 0.0;
  double bits_per_byte = 0.0;
};

/// One step of reinforcement learning, seen on the answers that it learned from.
struct RewardPoint {
  /// Counted over all stages of the condition, from 1.
  int step = 0;
  /// Mean score of the grader.
  double reward = 0.0;
  /// Mean of what was reinforced: another than `reward` where a control spoils it.
  double trained_reward = 0.0;
  /// Mean over the sampled tokens of ln p(policy) - ln p(base model), an estimate of their
  /// Kullback-Leibler divergence per token ("k1" in Schulman 2020, "Approximating KL divergence");
  /// measured every `eval_every` steps and in the last.
  std::optional<double> kl_to_base;
  int groups = 0;
  /// Groups whose answers were all rewarded alike: they teach nothing.
  int silent_groups = 0;
  /// Mean length of the answers.
  double answer_tokens = 0.0;
};

struct Curve {
  Condition condition = Condition::transfer;
  std::uint64_t seed = 0;
  std::vector<CurvePoint> points;
  /// Empty but for reinforcement learning; without steps of supervised stages.
  std::vector<RewardPoint> rewards;
};

/// One (source, target) pair under one method with all its conditions and seeds.
struct CellResult {
  std::string source;
  std::string target;
  Method method = Method::sl;
  /// What the target's field measures it by, as its domain card says, e.g. "pass@1", or what its
  /// grader implies; "" where neither says.
  std::string field_metric;
  std::vector<EvaluationResult> evaluations;
  std::vector<Curve> curves;
  /// Baseline and transfer on a held-out set of the target domain, and under other wordings.
  std::vector<EvaluationResult> held_out;
  std::vector<PromptVariantResult> variants;
  /// On the source (baseline, transfer, direct, sequential) and on domains that no cell tests this
  /// source on (baseline, transfer): what training took away.
  std::vector<OtherDomainResult> other_domains;
};

struct LegSummary {
  std::string key;
  std::string description;  ///< e.g. "math -> code, seed 1"
  std::int64_t steps = 0;
  std::int64_t train_tokens = 0;
  double seconds = 0.0;
  int skipped_examples = 0;
  Learning learning = Learning::supervised;
  /// Reinforcement alone: tokens drawn, and read before drawing or to measure the divergence.
  std::int64_t sampled_tokens = 0;
  std::int64_t prefill_tokens = 0;
  /// Steps counted within the leg.
  std::vector<RewardPoint> rewards;
};

/// What an adaptive study saw of one cell in one round, and what it decided.
struct Look {
  int round = 0;  ///< from 1
  std::string source;
  std::string target;
  Method method = Method::sl;
  /// Seeds that were looked at: the first so many of the study's.
  int seeds = 0;
  /// The gain with its repeated interval: positive for the better, in accuracy as a share or in
  /// bits per byte.
  double gain = 0.0;
  double lower = 0.0;
  double upper = 0.0;
  /// The bound on |Z| that the interval was made with, and the error that the cell has spent then.
  double bound = 0.0;
  double spent = 0.0;
  /// "gain", "loss", "equivalent", or "open".
  std::string verdict;
  /// The cell gets another seed in the next round.
  bool goes_on = false;
};

/// A learning rate that was tried, see `StudySpec::learning_rate_search`.
struct TriedRate {
  Learning learning = Learning::supervised;
  double rate = 0.0;
  /// Means over the targets, on validation items of each after training on it.
  double accuracy = 0.0;
  double bits_per_byte = 0.0;
};

/// A test item that was found in training text.
struct OverlappingItem {
  std::string item_id;
  /// The training item that it is most like, and how: "exact", "normalised", "gram" or "near"; see
  /// `domains::Overlap`.
  std::string train_id;
  std::string kind;
};

/// The test items of one domain looked for in the training text of one.
struct OverlapCheck {
  std::string train;
  std::string test;
  std::int64_t train_items = 0;
  std::int64_t test_items = 0;
  /// In the order of the evaluation.
  std::vector<OverlappingItem> items;
};

/// Everything the report needs. Equal for equal studies but for the timing fields.
struct StudyResult {
  StudySpec spec;
  std::string model_name;
  std::string model_hash;
  std::int64_t model_parameters = 0;  ///< 0 where a service does not say
  std::string xfer_version;
  /// By pair in the order of the study, within a pair by method.
  std::vector<CellResult> cells;
  std::vector<LegSummary> legs;
  /// Every target against every domain that is trained on; without procedural domains, whose splits
  /// are apart by construction.
  std::vector<OverlapCheck> overlap;
  /// Why the last attempt ended before everything was done, when that was the budget; else "".
  std::string stopped;
  /// Rates that were tried on validation items before the study, best of each kind first.
  std::vector<TriedRate> tried_rates;
  /// Of an adaptive study: every look, by round and then by cell.
  std::vector<Look> looks;
  /// US dollars over all attempts: for what is kept, and for calls that failed or had to be made
  /// again. Not part of any comparison between runs, and neither is the time.
  double useful_dollars = 0.0;
  double lost_dollars = 0.0;
  /// Wall time over all attempts.
  double seconds = 0.0;
};

/// Which grades of a run that was graded again; see `regrade`.
enum class Grading {
  latest,
  first,  ///< those of the run itself
};

/// Reads a finished or unfinished run folder; only complete evaluations are returned. Throws
/// `bad_data` or `io` naming the file.
StudyResult load_result(const std::filesystem::path& run_folder, Grading grading = Grading::latest);

}  // namespace xfer::study
#pragma GCC visibility pop
