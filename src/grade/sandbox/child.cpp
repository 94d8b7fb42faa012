// SPDX-License-Identifier: Apache-2.0
#include "grade/sandbox/child.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace xfer::grade {
namespace {

class Attributes {
public:
  Attributes() {
    if (const int error = ::posix_spawnattr_init(&attributes_)) sandbox_fail("cannot start", error);
    sigset_t set;
    sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes_, &set);
    sigemptyset(&set);
    ::posix_spawnattr_setsigmask(&attributes_, &set);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

private:
  posix_spawnattr_t attributes_;
};

}  // namespace

FileActions::FileActions() {
  if (const int error = ::posix_spawn_file_actions_init(&actions_))
    sandbox_fail("cannot start", error);
}

FileActions::~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }

void FileActions::place(const Descriptor& from, int to) {
  if (const int error = ::posix_spawn_file_actions_adddup2(&actions_, from.get(), to))
    sandbox_fail("cannot start", error);
}

Child::Child(const std::vector<std::string>& arguments, const FileActions& actions) {
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  std::array<char*, 1> environment{nullptr};
  const Attributes attributes;
  const int error = ::posix_spawn(&pid_, argv[0], actions.get(), attributes.get(), argv.data(),
                                  environment.data());
  if (error) sandbox_fail("cannot start " + arguments.front(), error);
  handle_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
  if (!handle_.open()) {
    const int reason = errno;
    kill();
    reap();
    sandbox_fail("cannot watch a process (Linux 5.3 or newer is needed)", reason);
  }
}

Child::~Child() {
  if (reaped_) return;
  kill();
  reap();
}

void Child::kill() noexcept {
  if (!reaped_) ::kill(pid_, SIGKILL);
}

int Child::reap() noexcept {
  int status = -1;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno == EINTR) continue;
    status = -1;
    break;
  }
  reaped_ = true;
  return status;
}

}  // namespace xfer::grade
