// The checksum of SCTP. It is linear: what a change of some bytes changes in it depends on the difference and on how many bytes
// follow, not on what these are.
#pragma once

#include "packet.h"

#define CRC32C_POLYNOMIAL 0x82f63b78  // bits reflected: the highest one stands for x^0
#define CRC32C_BYTE 0x00800000        // x^8

// The product of two polynomials.
SEPARATE __u32 multiply_polynomials(__u32 left, __u32 right) {
  __u32 product = 0;
  for (int bit = 31; bit >= 0; bit--) {
    if (left >> bit & 1) product ^= right;
    right = (right >> 1) ^ (right & 1 ? CRC32C_POLYNOMIAL : 0);
  }
  return product;
}

// By what the checksum of `size` bytes changes where the first four change by `difference`.
static __noinline __u32 crc32c_difference(__u32 difference, __u32 size) {
  __u32 power = CRC32C_BYTE;
  for (int bit = 0; bit < 16; bit++) {
    if (size >> bit & 1) difference = multiply_polynomials(difference, power);
    power = multiply_polynomials(power, power);
  }
  return difference;
}
