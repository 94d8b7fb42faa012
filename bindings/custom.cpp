// SPDX-License-Identifier: Apache-2.0
#include "custom.hpp"

#include "arrays.hpp"

#include "xfer/error.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cmath>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace py = pybind11;

namespace xfer::bindings {
namespace {

/// A Python object that any thread may let go of.
class Held {
public:
  explicit Held(py::object object)
      : object_(new py::object(std::move(object)), [](py::object* held) {
          const py::gil_scoped_acquire gil;
          delete held;
        }) {}
  /// With the GIL held.
  py::object& operator*() const { return *object_; }
  py::object* operator->() const { return object_.get(); }

private:
  std::shared_ptr<py::object> object_;
};

/// The thread on which a backend's Python code runs.
class PythonThread {
public:
  PythonThread()
      : context_(std::make_shared<asio::io_context>(1)), guard_(asio::make_work_guard(*context_)),
        thread_([context = context_] { context->run(); }) {}
  PythonThread(const PythonThread&) = delete;
  PythonThread& operator=(const PythonThread&) = delete;
  ~PythonThread() {
    guard_.reset();
    context_->stop();
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();  // let go of by its own last piece of work; the context outlives it
    } else if (PyGILState_Check() != 0) {
      const py::gil_scoped_release nogil;
      thread_.join();
    } else {
      thread_.join();
    }
  }
  asio::io_context::executor_type executor() const { return context_->get_executor(); }

  /// Runs `work` there with the GIL held, and waits for it.
  template <class Work>
  auto wait_for(const Work& work) const {
    std::packaged_task<decltype(work())()> call([&work] {
      const py::gil_scoped_acquire gil;
      return work();
    });
    auto answer = call.get_future();
    std::optional<py::gil_scoped_release> nogil;
    if (PyGILState_Check() != 0) nogil.emplace();
    asio::dispatch(*context_, std::ref(call));
    return answer.get();
  }

private:
  std::shared_ptr<asio::io_context> context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

template <class T>
task<T> with_gil(std::function<T()> work) {
  const py::gil_scoped_acquire gil;
  co_return work();
}

/// Runs `work`, which returns plain C++ values, on the thread with the GIL held.
template <class T>
task<T> run_on(std::shared_ptr<PythonThread> thread, std::function<T()> work) {
  auto running =
      asio::co_spawn(thread->executor(), with_gil<T>(std::move(work)), asio::use_awaitable);
  T result = co_await std::move(running);
  co_return result;
}

[[noreturn]] void refuse(const std::string& method, const std::string& wanted) {
  throw Error(Errc::invalid_argument, method + " must return " + wanted);
}

std::vector<float> to_floats(const py::handle& values, std::size_t size,
                             const std::string& method) {
  using Array = py::array_t<float, py::array::c_style | py::array::forcecast>;
  const auto array = Array::ensure(values);
  if (!array) PyErr_Clear();
  if (!array || static_cast<std::size_t>(array.size()) != size)
    refuse(method, "arrays of " + std::to_string(size) + " log-probabilities" +
                       (array ? " (got " + std::to_string(array.size()) + ")" : ""));
  return {array.data(), array.data() + array.size()};
}

std::map<std::string, double> to_metrics(const py::object& given, const std::string& method) {
  if (given.is_none()) return {};
  if (!py::isinstance<py::dict>(given)) refuse(method, "metrics as a dict of numbers");
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : py::dict(given))
    metrics[py::str(name).cast<std::string>()] = value.cast<double>();
  return metrics;
}

// --- sampling -------------------------------------------------------------------------------

class CustomSampler final : public Sampler {
public:
  CustomSampler(Held object, std::shared_ptr<PythonThread> thread)
      : object_(std::move(object)), thread_(std::move(thread)) {}

private:
  template <class Request, class Answer>
  struct Job {
    explicit Job(Request r) : request(std::move(r)) {}
    Request request;
    Answer answer;
    std::exception_ptr failure;
    bool done = false;  ///< read and written on the Python thread alone
  };
  using SampleJob = Job<SampleRequest, std::vector<Completion>>;
  using ScoreJob = Job<ScoreRequest, std::vector<float>>;

  /// What waits, in the order of arrival; the first to be served takes all of it along.
  template <class J>
  struct Waiting {
    std::mutex mutex;
    std::deque<std::shared_ptr<J>> jobs;

    std::shared_ptr<J> add(std::shared_ptr<J> job) {
      const std::lock_guard lock(mutex);
      jobs.push_back(job);
      return job;
    }
    std::vector<std::shared_ptr<J>> take_all() {
      const std::lock_guard lock(mutex);
      std::vector<std::shared_ptr<J>> all(jobs.begin(), jobs.end());
      jobs.clear();
      return all;
    }
  };

