#include "link/netlink_socket.h"

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include "core/errno_error.h"

namespace weir {
namespace {

// The kernel fills dump answers up to 32 KiB a datagram when the reader's buffer allows it.
constexpr size_t kBufferBytes = 64 * 1024;

// -1: the message is no answer with a status; else its errno, 0 for success.
int status_of(const nlmsghdr& message) {
  if (message.nlmsg_type != NLMSG_ERROR && message.nlmsg_type != NLMSG_DONE) return -1;
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(int)) return 0;
  return -*static_cast<const int*>(mnl_nlmsg_get_payload(&message));
}

void send_all(int fd, const void* bytes, size_t length, const std::string& what) {
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  const auto* address = reinterpret_cast<const sockaddr*>(&kernel);
  while (::sendto(fd, bytes, length, 0, address, sizeof(kernel)) < 0) {
    if (errno != EINTR) throw ErrnoError("sendto", what, errno);
  }
}

}  // namespace

NetlinkSocket::NetlinkSocket(int protocol)
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)), buffer_(kBufferBytes) {
  if (fd_.get() < 0) throw ErrnoError("socket", "netlink", errno);
  // Acknowledgements need not carry the request again. Kernels without it answer longer, which fits as well.
  const int on = 1;
  ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  // Without it a dump of addresses leaves out whose addresses were asked for, and gives the socket's own namespace's.
  ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
}

size_t NetlinkSocket::receive(const std::string& what) {
  for (;;) {
    const ssize_t length = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) throw ErrnoError("recv", what, errno);
    if (static_cast<size_t>(length) > buffer_.size()) throw ErrnoError("recv", what, EMSGSIZE);
    return static_cast<size_t>(length);
  }
}

bool NetlinkSocket::dump(nlmsghdr& request, const std::string& what,
                         const std::function<void(const nlmsghdr&)>& visit) {
  request.nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
  request.nlmsg_seq = ++sequence_;
  send_all(fd_.get(), &request, request.nlmsg_len, what);
  bool complete = true;
  for (;;) {
    int left = static_cast<int>(receive(what));
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence_) continue;
      complete = complete && (message->nlmsg_flags & NLM_F_DUMP_INTR) == 0;
      const int status = status_of(*message);
      if (status > 0) throw ErrnoError("netlink", what, status);
      if (status == 0) return complete;
      visit(*message);
    }
  }
}

std::vector<int> NetlinkSocket::acknowledge(std::vector<uint8_t>& batch, size_t count, const std::string& what) {
  const uint32_t first = sequence_ + 1;
  auto* request = reinterpret_cast<nlmsghdr*>(batch.data());
  int remaining = static_cast<int>(batch.size());
  for (; mnl_nlmsg_ok(request, remaining); request = mnl_nlmsg_next(request, &remaining)) {
    request->nlmsg_seq = ++sequence_;
    request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  }
  send_all(fd_.get(), batch.data(), batch.size(), what);
  std::vector<int> statuses(count, 0);
  for (size_t answered = 0; answered < count;) {
    int left = static_cast<int>(receive(what));
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      const uint32_t index = message->nlmsg_seq - first;
      if (index >= count || status_of(*message) < 0) continue;
      statuses[index] = status_of(*message);
      ++answered;
    }
  }
  return statuses;
}

}  // namespace weir
