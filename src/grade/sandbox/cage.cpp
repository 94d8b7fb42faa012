// SPDX-License-Identifier: Apache-2.0
#include "grade/sandbox/cage.hpp"

#include "grade/answers/final_answer.hpp"
#include "grade/sandbox/sandbox_process.hpp"
#include "xfer/error.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace xfer::grade {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> program_folders() {
  std::vector<std::string> folders{"/usr/bin", "/bin", "/usr/local/bin"};
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (rest.starts_with('/')) folders.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return folders;
}

std::vector<std::string> find_programs(const std::string& name) {
  std::vector<std::string> found;
  for (const std::string& folder : program_folders()) {
    const std::string path = folder + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) found.push_back(path);
  }
  return found;
}

std::string find_one(const std::string& name, const std::string& package) {
  const auto found = find_programs(name);
  if (found.empty())
    throw Error(Errc::not_available,
                "sandbox: the program '" + name + "' is missing; install the package " + package);
  return found.front();
}

bool under_usr(const std::string& path) { return path.starts_with("/usr/"); }

/// A Python outside /usr may be a wrapper script; it knows its own place best.
void ask_python(const std::string& path, CageTools& tools) {
  const ProcessOutcome outcome = run_process(
      {path, "-I", "-S", "-c",
       "import os, sys; print(os.path.realpath(sys.executable)); print(sys.base_prefix)"},
      std::chrono::seconds(20), 16384);
  const std::size_t line = outcome.out.find('\n');
  if (outcome.status != 0 || line == std::string::npos) return;
  const std::string python(trim(std::string_view(outcome.out).substr(0, line)));
  const std::string prefix(trim(std::string_view(outcome.out).substr(line)));
  if (!python.starts_with('/') || prefix.size() < 2 || !prefix.starts_with('/')) return;
  tools.python = python;
  tools.python_prefix = prefix;
}

void find_python(CageTools& tools) {
  const auto found = find_programs("python3");
  for (const std::string& path : found) {
    std::error_code ignored;
    const std::string real = fs::canonical(path, ignored).string();
    if (!under_usr(real)) continue;
    tools.python = real;
    return;
  }
  for (const std::string& path : found) {
    ask_python(path, tools);
    if (!tools.python.empty()) return;
  }
  throw Error(Errc::not_available,
              "sandbox: no Python interpreter was found; install the package python3");
}

void append(std::vector<std::string>& list, std::initializer_list<std::string> more) {
  list.insert(list.end(), more);
}

}  // namespace

CageTools find_cage_tools() {
  CageTools tools;
  tools.bwrap = find_one("bwrap", "bubblewrap");
  if (::geteuid() == 0) tools.setpriv = find_one("setpriv", "util-linux");
  find_python(tools);
  return tools;
}

std::vector<std::string> cage_command(const CageTools& tools, const std::string& script) {
  std::vector<std::string> command;
  // As root we would be the host's root in our own namespaces too, and exempt from limits.
  if (!tools.setpriv.empty())
    append(command, {tools.setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--"});
  // The one right that is kept is for making a namespace for each program; programs lose it.
  append(command, {tools.bwrap, "--unshare-all", "--unshare-user", "--die-with-parent",
                   "--new-session", "--hostname", "sandbox", "--uid", "65534", "--gid", "65534",
                   "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--ro-bind", "/usr", "/usr"});
  for (const char* folder : {"/bin", "/lib", "/lib64", "/lib32"}) {
    std::error_code error;
    if (fs::is_symlink(folder, error))
      append(command, {"--symlink", fs::read_symlink(folder).string(), folder});
    else if (fs::is_directory(folder, error))
      append(command, {"--ro-bind", folder, folder});
  }
  append(command, {"--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"});
  if (!tools.python_prefix.empty())
    append(command, {"--ro-bind", tools.python_prefix, tools.python_prefix});
  // bwrap's own /dev would bring terminals, and a second user namespace in which that one right
  // does not reach.
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
    append(command, {"--dev-bind", device, device});
  append(command,
         {"--proc",     "/proc",    "--dir", "/work",    "--remount-ro", "/",    "--chdir", "/work",
          "--clearenv", "--setenv", "PATH",  "/usr/bin", "--setenv",     "LANG", "C.UTF-8", "--",
          tools.python, "-I",       "-S",    "-B",       "-c",           script});
  return command;
}

}  // namespace xfer::grade
