// SPDX-License-Identifier: Apache-2.0
#include "tinker_values.hpp"

#include "arrays.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace py = pybind11;

namespace xfer::bindings {
namespace {

constexpr float undefined_logprob = -99999.0F;

template <class T>
std::vector<T> values_of(const py::handle& array) {
  using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;
  const auto checked = Array::ensure(array);
  if (!checked) throw py::type_error("an array of numbers is needed");
  return {checked.data(), checked.data() + checked.size()};
}

/// Token ids from a sequence or an array of integers.
std::vector<std::int32_t> ids_of(const py::handle& ids, const std::string& name) {
  std::vector<std::int32_t> out;
  if (py::isinstance<py::array>(ids)) {
    const auto array = py::reinterpret_borrow<py::array>(ids);
    const char kind = array.dtype().kind();
    if (array.ndim() != 1 || (kind != 'i' && kind != 'u'))
      throw py::type_error(name + ": must be a 1-D array of integers or a list of int");
    for (const std::int64_t id : values_of<std::int64_t>(ids)) {
      if (id != static_cast<std::int32_t>(id))
        throw py::value_error(name + ": " + std::to_string(id) + " is not a token id");
      out.push_back(static_cast<std::int32_t>(id));
    }
    return out;
  }
  for (const py::handle id : ids) {
    // NumPy's own integers and torch's count as ints, floats do not.
    const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(id.ptr()));
    if (!number) throw py::error_already_set();
    const long value = PyLong_AsLong(number.ptr());
    if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    if (value != static_cast<std::int32_t>(value))
      throw py::value_error(name + ": " + std::to_string(value) + " is not a token id");
    out.push_back(static_cast<std::int32_t>(value));
  }
  return out;
}

std::optional<std::int32_t> expected_of(const py::handle& chunk) {
  return chunk.attr("expected_tokens").cast<std::optional<std::int32_t>>();
}

tinker::Chunk to_chunk(const py::handle& chunk) {
  const auto type = chunk.attr("type").cast<std::string>();
  if (type == "encoded_text") return tinker::EncodedText(ids_of(chunk.attr("tokens"), "tokens"));
  if (type == "image") {
    tinker::Image image;
    image.data = chunk.attr("data").cast<std::string>();
    image.format = chunk.attr("format").cast<std::string>();
    image.expected_tokens = expected_of(chunk);
    return image;
  }
  if (type == "image_asset_pointer") {
    tinker::ImagePointer pointer;
    pointer.location = chunk.attr("location").cast<std::string>();
    pointer.format = chunk.attr("format").cast<std::string>();
    pointer.expected_tokens = expected_of(chunk);
    return pointer;
  }
  if (type == "dmel") {
    tinker::Dmel dmel;
    dmel.bytes = chunk.attr("dmel").cast<std::string>();
    return dmel;
  }
  throw py::value_error("a chunk of a prompt has the unknown type '" + type + "'");
}

py::object shaped(py::object array, const std::vector<std::int64_t>& shape) {
  return shape.empty() ? array : array.attr("reshape")(py::tuple(py::cast(shape)));
}

py::object from_tensor(tinker::TensorData tensor) {
  return std::visit(
      [&](auto& values) {
        py::object array = to_array(std::move(values));
        return tensor.csr ? array : shaped(std::move(array), tensor.values.shape);
      },
      tensor.values.data);
}

/// (array, shape, crow, col), the last two None when dense.
py::object from_tensor_parts(tinker::TensorData tensor) {
  py::object crow = py::none();
  py::object col = py::none();
  if (tensor.csr) {
    crow = py::cast(tensor.csr->crow);
    col = py::cast(tensor.csr->col);
  }
  const py::object shape = py::cast(tensor.values.shape);
  return py::make_tuple(from_tensor(std::move(tensor)), shape, crow, col);
}

py::object from_topk(const std::optional<tinker::TopLogprobs>& rows) {
  if (!rows) return py::none();
  std::size_t k = 1;
  for (const auto& row : *rows) k = std::max(k, row.size());
  std::vector<std::int32_t> ids(rows->size() * k, 0);
  std::vector<float> logprobs(rows->size() * k, undefined_logprob);
  for (std::size_t i = 0; i < rows->size(); ++i) {
    for (std::size_t j = 0; j < (*rows)[i].size(); ++j) {
      ids[i * k + j] = (*rows)[i][j].token;
      logprobs[i * k + j] = (*rows)[i][j].logprob;
    }
  }
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(rows->size()),
                                           static_cast<std::int64_t>(k)};
  return py::make_tuple(shaped(to_array(std::move(ids)), shape),
                        shaped(to_array(std::move(logprobs)), shape));
}

