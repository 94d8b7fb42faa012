// SPDX-License-Identifier: Apache-2.0
#include "grade/sandbox/sandbox_process.hpp"

#include "grade/sandbox/child.hpp"
#include "xfer/error.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace xfer::grade {

ProcessOutcome run_process(const std::vector<std::string>& arguments,
                           std::chrono::milliseconds wall_time, std::size_t output_bytes) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  Pipe pipe = make_pipe();
  const Descriptor nothing = make_input("");
  FileActions actions;
  actions.place(nothing, 0);
  actions.place(pipe.write, 1);
  actions.place(nothing, 2);
  Child child(arguments, actions);
  pipe.write.reset();
  ProcessOutcome outcome;
  Stream stream{std::move(pipe.read), &outcome.out};
  auto deadline = steady_clock::now() + wall_time;
  bool killed = false;
  while (stream.source.open()) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    pollfd watched{stream.source.get(), POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000))) < 0 &&
        errno != EINTR)
      sandbox_fail("cannot wait for a process", errno);
    if (watched.revents != 0) stream.drain(output_bytes);
    if (steady_clock::now() < deadline) continue;
    if (killed)
      throw Error(Errc::not_available, "sandbox: a process did not end when it was killed");
    child.kill();
    killed = true;
    deadline = steady_clock::now() + std::chrono::seconds(5);
  }
  outcome.status = child.reap();
  return outcome;
}

}  // namespace xfer::grade
