// SPDX-License-Identifier: Apache-2.0
// One child process: started, watched, and surely ended.
#pragma once

#include "grade/sandbox/descriptor.hpp"

#include <spawn.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace xfer::grade {

/// Which descriptors a child gets. Nothing else is handed down by us.
class FileActions {
public:
  FileActions();
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions();
  void place(const Descriptor& from, int to);
  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

private:
  posix_spawn_file_actions_t actions_;
};

/// A started child with an empty environment, in a process group of its own (a Ctrl-C at the
/// terminal is ours to handle) and with default signals; killed and reaped by the destructor,
/// whatever happened. No handler registered with pthread_atfork runs, so it is safe beside any
/// threads. Throws `not_available` when it cannot be started.
class Child {
public:
  Child(const std::vector<std::string>& arguments, const FileActions& actions);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// Readable (as of poll) once it has ended.
  int handle() const noexcept { return handle_.get(); }
  void kill() noexcept;
  /// Waits for its end; its status as from waitpid, -1 when another part of the process has reaped
  /// it already.
  int reap() noexcept;

private:
  pid_t pid_ = -1;
  Descriptor handle_;
  bool reaped_ = false;
};

}  // namespace xfer::grade
