// weir-pod: the one process of a pod in the lab. It joins a network namespace and a cgroup, sets the namespace's
// sysctls, goes to the background and then does what its control socket is told, until SIGTERM or `exit`.
//
//   weir-pod --control PATH [--netns PATH] [--cgroup DIR] [--sysctl KEY=VALUE]…
//
// Prints its process id once the control socket accepts connections. Exit code 1 and one line on stderr otherwise.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "control.h"
#include "loop.h"

namespace {

struct Options {
  std::string control;
  std::string netns;
  std::string cgroup;
  std::vector<std::string> sysctls;
};

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Options parse_options(int count, char** words) {
  Options options;
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string name = words[index];
    const std::string value = words[index + 1];
    if (name == "--control") {
      options.control = value;
    } else if (name == "--netns") {
      options.netns = value;
    } else if (name == "--cgroup") {
      options.cgroup = value;
    } else if (name == "--sysctl") {
      options.sysctls.push_back(value);
    } else {
      throw std::runtime_error("unknown option " + name);
    }
  }
  if (options.control.empty() || count % 2 == 0) {
    throw std::runtime_error("usage: weir-pod --control PATH [--netns PATH] [--cgroup DIR] [--sysctl KEY=VALUE]...");
  }
  return options;
}

void join_netns(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) throw_errno("cannot join " + path);
  close(fd);
}

void write_file(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text.data(), text.size()) < 0) throw_errno("cannot write " + path);
  close(fd);
}

// KEY in the form of sysctl(8); keys that this kernel lacks are left alone.
void set_sysctl(const std::string& setting) {
  const size_t equals = setting.find('=');
  std::string path = "/proc/sys/" + setting.substr(0, equals);
  for (size_t index = std::strlen("/proc/sys/"); index < path.size(); index++) {
    if (path[index] == '.') path[index] = '/';
  }
  if (access(path.c_str(), F_OK) == 0) write_file(path, setting.substr(equals + 1) + "\n");
}

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int block_signals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Returns in the child only: the parent prints the child's process id and is gone, without running destructors, since
// what they would take down is the child's.
void go_to_background() {
  const pid_t child = fork();
  if (child < 0) throw_errno("fork");
  if (child > 0) {
    std::printf("%d\n", child);
    std::fflush(stdout);
    _exit(0);
  }
  setsid();
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || chdir("/") != 0) throw_errno("cannot go to the background");
  for (const int fd : {0, 1, 2}) dup2(null, fd);
}

void run(const Options& options) {
  if (!options.netns.empty()) join_netns(options.netns);
  if (!options.cgroup.empty()) write_file(options.cgroup + "/cgroup.procs", "0");
  for (const auto& setting : options.sysctls) set_sysctl(setting);
  raise_descriptor_limit();
  // Listening comes before the fork, so that whoever reads the process id can connect.
  weir::Loop loop;
  weir::Control control(loop, options.control);
  go_to_background();
  const int signals = block_signals();
  loop.watch(signals, EPOLLIN, [&loop](uint32_t) { loop.stop(); });
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  try {
    run(parse_options(count, words));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weir-pod: %s\n", error.what());
    return 1;
  }
}
