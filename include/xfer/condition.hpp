// Interface 2 of 5: what a model is trained on before it is tested on the target domain.
#pragma once

#include "xfer/error.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer {

/// The five conditions of a transfer study and the controls that guard its conclusions.
/// Written to ledgers by name: append only.
enum class Condition {
  baseline,          ///< The base model, untrained.
  transfer,          ///< Trained on the source.
  direct,            ///< Trained on the target.
  sequential,        ///< Trained on the source, then on the target.
  joint,             ///< Trained on source and target mixed.
  format_control,    ///< Trained on the form of the source's answers: the style, not the skill.
  zero_step,         ///< An adapter that was never stepped; must equal the baseline exactly.
  random_text,       ///< Unrelated text with the same number of tokens.
};

inline constexpr std::array all_conditions = {
    Condition::baseline,   Condition::transfer,       Condition::direct,    Condition::sequential,
    Condition::joint,      Condition::format_control, Condition::zero_step, Condition::random_text};

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
  }
  return "baseline";
}

/// The condition of that name, or nothing.
constexpr std::optional<Condition> parse_condition(std::string_view name) noexcept {
  for (const Condition c : all_conditions)
    if (to_string(c) == name) return c;
  return std::nullopt;
}

/// Which domains one stage of training draws from.
enum class Mixture { source, target, source_and_target };

/// What is done to the worked answers before training on them.
enum class Corruption {
  none,
  /// Each prompt gets the answer of another example of its kind, and of that answer only the tokens
  /// are learned which it shares with the right one (a longest common subsequence): the form.
  format_only,
  random_text,       ///< Prompt and answer are replaced by random tokens, same lengths.
};

/// One stage of training: a mixture for a share of the study's steps.
struct Stage {
  Mixture mixture = Mixture::source;
  Corruption corruption = Corruption::none;
  /// Steps of this stage as a multiple of the study's `steps`. 0 makes the adapter without a step.
  double steps_share = 1.0;

  friend bool operator==(const Stage&, const Stage&) = default;
};

/// The stages a model goes through under a condition, in order; empty for the baseline.
/// A stage that two conditions share from the start (transfer and sequential) is trained once.
/// Joint trains `steps` steps on an even mixture: matched in steps with transfer and direct,
/// while sequential spends twice as many (once per domain).
inline std::vector<Stage> stages(Condition condition) {
  switch (condition) {
    case Condition::baseline: return {};
    case Condition::transfer: return {Stage{}};
    case Condition::direct: return {Stage{Mixture::target}};
    case Condition::sequential: return {Stage{}, Stage{Mixture::target}};
    case Condition::joint: return {Stage{Mixture::source_and_target}};
    case Condition::format_control: return {Stage{Mixture::source, Corruption::format_only}};
    case Condition::zero_step: return {Stage{Mixture::source, Corruption::none, 0.0}};
    case Condition::random_text: return {Stage{Mixture::source, Corruption::random_text}};
  }
  throw Error(Errc::internal, "stages: unknown condition");
}

}  // namespace xfer
