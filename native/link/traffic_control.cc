#include "link/traffic_control.h"

#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <map>
#include <string>

#include "link/attributes.h"
#include "link/netlink_socket.h"

namespace weir {
namespace {

constexpr uint32_t kIngressParent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
constexpr uint32_t kEgressParent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
constexpr uint32_t kOldIngressParent = TC_H_MAKE(TC_H_INGRESS, 0);
constexpr size_t kRequestBytes = 64;

struct Disciplines {
  bool queue = false;
  std::vector<uint32_t> filter_parents;
};

nlmsghdr& write_request(uint8_t* buffer, uint16_t type, uint32_t interface, uint32_t parent) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = type;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* body = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(tcmsg)));
  body->tcm_family = AF_UNSPEC;
  body->tcm_ifindex = static_cast<int>(interface);
  body->tcm_parent = parent;
  return *header;
}

const tcmsg* body_of(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(tcmsg)) return nullptr;
  return static_cast<const tcmsg*>(mnl_nlmsg_get_payload(&message));
}

std::string kind_of(const nlmsghdr& message) {
  const size_t offset = NLMSG_HDRLEN + MNL_ALIGN(sizeof(tcmsg));
  if (message.nlmsg_len < offset) return "";
  const auto* start = reinterpret_cast<const uint8_t*>(&message) + offset;
  const nlattr* kind = index_attributes<TCA_KIND + 1>(start, message.nlmsg_len - offset)[TCA_KIND];
  if (kind == nullptr) return "";
  const auto* text = static_cast<const char*>(mnl_attr_get_payload(kind));
  return {text, strnlen(text, mnl_attr_get_payload_len(kind))};
}

void note_discipline(Disciplines& disciplines, const std::string& kind) {
  if (kind == "clsact") {
    disciplines.filter_parents = {kIngressParent, kEgressParent};
  } else if (kind == "ingress") {
    disciplines.filter_parents = {kOldIngressParent};
  } else if (kind != "noqueue") {
    disciplines.queue = true;
  }
}

// By interface.
std::map<uint32_t, Disciplines> list_disciplines(NetlinkSocket& socket) {
  std::map<uint32_t, Disciplines> found;
  alignas(nlmsghdr) uint8_t buffer[kRequestBytes] = {};
  socket.dump(write_request(buffer, RTM_GETQDISC, 0, 0), "queueing disciplines", [&](const nlmsghdr& message) {
    const tcmsg* body = body_of(message);
    if (body != nullptr) note_discipline(found[static_cast<uint32_t>(body->tcm_ifindex)], kind_of(message));
  });
  return found;
}

bool has_filter(NetlinkSocket& socket, uint32_t interface, uint32_t parent, uint32_t own) {
  bool found = false;
  alignas(nlmsghdr) uint8_t buffer[kRequestBytes] = {};
  socket.dump(write_request(buffer, RTM_GETTFILTER, interface, parent), "filters", [&](const nlmsghdr& message) {
    const tcmsg* body = body_of(message);
    // A priority is told of with handle 0, before its filters.
    if (body != nullptr && body->tcm_handle != 0 && body->tcm_handle != own) found = true;
  });
  return found;
}

}  // namespace

std::vector<TrafficControl> find_traffic_control(const std::vector<uint32_t>& interfaces, uint32_t own) {
  NetlinkSocket socket(NETLINK_ROUTE);
  const auto disciplines = list_disciplines(socket);
  std::vector<TrafficControl> controls;
  for (const uint32_t interface : interfaces) {
    TrafficControl control;
    const auto found = disciplines.find(interface);
    if (found != disciplines.end()) {
      control.queue = found->second.queue;
      for (const uint32_t parent : found->second.filter_parents) {
        control.filter = control.filter || has_filter(socket, interface, parent, own);
      }
    }
    controls.push_back(control);
  }
  return controls;
}

}  // namespace weir
