// SPDX-License-Identifier: Apache-2.0
#include "netlink-socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "network-namespace.h"
#include "port-registry.h"

namespace nftjs {

namespace {

constexpr int kReceiveBuffer = 16 << 20;
constexpr int kInitialSendBuffer = 1 << 20;
// The kernel fills dump messages as large as the reader's buffer, up to 32 KiB; a batch's acks are small.
constexpr std::size_t kScratch = 128 << 10;
constexpr int kDumpAttempts = 10;

FileDescriptor open_in(const std::string& netns_path) {
  FileDescriptor opened(-1);
  in_network_namespace(netns_path, [&] {
    opened = FileDescriptor(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    if (!opened.valid()) throw system_failure("socket NETLINK_NETFILTER");
  });
  return opened;
}

/// Calls `visit` for each whole netlink message in `bytes` until it returns false.
template <typename Visit>
void each_message(std::span<const std::uint8_t> bytes, Visit visit) {
  std::size_t position = 0;
  while (bytes.size() - position >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data() + position, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size() - position) return;
    if (!visit(header, bytes.subspan(position, header.nlmsg_len))) return;
    position += std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size() - position);
  }
}

int error_of(std::span<const std::uint8_t> message) {
  std::int32_t error = 0;
  if (message.size() >= NLMSG_HDRLEN + sizeof error) std::memcpy(&error, message.data() + NLMSG_HDRLEN, sizeof error);
  return -error;
}

/// Reads the extended ack attributes behind an error message that was capped to the header it is about.
Refusal read_refusal(const nlmsghdr& header, std::span<const std::uint8_t> message) {
  Refusal refusal{header.nlmsg_seq, error_of(message), {}, 0};
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0 || (header.nlmsg_flags & NLM_F_CAPPED) == 0) return refusal;
  std::size_t position = NLMSG_HDRLEN + sizeof(nlmsgerr);
  while (message.size() >= position + sizeof(nlattr)) {
    nlattr attribute;
    std::memcpy(&attribute, message.data() + position, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > message.size() - position) break;
    const std::uint8_t* payload = message.data() + position + sizeof attribute;
    const std::size_t length = attribute.nla_len - sizeof attribute;
    if (attribute.nla_type == NLMSGERR_ATTR_MSG) {
      const char* text = reinterpret_cast<const char*>(payload);
      refusal.message.assign(text, ::strnlen(text, length));
    } else if (attribute.nla_type == NLMSGERR_ATTR_OFFS && length >= sizeof refusal.offset) {
      std::memcpy(&refusal.offset, payload, sizeof refusal.offset);
    }
    position += NLA_ALIGN(attribute.nla_len);
  }
  return refusal;
}

}  // namespace

