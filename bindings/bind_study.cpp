// SPDX-License-Identifier: Apache-2.0
// Studies: their specification and their runs. Results and reports are in bind_report.cpp.
#include "bindings.hpp"
#include "calls.hpp"
#include "custom.hpp"

#include "xfer/error.hpp"
#include "xfer/report/report.hpp"
#include "xfer/study/model_names.hpp"
#include "xfer/study/presets.hpp"
#include "xfer/study/result.hpp"
#include "xfer/study/runner.hpp"
#include "xfer/study/spec.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using report::Report;
using study::Event;
using study::StudySpec;

std::vector<std::string> condition_names(const StudySpec& spec) {
  std::vector<std::string> names;
  for (const Condition c : spec.conditions) names.emplace_back(to_string(c));
  return names;
}

void set_conditions(StudySpec& spec, const std::vector<std::string>& names) {
  std::vector<Condition> conditions;
  for (const std::string& name : names) {
    const auto condition = parse_condition(name);
    if (!condition) {
      std::string known;
      for (const Condition c : all_conditions)
        known += (known.empty() ? "" : ", ") + std::string(to_string(c));
      throw Error(Errc::invalid_argument,
                  "study: unknown condition \"" + name + "\" (allowed: " + known + ")");
    }
    conditions.push_back(*condition);
  }
  spec.conditions = std::move(conditions);
}

std::vector<std::string> method_names(const StudySpec& spec) {
  std::vector<std::string> names;
  for (const Method m : spec.methods) names.emplace_back(to_string(m));
  return names;
}

void set_methods(StudySpec& spec, const std::vector<std::string>& names) {
  std::vector<Method> methods;
  for (const std::string& name : names) {
    const auto method = parse_method(name);
    if (!method)
      throw Error(Errc::invalid_argument,
                  "study: unknown method \"" + name + "\" (allowed: sl, rl, sl_rl)");
    methods.push_back(*method);
  }
  spec.methods = std::move(methods);
}

/// A key of the section [rl], as rl_<key>.
template <class T>
void rl_key(py::class_<StudySpec>& type, const char* name, T study::RlSpec::*member) {
  type.def_property(
      name, [member](const StudySpec& self) { return self.rl.*member; },
      [member](StudySpec& self, T value) { self.rl.*member = std::move(value); });
}

/// A key of the section [hypotheses], as hypotheses_<key>.
template <class T>
void hypotheses_key(py::class_<StudySpec>& type, const char* name,
                    T study::HypothesisSpec::*member) {
  type.def_property(
      name, [member](const StudySpec& self) { return self.hypotheses.*member; },
      [member](StudySpec& self, T value) { self.hypotheses.*member = std::move(value); });
}

/// A key of the section [looks], as looks_<key>.
template <class T>
void looks_key(py::class_<StudySpec>& type, const char* name, T study::LooksSpec::*member) {
  type.def_property(
      name, [member](const StudySpec& self) { return self.looks.*member; },
      [member](StudySpec& self, T value) { self.looks.*member = std::move(value); });
}

/// A key of the section [budget], by its own name.
void budget_key(py::class_<StudySpec>& type, const char* name, double study::BudgetSpec::*member) {
  type.def_property(
      name, [member](const StudySpec& self) { return self.budget.*member; },
      [member](StudySpec& self, double value) { self.budget.*member = value; });
}

/// A key of the section [ablation], as ablation_<key>.
template <class T>
void ablation_key(py::class_<StudySpec>& type, const char* name, T study::AblationSpec::*member) {
  type.def_property(
      name, [member](const StudySpec& self) { return self.ablation.*member; },
      [member](StudySpec& self, T value) { self.ablation.*member = std::move(value); });
}

/// A LoraConfig member as one of the study's own keys, as in its file.
template <class T>
void lora_key(py::class_<StudySpec>& type, const char* name, T LoraConfig::*member) {
  type.def_property(
      name, [member](const StudySpec& self) { return self.lora.*member; },
      [member](StudySpec& self, T value) { self.lora.*member = value; });
}

