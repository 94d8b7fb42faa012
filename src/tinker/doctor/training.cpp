// SPDX-License-Identifier: Apache-2.0
// What training does.
#include "tinker/doctor/patient.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace xfer::tinker {
namespace {

/// What two ways of computing the same numbers may differ by.
constexpr double close = 1e-3;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

double loss_of(const TrainingClient& trainer, std::vector<Datum> data) {
  return run_blocking(trainer.forward(std::move(data), {})).metrics.at("loss:sum");
}

std::string reduction(Patient& patient) {
  const TrainingClient trainer = patient.new_trainer();
  const std::vector<Datum> both = Patient::batch();
  const double first = loss_of(trainer, {both[0]});
  const double second = loss_of(trainer, {both[1]});
  const double together = loss_of(trainer, both);
  const auto fits = [&](double expected) {
    return std::abs(together - expected) <= 1e-3 * std::abs(expected);
  };
  // 4 and 3 tokens have weight 1.
  if (!fits(first + second)) {
    if (fits((first + second) / 2.0)) fail_check("the loss is a mean over datums, not a sum");
    if (fits((4.0 * first + 3.0 * second) / 7.0))
      fail_check("the loss is a mean over tokens, not a sum");
    fail_check("the loss of two datums is " + number(together) + ", of each " + number(first) +
               " and " + number(second));
  }
  const auto output = run_blocking(trainer.forward({both[0]}, {}));
  const std::vector<float> logprobs = Patient::logprobs_of(output);
  double sum = 0.0;
  const auto& weights =
      std::get<std::vector<float>>(both[0].loss_fn_inputs.at("weights").values.data);
  if (logprobs.size() != weights.size())
    fail_check(std::to_string(logprobs.size()) + " log-probabilities for " +
               std::to_string(weights.size()) + " targets");
  for (std::size_t i = 0; i < weights.size(); ++i)
    sum -= static_cast<double>(weights[i]) * static_cast<double>(logprobs[i]);
  if (std::abs(first - sum) > 1e-3 * std::abs(sum))
    fail_check("the loss of one datum is " + number(first) +
               ", its weighted log-probabilities give " + number(sum));
  return "sum";
}

std::string step_zero(Patient& patient) {
  const SamplingClient adapted = run_blocking(patient.new_trainer().snapshot());
  const SamplingClient base =
      run_blocking(patient.client().create_sampling_client_of_model(patient.base_model()));
  auto of = [](const SamplingClient& client) {
    auto scores = run_blocking(client.compute_logprobs(ModelInput(Patient::text())));
    scores.erase(scores.begin());
    return scores;
  };
  const double difference = largest_difference(of(adapted), of(base));
  if (!(difference <= close))
    fail_check("a new adapter differs from the base model by " + number(difference));
  return "largest difference " + number(difference);
}

std::string gap(Patient& patient) {
  const TrainingClient trainer = patient.new_trainer();
  Patient::step(trainer);
  std::vector<std::int32_t> text = Patient::text();
  const std::vector<std::int32_t> first(text.begin(), text.begin() + 1);
  const std::vector<std::int32_t> rest(text.begin() + 1, text.end());
  const auto trained = Patient::logprobs_of(
      run_blocking(trainer.forward({Datum(supervised_datum(first, rest))}, {})));
  const SamplingClient sampler = run_blocking(trainer.snapshot());
  auto sampled = run_blocking(sampler.compute_logprobs(ModelInput(text)));
  sampled.erase(sampled.begin());
  const double difference = largest_difference(trained, sampled);
  if (!(difference <= 0.05))
    fail_check("training and sampling differ by " + number(difference) + " in a log-probability");
  return "largest difference " + number(difference);
}

std::string learning(Patient& patient) {
  const TrainingClient trainer = patient.new_trainer();
  const double before = loss_of(trainer, Patient::batch());
  for (int i = 0; i < 3; ++i) Patient::step(trainer);
  const double after = loss_of(trainer, Patient::batch());
  if (!(after < before))
    fail_check("three steps changed the loss from " + number(before) + " to " + number(after));
  return "loss " + number(before) + " -> " + number(after) + " in three steps";
}

std::string optimizer_state(Patient& patient) {
  const TrainingClient first = patient.new_trainer();
  Patient::step(first);
  const std::string path = run_blocking(first.save_state("doctor-state", {}));
  const TrainingClient second =
      run_blocking(patient.client().create_training_client_from_state(path, true));
  const TrainingClient third =
      run_blocking(patient.client().create_training_client_from_state(path, false));
  const double loaded =
      largest_difference(Patient::logprobs_of(first), Patient::logprobs_of(third));
  for (const TrainingClient& each : {first, second, third}) Patient::step(each);
  const std::vector<float> expected = Patient::logprobs_of(first);
  const double with = largest_difference(Patient::logprobs_of(second), expected);
  const double without = largest_difference(Patient::logprobs_of(third), expected);
  run_blocking(patient.client().rest().delete_checkpoint(path));
  if (!(loaded <= close)) fail_check("loaded weights differ from the saved by " + number(loaded));
  if (!(with <= close))
    fail_check("a step after loading with the optimizer's state differs by " + number(with));
  if (without <= close)
    fail_check("loading with and without the optimizer's state makes no difference");
  return "difference with it " + number(with) + ", without " + number(without);
}

std::string checkpoints(Patient& patient) {
  const TrainingClient trainer = patient.new_trainer();
  const auto rest = patient.client().rest();
  const std::string path = run_blocking(trainer.save_state("doctor-listed", {}));
  const auto count = [&] {
    const auto listed = run_blocking(rest.checkpoints(parse_tinker_path(path).run_id));
    return std::count_if(listed.begin(), listed.end(),
                         [&](const Checkpoint& c) { return c.tinker_path == path; });
  };
  if (count() != 1) fail_check("a saved checkpoint is not in its run's list");
  const WeightsInfo info = run_blocking(rest.weights_info(path));
  if (info.lora_rank.value_or(4) != 4)
    fail_check("weights_info says rank " + std::to_string(*info.lora_rank) + ", saved was 4");
  run_blocking(rest.delete_checkpoint(path));
  if (count() != 0) fail_check("a deleted checkpoint is still in the list");
  return "listed, described and deleted";
}

std::string lora_flags(Patient& patient) {
  const auto trained = [&](bool attn, bool mlp, bool unembed) {
    TrainingOptions options = Patient::small_adapter();
    options.train_attn = attn;
    options.train_mlp = mlp;
    options.train_unembed = unembed;
    const TrainingClient trainer = patient.new_trainer(options);
    Patient::step(trainer);
    return Patient::logprobs_of(trainer);
  };
  const std::vector<float> all = trained(true, true, true);
  const struct {
    const char* name;
    bool attn, mlp, unembed;
  } cases[] = {{"train_attn", false, true, true},
               {"train_mlp", true, false, true},
               {"train_unembed", true, true, false}};
  std::string ignored;
  for (const auto& each : cases)
    if (largest_difference(trained(each.attn, each.mlp, each.unembed), all) <= 1e-6)
      ignored += (ignored.empty() ? "" : ", ") + std::string(each.name);
  if (!ignored.empty()) fail_check("makes no difference when false: " + ignored);
  return "attention, MLP and head each make a difference";
}

}  // namespace

const std::vector<Check>& training_checks() {
  static const std::vector<Check> checks = {{"reduction of the loss", reduction},
                                            {"adapter at step 0", step_zero},
                                            {"training against sampling", gap},
                                            {"learning", learning},
                                            {"optimizer state", optimizer_state},
                                            {"checkpoints", checkpoints},
                                            {"LoRA flags", lora_flags}};
  return checks;
}

}  // namespace xfer::tinker
