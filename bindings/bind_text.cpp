// SPDX-License-Identifier: Apache-2.0
#include "arrays.hpp"
#include "bindings.hpp"

#include "xfer/error.hpp"
#include "xfer/text/renderer.hpp"
#include "xfer/text/tokenizer.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using text::Message;
using text::Renderer;
using text::Tokenizer;

/// Conversations come as [{"role": ..., "content": ...}].
std::vector<Message> to_messages(const py::sequence& messages) {
  std::vector<Message> out;
  for (const py::handle item : messages) {
    if (!py::isinstance<py::dict>(item))
      throw py::type_error("messages must be dicts with \"role\" and \"content\" (got " +
                           py::repr(py::type::of(item)).cast<std::string>() + ")");
    const auto entry = py::reinterpret_borrow<py::dict>(item);
    Message message;
    for (const auto& [key, value] : entry) {
      const auto name = key.cast<std::string>();
      if (name != "role" && name != "content")
        throw Error(Errc::invalid_argument,
                    "message: unknown key \"" + name + "\" (allowed: role, content)");
      if (!py::isinstance<py::str>(value))
        throw py::type_error("message: " + name + " must be str");
      (name == "role" ? message.role : message.content) = value.cast<std::string>();
    }
    if (!entry.contains("role") || !entry.contains("content"))
      throw Error(Errc::invalid_argument, "message: needs both \"role\" and \"content\"");
    out.push_back(std::move(message));
  }
  return out;
}

void bind_tokenizer(py::module_& module) {
  py::class_<Tokenizer>(module, "Tokenizer",
                        "Text to token ids and back, as the model's own tokenizer does it.")
      .def_static("load", &Tokenizer::load, "path"_a, py::call_guard<py::gil_scoped_release>(),
                  "From a tokenizer.json, a folder that holds one, a .gguf or a .tiktoken file.")
      .def_static("from_tiktoken", &Tokenizer::from_tiktoken, "path"_a, "family"_a,
                  py::call_guard<py::gil_scoped_release>(),
                  "From a tiktoken rank file of the family \"llama3\" or \"qwen\".")
      .def(
          "encode",
          [](const Tokenizer& self, const std::string& text, bool parse_special) {
            std::vector<std::int32_t> ids;
            {
              const py::gil_scoped_release nogil;
              ids = self.encode(text, parse_special);
            }
            return to_array(std::move(ids));
          },
          "text"_a, "parse_special"_a = true,
          "Token ids (1-D int32) of a str or bytes. Special tokens written out in the text become "
          "their ids unless `parse_special` is False. Invalid UTF-8 survives a round trip.")
      .def(
          "decode",
          [](const Tokenizer& self, const py::object& ids, bool skip_special) {
            return py::bytes(self.decode(to_tokens(ids, "ids"), skip_special));
          },
          "ids"_a, "skip_special"_a = false, "The bytes of the tokens in a row.")
      .def(
          "decode_text",
          [](const Tokenizer& self, const py::object& ids, bool skip_special) {
            return py::bytes(self.decode(to_tokens(ids, "ids"), skip_special))
                .attr("decode")("utf-8", "replace");
          },
          "ids"_a, "skip_special"_a = false,
          "The text of the tokens in a row; bytes that are not UTF-8 become U+FFFD.")
      .def("token_to_id", &Tokenizer::token_to_id, "token"_a, "The id of a token, or None.")
      .def(
          "token_bytes",
          [](const Tokenizer& self, std::int32_t id) { return py::bytes(self.token_bytes(id)); },
          "id"_a, "The bytes that a token stands for.")
      .def("is_special", &Tokenizer::is_special, "id"_a)
      .def_property_readonly("vocab_size", &Tokenizer::vocab_size, "One more than the largest id.")
      .def_property_readonly("bos", &Tokenizer::bos, "The beginning-of-text token, or None.")
      .def_property_readonly("add_bos", &Tokenizer::add_bos,
                             "Whether the model expects `bos` in front of every text.")
      .def_property_readonly(
          "end_tokens", [](const Tokenizer& self) { return to_array(self.end_tokens()); },
          "Tokens that end a text or a turn.")
      .def_property_readonly("content_hash", &Tokenizer::content_hash)
      .def("__len__", &Tokenizer::vocab_size)
      .def("__repr__", [](const Tokenizer& self) {
        return "<xfer.Tokenizer of " + std::to_string(self.vocab_size()) + " tokens>";
      });
}

void bind_renderer(py::module_& module) {
  py::class_<Renderer>(module, "Renderer",
                       "A chat template: a conversation as the tokens a model was trained to read.")
      .def(py::init([](const std::string& name, const Tokenizer& tokenizer) {
             return Renderer::make(name, tokenizer);
           }),
           "name"_a, "tokenizer"_a, "See `Renderer.names()` for the names.")
      .def_static("names", &Renderer::names)
      .def_static("recommended", &Renderer::recommended, "tokenizer"_a,
                  "The name of the template that the model's own files ask for.")
      .def_property_readonly("name", [](const Renderer& self) { return std::string(self.name()); })
      .def(
          "generation_prompt",
          [](const Renderer& self, const py::sequence& messages) {
            return to_array(self.generation_prompt(to_messages(messages)));
          },
          "messages"_a,
          "Tokens of [{\"role\": .., \"content\": ..}, ..] up to where the assistant starts.")
      .def(
          "supervised_example",
          [](const Renderer& self, const py::sequence& messages) {
            auto example = self.supervised_example(to_messages(messages));
            py::array_t<bool> target(static_cast<py::ssize_t>(example.is_target.size()));
            for (std::size_t i = 0; i < example.is_target.size(); ++i)
              target.mutable_at(static_cast<py::ssize_t>(i)) = example.is_target[i];
            return py::make_tuple(to_array(std::move(example.tokens)), target);
          },
          "messages"_a,
          "(tokens, is_target): the whole conversation, loss on the assistant's last turn.")
      .def_property_readonly("stop_tokens",
                             [](const Renderer& self) { return to_array(self.stop_tokens()); })
      .def_property_readonly("stop_strings", &Renderer::stop_strings)
      .def(
          "parse_answer",
          [](const Renderer& self, const py::object& completion) {
            return py::bytes(self.parse_answer(to_tokens(completion, "completion")))
                .attr("decode")("utf-8", "replace");
          },
          "completion"_a, "The answer in sampled tokens, without whatever ended it.")
      .def_property_readonly("content_hash", &Renderer::content_hash);
}

}  // namespace

void bind_text(py::module_& module) {
  bind_tokenizer(module);
  bind_renderer(module);
}

}  // namespace xfer::bindings
