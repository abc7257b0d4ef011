// SPDX-License-Identifier: Apache-2.0
#include "network-namespace.h"

#include <fcntl.h>
#include <sched.h>

#include <exception>
#include <thread>

#include "file-descriptor.h"

namespace nftjs {

namespace {

void enter_network_namespace(const std::string& path) {
  const FileDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor.valid()) throw system_failure("open " + path);
  if (::setns(descriptor.get(), CLONE_NEWNET) != 0) throw system_failure("setns " + path);
}

}  // namespace

void in_network_namespace(const std::string& path, const std::function<void()>& work) {
  if (path.empty()) {
    work();
    return;
  }
  std::exception_ptr failure;
  std::thread visitor([&] {
    try {
      enter_network_namespace(path);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  visitor.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace nftjs
