// SPDX-License-Identifier: Apache-2.0
#include "arrays.hpp"

#include <string>

namespace py = pybind11;

namespace xfer::bindings {

std::vector<std::int32_t> to_tokens(const py::object& tokens, const char* name) {
  const auto refuse = [name](const std::string& got) -> py::type_error {
    return py::type_error(std::string(name) +
                          " must be a 1-D contiguous int32 array or a list of int (got " + got +
                          ")");
  };
  if (py::isinstance<py::array>(tokens)) {
    using Tokens = py::array_t<std::int32_t, py::array::c_style>;
    const auto array = py::reinterpret_borrow<py::array>(tokens);
    if (array.ndim() != 1 || !Tokens::check_(tokens))
      throw refuse("an array of " + py::str(array.dtype()).cast<std::string>() + " with " +
                   std::to_string(array.ndim()) + " dimensions");
    const auto checked = py::reinterpret_borrow<Tokens>(tokens);
    return {checked.data(), checked.data() + checked.size()};
  }
  if (!py::isinstance<py::sequence>(tokens) || py::isinstance<py::str>(tokens) ||
      py::isinstance<py::bytes>(tokens))
    throw refuse(py::str(py::type::of(tokens).attr("__name__")).cast<std::string>());
  std::vector<std::int32_t> out;
  for (const py::handle item : py::reinterpret_borrow<py::sequence>(tokens)) {
    py::detail::make_caster<std::int32_t> caster;
    if (!caster.load(item, false)) throw refuse("an element " + py::repr(item).cast<std::string>());
    out.push_back(py::detail::cast_op<std::int32_t>(caster));
  }
  return out;
}

}  // namespace xfer::bindings
