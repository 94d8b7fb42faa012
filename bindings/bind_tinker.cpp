// SPDX-License-Identifier: Apache-2.0
// The native client of Tinker services, for `xfer.tinker`: every call starts at once and reports to
// a Python callback.
#include "bindings.hpp"
#include "calls.hpp"
#include "tinker_values.hpp"

#include "xfer/tinker/service_client.hpp"

#include <pybind11/stl.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

/// A Python function that is told the end of a call, and let go of with the GIL held.
class OnDone {
public:
  explicit OnDone(py::function function) : function_(std::move(function)) {}
  OnDone(const OnDone&) = delete;
  OnDone& operator=(const OnDone&) = delete;
  ~OnDone() {
    const py::gil_scoped_acquire gil;
    function_ = py::function();
  }

  /// Calls it with (result, None) or (None, exception), from any thread.
  template <class MakeResult>
  void settle(std::exception_ptr failure, MakeResult make_result) const {
    const py::gil_scoped_acquire gil;
    py::object result = py::none();
    try {
      if (!failure) result = make_result();
    } catch (...) {  // a failed conversion is the call's failure
      failure = std::current_exception();
    }
    try {
      function_(failure ? py::object(py::none()) : result,
                failure ? python_exception(failure) : py::object(py::none()));
    } catch (py::error_already_set& error) {
      error.discard_as_unraisable("xfer.tinker");
    }
  }

private:
  py::function function_;
};

/// A call under way.
struct Call {
  std::weak_ptr<Cancellation> cancellation;
};

/// Calls started on one queue begin in that order.
template <class T, class Convert>
Call start(const Queue& queue, task<T> work, py::function on_done, Convert convert) {
  auto done = std::make_shared<OnDone>(std::move(on_done));
  const auto call = new_call(queue);
  if constexpr (std::is_void_v<T>) {
    detail::spawn(call, std::move(work), [done](const std::exception_ptr& e) {
      done->settle(e, [] { return py::none(); });
    });
  } else {
    detail::spawn(call, std::move(work), [done, convert](const std::exception_ptr& e, T value) {
      done->settle(e, [&] { return convert(std::move(value)); });
    });
  }
  return Call{call};
}

struct Service {
  explicit Service(tinker::ClientOptions options) : client(std::move(options)) {}
  tinker::ServiceClient client;
  Queue queue = new_queue();
};

/// One model in training; its calls begin in the order in which they were made.
struct Training {
  explicit Training(tinker::TrainingClient made) : client(std::move(made)) {}
  tinker::TrainingClient client;
  Queue queue = new_queue();
};

struct Sampling {
  explicit Sampling(tinker::SamplingClient made) : client(std::move(made)) {}
  tinker::SamplingClient client;
  Queue queue = new_queue();
};

template <class Handle>
struct Wrap {
  template <class Client>
  py::object operator()(Client client) const {
    return py::cast(std::make_shared<Handle>(std::move(client)));
  }
};

struct Plain {
  template <class T>
  py::object operator()(T value) const {
    return py::cast(std::move(value));
  }
};

std::shared_ptr<Service> new_service(const std::optional<std::string>& base_url,
                                     const std::optional<std::string>& api_key,
                                     const std::optional<std::string>& project_id,
                                     const std::string& display_name,
                                     tinker::Metadata user_metadata) {
  tinker::ClientOptions options = tinker::ClientOptions::from_environment();
  if (base_url) options.transport.base_url = *base_url;
  if (api_key) options.api_key = *api_key;
  if (project_id) options.project_id = *project_id;
  options.display_name = display_name;
  options.user_metadata = std::move(user_metadata);
  const py::gil_scoped_release nogil;
  return std::make_shared<Service>(std::move(options));
}

tinker::Method to_method(const std::string& name) {
  for (const auto method :
       {tinker::Method::get, tinker::Method::post, tinker::Method::put, tinker::Method::del})
    if (tinker::to_string(method) == name) return method;
  throw py::value_error("method must be GET, POST, PUT or DELETE (got " + name + ")");
}

