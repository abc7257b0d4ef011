// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nftjs {

/// Remembers the netlink port ids of this process's sockets, so that a notification about a change can be
/// told apart from a change by somebody else. Thread-safe, one registry per process.

/// Notes an open socket's port id.
void register_port(std::uint32_t port_id);

/// Notes that a socket was closed. Its port id counts as ours for a while longer, as notifications may still
/// be on their way.
void retire_port(std::uint32_t port_id);

/// Whether the port id is or lately was one of this process.
bool owns_port(std::uint32_t port_id);

}  // namespace nftjs
