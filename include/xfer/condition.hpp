// SPDX-License-Identifier: Apache-2.0
// Interface 2 of 5: what a model is trained on, and how, before it is tested on the target domain.
#pragma once

#include "xfer/error.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer {

/// The five conditions of a transfer study and the controls that guard its conclusions.
/// Written to ledgers by name: append only.
enum class Condition {
  baseline,        ///< The base model, untrained.
  transfer,        ///< Trained on the source.
  direct,          ///< Trained on the target.
  sequential,      ///< Trained on the source, then on the target.
  joint,           ///< Trained on source and target mixed.
  format_control,  ///< Trained on the form of the source's answers: the style, not the skill.
  zero_step,       ///< An adapter that was never stepped; must equal the baseline exactly.
  random_text,     ///< Unrelated text with the same number of tokens.
  random_reward,   ///< Reinforced on the source's problems by a coin that ignores the answer.
  format_reward,   ///< Reinforced on them for any answer that a grader can find, right or wrong.
};

inline constexpr std::array all_conditions = {Condition::baseline,      Condition::transfer,
                                              Condition::direct,        Condition::sequential,
                                              Condition::joint,         Condition::format_control,
                                              Condition::zero_step,     Condition::random_text,
                                              Condition::random_reward, Condition::format_reward};

constexpr std::string_view to_string(Condition condition) noexcept {
  switch (condition) {
    case Condition::baseline: return "baseline";
    case Condition::transfer: return "transfer";
    case Condition::direct: return "direct";
    case Condition::sequential: return "sequential";
    case Condition::joint: return "joint";
    case Condition::format_control: return "format_control";
    case Condition::zero_step: return "zero_step";
    case Condition::random_text: return "random_text";
    case Condition::random_reward: return "random_reward";
    case Condition::format_reward: return "format_reward";
  }
  return "baseline";
}

/// The condition of that name, or nothing.
constexpr std::optional<Condition> parse_condition(std::string_view name) noexcept {
  for (const Condition c : all_conditions)
    if (to_string(c) == name) return c;
  return std::nullopt;
}

/// How a model learns. Written to ledgers by name: append only.
enum class Method {
  sl,     ///< Supervised: next-token prediction on worked answers.
  rl,     ///< Reinforcement: from the grader's verdict on the model's own answers.
  sl_rl,  ///< Reinforcement that starts where supervised learning ended.
};

inline constexpr std::array all_methods = {Method::sl, Method::rl, Method::sl_rl};

constexpr std::string_view to_string(Method method) noexcept {
  switch (method) {
    case Method::sl: return "sl";
    case Method::rl: return "rl";
    case Method::sl_rl: return "sl_rl";
  }
  return "sl";
}

/// The method of that name, or nothing.
constexpr std::optional<Method> parse_method(std::string_view name) noexcept {
  for (const Method m : all_methods)
    if (to_string(m) == name) return m;
  return std::nullopt;
}

/// Whether a condition means something under a method: the controls of supervised learning spoil
/// worked answers, those of reinforcement spoil rewards.
constexpr bool exists(Condition condition, Method method) noexcept {
  switch (condition) {
    case Condition::format_control:
    case Condition::random_text: return method == Method::sl;
    case Condition::random_reward:
    case Condition::format_reward: return method != Method::sl;
    default: return true;
  }
}

/// Which domains one stage of training draws from.
enum class Mixture { source, target, source_and_target };

/// What is done to the worked answers before training on them.
enum class Corruption {
  none,
  /// Each prompt gets the answer of another example of its kind, and of that answer only the tokens
  /// are learned which it shares with the right one (a longest common subsequence): the form.
  format_only,
  random_text,  ///< Prompt and answer are replaced by random tokens, same lengths.
};

/// What an answer is reinforced for.
enum class Reward {
  grader,  ///< The grader's score.
  format,  ///< 1 when a final answer could be found in it, else 0.
  random,  ///< A coin that falls on 1 with the mean of the grader's scores of the step.
};

/// Whether a stage imitates worked answers or reinforces the model's own.
/// Written to ledgers by name: append only.
enum class Learning { supervised, reinforcement };

constexpr std::string_view to_string(Learning learning) noexcept {
  return learning == Learning::reinforcement ? "reinforcement" : "supervised";
}

/// One stage of training: a mixture for a share of the study's steps.
struct Stage {
  Mixture mixture = Mixture::source;
  Corruption corruption = Corruption::none;
  /// Steps of this stage as a multiple of the study's `steps` of its kind of learning. 0 makes the
  /// adapter without a step.
  double steps_share = 1.0;
  Learning learning = Learning::supervised;
  Reward reward = Reward::grader;

  friend bool operator==(const Stage&, const Stage&) = default;
};

namespace detail {

/// What a condition trains on, one entry for each domain or mixture in turn.
inline std::vector<Stage> courses(Condition condition) {
  switch (condition) {
    case Condition::baseline: return {};
    case Condition::transfer: return {Stage{}};
    case Condition::direct: return {Stage{Mixture::target}};
    case Condition::sequential: return {Stage{}, Stage{Mixture::target}};
    case Condition::joint: return {Stage{Mixture::source_and_target}};
    case Condition::format_control: return {Stage{Mixture::source, Corruption::format_only}};
    case Condition::zero_step: return {Stage{Mixture::source, Corruption::none, 0.0}};
    case Condition::random_text: return {Stage{Mixture::source, Corruption::random_text}};
    case Condition::random_reward:
    case Condition::format_reward: {
      Stage stage;
      stage.reward = condition == Condition::random_reward ? Reward::random : Reward::format;
      return {stage};
    }
  }
  throw Error(Errc::internal, "stages: unknown condition");
}

}  // namespace detail

/// The stages a model goes through under a condition and method, in order; empty for the baseline
/// and where the condition does not exist. A stage that two conditions share from the start
/// (transfer and sequential; sl and sl_rl) is trained once. Under sl_rl each domain or mixture is
/// first imitated, then reinforced; the controls of reinforcement spoil the second of these alone.
/// Joint trains `steps` steps on an even mixture: matched in steps with transfer and direct,
/// while sequential spends twice as many (once per domain).
inline std::vector<Stage> stages(Condition condition, Method method = Method::sl) {
  std::vector<Stage> all;
  if (!exists(condition, method)) return all;
  for (const Stage& course : detail::courses(condition)) {
    // Without a step there is nothing to tell the methods apart.
    const bool reinforced = method != Method::sl && course.steps_share > 0.0;
    if (method != Method::rl || !reinforced) {
      all.push_back(course);
      all.back().reward = Reward::grader;
    }
    if (!reinforced) continue;
    all.push_back(course);
    all.back().learning = Learning::reinforcement;
  }
  return all;
}

}  // namespace xfer
#pragma GCC visibility pop
