// SPDX-License-Identifier: Apache-2.0
#include "grade/sandbox/worker.hpp"

#include "grade/answers/final_answer.hpp"
#include "grade/sandbox/zygote.hpp"
#include "xfer/error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace xfer::grade {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How long a killed cage may take to be gone before we call it a survivor.
constexpr milliseconds grace{10000};
/// The first start may find a cold disk.
constexpr milliseconds start_max{60000};

int until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
}

/// One message; "" at the end of the connection, nothing when there is none yet.
std::optional<std::string> receive(int socket) {
  std::array<char, 64> buffer;
  const ssize_t n = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
}

/// Sends the words together with descriptors; false when nobody is there.
bool send_with(int socket, const std::string& words, const std::array<int, 4>& files) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof files)> space{};
  iovec part{const_cast<char*>(words.data()), words.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof files);
  std::memcpy(CMSG_DATA(header), files.data(), sizeof files);
  for (;;) {
    if (::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return false;
    sandbox_fail("cannot send a program to its cage", errno);
  }
}

/// Collects the outputs of one program until it and they have ended.
class Collector {
public:
  Collector(int control, Child& child, const WorkerRequest& request, WorkerOutcome& outcome)
      : control_(control), child_(child), request_(request), outcome_(outcome) {}

  void add(std::size_t i, Descriptor source, std::string& text) {
    streams_[i] = {std::move(source), &text};
  }

  /// The cage's reply; "" when the cage ended instead.
  std::string run() {
    const auto start = Clock::now();
    auto deadline = start + request_.wall_time;
    std::optional<std::string> reply;
    for (;;) {
      std::array<pollfd, 4> watched;
      for (std::size_t i = 0; i < streams_.size(); ++i)
        watched[i] = {streams_[i].source.get(), POLLIN, 0};
      watched[3] = {reply ? -1 : control_, POLLIN, 0};
      if (::poll(watched.data(), watched.size(), until(deadline)) < 0 && errno != EINTR)
        sandbox_fail("cannot wait for a process", errno);
      for (std::size_t i = 0; i < streams_.size(); ++i)
        if (streams_[i].source.open() && watched[i].revents != 0)
          streams_[i].drain(request_.output_bytes);
      if (!reply && watched[3].revents != 0) {
        reply = receive(control_);
        if (reply) {
          outcome_.wall_time = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
          deadline = Clock::now() + grace;
        }
      }
      const bool closed = std::none_of(streams_.begin(), streams_.end(),
                                       [](const Stream& s) { return s.source.open(); });
      if (reply && closed) return *reply;
      if (Clock::now() < deadline) continue;
      if (reply || outcome_.timed_out)
        throw Error(Errc::not_available, "sandbox: a process did not end when it was killed");
      outcome_.timed_out = true;
      child_.kill();
      deadline = Clock::now() + grace;
    }
  }

private:
  int control_;
  Child& child_;
  const WorkerRequest& request_;
  WorkerOutcome& outcome_;
  std::array<Stream, 3> streams_;
};

}  // namespace

Worker::Worker(const CageTools& tools, std::string_view filter) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    sandbox_fail("cannot make a socket", errno);
  control_ = Descriptor(ends[0]);
  Descriptor theirs(ends[1]);
  theirs.move_up();
  Pipe words = make_pipe();
  if (::fcntl(words.read.get(), F_SETFL, O_NONBLOCK) != 0)
    sandbox_fail("cannot make a pipe", errno);
  Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing.open()) sandbox_fail("cannot open /dev/null", errno);
  nothing.move_up();
  const Descriptor code = make_input(filter);
  FileActions actions;
  actions.place(nothing, 0);
  actions.place(nothing, 1);
  actions.place(words.write, 2);
  actions.place(theirs, 3);
  actions.place(code, 4);
  child_ = std::make_unique<Child>(cage_command(tools, zygote), actions);
  words_ = std::move(words.read);
  theirs.reset();
  words.write.reset();
  wait_until_ready();
}

void Worker::wait_until_ready() {
  const auto deadline = Clock::now() + start_max;
  while (Clock::now() < deadline) {
    pollfd watched{control_.get(), POLLIN, 0};
    if (::poll(&watched, 1, until(deadline)) < 0 && errno != EINTR)
      sandbox_fail("cannot wait for a process", errno);
    const auto message = receive(control_.get());
    if (!message) continue;
    if (*message == "ready") return;
    break;
  }
  child_->kill();
  child_->reap();
  throw Error(Errc::not_available,
              "sandbox: the cage did not start: " + diagnosis() +
                  " (needed: bubblewrap 0.7 or newer, unprivileged user namespaces, seccomp, and a "
                  "Python with ctypes)");
}

std::string Worker::diagnosis() {
  std::array<char, 4096> buffer;
  const ssize_t n = ::read(words_.get(), buffer.data(), buffer.size());
  if (n <= 0) return "it says nothing";
  // The last line of a traceback is the one that says what was wrong.
  const std::string_view words = trim({buffer.data(), static_cast<std::size_t>(n)});
  const std::size_t line = words.rfind('\n');
  return std::string(words.substr(line == std::string_view::npos ? 0 : line + 1).substr(0, 300));
}

std::optional<WorkerOutcome> Worker::run(const WorkerRequest& request) {
  usable_ = false;
  std::array<Pipe, 3> pipes{make_pipe(), make_pipe(), make_pipe()};
  const Descriptor input = make_input(request.payload);
  if (!send_with(control_.get(), "run " + std::to_string(request.folder_bytes),
                 {input.get(), pipes[0].write.get(), pipes[1].write.get(), pipes[2].write.get()}))
    return std::nullopt;
  WorkerOutcome outcome;
  Collector collector(control_.get(), *child_, request, outcome);
  const std::array<std::string*, 3> texts{&outcome.out, &outcome.err, &outcome.report};
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    pipes[i].write.reset();
    collector.add(i, std::move(pipes[i].read), *texts[i]);
  }
  const std::string reply = collector.run();
  if (outcome.timed_out) return outcome;
  if (reply.empty()) return std::nullopt;
  if (!reply.starts_with("done "))
    throw Error(Errc::not_available, "sandbox: the cage failed: " + diagnosis());
  std::from_chars(reply.data() + 5, reply.data() + reply.size(), outcome.signal);
  usable_ = true;
  return outcome;
}

}  // namespace xfer::grade
