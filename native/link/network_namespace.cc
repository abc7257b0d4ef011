#include "link/network_namespace.h"

#include <fcntl.h>
#include <sched.h>

#include <exception>
#include <thread>

#include "core/errno_error.h"
#include "core/unique_fd.h"

namespace weir {
namespace {

void enter(const std::string& path) {
  const UniqueFd target(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (target.get() < 0) throw ErrnoError("open", path, errno);
  if (::setns(target.get(), CLONE_NEWNET) != 0) throw ErrnoError("setns", path, errno);
}

}  // namespace

void in_network_namespace(const std::string& path, const std::function<void()>& work) {
  if (path.empty()) {
    work();
    return;
  }
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      enter(path);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace weir
