#include "link/namespace_cookie.h"

#include <sys/socket.h>

#include "core/errno_error.h"
#include "core/unique_fd.h"
#include "link/network_namespace.h"

namespace weir {
namespace {

// Since Linux 5.14; the header may be older.
constexpr int kNetworkNamespaceCookie = 71;

uint64_t own_cookie() {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) throw ErrnoError("socket", "AF_UNIX", errno);
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (::getsockopt(socket.get(), SOL_SOCKET, kNetworkNamespaceCookie, &cookie, &size) != 0) {
    throw ErrnoError("getsockopt", "SO_NETNS_COOKIE", errno);
  }
  return cookie;
}

}  // namespace

uint64_t network_namespace_cookie(const std::string& path) {
  uint64_t cookie = 0;
  in_network_namespace(path, [&] { cookie = own_cookie(); });
  return cookie;
}

}  // namespace weir
