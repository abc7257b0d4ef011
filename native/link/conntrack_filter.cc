#include "link/conntrack_filter.h"

#include <linux/netfilter/nf_conntrack_common.h>

#include <algorithm>

namespace weir {
namespace {

template <typename Value>
bool holds(const std::optional<Value>& wanted, const Value& actual) {
  return !wanted.has_value() || *wanted == actual;
}

std::string text_of(const AddressBytes& address) { return std::string(address.begin(), address.end()); }

bool any_matches(const std::vector<ConntrackFilter>& filters, const ConntrackEntry& entry) {
  return std::any_of(filters.begin(), filters.end(),
                     [&](const ConntrackFilter& filter) { return matches(filter, entry); });
}

bool state_holds(const std::vector<uint8_t>& wanted, const std::optional<uint8_t>& actual) {
  if (wanted.empty()) return true;
  return actual.has_value() && std::find(wanted.begin(), wanted.end(), *actual) != wanted.end();
}

}  // namespace

bool matches(const ConntrackFilter& filter, const ConntrackEntry& entry) {
  const bool natted = (entry.status & IPS_DST_NAT) != 0;
  return filter.family == entry.family && holds(filter.protocol, entry.protocol) &&
         holds(filter.original_source, entry.original.source) &&
         holds(filter.original_destination, entry.original.destination) &&
         holds(filter.original_destination_port, entry.original.destination_port) &&
         holds(filter.reply_source, entry.reply.source) &&
         holds(filter.reply_source_port, entry.reply.source_port) && holds(filter.natted, natted) &&
         state_holds(filter.tcp_states, entry.tcp_state);
}

ConntrackFilterSet::ConntrackFilterSet(const std::vector<ConntrackFilter>& filters) {
  for (const ConntrackFilter& filter : filters) {
    if (filter.reply_source.has_value()) {
      by_reply_source_[text_of(*filter.reply_source)].push_back(filter);
    } else if (filter.original_destination.has_value()) {
      by_original_destination_[text_of(*filter.original_destination)].push_back(filter);
    } else {
      others_.push_back(filter);
    }
  }
}

bool ConntrackFilterSet::matches(const ConntrackEntry& entry) const {
  return any_at(by_reply_source_, entry.reply.source, entry) ||
         any_at(by_original_destination_, entry.original.destination, entry) || any_matches(others_, entry);
}

bool ConntrackFilterSet::any_at(const FiltersByAddress& filters, const AddressBytes& address,
                                const ConntrackEntry& entry) {
  if (filters.empty()) return false;
  const auto found = filters.find(text_of(address));
  return found != filters.end() && any_matches(found->second, entry);
}

}  // namespace weir