py::object from_floats(std::optional<std::vector<float>> values) {
  if (!values) return py::none();
  return to_array(std::move(*values));
}

}  // namespace

tinker::ModelInput to_model_input(const py::handle& input) {
  tinker::ModelInput out;
  for (const py::handle chunk : input.attr("chunks")) out.chunks.push_back(to_chunk(chunk));
  return out;
}

tinker::TensorData to_tensor_data(const py::handle& tensor) {
  const py::object values = tensor.attr("values");
  tinker::TensorData out;
  if (py::cast<py::array>(values).dtype().kind() == 'f')
    out.values = Tensor(values_of<float>(values));
  else
    out.values = Tensor(values_of<std::int64_t>(values));
  if (const py::object shape = tensor.attr("shape"); !shape.is_none())
    out.values.shape = shape.cast<std::vector<std::int64_t>>();
  const py::object crow = tensor.attr("sparse_crow_indices");
  const py::object col = tensor.attr("sparse_col_indices");
  if (crow.is_none() != col.is_none())
    throw py::value_error("sparse_crow_indices and sparse_col_indices belong together");
  if (!crow.is_none()) {
    out.csr.emplace();
    out.csr->crow = crow.cast<std::vector<std::int64_t>>();
    out.csr->col = col.cast<std::vector<std::int64_t>>();
  }
  return out;
}

std::vector<tinker::Datum> to_data(const py::handle& data) {
  std::vector<tinker::Datum> out;
  for (const py::handle item : data) {
    tinker::Datum datum(to_model_input(item.attr("model_input")));
    for (const auto& [name, tensor] : py::dict(item.attr("loss_fn_inputs")))
      datum.loss_fn_inputs.emplace(name.cast<std::string>(), to_tensor_data(tensor));
    out.push_back(std::move(datum));
  }
  return out;
}

void set_stop(tinker::SamplingParams& params, const py::object& stop) {
  if (stop.is_none()) return;
  if (py::isinstance<py::str>(stop)) {
    params.stop = stop.cast<std::string>();
    return;
  }
  const py::list items(stop);
  const bool texts = std::any_of(items.begin(), items.end(), [](const py::handle& item) {
    return py::isinstance<py::str>(item);
  });
  if (texts)
    params.stop = items.cast<std::vector<std::string>>();
  else
    params.stop = ids_of(items, "stop");
}

py::object from_output(tinker::ForwardBackwardOutput output) {
  py::list outputs;
  for (auto& fields : output.loss_fn_outputs) {
    py::dict record;
    for (auto& [name, tensor] : fields)
      record[py::str(name)] = from_tensor(tinker::TensorData(std::move(tensor)));
    outputs.append(std::move(record));
  }
  return py::make_tuple(output.loss_fn_output_type, outputs, output.metrics);
}

py::object from_response(tinker::SampleResponse response) {
  py::list sequences;
  for (tinker::SampledSequence& sequence : response.sequences) {
    py::dict one;
    one["stop_reason"] = sequence.stop_reason == StopReason::stop ? "stop" : "length";
    one["sequence_id"] = sequence.sequence_id;
    one["tokens_np"] = to_array(std::move(sequence.tokens));
    one["logprobs_np"] = from_floats(std::move(sequence.logprobs));
    one["topk_logprobs_np"] = from_topk(sequence.topk_logprobs);
    sequences.append(std::move(one));
  }
  py::dict out;
  out["sequences"] = sequences;
  out["prompt_logprobs_np"] = from_floats(std::move(response.prompt_logprobs));
  out["topk_prompt_logprobs_np"] = from_topk(response.topk_prompt_logprobs);
  out["target_prompt_logprobs"] =
      response.target_prompt_logprobs
          ? from_tensor_parts(std::move(*response.target_prompt_logprobs))
          : py::none();
  out["prompt_cache_hit_tokens"] = response.prompt_cache_hit_tokens;
  out["prompt_alt_tokens"] = py::none();
  if (response.prompt_alt_tokens) {
    tinker::AltTokens& alt = *response.prompt_alt_tokens;
    out["prompt_alt_tokens"] =
        py::make_tuple(from_tensor(tinker::TensorData(std::move(alt.tokens))),
                       from_tensor(tinker::TensorData(std::move(alt.logprobs))));
  }
  return out;
}

}  // namespace xfer::bindings
