// Options of this load; the loader writes them before the programs are verified.
#pragma once

#include "../abi/options.h"

const volatile struct policy_options options = {
    .unknown_interface_closed = 0,
    .flows_per_subject = 0,
    .admissions_per_second = 50,
    .events_per_second = 1000,
    .answer_denied = 0,
    .tcp_opening_seconds = 120,
    .tcp_established_seconds = 86400,
    .tcp_closing_seconds = 60,
    .other_opening_seconds = 30,
    .other_established_seconds = 180,
    .hairpin_ipv4 = {{[10] = 0xff, [11] = 0xff, [12] = 169, [13] = 254, [14] = 90, [15] = 90}},
    .hairpin_ipv6 = {{[0] = 0xfd, [1] = 'w', [2] = 'e', [3] = 'i', [4] = 'r', [15] = 1}},
};
