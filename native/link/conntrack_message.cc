#include "link/conntrack_message.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include <cstring>

#include "link/attributes.h"

namespace weir {
namespace {

// Bits of CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS; the kernel's headers for programs do not name them.
constexpr uint32_t kFilterSource = 1U << 0;
constexpr uint32_t kFilterDestination = 1U << 1;
constexpr uint32_t kFilterProtocol = 1U << 3;
constexpr uint32_t kFilterSourcePort = 1U << 4;
constexpr uint32_t kFilterDestinationPort = 1U << 5;

// What of one direction the kernel is asked to compare.
struct TupleFilter {
  std::optional<AddressBytes> source;
  std::optional<AddressBytes> destination;
  std::optional<uint16_t> source_port;
  std::optional<uint16_t> destination_port;
};

size_t address_length(uint8_t family) { return family == AF_INET ? 4 : 16; }

nlmsghdr& write_header(uint8_t* buffer, uint16_t type, uint8_t family) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = static_cast<uint16_t>((NFNL_SUBSYS_CTNETLINK << 8) | type);
  auto* body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  body->nfgen_family = family;
  body->version = NFNETLINK_V0;
  return *header;
}

void put_address(nlmsghdr* header, uint8_t family, bool source, const AddressBytes& address) {
  const uint16_t type = family == AF_INET ? (source ? CTA_IP_V4_SRC : CTA_IP_V4_DST)
                                          : (source ? CTA_IP_V6_SRC : CTA_IP_V6_DST);
  mnl_attr_put(header, type, address_length(family), address.data());
}

// Writes a tuple to compare with and returns the bits that say which fields count; nothing is written for none.
uint32_t put_tuple_filter(nlmsghdr* header, uint16_t type, const ConntrackFilter& filter, TupleFilter tuple) {
  if (filter.family == AF_INET6) {
    // Kernels up to 6.18 at least compare IPv6 addresses the wrong way round: they leave out those that are equal.
    tuple.source.reset();
    tuple.destination.reset();
  }
  // The kernel reads ports only beside a protocol.
  const bool ports = filter.protocol.has_value();
  uint32_t flags = ports ? kFilterProtocol : 0;
  if (tuple.source) flags |= kFilterSource;
  if (tuple.destination) flags |= kFilterDestination;
  if (ports && tuple.source_port) flags |= kFilterSourcePort;
  if (ports && tuple.destination_port) flags |= kFilterDestinationPort;
  if (flags == 0) return 0;
  nlattr* nest = mnl_attr_nest_start(header, type);
  nlattr* address = mnl_attr_nest_start(header, CTA_TUPLE_IP);
  if (tuple.source) put_address(header, filter.family, true, *tuple.source);
  if (tuple.destination) put_address(header, filter.family, false, *tuple.destination);
  mnl_attr_nest_end(header, address);
  if (ports) {
    nlattr* protocol = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(header, CTA_PROTO_NUM, *filter.protocol);
    if (tuple.source_port) mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(*tuple.source_port));
    if (tuple.destination_port) mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(*tuple.destination_port));
    mnl_attr_nest_end(header, protocol);
  }
  mnl_attr_nest_end(header, nest);
  return flags;
}

// Numbers are in network byte order; 0 when the attribute is missing or too short.
uint8_t read_u8(const nlattr* attribute) {
  return attribute != nullptr && mnl_attr_get_payload_len(attribute) >= 1 ? mnl_attr_get_u8(attribute) : 0;
}
uint16_t read_u16(const nlattr* attribute) {
  return attribute != nullptr && mnl_attr_get_payload_len(attribute) >= 2 ? ntohs(mnl_attr_get_u16(attribute)) : 0;
}
uint32_t read_u32(const nlattr* attribute) {
  return attribute != nullptr && mnl_attr_get_payload_len(attribute) >= 4 ? ntohl(mnl_attr_get_u32(attribute)) : 0;
}

ConntrackTuple read_tuple(const nlattr* attribute, uint8_t family, uint8_t& protocol) {
  ConntrackTuple tuple;
  const auto parts = index_nested<CTA_TUPLE_MAX + 1>(attribute);
  if (parts[CTA_TUPLE_IP] != nullptr) {
    const auto addresses = index_nested<CTA_IP_MAX + 1>(parts[CTA_TUPLE_IP]);
    tuple.source = read_address(addresses[family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC]);
    tuple.destination = read_address(addresses[family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST]);
  }
  if (parts[CTA_TUPLE_PROTO] != nullptr) {
    const auto fields = index_nested<CTA_PROTO_MAX + 1>(parts[CTA_TUPLE_PROTO]);
    protocol = read_u8(fields[CTA_PROTO_NUM]);
    tuple.source_port = read_u16(fields[CTA_PROTO_SRC_PORT]);
    tuple.destination_port = read_u16(fields[CTA_PROTO_DST_PORT]);
  }
  return tuple;
}