std::unique_ptr<StudySpec> make_spec(const py::kwargs& options) {
  auto spec = std::make_unique<StudySpec>();
  const py::object view = py::cast(spec.get(), py::return_value_policy::reference);
  for (const auto& [key, value] : options) {
    if (!py::hasattr(view, key) || py::hasattr(view.attr(key), "__call__"))
      throw py::type_error("StudySpec has no option " + py::repr(key).cast<std::string>());
    view.attr(key) = value;
  }
  if (options.contains("methods") && !options.contains("conditions"))
    spec->conditions = study::default_conditions(spec->methods);
  return spec;
}

/// A method that the package's own Python has.
auto in_python(const char* module, const char* function) {
  return [module, function](const py::object& self, const py::args& more, const py::kwargs& named) {
    return py::module_::import(module).attr(function)(self, *more, **named);
  };
}

void bind_spec(py::module_& module) {
  py::class_<StudySpec> type(module, "StudySpec",
                             "What a study is to do. The defaults are the built-in pilot; every "
                             "option is one key of a study file.");
  type.def(py::init(&make_spec))
      .def_readwrite("name", &StudySpec::name)
      .def_readwrite("pairs", &StudySpec::pairs)
      .def_readwrite("domain_files", &StudySpec::domain_files)
      .def_readwrite("skip_bad", &StudySpec::skip_bad)
      .def_property("conditions", &condition_names, &set_conditions)
      .def_property("methods", &method_names, &set_methods)
      .def_readwrite("model", &StudySpec::model)
      .def_readwrite("models", &StudySpec::models)
      .def_readwrite("backend", &StudySpec::backend)
      .def_readwrite("base_url", &StudySpec::base_url)
      .def_readwrite("tokenizer", &StudySpec::tokenizer)
      .def_readwrite("renderer", &StudySpec::renderer)
      .def_readwrite("seeds", &StudySpec::seeds)
      .def_readwrite("adaptive", &StudySpec::adaptive)
      .def_readwrite("steps", &StudySpec::steps)
      .def_readwrite("match", &StudySpec::match)
      .def_readwrite("examples", &StudySpec::examples)
      .def_readwrite("batch_size", &StudySpec::batch_size)
      .def_readwrite("learning_rate", &StudySpec::learning_rate, "0 is \"auto\".")
      .def_readwrite("learning_rate_search", &StudySpec::learning_rate_search)
      .def_readwrite("learning_rate_end_share", &StudySpec::learning_rate_end_share)
      .def_readwrite("grad_clip_norm", &StudySpec::grad_clip_norm)
      .def_readwrite("max_sequence_tokens", &StudySpec::max_sequence_tokens)
      .def_readwrite("items", &StudySpec::items)
      .def_readwrite("validation_items", &StudySpec::validation_items)
      .def_readwrite("eval_every", &StudySpec::eval_every)
      .def_readwrite("held_out_items", &StudySpec::held_out_items)
      .def_readwrite("prompt_variants", &StudySpec::prompt_variants)
      .def_readwrite("forgetting_items", &StudySpec::forgetting_items)
      .def_readwrite("shots", &StudySpec::shots)
      .def_readwrite("max_answer_tokens", &StudySpec::max_answer_tokens)
      .def_readwrite("scoring", &StudySpec::scoring)
      .def_readwrite("samples", &StudySpec::samples)
      .def_readwrite("sample_temperature", &StudySpec::sample_temperature)
      .def_readwrite("exclude_overlap", &StudySpec::exclude_overlap)
      .def_readwrite("price_file", &StudySpec::price_file)
      .def_readwrite("priced_as", &StudySpec::priced_as)
      .def_readwrite("threads", &StudySpec::threads);
  lora_key(type, "rank", &LoraConfig::rank);
  lora_key(type, "alpha", &LoraConfig::alpha);
  lora_key(type, "train_attn", &LoraConfig::train_attn);
  lora_key(type, "train_mlp", &LoraConfig::train_mlp);
  lora_key(type, "train_unembed", &LoraConfig::train_unembed);
  rl_key(type, "rl_steps", &study::RlSpec::steps);
  rl_key(type, "rl_problems", &study::RlSpec::problems);
  rl_key(type, "rl_group_size", &study::RlSpec::group_size);
  rl_key(type, "rl_temperature", &study::RlSpec::temperature);
  rl_key(type, "rl_loss", &study::RlSpec::loss);
  rl_key(type, "rl_advantage", &study::RlSpec::advantage);
  rl_key(type, "rl_learning_rate", &study::RlSpec::learning_rate);
  rl_key(type, "rl_learning_rate_search", &study::RlSpec::learning_rate_search);
  rl_key(type, "rl_learning_rate_end_share", &study::RlSpec::learning_rate_end_share);
  rl_key(type, "rl_max_staleness", &study::RlSpec::max_staleness);
  hypotheses_key(type, "hypotheses_score", &study::HypothesisSpec::score);
  hypotheses_key(type, "hypotheses_margin_points", &study::HypothesisSpec::margin_points);
  hypotheses_key(type, "hypotheses_margin_bits", &study::HypothesisSpec::margin_bits);
  hypotheses_key(type, "hypotheses_similarity", &study::HypothesisSpec::similarity);
  hypotheses_key(type, "hypotheses_learning_rates_tuned",
                 &study::HypothesisSpec::learning_rates_tuned);
  looks_key(type, "looks_error_rate", &study::LooksSpec::error_rate);
  looks_key(type, "looks_spending", &study::LooksSpec::spending);
  looks_key(type, "looks_first_seeds", &study::LooksSpec::first_seeds);
  looks_key(type, "looks_cells", &study::LooksSpec::cells);
  looks_key(type, "looks_cell_seeds", &study::LooksSpec::cell_seeds);
  budget_key(type, "max_dollars", &study::BudgetSpec::max_dollars);
  budget_key(type, "max_dollars_per_leg", &study::BudgetSpec::max_dollars_per_leg);
  budget_key(type, "max_dollars_per_day", &study::BudgetSpec::max_dollars_per_day);
  budget_key(type, "confirm_above", &study::BudgetSpec::confirm_above);
  ablation_key(type, "ablation_examples", &study::AblationSpec::examples);
  ablation_key(type, "ablation_pairs", &study::AblationSpec::pairs);
  type.def_static("from_toml_file", &StudySpec::from_toml_file, "path"_a, "Reads a study file.")
      .def_static("from_toml", &StudySpec::from_toml, "text"_a, "origin"_a = "study",
                  "base_folder"_a = std::filesystem::path("."),
                  "The study of a TOML text; `origin` names it in errors, relative paths in it are "
                  "taken from `base_folder`.")
      .def("to_toml", &StudySpec::to_toml, "A study file that reads back to an equal study.")
      .def("run", in_python("xfer.study", "run_study"), "`xfer.run_study` of this study.")
      .def("run_async", in_python("xfer.study", "run_study_async"),
           "`xfer.run_study_async` of this study.")
      .def("plan", in_python("xfer.study", "plan_study"), "`xfer.plan_study` of this study.")
      .def("events", in_python("xfer.events", "StudyEvents"), "`xfer.StudyEvents` of this study.")
      .def("validate", &StudySpec::validate,
           "Raises `xfer.Error` naming the key and what is allowed.")
      .def("__eq__",
           [](const StudySpec& a, const py::object& b) {
             return py::isinstance<StudySpec>(b) && a.to_toml() == b.cast<StudySpec>().to_toml();
           })
      .def("__repr__",
           [](const StudySpec& self) {
             return "<xfer.StudySpec " + py::repr(py::str(self.name)).cast<std::string>() + ">";
           })
      .def(py::pickle([](const StudySpec& self) { return self.to_toml(); },
                      [](const std::string& text) {
                        return StudySpec::from_toml(text, "pickled study", ".");
                      }));
  type.attr("__hash__") = py::none();
}