void bind_service(py::module_& module) {
  py::class_<Service, std::shared_ptr<Service>>(module, "TinkerService")
      .def(py::init(&new_service), py::kw_only(), "base_url"_a = py::none(),
           "api_key"_a = py::none(), "project_id"_a = py::none(), "display_name"_a = "",
           "user_metadata"_a = tinker::Metadata())
      .def(
          "create_training_client",
          [](Service& self, std::string base_model, int rank, std::optional<std::int64_t> seed,
             bool train_mlp, bool train_attn, bool train_unembed, tinker::Metadata user_metadata,
             py::function on_done) {
            tinker::TrainingOptions options;
            options.rank = rank;
            if (seed) options.seed = static_cast<std::uint64_t>(*seed);
            options.train_mlp = train_mlp;
            options.train_attn = train_attn;
            options.train_unembed = train_unembed;
            options.user_metadata = std::move(user_metadata);
            return start(
                self.queue,
                self.client.create_training_client(std::move(base_model), std::move(options)),
                std::move(on_done), Wrap<Training>());
          },
          "base_model"_a, "rank"_a, "seed"_a, "train_mlp"_a, "train_attn"_a, "train_unembed"_a,
          "user_metadata"_a, "on_done"_a)
      .def(
          "create_training_client_from_state",
          [](Service& self, std::string path, bool with_optimizer, tinker::Metadata user_metadata,
             py::function on_done) {
            return start(self.queue,
                         self.client.create_training_client_from_state(
                             std::move(path), with_optimizer, std::move(user_metadata)),
                         std::move(on_done), Wrap<Training>());
          },
          "path"_a, "with_optimizer"_a, "user_metadata"_a, "on_done"_a)
      .def(
          "create_sampling_client",
          [](Service& self, std::optional<std::string> model_path,
             std::optional<std::string> base_model, py::function on_done) {
            return start(self.queue,
                         model_path
                             ? self.client.create_sampling_client_of_path(std::move(*model_path))
                             : self.client.create_sampling_client_of_model(base_model.value_or("")),
                         std::move(on_done), Wrap<Sampling>());
          },
          "model_path"_a, "base_model"_a, "on_done"_a)
      .def(
          "request",
          [](Service& self, const std::string& method, std::string path, std::string json,
             py::function on_done) {
            return start(
                self.queue,
                self.client.rest().request(to_method(method), std::move(path), std::move(json)),
                std::move(on_done),
                [](const std::string& body) { return py::object(py::bytes(body)); });
          },
          "method"_a, "path"_a, "json"_a, "on_done"_a)
      .def(
          "finish_session",
          [](Service& self, std::string reason, std::string detail, py::function on_done) {
            return start(self.queue,
                         self.client.finish_session(std::move(reason), std::move(detail)),
                         std::move(on_done), Plain());
          },
          "reason"_a, "detail"_a, "on_done"_a);
}

tinker::LossCallOptions loss_options(std::string loss_fn, const py::object& config) {
  tinker::LossCallOptions options;
  options.loss_fn = std::move(loss_fn);
  if (config.is_none()) return options;
  for (const auto& [key, value] : py::dict(config)) {
    if (py::isinstance<py::str>(value))
      options.config[key.cast<std::string>()] = value.cast<std::string>();
    else
      options.config[key.cast<std::string>()] = value.cast<double>();
  }
  return options;
}

tinker::SaveOptions save_options(std::optional<std::int64_t> ttl_seconds, bool overwrite,
                                 tinker::Metadata user_metadata) {
  tinker::SaveOptions options;
  if (ttl_seconds) options.ttl = std::chrono::seconds(*ttl_seconds);
  options.overwrite = overwrite;
  options.user_metadata = std::move(user_metadata);
  return options;
}

py::dict info_of(const tinker::ModelInfo& info) {
  const auto text = [](const std::string& value) -> py::object {
    return value.empty() ? py::object(py::none()) : py::str(value);
  };
  return py::dict("model_id"_a = info.model_id, "model_name"_a = text(info.model_name),
                  "arch"_a = text(info.arch), "tokenizer_id"_a = text(info.tokenizer_id),
                  "is_lora"_a = info.is_lora, "lora_rank"_a = info.lora_rank);
}

