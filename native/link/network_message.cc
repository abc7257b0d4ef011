#include "link/network_message.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "link/attributes.h"

namespace weir {
namespace {

// In the machine's byte order, as rtnetlink has all its numbers; nothing when the attribute is missing or too short.
std::optional<uint32_t> read_number(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(uint32_t)) return std::nullopt;
  return mnl_attr_get_u32(attribute);
}

std::string read_text(const nlattr* attribute) {
  if (attribute == nullptr) return "";
  const auto* text = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {text, strnlen(text, mnl_attr_get_payload_len(attribute))};
}

uint8_t address_bits(uint8_t family) { return family == AF_INET ? 32 : 128; }

bool is_ip(uint8_t family) { return family == AF_INET || family == AF_INET6; }

bool holds_address(const nlattr* attribute, uint8_t family) {
  return attribute != nullptr && mnl_attr_get_payload_len(attribute) == address_bits(family) / 8;
}

template <typename Body>
Body& write_header(uint8_t* buffer, uint16_t type) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = type;
  return *static_cast<Body*>(mnl_nlmsg_put_extra_header(header, sizeof(Body)));
}

// The part behind netlink's own header; null when the message is shorter.
template <typename Body>
const Body* body_of(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(Body)) return nullptr;
  return static_cast<const Body*>(mnl_nlmsg_get_payload(&message));
}

template <typename Body, size_t Size>
std::array<const nlattr*, Size> attributes_behind(const nlmsghdr& message) {
  const size_t offset = NLMSG_HDRLEN + MNL_ALIGN(sizeof(Body));
  if (message.nlmsg_len < offset) return {};
  return index_attributes<Size>(reinterpret_cast<const uint8_t*>(&message) + offset, message.nlmsg_len - offset);
}

std::optional<NetworkChange> read_interface(const nlmsghdr& message) {
  const auto* body = body_of<ifinfomsg>(message);
  // Bridges tell of their ports in messages of their own family, which look alike.
  if (body == nullptr || body->ifi_family != AF_UNSPEC) return std::nullopt;
  const auto attributes = attributes_behind<ifinfomsg, IFLA_LINK_NETNSID + 1>(message);
  // A wireless event names nothing but the interface's index.
  if (attributes[IFLA_IFNAME] == nullptr) return std::nullopt;
  Interface subject;
  subject.index = static_cast<uint32_t>(body->ifi_index);
  subject.name = read_text(attributes[IFLA_IFNAME]);
  subject.up = (body->ifi_flags & IFF_UP) != 0;
  subject.master = read_number(attributes[IFLA_MASTER]);
  subject.peer = read_number(attributes[IFLA_LINK]);
  // A veth whose other end is not there yet, or no more.
  if (subject.peer == 0U) subject.peer.reset();
  if (attributes[IFLA_LINKINFO] != nullptr) {
    subject.kind = read_text(index_nested<IFLA_INFO_KIND + 1>(attributes[IFLA_LINKINFO])[IFLA_INFO_KIND]);
  }
  if (const auto id = read_number(attributes[IFLA_LINK_NETNSID])) subject.peer_namespace = static_cast<int32_t>(*id);
  return NetworkChange{subject, message.nlmsg_type == RTM_DELLINK};
}

std::optional<NetworkChange> read_route(const nlmsghdr& message) {
  const auto* body = body_of<rtmsg>(message);
  if (body == nullptr || !is_ip(body->rtm_family) || body->rtm_type != RTN_UNICAST) return std::nullopt;
  if (body->rtm_dst_len != address_bits(body->rtm_family) || (body->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  const auto attributes = attributes_behind<rtmsg, RTA_VIA + 1>(message);
  const auto interface_index = read_number(attributes[RTA_OIF]);
  if (!interface_index || attributes[RTA_GATEWAY] != nullptr || attributes[RTA_VIA] != nullptr) return std::nullopt;
  if (!holds_address(attributes[RTA_DST], body->rtm_family)) return std::nullopt;
  HostRoute subject;
  subject.family = body->rtm_family;
  subject.address = read_address(attributes[RTA_DST]);
  subject.interface_index = *interface_index;
  subject.table = read_number(attributes[RTA_TABLE]).value_or(body->rtm_table);
  subject.metric = read_number(attributes[RTA_PRIORITY]).value_or(0);
  return NetworkChange{subject, message.nlmsg_type == RTM_DELROUTE};
}

std::optional<NetworkChange> read_interface_address(const nlmsghdr& message) {
  const auto* body = body_of<ifaddrmsg>(message);
  if (body == nullptr || !is_ip(body->ifa_family) || body->ifa_scope >= RT_SCOPE_LINK) return std::nullopt;
  const auto attributes = attributes_behind<ifaddrmsg, IFA_LOCAL + 1>(message);
  // Of a point-to-point interface, IFA_ADDRESS is the other side's; most IPv6 addresses have no IFA_LOCAL.
  const nlattr* address = attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
  if (!holds_address(address, body->ifa_family)) return std::nullopt;
  const InterfaceAddress subject = {body->ifa_family, read_address(address), body->ifa_index};
  return NetworkChange{subject, message.nlmsg_type == RTM_DELADDR};
}

std::optional<NetworkChange> read_lost_namespace(const nlmsghdr& message) {
  const auto id = read_number(attributes_behind<rtgenmsg, NETNSA_NSID + 1>(message)[NETNSA_NSID]);
  if (!id) return std::nullopt;
  return NetworkChange{LostNamespace{static_cast<int32_t>(*id)}, true};
}

}  // namespace

nlmsghdr& write_interfaces_request(uint8_t* buffer) {
  write_header<ifinfomsg>(buffer, RTM_GETLINK);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return *header;
}

nlmsghdr& write_routes_request(uint8_t* buffer, uint8_t family) {
  write_header<rtmsg>(buffer, RTM_GETROUTE).rtm_family = family;
  return *reinterpret_cast<nlmsghdr*>(buffer);
}

nlmsghdr& write_addresses_request(uint8_t* buffer, std::optional<int32_t> network_namespace) {
  write_header<ifaddrmsg>(buffer, RTM_GETADDR);
  auto* header = reinterpret_cast<nlmsghdr*>(buffer);
  if (network_namespace) mnl_attr_put_u32(header, IFA_TARGET_NETNSID, static_cast<uint32_t>(*network_namespace));
  return *header;
}

std::optional<NetworkChange> read_network_change(const nlmsghdr& message) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return read_interface(message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return read_route(message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return read_interface_address(message);
    case RTM_DELNSID:
      return read_lost_namespace(message);
    default:
      return std::nullopt;
  }
}

}  // namespace weir
