// SPDX-License-Identifier: Apache-2.0
// What goes into training and sampling, and what comes out.
#include "arrays.hpp"
#include "bindings.hpp"

#include "xfer/sampler.hpp"
#include "xfer/trainer.hpp"

#include <pybind11/stl.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

/// Token ids are int64 on the wire of a loss function, everything else is float32.
Tensor to_tensor(const std::string& name, const py::object& values) {
  const bool whole = name == "target_tokens";
  const auto numpy = py::module_::import("numpy");
  const py::array given = numpy.attr("asarray")(values);
  const auto kind = py::str(given.dtype().attr("kind")).cast<std::string>();
  if (kind != "i" && kind != "u" && (whole || kind != "f"))
    throw py::type_error("Datum: " + name + " must hold " + (whole ? "integers" : "numbers") +
                         " (got " + py::str(given.dtype()).cast<std::string>() + ")");
  Tensor tensor;
  if (whole) {
    const py::array_t<std::int64_t, py::array::c_style | py::array::forcecast> a(given);
    tensor.data = std::vector<std::int64_t>(a.data(), a.data() + a.size());
  } else {
    const py::array_t<float, py::array::c_style | py::array::forcecast> a(given);
    tensor.data = std::vector<float>(a.data(), a.data() + a.size());
  }
  if (given.ndim() != 1) tensor.shape.assign(given.shape(), given.shape() + given.ndim());
  return tensor;
}

py::object from_tensor(const Tensor& tensor) {
  return std::visit(
      [&](const auto& values) -> py::object {
        auto array = to_array(values);
        if (tensor.shape.empty()) return array;
        return array.attr("reshape")(py::tuple(py::cast(tensor.shape)));
      },
      tensor.data);
}

Datum make_datum(const py::object& tokens, const py::kwargs& inputs) {
  Datum datum(to_tokens(tokens, "tokens"));
  for (const auto& [key, value] : inputs) {
    const auto name = key.cast<std::string>();
    datum.loss_fn_inputs.emplace(name, to_tensor(name, py::reinterpret_borrow<py::object>(value)));
  }
  if (inputs.contains("target_tokens") && !inputs.contains("weights")) {
    const Tensor& targets = datum.loss_fn_inputs.at("target_tokens");
    Tensor ones(std::vector<float>(targets.size(), 1.0F));
    ones.shape = targets.shape;
    datum.loss_fn_inputs.emplace("weights", std::move(ones));
  }
  return datum;
}

py::list named_arrays(const ForwardBackwardResult& result) {
  py::list all;
  for (const auto& outputs : result.loss_fn_outputs) {
    py::dict arrays;
    for (const auto& [name, tensor] : outputs) arrays[py::str(name)] = from_tensor(tensor);
    all.append(std::move(arrays));
  }
  return all;
}

py::list logprobs(const ForwardBackwardResult& result) {
  py::list all;
  for (const auto& outputs : result.loss_fn_outputs) {
    const auto found = outputs.find("logprobs");
    if (found != outputs.end()) all.append(from_tensor(found->second));
  }
  return all;
}

Completion make_completion(const py::object& tokens, std::vector<float> logprobs,
                           const std::string& stop_reason) {
  if (stop_reason != "stop" && stop_reason != "length")
    throw py::value_error("Completion: stop_reason must be \"stop\" or \"length\" (got \"" +
                          stop_reason + "\")");
  Completion completion;
  completion.tokens = to_tokens(tokens, "tokens");
  completion.logprobs = std::move(logprobs);
  completion.stop_reason = stop_reason == "stop" ? StopReason::stop : StopReason::length;
  if (completion.tokens.size() != completion.logprobs.size())
    throw py::value_error("Completion: as many logprobs as tokens are needed (got " +
                          std::to_string(completion.logprobs.size()) + " and " +
                          std::to_string(completion.tokens.size()) + ")");
  return completion;
}