const char* kind_name(const Event& event) {
  switch (event.kind) {
    case Event::Kind::started: return "started";
    case Event::Kind::leg_started: return "leg_started";
    case Event::Kind::sampling: return "sampling";
    case Event::Kind::step: return "step";
    case Event::Kind::leg_finished: return "leg_finished";
    case Event::Kind::leg_reused: return "leg_reused";
    case Event::Kind::leg_lost: return "leg_lost";
    case Event::Kind::eval_started: return "eval_started";
    case Event::Kind::eval_progress: return "eval_progress";
    case Event::Kind::eval_finished: return "eval_finished";
    case Event::Kind::eval_reused: return "eval_reused";
    case Event::Kind::decided: return "decided";
    case Event::Kind::finished: return "finished";
    case Event::Kind::cancelled: return "cancelled";
  }
  return "started";
}

void bind_event(py::module_& module) {
  py::class_<Event>(module, "Event", "What a running study is doing, for people.")
      .def_property_readonly("kind", &kind_name)
      .def_readonly("text", &Event::text)
      .def_readonly("step", &Event::step)
      .def_readonly("steps", &Event::steps)
      .def_readonly("loss", &Event::loss)
      .def_readonly("reward", &Event::reward, "None but for reinforcement learning.")
      .def_readonly("tokens_per_second", &Event::tokens_per_second)
      .def_readonly("score", &Event::score)
      .def_readonly("bits_per_byte", &Event::bits_per_byte)
      .def_readonly("done_units", &Event::done_units)
      .def_readonly("total_units", &Event::total_units)
      .def_readonly("seconds_left", &Event::seconds_left);
}

