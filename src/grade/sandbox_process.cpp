#include "grade/sandbox_process.hpp"

#include "xfer/error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace xfer::grade {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How long the outputs of an ended child may stay open before we call it a survivor.
constexpr milliseconds grace{5000};

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(Errc::not_available, "sandbox: " + what + ": " + std::strerror(error));
}

class Descriptor {
public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  int get() const noexcept { return fd_; }
  bool open() const noexcept { return fd_ >= 0; }
  void reset() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// Moves it clear of the numbers that the child's descriptors will take.
  void move_up() {
    const int moved = ::fcntl(fd_, F_DUPFD_CLOEXEC, 16);
    if (moved < 0) fail("no free file descriptor", errno);
    *this = Descriptor(moved);
  }

private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe", errno);
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  pipe.write.move_up();
  return pipe;
}

/// A file in memory with the given content, to be read from its start. Unlike a pipe it takes any
/// amount without a reader at the other end.
Descriptor make_input(std::string_view content) {
  Descriptor file(static_cast<int>(::syscall(SYS_memfd_create, "xfer-sandbox", 1U)));  // CLOEXEC
  if (!file.open()) fail("cannot make a file in memory", errno);
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t n = ::write(file.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("cannot write a file in memory", errno);
    done += static_cast<std::size_t>(n);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) fail("cannot rewind a file in memory", errno);
  file.move_up();
  return file;
}

class FileActions {
public:
  FileActions() {
    if (const int error = ::posix_spawn_file_actions_init(&actions_)) fail("cannot start", error);
  }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  void place(const Descriptor& from, int to) {
    if (const int error = ::posix_spawn_file_actions_adddup2(&actions_, from.get(), to))
      fail("cannot start", error);
  }
  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

private:
  posix_spawn_file_actions_t actions_;
};

/// Own process group (a Ctrl-C at the terminal is ours to handle), default signals.
class Attributes {
public:
  Attributes() {
    if (const int error = ::posix_spawnattr_init(&attributes_)) fail("cannot start", error);
    sigset_t set;
    sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes_, &set);
    sigemptyset(&set);
    ::posix_spawnattr_setsigmask(&attributes_, &set);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETPGROUP);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

private:
  posix_spawnattr_t attributes_;
};

/// A started child; killed and reaped by the destructor, whatever happened.
class Child {
public:
  Child(const std::vector<std::string>& arguments, const FileActions& actions) {
    std::vector<char*> argv;
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    std::array<char*, 1> environment{nullptr};
    const Attributes attributes;
    const int error = ::posix_spawn(&pid_, argv[0], actions.get(), attributes.get(), argv.data(),
                                    environment.data());
    if (error) fail("cannot start " + arguments.front(), error);
    handle_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
    if (!handle_.open()) {
      const int reason = errno;
      kill();
      reap();
      fail("cannot watch a process (Linux 5.3 or newer is needed)", reason);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (reaped_) return;
    kill();
    reap();
  }

  int handle() const noexcept { return handle_.get(); }
  void kill() noexcept { ::kill(pid_, SIGKILL); }
  /// Waits for its end.
  int reap() noexcept {
    int status = -1;
    while (::waitpid(pid_, &status, 0) < 0) {
      if (errno == EINTR) continue;
      status = -1;
      break;
    }
    reaped_ = true;
    return status;
  }

private:
  pid_t pid_ = -1;
  Descriptor handle_;
  bool reaped_ = false;
};

/// One output of the child while it is being collected.
struct Stream {
  Descriptor source;
  std::string* text = nullptr;

  /// Reads what is there; closes itself at the end.
  void drain(std::size_t keep) {
    std::array<char, 65536> buffer;
    const ssize_t n = ::read(source.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) {
      source.reset();
      return;
    }
    const std::size_t room = keep - std::min(keep, text->size());
    text->append(buffer.data(), std::min(room, static_cast<std::size_t>(n)));
  }
};

int until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
}

/// Collects the outputs until the child has ended and all of them are closed.
void collect(Child& child, std::array<Stream, 3>& streams, const ProcessSpec& spec,
             ProcessOutcome& outcome) {
  const auto start = Clock::now();
  auto deadline = start + spec.wall_time;
  bool ended = false;
  for (;;) {
    std::array<pollfd, 4> watched;
    for (std::size_t i = 0; i < 3; ++i) watched[i] = {streams[i].source.get(), POLLIN, 0};
    watched[3] = {ended ? -1 : child.handle(), POLLIN, 0};
    if (::poll(watched.data(), watched.size(), until(deadline)) < 0 && errno != EINTR)
      fail("cannot wait for a process", errno);
    for (std::size_t i = 0; i < 3; ++i)
      if (streams[i].source.open() && watched[i].revents != 0)
        streams[i].drain(spec.output_bytes);
    if (!ended && (watched[3].revents & POLLIN) != 0) {
      ended = true;
      outcome.wall_time = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
      deadline = Clock::now() + grace;
    }
    const bool closed = std::none_of(streams.begin(), streams.end(),
                                     [](const Stream& s) { return s.source.open(); });
    if (ended && closed) return;
    if (Clock::now() < deadline) continue;
    if (ended || outcome.timed_out)
      throw Error(Errc::not_available, "sandbox: a process did not end when it was killed");
    outcome.timed_out = true;
    child.kill();
    deadline = Clock::now() + grace;
  }
}

}  // namespace

ProcessOutcome run_process(const ProcessSpec& spec) {
  std::array<Pipe, 3> pipes{make_pipe(), make_pipe(), make_pipe()};
  Descriptor input = make_input(spec.input);
  Descriptor extra;
  FileActions actions;
  actions.place(input, 0);
  for (std::size_t i = 0; i < 3; ++i) actions.place(pipes[i].write, static_cast<int>(i) + 1);
  if (!spec.extra_input.empty()) {
    extra = make_input(spec.extra_input);
    actions.place(extra, 4);
  }
  Child child(spec.argv, actions);
  ProcessOutcome outcome;
  std::array<Stream, 3> streams;
  const std::array<std::string*, 3> texts{&outcome.out, &outcome.err, &outcome.report};
  for (std::size_t i = 0; i < 3; ++i) {
    pipes[i].write.reset();
    streams[i] = {std::move(pipes[i].read), texts[i]};
  }
  collect(child, streams, spec, outcome);
  outcome.status = child.reap();
  return outcome;
}

}  // namespace xfer::grade
