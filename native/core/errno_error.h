// Errors of system calls: which call, on what, and its errno.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>

namespace weir {

class ErrnoError : public std::runtime_error {
 public:
  // `call` is the name of the call, `object` what it was about ("" when the call says it all).
  ErrnoError(std::string call, std::string object, int number);

  const std::string& call() const noexcept { return call_; }
  int number() const noexcept { return number_; }
  // Symbolic name as Node has it in `error.code`: "EPERM"; "UNKNOWN" when libc has no name for it.
  std::string code() const;

 private:
  std::string call_;
  int number_;
};

}  // namespace weir
