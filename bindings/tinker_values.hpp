// SPDX-License-Identifier: Apache-2.0
// The data of Tinker's wire between Python and the library. All of it needs the GIL.
#pragma once

#include "xfer/tinker/wire.hpp"

#include <pybind11/pybind11.h>

#include <vector>

namespace xfer::bindings {

/// From an object with `chunks`, each with its `type` and fields as in the wire's JSON. Throws
/// Python's TypeError or ValueError naming the chunk.
tinker::ModelInput to_model_input(const pybind11::handle& input);
/// From objects with `model_input` and `loss_fn_inputs`, a dict of tensors.
std::vector<tinker::Datum> to_data(const pybind11::handle& data);
/// From an object with `values` (a float32 or int64 array), `shape`, `sparse_crow_indices` and
/// `sparse_col_indices`.
tinker::TensorData to_tensor_data(const pybind11::handle& tensor);
/// None, a text, texts or token ids.
void set_stop(tinker::SamplingParams& params, const pybind11::object& stop);

/// (type, [{name: array}], metrics).
pybind11::object from_output(tinker::ForwardBackwardOutput output);
/// A dict with the fields of `SampleResponse`, arrays for lists. Top-k tables are pairs of arrays
/// (length, k), undefined cells as on the wire: id 0, log-probability -99999.
pybind11::object from_response(tinker::SampleResponse response);

}  // namespace xfer::bindings
