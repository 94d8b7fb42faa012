// SPDX-License-Identifier: Apache-2.0
// Trainers, samplers and backends that are written in Python, behind the library's interfaces.
//
// All Python code of one backend runs on one thread of its own, which holds the GIL meanwhile:
// frameworks keep state per thread, and a study's own threads go on.
#pragma once

#include "xfer/sampler.hpp"
#include "xfer/study/backend.hpp"
#include "xfer/trainer.hpp"

#include <pybind11/pybind11.h>

#include <memory>

namespace xfer::bindings {

/// `trainer` has the methods of `xfer.custom.CustomTrainer`. What they raise, and answers of the
/// wrong form (`invalid_argument`, naming the method), come out of the awaited call.
std::shared_ptr<Trainer> make_custom_trainer(pybind11::object trainer);

/// `sampler` has the methods of `xfer.custom.CustomSampler`. Requests that wait at the same time
/// are given to it together.
std::shared_ptr<Sampler> make_custom_sampler(pybind11::object sampler);

/// `backend` has the attributes and methods of `xfer.custom.CustomBackend`.
std::shared_ptr<study::Backend> make_custom_backend(pybind11::object backend);

}  // namespace xfer::bindings