  template <class J>
  bool serve(Waiting<J>& waiting, const std::shared_ptr<J>& job, const char* method) {
    if (job->done) return true;
    const auto jobs = waiting.take_all();
    std::exception_ptr failure;
    try {
      py::list requests;
      for (const auto& each : jobs) requests.append(py::cast(each->request));
      const py::object answers = object_->attr(method)(requests);
      read_answers(jobs, py::list(answers));
    } catch (...) {  // each of the waiting calls failed
      failure = std::current_exception();
    }
    for (const auto& each : jobs) {
      each->failure = failure;
      each->done = true;
    }
    return true;
  }

  static void read_answers(const std::vector<std::shared_ptr<SampleJob>>& jobs,
                           const py::list& answers) {
    const std::string method = "CustomSampler.sample";
    if (answers.size() != jobs.size())
      refuse(method, "a list of completions for each of the " + std::to_string(jobs.size()) +
                         " requests (got " + std::to_string(answers.size()) + ")");
    for (std::size_t i = 0; i < jobs.size(); ++i)
      jobs[i]->answer = answers[i].cast<std::vector<Completion>>();
  }
  static void read_answers(const std::vector<std::shared_ptr<ScoreJob>>& jobs,
                           const py::list& answers) {
    const std::string method = "CustomSampler.score";
    if (answers.size() != jobs.size())
      refuse(method, "an array for each of the " + std::to_string(jobs.size()) + " requests (got " +
                         std::to_string(answers.size()) + ")");
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const ScoreRequest& request = jobs[i]->request;
      jobs[i]->answer = to_floats(answers[i], request.tokens.size() - request.first, method);
    }
  }

  template <class J>
  auto answer(Waiting<J>& waiting, std::shared_ptr<J> job, const char* method)
      -> task<decltype(job->answer)> {
    waiting.add(job);
    auto serving = run_on<bool>(
        thread_, [this, &waiting, job, method] { return serve(waiting, job, method); });
    co_await std::move(serving);
    if (job->failure) std::rethrow_exception(job->failure);
    co_return std::move(job->answer);
  }

  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    return answer(samples_, std::make_shared<SampleJob>(std::move(request)), "sample");
  }
  task<std::vector<float>> do_score(ScoreRequest request) override {
    return answer(scores_, std::make_shared<ScoreJob>(std::move(request)), "score");
  }

  Held object_;
  std::shared_ptr<PythonThread> thread_;
  Waiting<SampleJob> samples_;
  Waiting<ScoreJob> scores_;
};

// --- training -------------------------------------------------------------------------------

class CustomTrainer final : public Trainer {
public:
  CustomTrainer(Held object, std::shared_ptr<PythonThread> thread)
      : object_(std::move(object)), thread_(std::move(thread)) {}

  TrainerInfo info() const override {
    return thread_->wait_for([this] { return object_->attr("info")().cast<TrainerInfo>(); });
  }

private:
  static ForwardBackwardResult to_result(const py::object& given, const std::vector<Datum>& data,
                                         const std::string& method) {
    const std::string wanted =
        "(logprobs, metrics): an array for each of the " + std::to_string(data.size()) +
        " data in the shape of its target_tokens, and a dict with \"loss:sum\"";
    if (!py::isinstance<py::tuple>(given) || py::len(given) != 2) refuse(method, wanted);
    const py::tuple pair(given);
    const py::list arrays(pair[0]);
    ForwardBackwardResult result;
    result.metrics = to_metrics(pair[1], method);
    if (arrays.size() != data.size() || result.metrics.count("loss:sum") == 0)
      refuse(method, wanted);
    for (std::size_t i = 0; i < data.size(); ++i) {
      const auto targets = data[i].loss_fn_inputs.find("target_tokens");
      const std::size_t size =
          targets == data[i].loss_fn_inputs.end() ? data[i].tokens.size() : targets->second.size();
      Tensor logprobs(to_floats(arrays[i], size, method));
      if (targets != data[i].loss_fn_inputs.end()) logprobs.shape = targets->second.shape;
      result.loss_fn_outputs.emplace_back().emplace("logprobs", std::move(logprobs));
    }
    return result;
  }

