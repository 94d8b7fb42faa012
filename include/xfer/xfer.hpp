// SPDX-License-Identifier: Apache-2.0
// Everything a program that runs studies needs.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/dataset.hpp"
#include "xfer/error.hpp"
#include "xfer/hash.hpp"
#include "xfer/rng.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/sampler.hpp"
#include "xfer/task.hpp"
#include "xfer/trainer.hpp"
#include "xfer/transfer_metrics.hpp"
