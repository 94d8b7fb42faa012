// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/runner.hpp"

#include "study/backends/metered.hpp"
#include "study/ledger/ledger_schema.hpp"
#include "study/plan/overlap_check.hpp"
#include "study/run/adaptive.hpp"
#include "study/run/learning_rate.hpp"
#include "study/run/schedule.hpp"
#include "study/run/study_run.hpp"
#include "study/run/workers.hpp"
#include "study/spec/spec_fields.hpp"

#include "xfer/domains/cards.hpp"
#include "xfer/error.hpp"
#include "xfer/run_blocking.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <new>
#include <optional>
#include <thread>

namespace xfer::study {
namespace {

/// Checkpoints are stored relative to it, however the caller spells it.
std::filesystem::path absolute_folder(const std::filesystem::path& folder) {
  if (folder.empty()) throw Error(Errc::invalid_argument, "run folder: no path given");
  const std::filesystem::path whole = std::filesystem::absolute(folder).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

std::string short_hash(const std::string& hash) { return hash.substr(0, 16); }

/// What must be equal to go on with a run: the study's keys, with paths and "auto" replaced by what
/// they stand for, so that a moved file is still the same file and a changed one is not.
Facts facts_of(const StudySpec& spec, const Materials& materials) {
  Facts facts;
  for (const auto& [key, value] : spelled_out(spec))
    if (!key.starts_with("domains.")) facts[key] = value;
  for (const SpecField& field : spec_fields())
    if (field.transport) facts.erase(field.dotted());
  const bool by_name = spec.backend == "tinker" || spec.model.find(':') != std::string::npos;
  facts["model"] = (by_name ? spec.model : "model file") + " " + short_hash(materials.model_hash);
  facts["renderer"] = std::string(materials.renderer->name()) + " " +
                      short_hash(materials.renderer->content_hash());
  facts["backend"] = materials.backend_version;
  for (const auto& [name, domain] : materials.domains)
    for (const Split split : all_splits)
      if (domain.dataset->size(split) > 0 && (split != Split::heldout || spec.held_out_items > 0))
        facts["data of " + name + " (" + std::string(to_string(split)) + ")"] =
            short_hash(domain.dataset->manifest_hash(split));
  return facts;
}

/// By the dataset's card, whatever the study calls the domain; of own data by its grader.
std::string field_metric(const domains::Domain& domain) {
  const std::string dataset(domain.dataset->name());
  if (!domains::domain_of_dataset(dataset).empty()) return domains::dataset_card(dataset).metric;
  const std::string_view grader = domain.grader->name();
  if (grader == "number") return "RMSE";
  return grader == "humaneval" || grader == "python_tests" ? "pass@1" : "";
}

Facts about(const StudySpec& spec, const Materials& materials, const Backend& backend) {
  Facts facts{{"spec", spec.to_toml()},
              {"xfer_version", XFER_VERSION},
              {"model_name", materials.model_name},
              {"model_hash", materials.model_hash},
              {"model_parameters", std::to_string(backend.parameters())}};
  for (const auto& [name, domain] : materials.domains)
    facts[std::string(metric_entry) + name] = field_metric(domain);
  return facts;
}

}  // namespace

StudyRun::StudyRun(const StudySpec& spec, const Materials& materials, const Plan& plan,
                   const Wanted& wanted, Backend& backend, Ledger& ledger,
                   const RunOptions& options, const RunTuning& tuning)
    : spec_(spec), materials_(materials), plan_(plan), wanted_(wanted), backend_(backend),
      ledger_(ledger), options_(options), tuning_(tuning), progress_(plan, wanted),
      evaluations_of_leg_(plan.legs.size()),
      graders_(std::max(2U, std::thread::hardware_concurrency())) {
  for (std::size_t e = 0; e < plan.evaluations.size(); ++e)
    if (plan.evaluations[e].leg && wanted.evaluations[e])
      evaluations_of_leg_[*plan.evaluations[e].leg].push_back(e);
}

void StudyRun::emit(Event event) {
  event.done_units = event.total_units = event.seconds_left = 0.0;
  progress_.fill(event);
  ledger_.note_progress(event.done_units, event.total_units, event.seconds_left);
  if (options_.on_event) options_.on_event(event);
}

void StudyRun::cancel() const {
  throw Error(Errc::cancelled, "study stopped as asked; everything finished is kept in " +
                                   options_.run_folder.string() + ", run again to go on");
}

task<void> StudyRun::run() {
  Event event;
  event.text = spec_.name;
  if (!spec_.adaptive) emit(event);  // else the rounds have announced it
  auto checking = check_states();
  co_await std::move(checking);
  Schedule schedule(plan_, wanted_, co_await boost::asio::this_coro::executor);
  std::vector<task<void>> workers;
  for (int i = 0; i < backend_.concurrency(); ++i) workers.push_back(work(schedule));
  auto working = all_of(std::move(workers));
  co_await std::move(working);
  if (schedule.failure()) std::rethrow_exception(schedule.failure());
  event.kind = Event::Kind::finished;
  if (!spec_.adaptive) emit(event);
}

task<void> StudyRun::work(Schedule& schedule) {
  try {
    while (true) {
      auto waiting = schedule.next();
      const std::optional<Schedule::Job> job = co_await std::move(waiting);
      if (!job) co_return;
      if (stopping()) cancel();
      auto doing = job->kind == Schedule::Job::Kind::leg ? run_leg(job->index)
                                                         : run_base_evaluation(job->index);
      co_await std::move(doing);
      schedule.finished(*job);
    }
  } catch (...) {
    failing_ = true;  // the others stop at their next safe point
    schedule.failed(std::current_exception());
  }
}

/// States may be gone that were saved somewhere else. Children first: a leg that is to be trained
/// again needs its parent's.
task<void> StudyRun::check_states() {
  std::vector<bool> needed(plan_.legs.size());
  for (std::size_t leg = plan_.legs.size(); leg-- > 0;) {
    if (!wanted_.legs[leg]) continue;
    const PlannedLeg& planned = plan_.legs[leg];
    LegState state = ledger_.leg(leg);
    const bool used =
        needed[leg] || state.steps_done < planned.steps || evaluations_pending(leg, planned.steps);
    if (used && state.steps_done > 0) {
      bool there = !state.checkpoint.empty();  // else it was removed when nothing needed it
      if (there) {
        auto asking = backend_.keep_state(loadable_form(state.checkpoint));
        there = co_await std::move(asking);
      }
      if (!there) {
        ledger_.forget_training(leg);
        state = ledger_.leg(leg);
        Event event;
        event.kind = Event::Kind::leg_lost;
        event.text = planned.description;
        emit(event);
      }
    }
    const bool begins = used && state.checkpoint.empty();
    if (begins && planned.parent) needed[*planned.parent] = true;
  }
}

namespace {

std::string words_of(const Look& look) {
  std::string text = "round " + std::to_string(look.round) + ": " + look.source + " -> " +
                     look.target + ", " + std::to_string(look.seeds) + " seeds: " + look.verdict;
  return text + (look.goes_on ? ", another seed" : "");
}

/// Everything at once; or, in an adaptive study, round by round what its looks ask for.
void carry_out(const StudySpec& spec, const Materials& materials, const Plan& plan,
               Backend& backend, Ledger& ledger, const RunOptions& options,
               const RunTuning& tuning) {
  const auto work = [&](const Wanted& wanted) {
    StudyRun run(spec, materials, plan, wanted, backend, ledger, options, tuning);
    run_blocking(run.run());
  };
  if (!spec.adaptive) return work(all_of_plan(plan));
  Event event;
  event.text = spec.name;
  const auto tell = [&](Event::Kind kind) {
    event.kind = kind;
    if (options.on_event) options.on_event(event);
  };
  tell(Event::Kind::started);
  AdaptiveDesign design(spec);
  while (!design.over()) {
    work(wanted_of(spec, plan, design.seeds()));
    const std::vector<Look> looks = design.look(
        [&](std::size_t cell, int seeds) { return scores_of(spec, plan, ledger, cell, seeds); });
    ledger.note_looks(looks);
    for (const Look& look : looks) {
      event.text = words_of(look);
      tell(Event::Kind::decided);
    }
  }
  event.text = spec.name;
  tell(Event::Kind::finished);
}

StudyResult run_in_memory(const StudySpec& asked, const RunOptions& given, Backend* backend,
                          const DomainSet& own_domains, const RunTuning& tuning) {
  RunOptions options = given;
  options.run_folder = absolute_folder(given.run_folder);
  std::vector<std::string> own_names;
  for (const auto& [name, domain] : own_domains) own_names.push_back(name);
  validate(asked, own_names);
  if (study_parts(asked).size() > 1)
    throw Error(Errc::invalid_argument,
                "study: `models` and [ablation] make several studies of one, each with a run "
                "folder of its own; run the parts (study_parts) one by one");
  const std::optional<Price> price = price_of_calls(asked);
  DomainSet domains = open_domains(asked, own_domains);
  Ledger ledger(options.run_folder);
  ledger.set_commit_hook(tuning.on_commit);
  std::unique_ptr<Backend> opened;
  if (!backend) {
    opened = open_backend(asked, options.record_file);
    backend = opened.get();
  }
  StudySpec spec = with_learning_rates(asked, *backend);
  const RateSearch search = search_learning_rates(spec, options, *backend, domains, tuning);
  const Materials materials = gather_materials(spec, *backend, std::move(domains));
  const Plan plan = make_plan(spec, materials, options.stop);
  ledger.start(spec, facts_of(spec, materials), about(spec, materials, *backend), plan);
  ledger.note_tried_rates(search.tried);
  // The data of a started run does not change (its hashes are among the facts), nor does this.
  if (!ledger.overlap_is_noted()) ledger.note_overlap(check_overlap(spec, materials));
  std::vector<Spend> spent = ledger.spending();
  for (const Spend& elsewhere : spending_of(options.budget_shared_with)) spent.push_back(elsewhere);
  Budget budget(limits_of(spec.budget, search.dollars), std::move(spent),
                [&](const Spend& spend) { ledger.keep(spend); });
  std::optional<Meter> meter;
  std::unique_ptr<Backend> metered;
  if (price) {
    meter.emplace(*price, budget);
    metered = make_metered_backend(*backend, *meter);
    backend = metered.get();
  }
  try {
    carry_out(spec, materials, plan, *backend, ledger, options, tuning);
    ledger.note_outcome("finished");
  } catch (const Error& e) {
    const std::string limit = e.code() == Errc::cancelled ? budget.reached() : "";
    try {
      ledger.note_outcome(limit.empty() ? to_string(e.code()) : std::string_view(limit));
    } catch (const Error&) {
      // The first failure is the one to tell; it may be the very disk that this needs.
    }
    if (e.code() == Errc::cancelled && options.on_event) {
      Event event;
      event.kind = Event::Kind::cancelled;
      event.text = e.what();
      options.on_event(event);
    }
    if (limit.empty()) throw;
  }
  return load_result(options.run_folder);
}

}  // namespace

StudyResult run_study(const StudySpec& spec, const RunOptions& options, Backend* backend,
                      const DomainSet& own_domains, const RunTuning& tuning) {
  try {
    return run_in_memory(spec, options, backend, own_domains, tuning);
  } catch (const std::bad_alloc&) {
    throw Error(Errc::out_of_memory,
                "study: this machine's memory is not enough; try a lower train.batch_size (now " +
                    std::to_string(spec.batch_size) + "), train.max_sequence_tokens (now " +
                    std::to_string(spec.max_sequence_tokens) + ") or rl.group_size (now " +
                    std::to_string(spec.rl.group_size) +
                    "), or a smaller model. What was finished is kept in " +
                    options.run_folder.string());
  }
}

StudyResult run_study(const StudySpec& spec, const RunOptions& options,
                      const DomainSet& own_domains) {
  return run_study(spec, options, nullptr, own_domains, RunTuning{});
}

StudyResult run_study(const StudySpec& spec, const RunOptions& options, Backend& backend,
                      const DomainSet& own_domains) {
  return run_study(spec, options, &backend, own_domains, RunTuning{});
}

}  // namespace xfer::study
