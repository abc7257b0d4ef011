// Options of the policy programs: set before loading, constant afterwards.
#pragma once

#include "address.h"

struct policy_options {
  __u32 unknown_interface_closed;  // 1: an interface that no subject is known for lets nothing through
  __u32 flows_per_subject;         // flows that one pod may have in the table; 0: no limit
  __u32 admissions_per_second;     // events of admitted flows sent at most, for each CPU
  __u32 events_per_second;         // other events, likewise
  __u32 answer_denied;             // 1: what a policy denies is answered with a RST or ICMP port unreachable
  // Seconds without a packet after which a flow has ended.
  __u32 tcp_opening_seconds;
  __u32 tcp_established_seconds;
  __u32 tcp_closing_seconds;
  __u32 other_opening_seconds;
  __u32 other_established_seconds;
  // Whom a pod sees as its client where a Service leads it to itself: follows the pod's default route, and is nobody's.
  struct address hairpin_ipv4;
  struct address hairpin_ipv6;
};

_Static_assert(sizeof(struct policy_options) == 72, "size is part of the ABI");
