// SPDX-License-Identifier: Apache-2.0
// Attacks on what a cage keeps for the next program.
#include "tests/grade/attacks.hpp"

namespace xfer::grade {

void add_traces(std::vector<Attack>& all) {
  using C = Containment;
  all.push_back({"limiting_the_first_process", C::holds, R"(
import resource
for name in "CPU", "AS", "NPROC", "NOFILE":
    try: resource.prlimit(1, getattr(resource, "RLIMIT_" + name), (0, 0))
    except OSError: pass
for call in lambda: os.sched_setaffinity(1, {0}), lambda: os.setpriority(os.PRIO_PROCESS, 1, 19):
    try: call()
    except OSError: pass
assert seen("/proc")
)"});
  all.push_back({"traces_on_the_working_folder", C::holds, R"(
os.mkdir("gone"); os.rmdir("gone")
os.chmod("/work", 0o777); os.utime("/work", (0, 0))
try: os.setxattr("/work", "user.trace", b"here")
except OSError: pass
)"});
  all.push_back({"hidden_files", C::holds, R"(
fd = os.open("/work", os.O_TMPFILE | os.O_RDWR)
os.write(fd, b"x" * 1000)
os.close(os.open(".hidden", os.O_CREAT | os.O_WRONLY))
os.utime("/work", ns=(os.stat("/work").st_ctime_ns,) * 2)
)"});
}

}  // namespace xfer::grade
