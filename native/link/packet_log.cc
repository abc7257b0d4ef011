#include "link/packet_log.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "core/errno_error.h"
#include "link/attributes.h"
#include "link/network_namespace.h"

namespace weir {
namespace {

constexpr size_t kBufferBytes = 128 * 1024;
// Hundredths of a second that packets may wait for others.
constexpr uint32_t kWait = 5;
const char* const kWhat = "logged packets";

UniqueFd open_socket() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  if (fd.get() < 0) throw ErrnoError("socket", "netlink", errno);
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw ErrnoError("bind", "netlink", errno);
  }
  return fd;
}

// The kernel answers a request before it returns from it.
void read_acknowledgement(int fd, std::vector<uint8_t>& buffer) {
  const ssize_t length = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (length < 0) throw ErrnoError("recv", kWhat, errno);
  const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
  if (!mnl_nlmsg_ok(message, static_cast<int>(length)) || message->nlmsg_type != NLMSG_ERROR) return;
  const int status = -*static_cast<const int*>(mnl_nlmsg_get_payload(message));
  if (status != 0) throw ErrnoError("netlink", kWhat, status);
}

void bind_group(int fd, uint16_t group, uint32_t snap, std::vector<uint8_t>& buffer) {
  std::array<uint8_t, 256> request = {};
  nlmsghdr* message = mnl_nlmsg_put_header(request.data());
  message->nlmsg_type = (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_CONFIG;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  header->nfgen_family = AF_UNSPEC;
  header->version = NFNETLINK_V0;
  header->res_id = htons(group);
  nfulnl_msg_config_cmd command = {};
  command.command = NFULNL_CFG_CMD_BIND;
  mnl_attr_put(message, NFULA_CFG_CMD, sizeof(command), &command);
  nfulnl_msg_config_mode mode = {};
  mode.copy_range = htonl(snap);
  mode.copy_mode = NFULNL_COPY_PACKET;
  mnl_attr_put(message, NFULA_CFG_MODE, sizeof(mode), &mode);
  mnl_attr_put_u32(message, NFULA_CFG_TIMEOUT, htonl(kWait));
  if (::send(fd, request.data(), message->nlmsg_len, 0) < 0) throw ErrnoError("send", kWhat, errno);
  read_acknowledgement(fd, buffer);
}

uint32_t read_index(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(uint32_t)) return 0;
  return ntohl(mnl_attr_get_u32(attribute));
}

LoggedPacket read_packet(const nlmsghdr& message) {
  const auto* start = static_cast<const uint8_t*>(mnl_nlmsg_get_payload(&message)) + MNL_ALIGN(sizeof(nfgenmsg));
  const size_t length = mnl_nlmsg_get_payload_len(&message) - MNL_ALIGN(sizeof(nfgenmsg));
  const auto attributes = index_attributes<NFULA_MAX + 1>(start, length);
  LoggedPacket packet;
  packet.incoming = read_index(attributes[NFULA_IFINDEX_INDEV]);
  packet.outgoing = read_index(attributes[NFULA_IFINDEX_OUTDEV]);
  if (const nlattr* prefix = attributes[NFULA_PREFIX]) {
    const char* text = static_cast<const char*>(mnl_attr_get_payload(prefix));
    packet.prefix.assign(text, ::strnlen(text, mnl_attr_get_payload_len(prefix)));
  }
  if (const nlattr* payload = attributes[NFULA_PAYLOAD]) {
    const auto* bytes = static_cast<const uint8_t*>(mnl_attr_get_payload(payload));
    packet.bytes.assign(bytes, bytes + mnl_attr_get_payload_len(payload));
  }
  return packet;
}

bool is_packet(const nlmsghdr& message) {
  return message.nlmsg_type == ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET) &&
         mnl_nlmsg_get_payload_len(&message) >= MNL_ALIGN(sizeof(nfgenmsg));
}

}  // namespace

PacketLog::PacketLog(const std::string& network_namespace, uint16_t group, uint32_t snap) : buffer_(kBufferBytes) {
  in_network_namespace(network_namespace, [this, group, snap] {
    fd_ = open_socket();
    bind_group(fd_.get(), group, snap, buffer_);
  });
}

std::optional<std::vector<LoggedPacket>> PacketLog::take(size_t limit) {
  std::vector<LoggedPacket> packets;
  for (size_t taken = 0; taken < limit;) {
    const ssize_t length = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) break;
    if (length < 0 && errno == ENOBUFS) return std::nullopt;
    if (length < 0) throw ErrnoError("recv", kWhat, errno);
    if (static_cast<size_t>(length) > buffer_.size()) return std::nullopt;
    ++taken;
    int left = static_cast<int>(length);
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (is_packet(*message)) packets.push_back(read_packet(*message));
    }
  }
  return packets;
}

}  // namespace weir
