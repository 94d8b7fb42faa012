#include "xfer/study/runner.hpp"

#include "study/spec_fields.hpp"
#include "study/study_run.hpp"

#include "xfer/error.hpp"
#include "xfer/run_blocking.hpp"

#include <algorithm>
#include <new>
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
  const bool by_name = spec.model.find(':') != std::string::npos;
  facts["model"] = (by_name ? spec.model : "model file") + " " + short_hash(materials.model_hash);
  facts["renderer"] = std::string(materials.renderer->name()) + " " +
                      short_hash(materials.renderer->content_hash());
  facts["backend"] = materials.backend_version;
  for (const auto& [name, domain] : materials.domains)
    for (const Split split : {Split::train, Split::validation, Split::test})
      if (domain.dataset->size(split) > 0)
        facts["data of " + name + " (" + std::string(to_string(split)) + ")"] =
            short_hash(domain.dataset->manifest_hash(split));
  return facts;
}

Facts about(const StudySpec& spec, const Materials& materials, const Backend& backend) {
  return {{"spec", spec.to_toml()},
          {"xfer_version", XFER_VERSION},
          {"model_name", materials.model_name},
          {"model_hash", materials.model_hash},
          {"model_parameters", std::to_string(backend.parameters())}};
}

}  // namespace

StudyRun::StudyRun(const StudySpec& spec, const Materials& materials, const Plan& plan,
                   Backend& backend, Ledger& ledger, const RunOptions& options,
                   const RunTuning& tuning)
    : spec_(spec),
      materials_(materials),
      plan_(plan),
      backend_(backend),
      ledger_(ledger),
      options_(options),
      tuning_(tuning),
      progress_(plan),
      evaluations_of_leg_(plan.legs.size()),
      graders_(std::max(2U, std::thread::hardware_concurrency())) {
  for (std::size_t e = 0; e < plan.evaluations.size(); ++e)
    if (plan.evaluations[e].leg) evaluations_of_leg_[*plan.evaluations[e].leg].push_back(e);
}

void StudyRun::emit(Event event) {
  if (!options_.on_event) return;
  event.done_units = event.total_units = event.seconds_left = 0.0;
  progress_.fill(event);
  options_.on_event(event);
}

void StudyRun::cancel() const {
  throw Error(Errc::cancelled, "study stopped as asked; everything finished is kept in " +
                                   options_.run_folder.string() + ", run again to go on");
}

task<void> StudyRun::run() {
  Event event;
  event.text = spec_.name;
  emit(event);
  auto base = run_base_evaluations();
  co_await std::move(base);
  for (std::size_t leg = 0; leg < plan_.legs.size(); ++leg) {
    if (stopping()) cancel();
    auto training = run_leg(leg);
    co_await std::move(training);
  }
  event.kind = Event::Kind::finished;
  emit(event);
}

namespace {

StudyResult run_in_memory(const StudySpec& spec, const RunOptions& given, Backend* backend,
                          const DomainSet& own_domains, const RunTuning& tuning) {
  RunOptions options = given;
  options.run_folder = absolute_folder(given.run_folder);
  std::vector<std::string> own_names;
  for (const auto& [name, domain] : own_domains) own_names.push_back(name);
  validate(spec, own_names);
  DomainSet domains = open_domains(spec, own_domains);
  Ledger ledger(options.run_folder);
  ledger.set_commit_hook(tuning.on_commit);
  std::unique_ptr<Backend> opened;
  if (!backend) {
    opened = open_backend(spec);
    backend = opened.get();
  }
  const Materials materials = gather_materials(spec, *backend, std::move(domains));
  const Plan plan = make_plan(spec, materials, options.stop);
  ledger.start(spec, facts_of(spec, materials), about(spec, materials, *backend), plan);
  try {
    StudyRun run(spec, materials, plan, *backend, ledger, options, tuning);
    run_blocking(run.run());
    ledger.note_outcome("finished");
  } catch (const Error& e) {
    try {
      ledger.note_outcome(to_string(e.code()));
    } catch (const Error&) {
      // The first failure is the one to tell; it may be the very disk that this needs.
    }
    if (e.code() == Errc::cancelled && options.on_event) {
      Event event;
      event.kind = Event::Kind::cancelled;
      event.text = e.what();
      options.on_event(event);
    }
    throw;
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

StudyResult run_study(const StudySpec& spec, const RunOptions& options) {
  return run_study(spec, options, nullptr, {}, RunTuning{});
}

StudyResult run_study(const StudySpec& spec, const RunOptions& options, Backend& backend,
                      const DomainSet& own_domains) {
  return run_study(spec, options, &backend, own_domains, RunTuning{});
}

}  // namespace xfer::study
