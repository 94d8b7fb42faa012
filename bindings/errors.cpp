// SPDX-License-Identifier: Apache-2.0
#include "errors.hpp"

#include "xfer/error.hpp"

#include <new>
#include <string>

namespace py = pybind11;

namespace xfer::bindings {
namespace {

py::object make(const char* name, const Error& error) {
  const py::object type = py::module_::import("xfer.errors").attr(name);
  return type(py::str(error.what()), py::str(std::string(to_string(error.code()))));
}

/// Null when the failure is not one of xfer's.
py::object xfer_exception(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const ServiceError& error) {
    const py::object type = py::module_::import("xfer.errors").attr("ServiceError");
    return type(py::str(error.what()), py::str(std::string(to_string(error.code()))),
                error.http_status(), error.request_id());
  } catch (const Error& error) {
    return make(error.code() == Errc::cancelled ? "Cancelled" : "Error", error);
  } catch (...) {  // not ours: the caller decides
    return {};
  }
}

}  // namespace

py::object python_exception(const std::exception_ptr& failure) {
  if (py::object ours = xfer_exception(failure)) return ours;
  try {
    std::rethrow_exception(failure);
  } catch (py::error_already_set& error) {
    return error.value();
  } catch (const std::bad_alloc&) {
    return py::reinterpret_borrow<py::object>(PyExc_MemoryError)("not enough memory");
  } catch (const std::exception& error) {
    return make("Error", Error(Errc::internal, error.what()));
  }
}

void register_error_translator() {
  py::register_local_exception_translator([](std::exception_ptr failure) {
    if (!failure) return;
    if (const py::object ours = xfer_exception(failure)) {
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(ours.ptr())), ours.ptr());
      return;
    }
    std::rethrow_exception(failure);
  });
}

}  // namespace xfer::bindings