NetlinkSocket::NetlinkSocket(const std::string& netns_path) : descriptor_(open_in(netns_path)), scratch_(kScratch) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw system_failure("bind");
  socklen_t length = sizeof address;
  if (::getsockname(descriptor(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw system_failure("getsockname");
  }
  set_option(NETLINK_EXT_ACK, 1, "setsockopt NETLINK_EXT_ACK");
  set_option(NETLINK_CAP_ACK, 1, "setsockopt NETLINK_CAP_ACK");
  grow_buffer(SO_RCVBUFFORCE, SO_RCVBUF, kReceiveBuffer);
  grow_buffer(SO_SNDBUFFORCE, SO_SNDBUF, kInitialSendBuffer);
  send_buffer_ = kInitialSendBuffer;
  port_id_ = address.nl_pid;
  register_port(port_id_);
}

NetlinkSocket::~NetlinkSocket() { retire_port(port_id_); }

void NetlinkSocket::set_option(int option, int value, const char* name) {
  if (::setsockopt(descriptor(), SOL_NETLINK, option, &value, sizeof value) != 0) throw system_failure(name);
}

// Without CAP_NET_ADMIN only the system's limit can be had; what is too small then shows as EMSGSIZE or ENOBUFS.
void NetlinkSocket::grow_buffer(int forced_option, int option, int bytes) {
  if (::setsockopt(descriptor(), SOL_SOCKET, forced_option, &bytes, sizeof bytes) == 0) return;
  if (::setsockopt(descriptor(), SOL_SOCKET, option, &bytes, sizeof bytes) != 0) throw system_failure("setsockopt");
}

void NetlinkSocket::join(unsigned group) {
  const int value = static_cast<int>(group);
  set_option(NETLINK_ADD_MEMBERSHIP, value, "setsockopt NETLINK_ADD_MEMBERSHIP");
}

void NetlinkSocket::send(std::span<const std::uint8_t> bytes) {
  // A netlink message is accounted whole: the buffer must hold it plus the kernel's overhead.
  const std::size_t wanted = std::min<std::size_t>(bytes.size() + bytes.size() / 4 + (64 << 10), 1U << 30);
  if (wanted > static_cast<std::size_t>(send_buffer_)) {
    send_buffer_ = static_cast<int>(wanted);
    grow_buffer(SO_SNDBUFFORCE, SO_SNDBUF, send_buffer_);
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = ::sendto(descriptor(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) throw system_failure("sendto");
}

/// One datagram into scratch_; its size, or 0 if none is there and `wait` is false.
std::size_t NetlinkSocket::receive(bool wait) {
  for (;;) {
    const ssize_t size = ::recv(descriptor(), scratch_.data(), scratch_.size(), MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT));
    if (size >= 0 && static_cast<std::size_t>(size) <= scratch_.size()) return static_cast<std::size_t>(size);
    if (size >= 0) throw std::system_error(EMSGSIZE, std::generic_category(), "recv");
    if (errno == EINTR) continue;
    if (errno == EAGAIN && !wait) return 0;
    throw system_failure("recv");
  }
}

void NetlinkSocket::drain() {
  for (;;) {
    try {
      if (receive(false) == 0) return;
    } catch (const std::system_error&) {
      // Leftovers of an exchange that failed before; the next receive goes on behind them.
    }
  }
}

std::optional<Refusal> NetlinkSocket::transact(std::span<const std::uint8_t> batch, std::uint32_t first_sequence,
                                               std::uint32_t acknowledged_sequence) {
  const std::lock_guard<std::mutex> lock(mutex_);
  drain();
  send(batch);
  std::optional<Refusal> refusal;
  bool acknowledged = false;
  // nfnetlink works a batch off inside sendto: all answers are queued by now and nothing needs waiting for.
  while (const std::size_t size = receive(false)) {
    each_message({scratch_.data(), size}, [&](const nlmsghdr& header, std::span<const std::uint8_t> message) {
      const bool in_batch = header.nlmsg_seq - first_sequence <= acknowledged_sequence - first_sequence;
      if (header.nlmsg_type != NLMSG_ERROR || !in_batch) return true;
      if (error_of(message) == 0) acknowledged |= header.nlmsg_seq == acknowledged_sequence;
      else if (!refusal) refusal = read_refusal(header, message);
      return true;
    });
  }
  if (!refusal && !acknowledged) throw std::system_error(EPROTO, std::generic_category(), "recv: no answer to the batch");
  return refusal;
}

NetlinkSocket::Outcome NetlinkSocket::collect(std::uint32_t sequence, std::vector<std::uint8_t>& answers) {
  Outcome outcome = Outcome::complete;
  bool more = true;
  while (more) {
    const std::size_t size = receive(true);
    each_message({scratch_.data(), size}, [&](const nlmsghdr& header, std::span<const std::uint8_t> message) {
      if (header.nlmsg_seq != sequence) return true;
      if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) outcome = Outcome::interrupted;
      if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
        const int error = error_of(message);
        if (error == EINTR) outcome = Outcome::interrupted;
        else if (error > 0) throw std::system_error(error, std::generic_category(), "netlink request");
        more = false;
        return false;
      }
      answers.insert(answers.end(), message.begin(), message.end());
      answers.resize(NLMSG_ALIGN(answers.size()));
      return true;
    });
  }
  return outcome;
}

std::vector<std::uint8_t> NetlinkSocket::query(std::span<const std::uint8_t> request, std::uint32_t sequence) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    drain();
    send(request);
    std::vector<std::uint8_t> answers;
    if (collect(sequence, answers) == Outcome::complete) return answers;
  }
  throw std::system_error(EINTR, std::generic_category(), "netlink dump kept being interrupted by changes");
}

}  // namespace nftjs