/// What the methods of trainers and samplers written in Python are given.
void bind_requests(py::module_& module) {
  py::class_<SampleRequest>(module, "SampleRequest", "A request for completions of one prompt.")
      .def_property_readonly("prompt",
                             [](const SampleRequest& self) { return to_array(self.prompt); })
      .def_readonly("num_samples", &SampleRequest::num_samples)
      .def_readonly("max_tokens", &SampleRequest::max_tokens)
      .def_readonly("temperature", &SampleRequest::temperature, "0: greedy.")
      .def_readonly("top_k", &SampleRequest::top_k, "0: all tokens.")
      .def_readonly("top_p", &SampleRequest::top_p)
      .def_readonly("seed", &SampleRequest::seed)
      .def_property_readonly(
          "stop_tokens",
          [](const SampleRequest& self) -> py::object {
            return self.stop_tokens ? py::object(to_array(*self.stop_tokens)) : py::none();
          },
          "None: the model's own end-of-text tokens.")
      .def_readonly("stop_strings", &SampleRequest::stop_strings);
  py::class_<ScoreRequest>(module, "ScoreRequest",
                           "A request for the log-probability of each of tokens[first:].")
      .def_property_readonly("tokens",
                             [](const ScoreRequest& self) { return to_array(self.tokens); })
      .def_readonly("first", &ScoreRequest::first);
  py::class_<LoraConfig>(module, "LoraConfig", "Rank 0 trains every weight of the model.")
      .def(py::init([](int rank, double alpha, std::uint64_t seed, bool train_attn, bool train_mlp,
                       bool train_unembed) {
             LoraConfig lora;
             lora.rank = rank;
             lora.alpha = alpha;
             lora.seed = seed;
             lora.train_attn = train_attn;
             lora.train_mlp = train_mlp;
             lora.train_unembed = train_unembed;
             return lora;
           }),
           py::kw_only(), "rank"_a = LoraConfig().rank, "alpha"_a = LoraConfig().alpha,
           "seed"_a = LoraConfig().seed, "train_attn"_a = LoraConfig().train_attn,
           "train_mlp"_a = LoraConfig().train_mlp, "train_unembed"_a = LoraConfig().train_unembed)
      .def_readonly("rank", &LoraConfig::rank)
      .def_readonly("alpha", &LoraConfig::alpha)
      .def_readonly("train_attn", &LoraConfig::train_attn)
      .def_readonly("train_mlp", &LoraConfig::train_mlp)
      .def_readonly("train_unembed", &LoraConfig::train_unembed)
      .def_readonly("seed", &LoraConfig::seed);
  py::class_<AdamParams>(module, "AdamParams", "AdamW with decoupled weight decay.")
      .def_readonly("learning_rate", &AdamParams::learning_rate)
      .def_readonly("beta1", &AdamParams::beta1)
      .def_readonly("beta2", &AdamParams::beta2)
      .def_readonly("eps", &AdamParams::eps)
      .def_readonly("weight_decay", &AdamParams::weight_decay)
      .def_readonly("grad_clip_norm", &AdamParams::grad_clip_norm, "0: no clipping.");
}

}  // namespace

void bind_data(py::module_& module) {
  py::class_<Datum>(module, "Datum",
                    "One training sequence: position t of `tokens` predicts `target_tokens[t]`. "
                    "Keyword arguments are the loss function's inputs; `weights` (float, one per "
                    "target) is 1 everywhere when left out.")
      .def(py::init(&make_datum), "tokens"_a)
      .def_property_readonly("tokens", [](const Datum& self) { return to_array(self.tokens); })
      .def_property_readonly("loss_fn_inputs",
                             [](const Datum& self) {
                               py::dict inputs;
                               for (const auto& [name, tensor] : self.loss_fn_inputs)
                                 inputs[py::str(name)] = from_tensor(tensor);
                               return inputs;
                             })
      .def("__len__", [](const Datum& self) { return self.tokens.size(); });
  module.def(
      "supervised_datum",
      [](const py::object& prompt, const py::object& answer) {
        return supervised_datum(to_tokens(prompt, "prompt"), to_tokens(answer, "answer"));
      },
      "prompt"_a, "answer"_a, "A prompt and the answer to learn: weight 0 on the prompt, 1 after.");
  py::class_<ForwardBackwardResult>(module, "ForwardBackwardResult")
      .def_readonly("metrics", &ForwardBackwardResult::metrics,
                    "\"loss:sum\" is the plain sum over all tokens.")
      .def_property_readonly("logprobs", &logprobs, "One float32 array per datum.")
      .def_property_readonly("loss_fn_outputs", &named_arrays);
  py::class_<OptimStepResult>(module, "OptimStepResult")
      .def_readonly("metrics", &OptimStepResult::metrics);
  py::class_<Completion>(module, "Completion", "One sampled completion.")
      .def(py::init(&make_completion), "tokens"_a, "logprobs"_a, "stop_reason"_a = "length",
           "`stop_reason` is \"stop\" or \"length\".")
      .def_property_readonly(
          "tokens", [](const Completion& self) { return to_array(self.tokens); },
          "Token ids (int32), the one that stopped it included.")
      .def_property_readonly(
          "logprobs", [](const Completion& self) { return to_array(self.logprobs); },
          "Log-probability of each token at temperature 1.")
      .def_property_readonly("stop_reason", [](const Completion& self) {
        return self.stop_reason == StopReason::stop ? "stop" : "length";
      });
  bind_requests(module);
}

}  // namespace xfer::bindings