/// Events on their way from the running thread to the waiting one.
class EventQueue {
public:
  void push(const Event& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  /// With the GIL held, in the waiting thread.
  void deliver(const py::object& on_event) {
    std::deque<Event> arrived;
    {
      const std::lock_guard lock(mutex_);
      arrived.swap(events_);
    }
    if (on_event.is_none()) return;
    for (const Event& event : arrived) on_event(event);
  }

private:
  std::mutex mutex_;
  std::deque<Event> events_;
};

/// Runs the study where it is awaited, and writes its report into the run folder. Without a backend
/// the study's model is opened.
task<Report> run(StudySpec spec, study::RunOptions options, std::shared_ptr<study::Backend> backend,
                 study::DomainSet domains) {
  auto result = backend ? study::run_study(spec, options, *backend, domains)
                        : study::run_study(spec, options, domains);
  Report made = report::make_report(std::move(result));
  report::write_report(made, options.run_folder);
  co_return made;
}

std::shared_ptr<study::Backend> to_backend(const py::object& backend) {
  return backend.is_none() ? nullptr : make_custom_backend(backend);
}

Report run_blocking_study(const StudySpec& spec, const std::filesystem::path& folder,
                          const py::object& on_event, const py::object& backend,
                          study::DomainSet domains,
                          const std::optional<std::filesystem::path>& record_file,
                          std::vector<std::filesystem::path> budget_shared_with) {
  const auto call = new_call(new_queue());
  const auto events = std::make_shared<EventQueue>();
  study::RunOptions options;
  options.budget_shared_with = std::move(budget_shared_with);
  options.run_folder = folder;
  options.record_file = record_file.value_or("");
  options.on_event = [events](const Event& event) { events->push(event); };
  options.stop = &call->stop;
  const auto outcome = detail::start(
      call, events, run(spec, std::move(options), to_backend(backend), std::move(domains)));
  detail::wait(*outcome, call, true, [&] { events->deliver(on_event); });
  return detail::take(*outcome);
}

/// A Python callable that any thread may call through its loop, and let go of.
class LoopCallback {
public:
  explicit LoopCallback(py::object callback)
      : loop_(py::module_::import("asyncio").attr("get_running_loop")()),
        callback_(std::move(callback)) {}
  LoopCallback(const LoopCallback&) = delete;
  LoopCallback& operator=(const LoopCallback&) = delete;
  ~LoopCallback() {
    const py::gil_scoped_acquire gil;
    loop_ = py::object();
    callback_ = py::object();
  }
  void operator()(const Event& event) const {
    if (callback_.is_none()) return;
    const py::gil_scoped_acquire gil;
    try {
      loop_.attr("call_soon_threadsafe")(callback_, event);
    } catch (py::error_already_set& error) {  // the loop was closed: nobody listens
      if (!error.matches(PyExc_RuntimeError)) error.discard_as_unraisable("xfer progress");
    }
  }

private:
  py::object loop_;
  py::object callback_;
};

py::object run_async_study(const StudySpec& spec, const std::filesystem::path& folder,
                           const py::object& on_event, const py::object& backend,
                           study::DomainSet domains,
                           const std::optional<std::filesystem::path>& record_file) {
  const auto call = new_call(new_queue());
  const auto callback = std::make_shared<LoopCallback>(on_event);
  study::RunOptions options;
  options.run_folder = folder;
  options.record_file = record_file.value_or("");
  options.on_event = [callback](const Event& event) { (*callback)(event); };
  options.stop = &call->stop;
  return call_async(call, callback,
                    run(spec, std::move(options), to_backend(backend), std::move(domains)),
                    [](Report made) { return py::cast(std::move(made)); });
}

}  // namespace