void bind_training(py::module_& module) {
  py::class_<Training, std::shared_ptr<Training>>(module, "TinkerTraining")
      .def_property_readonly("info",
                             [](const Training& self) { return info_of(self.client.info()); })
      .def_property_readonly("session_id",
                             [](const Training& self) { return self.client.session_id(); })
      .def(
          "pass_",
          [](Training& self, const py::object& data, std::string loss_fn, const py::object& config,
             bool forward_only, py::function on_done) {
            auto items = to_data(data);
            auto options = loss_options(std::move(loss_fn), config);
            return start(self.queue,
                         forward_only
                             ? self.client.forward(std::move(items), std::move(options))
                             : self.client.forward_backward(std::move(items), std::move(options)),
                         std::move(on_done), &from_output);
          },
          "data"_a, "loss_fn"_a, "config"_a, "forward_only"_a, "on_done"_a)
      .def(
          "optim_step",
          [](Training& self, double learning_rate, double beta1, double beta2, double eps,
             double weight_decay, double grad_clip_norm, py::function on_done) {
            AdamParams params;
            params.learning_rate = learning_rate;
            params.beta1 = beta1;
            params.beta2 = beta2;
            params.eps = eps;
            params.weight_decay = weight_decay;
            params.grad_clip_norm = grad_clip_norm;
            return start(self.queue, self.client.optim_step(params), std::move(on_done), Plain());
          },
          "learning_rate"_a, "beta1"_a, "beta2"_a, "eps"_a, "weight_decay"_a, "grad_clip_norm"_a,
          "on_done"_a)
      .def(
          "save",
          [](Training& self, std::string name, std::optional<std::int64_t> ttl_seconds,
             bool overwrite, tinker::Metadata user_metadata, bool for_sampler,
             py::function on_done) {
            auto options = save_options(ttl_seconds, overwrite, std::move(user_metadata));
            return start(self.queue,
                         for_sampler ? self.client.save_weights_for_sampler(std::move(name),
                                                                            std::move(options))
                                     : self.client.save_state(std::move(name), std::move(options)),
                         std::move(on_done), Plain());
          },
          "name"_a, "ttl_seconds"_a, "overwrite"_a, "user_metadata"_a, "for_sampler"_a, "on_done"_a)
      .def(
          "snapshot",
          [](Training& self, py::function on_done) {
            return start(self.queue, self.client.snapshot(), std::move(on_done), Wrap<Sampling>());
          },
          "on_done"_a)
      .def(
          "load_state",
          [](Training& self, std::string path, bool with_optimizer, py::function on_done) {
            return start(self.queue, self.client.load_state(std::move(path), with_optimizer),
                         std::move(on_done), Plain());
          },
          "path"_a, "with_optimizer"_a, "on_done"_a);
}

/// Fields of the call as `SamplingClient.sample` of `xfer.tinker` has them.
tinker::SampleCall sample_call(const py::object& prompt, const py::object& params,
                               const py::dict& options) {
  tinker::SampleCall call(to_model_input(prompt));
  call.params.max_tokens = params.attr("max_tokens").cast<std::optional<int>>();
  if (const auto seed = params.attr("seed").cast<std::optional<std::int64_t>>())
    call.params.seed = static_cast<std::uint64_t>(*seed);
  set_stop(call.params, params.attr("stop"));
  call.params.temperature = params.attr("temperature").cast<double>();
  call.params.top_k = params.attr("top_k").cast<int>();
  call.params.top_p = params.attr("top_p").cast<double>();
  call.num_samples = options["num_samples"].cast<int>();
  call.prompt_logprobs = options["include_prompt_logprobs"].cast<bool>();
  call.topk_prompt_logprobs = options["topk_prompt_logprobs"].cast<int>();
  call.topk_sample_logprobs = options["topk_sample_logprobs"].cast<int>();
  call.prompt_alt_tokens_k = options["prompt_alt_tokens_k"].cast<int>();
  call.prompt_logprobs_last_n = options["prompt_logprobs_last_n"].cast<std::optional<int>>();
  if (const py::object target = options["target_prompt_logprobs"]; !target.is_none())
    call.target_prompt_logprobs = to_tensor_data(target);
  return call;
}

void bind_sampling(py::module_& module) {
  py::class_<Sampling, std::shared_ptr<Sampling>>(module, "TinkerSampling")
      .def_property_readonly("id",
                             [](const Sampling& self) { return self.client.sampling_session_id(); })
      .def(
          "sample",
          [](Sampling& self, const py::object& prompt, const py::object& params,
             const py::dict& options, py::function on_done) {
            return start(self.queue, self.client.sample(sample_call(prompt, params, options)),
                         std::move(on_done), &from_response);
          },
          "prompt"_a, "params"_a, "options"_a, "on_done"_a);
}

}  // namespace

void bind_tinker(py::module_& module) {
  py::class_<Call>(module, "TinkerCall").def("cancel", [](const Call& self) {
    if (const auto running = self.cancellation.lock()) cancel(running);
  });
  bind_service(module);
  bind_training(module);
  bind_sampling(module);
}

}  // namespace xfer::bindings