  task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request,
                                                  bool backward) override {
    const char* method = backward ? "forward_backward" : "forward";
    auto shared = std::make_shared<ForwardBackwardRequest>(std::move(request));
    auto working = run_on<ForwardBackwardResult>(thread_, [this, shared, method] {
      const py::object given =
          object_->attr(method)(py::cast(shared->data), shared->loss_fn, shared->loss_fn_config);
      return to_result(given, shared->data, std::string("CustomTrainer.") + method);
    });
    ForwardBackwardResult result = co_await std::move(working);
    if (!std::isfinite(result.metrics.at("loss:sum")))
      throw Error(Errc::diverged, "the loss is not a finite number");
    co_return result;
  }
  task<OptimStepResult> do_optim_step(AdamParams params) override {
    auto working = run_on<OptimStepResult>(thread_, [this, params] {
      OptimStepResult result;
      result.metrics =
          to_metrics(object_->attr("optim_step")(py::cast(params)), "CustomTrainer.optim_step");
      return result;
    });
    OptimStepResult result = co_await std::move(working);
    co_return result;
  }
  task<std::string> do_save_state(std::string name, bool with_optimizer) override {
    auto working = run_on<std::string>(thread_, [this, name, with_optimizer] {
      const py::object path = object_->attr("save_state")(name, with_optimizer);
      return py::str(path).cast<std::string>();
    });
    std::string path = co_await std::move(working);
    co_return path;
  }
  task<void> do_load_state(std::string path, bool with_optimizer) override {
    auto working = run_on<bool>(thread_, [this, path, with_optimizer] {
      object_->attr("load_state")(path, with_optimizer);
      return true;
    });
    co_await std::move(working);
  }
  task<std::shared_ptr<Sampler>> do_snapshot() override {
    auto working = run_on<std::shared_ptr<Sampler>>(thread_, [this]() -> std::shared_ptr<Sampler> {
      return std::make_shared<CustomSampler>(Held(object_->attr("snapshot")()), thread_);
    });
    auto sampler = co_await std::move(working);
    co_return sampler;
  }

  Held object_;
  std::shared_ptr<PythonThread> thread_;
};

// --- the backend ----------------------------------------------------------------------------

class CustomBackend final : public study::Backend {
public:
  /// With the GIL held. Reads what never changes at once.
  explicit CustomBackend(py::object object)
      : tokenizer_(attribute(object, "tokenizer").cast<text::Tokenizer>()),
        name_(text_attribute(object, "name")), hash_(text_attribute(object, "model_hash")),
        version_(text_attribute(object, "version")),
        renderer_(py::hasattr(object, "renderer") ? text_attribute(object, "renderer") : ""),
        parameters_(attribute(object, "parameters").cast<std::int64_t>()),
        object_(std::move(object)) {}

  const text::Tokenizer& tokenizer() const override { return tokenizer_; }
  std::string model_name() const override { return name_; }
  std::string model_hash() const override { return hash_; }
  std::int64_t parameters() const override { return parameters_; }
  std::string version() const override { return "custom " + version_; }
  std::string recommended_renderer() const override {
    return renderer_.empty() ? Backend::recommended_renderer() : renderer_;
  }

  task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                std::filesystem::path state_folder) override {
    auto working = run_on<std::shared_ptr<Held>>(thread_, [this, lora, state_folder] {
      return std::make_shared<Held>(
          object_->attr("create_trainer")(py::cast(lora), py::cast(state_folder)));
    });
    const auto trainer = co_await std::move(working);
    co_return std::make_unique<CustomTrainer>(*trainer, thread_);
  }
  task<std::shared_ptr<Sampler>> base_sampler() override {
    auto working = run_on<std::shared_ptr<Sampler>>(thread_, [this]() -> std::shared_ptr<Sampler> {
      return std::make_shared<CustomSampler>(Held(object_->attr("base_sampler")()), thread_);
    });
    auto sampler = co_await std::move(working);
    co_return sampler;
  }

private:
  static py::object attribute(const py::object& object, const char* name) {
    if (!py::hasattr(object, name))
      throw Error(Errc::invalid_argument, std::string("backend: the attribute '") + name +
                                              "' is missing; see xfer.CustomBackend");
    return object.attr(name);
  }
  static std::string text_attribute(const py::object& object, const char* name) {
    const py::object value = attribute(object, name);
    if (!py::isinstance<py::str>(value) || py::len(value) == 0)
      throw Error(Errc::invalid_argument,
                  std::string("backend: '") + name + "' must be a text that is not empty");
    return value.cast<std::string>();
  }

  text::Tokenizer tokenizer_;
  std::string name_;
  std::string hash_;
  std::string version_;
  std::string renderer_;
  std::int64_t parameters_;
  Held object_;
  std::shared_ptr<PythonThread> thread_ = std::make_shared<PythonThread>();
};

}  // namespace

std::shared_ptr<Trainer> make_custom_trainer(py::object trainer) {
  return std::make_shared<CustomTrainer>(Held(std::move(trainer)),
                                         std::make_shared<PythonThread>());
}

std::shared_ptr<Sampler> make_custom_sampler(py::object sampler) {
  return std::make_shared<CustomSampler>(Held(std::move(sampler)),
                                         std::make_shared<PythonThread>());
}

std::shared_ptr<study::Backend> make_custom_backend(py::object backend) {
  return std::make_shared<CustomBackend>(std::move(backend));
}

}  // namespace xfer::bindings
