// Addresses as every table has them.
#pragma once

#include <linux/types.h>

// 16 bytes in network order; an IPv4 address is mapped (::ffff:a.b.c.d).
struct address {
  __u8 bytes[16] __attribute__((aligned(4)));
};

_Static_assert(sizeof(struct address) == 16, "an address is 16 bytes");