std::optional<uint8_t> read_tcp_state(const nlattr* protocol_info) {
  if (protocol_info == nullptr) return std::nullopt;
  const auto kinds = index_nested<CTA_PROTOINFO_MAX + 1>(protocol_info);
  if (kinds[CTA_PROTOINFO_TCP] == nullptr) return std::nullopt;
  const auto fields = index_nested<CTA_PROTOINFO_TCP_MAX + 1>(kinds[CTA_PROTOINFO_TCP]);
  if (fields[CTA_PROTOINFO_TCP_STATE] == nullptr) return std::nullopt;
  return read_u8(fields[CTA_PROTOINFO_TCP_STATE]);
}

void append_attribute(std::vector<uint8_t>& bytes, const nlattr* attribute) {
  if (attribute == nullptr) return;
  const auto* start = reinterpret_cast<const uint8_t*>(attribute);
  bytes.insert(bytes.end(), start, start + attribute->nla_len);
  bytes.resize(MNL_ALIGN(bytes.size()), 0);
}

}  // namespace

nlmsghdr& write_dump_request(uint8_t* buffer, const ConntrackFilter& filter, bool kernel_filter) {
  nlmsghdr& header = write_header(buffer, IPCTNL_MSG_CT_GET, filter.family);
  if (!kernel_filter) return header;
  const TupleFilter original = {filter.original_source, filter.original_destination, std::nullopt,
                                filter.original_destination_port};
  const TupleFilter reply = {filter.reply_source, std::nullopt, filter.reply_source_port, std::nullopt};
  const uint32_t original_flags = put_tuple_filter(&header, CTA_TUPLE_ORIG, filter, original);
  const uint32_t reply_flags = put_tuple_filter(&header, CTA_TUPLE_REPLY, filter, reply);
  if (original_flags == 0 && reply_flags == 0) return header;
  nlattr* nest = mnl_attr_nest_start(&header, CTA_FILTER);
  // Both in host byte order, unlike the rest of ctnetlink.
  mnl_attr_put_u32(&header, CTA_FILTER_ORIG_FLAGS, original_flags);
  mnl_attr_put_u32(&header, CTA_FILTER_REPLY_FLAGS, reply_flags);
  mnl_attr_nest_end(&header, nest);
  return header;
}

void append_delete_request(std::vector<uint8_t>& batch, const ConntrackEntry& entry) {
  alignas(nlmsghdr) uint8_t buffer[kRequestBytes];
  nlmsghdr& header = write_header(buffer, IPCTNL_MSG_CT_DELETE, entry.family);
  batch.insert(batch.end(), buffer, buffer + header.nlmsg_len);
  const size_t start = batch.size() - header.nlmsg_len;
  batch.insert(batch.end(), entry.identity.begin(), entry.identity.end());
  const auto length = static_cast<uint32_t>(batch.size() - start);
  std::memcpy(batch.data() + start + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
}

std::optional<ConntrackEntry> read_entry(const nlmsghdr& message) {
  if (NFNL_SUBSYS_ID(message.nlmsg_type) != NFNL_SUBSYS_CTNETLINK) return std::nullopt;
  const size_t offset = NLMSG_HDRLEN + MNL_ALIGN(sizeof(nfgenmsg));
  if (message.nlmsg_len < offset) return std::nullopt;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&message);
  const auto attributes = index_attributes<CTA_MAX + 1>(bytes + offset, message.nlmsg_len - offset);
  if (attributes[CTA_TUPLE_ORIG] == nullptr || attributes[CTA_TUPLE_REPLY] == nullptr) return std::nullopt;
  ConntrackEntry entry;
  entry.family = reinterpret_cast<const nfgenmsg*>(bytes + NLMSG_HDRLEN)->nfgen_family;
  entry.reply = read_tuple(attributes[CTA_TUPLE_REPLY], entry.family, entry.protocol);
  entry.original = read_tuple(attributes[CTA_TUPLE_ORIG], entry.family, entry.protocol);
  entry.status = read_u32(attributes[CTA_STATUS]);
  entry.id = read_u32(attributes[CTA_ID]);
  entry.timeout_seconds = read_u32(attributes[CTA_TIMEOUT]);
  entry.mark = read_u32(attributes[CTA_MARK]);
  entry.tcp_state = read_tcp_state(attributes[CTA_PROTOINFO]);
  append_attribute(entry.identity, attributes[CTA_TUPLE_ORIG]);
  append_attribute(entry.identity, attributes[CTA_ZONE]);
  append_attribute(entry.identity, attributes[CTA_ID]);
  return entry;
}

}  // namespace weir
