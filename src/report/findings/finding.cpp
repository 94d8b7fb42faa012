// SPDX-License-Identifier: Apache-2.0
#include "report/findings/reading.hpp"

namespace xfer::report {

std::string_view to_string(Finding finding) noexcept {
  switch (finding) {
    case Finding::incomplete: return "incomplete";
    case Finding::held_back: return "held_back";
    case Finding::transfer: return "transfer";
    case Finding::answer_habit: return "answer_habit";
    case Finding::unsettled: return "unsettled";
    case Finding::uncontrolled_gain: return "uncontrolled_gain";
    case Finding::inconclusive: return "inconclusive";
    case Finding::loss: return "loss";
  }
  return "incomplete";
}

Sign sign(const Metric& metric) noexcept {
  const Estimate* e = metric.estimate();
  if (!e) return Sign::missing;
  if (e->lower > 0.0) return Sign::up;
  if (e->upper < 0.0) return Sign::down;
  return Sign::unclear;
}

std::optional<double> control_share(const CellReport& cell) {
  const Estimate* gain = cell.accuracy.gain.estimate();
  const Estimate* above = cell.accuracy.gain_above_control.estimate();
  if (!gain || !above || !(gain->value > 0.0)) return std::nullopt;
  return (gain->value - above->value) / gain->value;
}

bool control_did_harm(const CellReport& cell) {
  const ConditionSummary* base = cell.find(Condition::baseline);
  const ConditionSummary* control = cell.find(cell.style_control());
  return base && control && base->accuracy.defined() && control->accuracy.defined() &&
         control->accuracy.estimate()->upper < base->accuracy.estimate()->value;
}

Finding find_finding(const CellReport& cell) {
  if (!cell.accuracy.gain.defined()) return Finding::incomplete;
  if (!accuracy_doubts(cell, {Condition::baseline, Condition::transfer}).empty())
    return Finding::held_back;
  switch (sign(cell.accuracy.gain)) {
    case Sign::down: return Finding::loss;
    case Sign::unclear: return Finding::inconclusive;
    default: break;
  }
  const bool control_usable =
      accuracy_doubts(cell, {Condition::transfer, cell.style_control()}).empty();
  if (!cell.accuracy.gain_above_control.defined() || !control_usable)
    return Finding::uncontrolled_gain;
  const Sign bits = sign(cell.bits_per_byte_after_first.gain);
  switch (sign(cell.accuracy.gain_above_control)) {
    case Sign::up:
      // More answers right while the reference answers become less probable: the way of answering
      // changed, not the skill.
      // Reinforcement never sees the reference answers: how probable they are says less there.
      if (bits == Sign::down && cell.method == Method::sl) return Finding::answer_habit;
      return control_did_harm(cell) && bits != Sign::up ? Finding::unsettled : Finding::transfer;
    case Sign::down: return Finding::answer_habit;
    default:
      return control_share(cell).value_or(0.0) > habit_share ? Finding::answer_habit
                                                             : Finding::unsettled;
  }
}

}  // namespace xfer::report
