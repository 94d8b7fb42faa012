// SPDX-License-Identifier: Apache-2.0
#include "report/findings/reading.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::report {
namespace {

std::string points(const Metric& metric) {
  return number(metric.estimate()->value, Style::points) + " points " +
         interval(*metric.estimate(), Style::points);
}

/// "0.051 [0.040, 0.062]": the size of a change whose direction the sentence gives.
std::string bits_size(const Metric& metric) {
  Estimate e = *metric.estimate();
  if (e.value < 0.0) e = {-e.value, -e.upper, -e.lower};
  return with_interval(e, Style::bits);
}

std::string percent_level(const CellReport& cell, Condition condition) {
  return number(cell.find(condition)->accuracy.estimate()->value, Style::percent) + "%";
}

struct Names {
  std::string source;
  std::string target;
};

Names names(const CellReport& cell) { return {clean_text(cell.source), clean_text(cell.target)}; }

bool reinforced(const CellReport& cell) { return cell.method != Method::sl; }

/// "format control"
std::string control_name(const CellReport& cell) {
  std::string name(display_name(cell.style_control()));
  name[0] = static_cast<char>(name[0] - 'A' + 'a');
  return name;
}

/// "format control (what it is)"
std::string control_in_full(const CellReport& cell) {
  return control_name(cell) +
         (reinforced(cell) ? " (the same problems, every answer reinforced that can be read)"
                           : " (the same prompts, of the answers only their form)");
}

/// "Training", by the method's name where that is not plain.
std::string training(const CellReport& cell) {
  switch (cell.method) {
    case Method::sl: return "Training";
    case Method::rl: return "Reinforcement learning";
    case Method::sl_rl: return "Supervised, then reinforcement learning";
  }
  return "Training";
}

std::string training_inside(const CellReport& cell) {
  std::string words = training(cell);
  words[0] = static_cast<char>(words[0] - 'A' + 'a');
  return words;
}

std::string basis(const CellReport& cell) {
  const ConditionSummary& c = *cell.find(Condition::transfer);
  const std::string items = counted(c.items, "item");
  if (c.seeds == 1)
    return "95% interval over " + items +
           "; with one seed the spread between training runs is not in it";
  return "95% interval over " + counted(c.seeds, "seed") + " and " + items;
}

std::string gain_sentence(const CellReport& cell) {
  const auto [source, target] = names(cell);
  const Metric& gain = cell.accuracy.gain;
  const std::string from_to =
      percent_level(cell, Condition::baseline) + " to " + percent_level(cell, Condition::transfer);
  const std::string amount = points(gain) + " (" + basis(cell) + ")";
  switch (sign(gain)) {
    case Sign::up:
      return training(cell) + " on " + source + " raised accuracy on " + target + " from " +
             from_to + ", a Transfer Gain of " + amount + "; the interval excludes zero.";
    case Sign::down:
      return training(cell) + " on " + source + " lowered accuracy on " + target + " from " +
             from_to + ", a Transfer Gain of " + amount +
             "; the interval lies below zero: negative transfer.";
    default:
      return training(cell) + " on " + source + " took accuracy on " + target + " from " + from_to +
             ", a Transfer Gain of " + amount + "; this is not distinguishable from zero.";
  }
}

std::string control_sentence_for_gain(const CellReport& cell) {
  const Metric& above = cell.accuracy.gain_above_control;
  const double share = *control_share(cell);
  const double control = cell.accuracy.gain.estimate()->value - above.estimate()->value;
  const std::string reached =
      "The " + control_in_full(cell) + " alone gains " + number(control, Style::points) + " points";
  const std::string of_it =
      share > 0.0 ? ", " + number(share, Style::share) + "% of that" : std::string();
  if (control_did_harm(cell))
    return "The " + control_in_full(cell) + " ends " + number(-control, Style::percent) +
           " points below the baseline: it did harm of its own, so this control "
           "cannot tell skill from answer habit, and the " +
           points(above) + " above it prove nothing.";
  switch (sign(above)) {
    case Sign::up:
      if (sign(cell.bits_per_byte_after_first.gain) == Sign::down && !reinforced(cell))
        return reached + of_it + "; " + points(above) + " remain above it.";
      return reached + of_it + "; " + points(above) + " remain above it" +
             (share > habit_share ? ", so most of the gain is answer habit (style), but not all: "
                                    "the rest is distinguishable from zero."
                                  : ", so the gain is more than answer habit.");
    case Sign::down:
      return reached + of_it + ", and ends above the transfer run (" + points(above) +
             " against it): the gain is answer habit (style), and no skill from the source shows.";
    default: break;
  }
  const std::string rest = reached + of_it + "; what remains above it, " + points(above) +
                           ", is not distinguishable from zero.";
  if (share > habit_share) {
    const double room = above.estimate()->upper;
    const bool sure = room <= (1.0 - habit_share) * cell.accuracy.gain.estimate()->value;
    return rest +
           (sure ? " Most of the gain is therefore" : " By the estimates most of the gain is") +
           " answer habit, the style of answering that any " +
           (reinforced(cell) ? "reinforcement teaches" : "worked answers teach") +
           ", not a skill carried over" +
           (sure ? "; the interval leaves room for at most "
                 : ", but the interval leaves room for "
                   "up to ") +
           number(room, Style::percent) + " points of skill.";
  }
  return rest + " Whether the gain is skill or answer habit is not settled.";
}

std::string control_sentence(const CellReport& cell) {
  const Metric& above = cell.accuracy.gain_above_control;
  const bool gained = sign(cell.accuracy.gain) == Sign::up;
  if (!above.defined())
    return gained ? "Without a " + control_name(cell) +
                        " this gain cannot be told from answer habit, the style that any " +
                        (reinforced(cell) ? "reinforcement teaches." : "worked answers teach.")
                  : "";
  const auto doubts = accuracy_doubts(cell, {Condition::transfer, cell.style_control()});
  if (!doubts.empty())
    return "The " + control_name(cell) +
           " cannot be compared with the transfer run: " + joined(doubts) + ".";
  if (gained) return control_sentence_for_gain(cell);
  const std::string start =
      "Against the " + control_in_full(cell) + " the difference is " + points(above);
  switch (sign(above)) {
    case Sign::up:
      return start + (reinforced(cell)
                          ? ": reinforcing whatever can be read left the model worse off than "
                            "reinforcing what is right, although this did not raise it above the "
                            "baseline."
                          : ": training on the form alone left the model worse off than training "
                            "on the answers, although these did not raise it above the baseline.");
    case Sign::down:
      return start + (reinforced(cell)
                          ? ": reinforcing what is right did more harm than reinforcing whatever "
                            "can be read, so the loss is not only one of style."
                          : ": the answers did more harm than their form alone, so the loss is not "
                            "only one of style.");
    default:
      return start + (sign(cell.accuracy.gain) == Sign::down
                          ? ", not distinguishable from zero: the loss may come with the change "
                            "of answer style alone."
                          : ", not distinguishable from zero either.");
  }
}

/// How the bits above the format control bear on what accuracy found.
std::string bits_control_clause(const CellReport& cell) {
  const Metric& above = cell.bits_per_byte_after_first.gain_above_control;
  const bool skill_in_accuracy = sign(cell.accuracy.gain_above_control) == Sign::up;
  switch (sign(above)) {
    case Sign::up:
      return ", and end " + bits_size(above) + " below the " + control_name(cell) +
             (skill_in_accuracy ? ": this agrees that something beyond style carried over"
                                : ": a sign of skill that accuracy alone does not show");
    case Sign::down:
      return ", but end " + bits_size(above) + " above the " + control_name(cell) +
             ": no sign of skill carried over";
    case Sign::unclear:
      return ", which the " + control_name(cell) +
             " matches as far as can be told (a difference of " +
             with_interval(*above.estimate(), Style::bits_change) + ")" +
             (skill_in_accuracy ? ": this does not confirm a gain beyond style"
                                : ": this agrees that no skill beyond style has been shown");
    case Sign::missing: break;
  }
  return "";
}

std::string bits_sentence(const CellReport& cell) {
  const Metric& change = cell.bits_per_byte_after_first.gain;
  if (!change.defined()) return "";
  const std::string subject =
      "Bits per byte of the reference answers after their first token, a "
      "score that leaves out the choice of style,";
  const Sign accuracy = sign(cell.accuracy.gain);
  const bool doubtful = cell.finding == Finding::held_back;
  const bool habit = cell.finding == Finding::answer_habit;
  switch (sign(change)) {
    case Sign::up: {
      std::string text = subject + " fell by " + bits_size(change) + bits_control_clause(cell);
      if (accuracy == Sign::down && !doubtful)
        text += "; this does not agree with the loss in accuracy";
      else if (!cell.bits_per_byte_after_first.gain_above_control.defined())
        text += accuracy == Sign::up && !doubtful ? ": this agrees with accuracy"
                                                  : ": the reference answers became more probable";
      return text + ".";
    }
    case Sign::down: {
      const std::string text = subject + " rose by " + bits_size(change) +
                               ": the reference answers became less probable";
      if (doubtful || accuracy == Sign::unclear) return text + ".";
      if (reinforced(cell) && accuracy == Sign::up)
        return text +
               "; reinforcement learns from the model's own answers, so this alone does not "
               "speak against the gain.";
      return text + (accuracy == Sign::down
                         ? ", which agrees with accuracy."
                         : ", which speaks against a gain in skill: what changed is the way of "
                           "answering (answer habit), not what the model knows.");
    }
    default: {
      const std::string text = subject +
                               (change.estimate()->value < 0.0 ? " rose by " : " fell by ") +
                               bits_size(change) + ", not distinguishable from zero";
      if (doubtful) return text + ".";
      if (accuracy == Sign::unclear) return text + " either.";
      return text + (habit ? ": this agrees that no skill has been shown."
                           : ": this does not confirm the change in accuracy.");
    }
  }
}

std::string efficiency_sentence(const CellReport& cell) {
  const Metric& efficiency = cell.accuracy.efficiency;
  // A share of the direct gain says nothing where there is no gain to share.
  if (!efficiency.defined() || sign(cell.accuracy.gain) != Sign::up) return "";
  const std::string tail =
      cell.finding == Finding::answer_habit ? "; this counts the answer habit as gain" : "";
  return "Transfer Efficiency is " + number(efficiency.estimate()->value, Style::share) + "% " +
         interval(*efficiency.estimate(), Style::share) + " of what the same training on " +
         names(cell).target + " itself gains (" + points(cell.accuracy.ceiling) + ")" + tail + ".";
}

/// "4.2 points [2.0, 6.4]": the size of a difference whose direction the sentence gives.
std::string points_size(const Metric& metric) {
  Estimate e = *metric.estimate();
  if (e.value < 0.0) e = {-e.value, -e.upper, -e.lower};
  return number(e.value, Style::percent) + " points " + interval(e, Style::percent);
}

std::string against_direct(const Metric& metric, const std::string& run,
                           const std::string& direct) {
  switch (sign(metric)) {
    case Sign::up: return run + " is higher than " + direct + " by " + points_size(metric);
    case Sign::down: return run + " is lower than " + direct + " by " + points_size(metric);
    case Sign::unclear:
      return run + " cannot be told apart from " + direct + " (" + points(metric) + ")";
    case Sign::missing: break;
  }
  return "";
}

std::string combination_sentence(const CellReport& cell) {
  const auto [source, target] = names(cell);
  const std::string sequential =
      against_direct(cell.accuracy.sequential_over_direct,
                     "the sequential run (" + source + ", then " + target + ")",
                     "training on " + target + " alone");
  const std::string joint =
      against_direct(cell.accuracy.joint_over_direct, "the joint run (an even mixture)",
                     sequential.empty() ? "training on " + target + " alone" : "it");
  std::string text = sequential + (sequential.empty() || joint.empty() ? "" : "; ") + joint;
  if (text.empty()) return "";
  text[0] = 'T';
  return text + ".";
}

/// How many times the seeds and items would give an 80% chance to tell an effect of this size from
/// zero: the interval shrinks with the square root, and 80% power needs 2.80 standard errors where
/// the edge of a 95% interval is at 1.96.
std::string more_data(const Metric& metric, const std::string& effect) {
  const Estimate& e = *metric.estimate();
  const double half = (e.upper - e.lower) / 2.0;
  const double factor = e.value == 0.0 ? INFINITY : std::pow(2.80 / 1.96 * half / e.value, 2.0);
  if (factor > 20.0)
    return "To settle " + effect +
           ", decide which size of effect would matter and plan the "
           "number of seeds and items for it: one as small as estimated here would take more "
           "than 20 times the data.";
  const double rounded = std::max(2.0, std::ceil(factor));
  return "To settle " + effect + ", an effect of the estimated size would need about " +
         number(rounded / 100.0, Style::share) +
         " times as many seeds and items for an 80% chance of showing.";
}

std::string next_sentence(const CellReport& cell) {
  switch (cell.finding) {
    case Finding::inconclusive: return more_data(cell.accuracy.gain, "the gain");
    case Finding::unsettled:
      if (control_did_harm(cell))
        return "To settle it, use a control that does no harm of its own, such as another "
               "domain's worked answers.";
      return more_data(cell.accuracy.gain_above_control,
                       "the gain above the " + control_name(cell));
    case Finding::answer_habit:
      if (sign(cell.accuracy.gain_above_control) != Sign::unclear)
        return "To look for skill beneath the habit, start from a model that already answers in "
               "this style.";
      return "To look for skill beneath the habit, start from a model that already answers in "
             "this style, or use more seeds and items to narrow the interval above the format "
             "control.";
    case Finding::uncontrolled_gain:
      return cell.accuracy.gain_above_control.defined()
                 ? "Mend the extraction of answers before reading this as transfer."
                 : "Next, add the condition " + std::string(to_string(cell.style_control())) + ".";
    case Finding::transfer:
    case Finding::loss:
      if (cell.find(Condition::transfer)->seeds == 1)
        return "Repeat it with more seeds before relying on it.";
      return "";
    default: return "";
  }
}

std::string held_back_reading(const CellReport& cell) {
  const auto [source, target] = names(cell);
  std::string text = "The verdict on accuracy is held back: " +
                     joined(accuracy_doubts(cell, {Condition::baseline, Condition::transfer})) +
                     ". As measured, accuracy on " + target + " went from " +
                     percent_level(cell, Condition::baseline) + " to " +
                     percent_level(cell, Condition::transfer) + " after " + training_inside(cell) +
                     " on " + source + " (" + points(cell.accuracy.gain) + "; " + basis(cell) +
                     ").";
  if (cell.accuracy.gain_above_control.defined())
    text += " Against the " + control_name(cell) + " the difference is " +
            points(cell.accuracy.gain_above_control) + ".";
  const std::string bits = bits_sentence(cell);
  return text + (bits.empty() ? "" : " " + bits) +
         " Look at the answers and mend the prompt, the stop texts or the grader before drawing "
         "conclusions from accuracy.";
}

std::string missing_reading(const CellReport& cell) {
  std::vector<std::string> missing;
  for (const Condition c : {Condition::baseline, Condition::transfer})
    if (!cell.find(c)) missing.push_back(std::string(to_string(c)));
  return "There is no complete evaluation of " + joined(missing) +
         " yet, so nothing can be said about transfer from " + names(cell).source + " to " +
         names(cell).target + ".";
}

}  // namespace

