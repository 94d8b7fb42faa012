// SPDX-License-Identifier: Apache-2.0
// The system calls a caged program may not make.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace xfer::grade {

/// A seccomp program (classic BPF) for this processor; empty where none is known.
std::vector<sock_filter> make_syscall_filter();

}  // namespace xfer::grade
