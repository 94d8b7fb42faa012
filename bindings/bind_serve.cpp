// SPDX-License-Identifier: Apache-2.0
// The Tinker-compatible server, and the conformance card of any.
#include "bindings.hpp"

#include "xfer/engine/model.hpp"
#include "xfer/serve/server.hpp"
#include "xfer/tinker/doctor.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using Item = std::tuple<std::string, std::string, std::string>;

Item item_of(const tinker::Finding& finding) {
  using Verdict = tinker::Finding::Verdict;
  const char* verdict = finding.verdict == Verdict::pass   ? "pass"
                        : finding.verdict == Verdict::fail ? "fail"
                                                           : "not offered";
  return {finding.item, verdict, finding.value};
}

/// Ctrl-C is looked for after each item.
std::vector<Item> examine(const std::string& url, const std::optional<std::string>& api_key,
                          const std::string& base_model, int samples_at_once,
                          const std::filesystem::path& record_file, const py::object& on_item) {
  tinker::DoctorOptions options;
  options.client = tinker::ClientOptions::from_environment();
  options.client.transport.base_url = url;
  if (api_key) options.client.api_key = *api_key;
  options.client.record_file = record_file;
  options.base_model = base_model;
  options.samples_at_once = samples_at_once;
  const py::gil_scoped_release nogil;
  const auto card = tinker::examine_service(options, [&](const tinker::Finding& finding) {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!on_item.is_none()) on_item(item_of(finding));
  });
  std::vector<Item> items;
  for (const tinker::Finding& finding : card) items.push_back(item_of(finding));
  return items;
}

}  // namespace

void bind_serve(py::module_& module) {
  using engine::Model;
  using serve::Server;
  using Released = py::call_guard<py::gil_scoped_release>;

  py::class_<Server>(module, "Server",
                     "A Tinker service over a model, on threads of its own, until `stop`.")
      .def(py::init([](const std::shared_ptr<Model>& model, std::filesystem::path folder,
                       std::string name, std::vector<std::string> aliases, std::string tokenizer,
                       std::string host, std::uint16_t port, std::vector<std::string> api_keys,
                       bool compress, bool batch_polls) {
             serve::ServeOptions options;
             options.model_name = name.empty() ? model->name() : std::move(name);
             options.model_aliases = std::move(aliases);
             options.tokenizer_id = std::move(tokenizer);
             options.folder = std::move(folder);
             options.host = std::move(host);
             options.port = port;
             options.api_keys = std::move(api_keys);
             options.compress = compress;
             options.batch_polls = batch_polls;
             return std::make_unique<Server>(model, std::move(options));
           }),
           "model"_a, "folder"_a, py::kw_only(), "name"_a = "",
           "aliases"_a = std::vector<std::string>(), "tokenizer"_a = "", "host"_a = "127.0.0.1",
           "port"_a = 0, "api_keys"_a = std::vector<std::string>(), "compress"_a = false,
           "batch_polls"_a = false, Released(),
           "Serves at once. `folder` keeps checkpoints and their database. `name` (the model's own "
           "when empty) and `aliases` are what clients may call the model; `tokenizer` is a folder "
           "or a Hugging Face id that they are told. `port` 0 means any free one. Each of "
           "`api_keys` is an account of its own; without keys everyone is let in, from this "
           "machine only. `compress` asks clients to compress training data, `batch_polls` to wait "
           "for all their samples with one request.")
      .def_property_readonly("url", &Server::url)
      .def_property_readonly("port", &Server::port)
      .def("stop", &Server::stop, Released(),
           "Takes no new requests, finishes what is being computed and returns.")
      .def(
          "__enter__", [](Server& self) -> Server& { return self; },
          py::return_value_policy::reference)
      .def("__exit__", [](Server& self, const py::args&) {
        const py::gil_scoped_release nogil;
        self.stop();
      });

  module.def("examine_service", &examine, "url"_a, py::kw_only(), "api_key"_a = py::none(),
             "base_model"_a = "", "samples_at_once"_a = 512,
             "record_file"_a = std::filesystem::path(), "on_item"_a = py::none(),
             "How far a service keeps to the Tinker protocol: (item, verdict, value) for each "
             "item, the verdict being pass, fail or not offered. Without `api_key`: "
             "TINKER_API_KEY. Exchanges are written to `record_file`, without secrets.");
}

}  // namespace xfer::bindings