std::string write_headline(const CellReport& cell) {
  if (cell.finding == Finding::incomplete)
    return "Not finished: nothing can be said about transfer yet.";
  std::string text = points(cell.accuracy.gain) + " of accuracy on " + names(cell).target +
                     " after " + training_inside(cell) + " on " + names(cell).source;
  if (cell.accuracy.gain_above_control.defined())
    text += ", " + points(cell.accuracy.gain_above_control) + " above the " + control_name(cell);
  switch (cell.finding) {
    case Finding::held_back: return text + ": verdict held back, the measurement is in doubt.";
    case Finding::transfer: return text + ": transfer beyond answer habit.";
    case Finding::answer_habit:
      return text + ": answer habit; accuracy shows no skill carried over.";
    case Finding::unsettled: return text + ": skill or answer habit, not settled.";
    case Finding::uncontrolled_gain:
      return text + ": a gain that may be answer habit, as no usable control stands beside it.";
    case Finding::loss: return text + ": negative transfer.";
    default: return text + ": not distinguishable from zero.";
  }
}

std::string write_reading(const CellReport& cell) {
  if (cell.finding == Finding::incomplete) return missing_reading(cell);
  if (cell.finding == Finding::held_back) return held_back_reading(cell);
  std::string text;
  for (const std::string& sentence :
       {gain_sentence(cell), control_sentence(cell), bits_sentence(cell), efficiency_sentence(cell),
        combination_sentence(cell), next_sentence(cell)})
    if (!sentence.empty()) text += (text.empty() ? "" : " ") + sentence;
  return text;
}

}  // namespace xfer::report