void bind_study(py::module_& module) {
  bind_spec(module);
  bind_event(module);
  module.def("set_models_folder", &study::set_models_folder, "folder"_a,
             "Where the package's embedded models are.");
  module.def(
      "condition_exists",
      [](const std::string& condition, const std::string& method) {
        const auto c = parse_condition(condition);
        const auto m = parse_method(method);
        if (!c || !m)
          throw Error(Errc::invalid_argument,
                      "unknown condition \"" + condition + "\" or method \"" + method + "\"");
        return exists(*c, *m);
      },
      "condition"_a, "method"_a, "Whether a condition means something under a method.");
  module.def(
      "study_parts",
      [](const StudySpec& spec) {
        std::vector<std::pair<std::string, StudySpec>> parts;
        for (study::StudyPart& part : study::study_parts(spec))
          parts.emplace_back(std::move(part.name), std::move(part.spec));
        return parts;
      },
      "spec"_a,
      "(name, study) of each part that needs a run folder of its own: one for each of `models` and "
      "of `ablation_examples`, or the study itself under the name \"\".");
  module.def("preset", &study::preset, "name"_a, "A whole study by its name.");
  module.def("preset_names", &study::preset_names);
  module.def("preset_summary", &study::preset_summary, "name"_a, "One line about it.");
  module.def("locate_model", &study::locate_model, "model"_a,
             "The folder or file that a model's name means.");
  module.def("run_study", &run_blocking_study, "spec"_a, "run_folder"_a, "on_event"_a = py::none(),
             "backend"_a = py::none(), "domains"_a = study::DomainSet(),
             "record_file"_a = py::none(),
             "budget_shared_with"_a = std::vector<std::filesystem::path>(),
             "Runs or resumes a study; `on_event` is called in this thread. `backend` is an "
             "`xfer.CustomBackend` in place of the study's model, `domains` are own ones by name. "
             "Exchanges with a Tinker service are written to `record_file`, without secrets. What "
             "the runs in `budget_shared_with` have spent counts against the limits too.");
  module.def("run_study_async", &run_async_study, "spec"_a, "run_folder"_a,
             "on_event"_a = py::none(), "backend"_a = py::none(), "domains"_a = study::DomainSet(),
             "record_file"_a = py::none(),
             "The same as an asyncio future; `on_event` is called in the loop's thread.");
}

}  // namespace xfer::bindings
