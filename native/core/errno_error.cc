#include "core/errno_error.h"

#include <system_error>
#include <utility>

namespace weir {
namespace {

std::string describe(const std::string& call, const std::string& object, int number) {
  std::string text = call;
  if (!object.empty()) text += " " + object;
  return text + ": " + std::generic_category().message(number);
}

struct Name {
  int number;
  const char* code;
};

// The errnos that sockets, netlink, namespaces and BPF give; strerrorname_np is glibc only.
constexpr Name kNames[] = {
    {EACCES, "EACCES"},       {EADDRINUSE, "EADDRINUSE"},
    {EAGAIN, "EAGAIN"},       {EBADF, "EBADF"},
    {EBUSY, "EBUSY"},         {EEXIST, "EEXIST"},
    {EINTR, "EINTR"},         {EINVAL, "EINVAL"},
    {EIO, "EIO"},             {EMFILE, "EMFILE"},
    {EMSGSIZE, "EMSGSIZE"},   {ENFILE, "ENFILE"},
    {ENOBUFS, "ENOBUFS"},     {ENODEV, "ENODEV"},
    {ENOENT, "ENOENT"},       {ENOMEM, "ENOMEM"},
    {ENOSPC, "ENOSPC"},       {ENOSYS, "ENOSYS"},
    {EOPNOTSUPP, "ENOTSUP"},  {EPERM, "EPERM"},
    {EPROTO, "EPROTO"},       {EPROTONOSUPPORT, "EPROTONOSUPPORT"},
    {ERANGE, "ERANGE"},       {EAFNOSUPPORT, "EAFNOSUPPORT"},
    {ESRCH, "ESRCH"},         {ETIMEDOUT, "ETIMEDOUT"},
    {E2BIG, "E2BIG"},         {EFAULT, "EFAULT"},
};

}  // namespace

ErrnoError::ErrnoError(std::string call, std::string object, int number)
    : std::runtime_error(describe(call, object, number)), call_(std::move(call)), number_(number) {}

std::string ErrnoError::code() const {
  for (const Name& name : kNames) {
    if (name.number == number_) return name.code;
  }
  return "UNKNOWN";
}

}  // namespace weir
