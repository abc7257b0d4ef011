// SPDX-License-Identifier: Apache-2.0
#include "text-commands.h"

#include <dirent.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "file-descriptor.h"
#include "network-namespace.h"
#include "port-registry.h"

namespace nftjs {

namespace {

using Context = std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)>;
using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

/// The netlink sockets of the netfilter protocol this process has open.
std::set<int> netfilter_sockets() {
  std::set<int> sockets;
  const Directory directory(::opendir("/proc/self/fd"), &::closedir);
  if (!directory) return sockets;
  while (const dirent* entry = ::readdir(directory.get())) {
    const int descriptor = std::atoi(entry->d_name);
    int domain = 0;
    int protocol = 0;
    socklen_t length = sizeof domain;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_NETLINK) continue;
    length = sizeof protocol;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) != 0) continue;
    if (protocol == NETLINK_NETFILTER) sockets.insert(descriptor);
  }
  return sockets;
}

/// The port id of a socket that may not be bound yet: libnftables leaves that to the first request.
std::uint32_t port_of(int descriptor) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  // A socket that is bound already refuses, and keeps its port id.
  [[maybe_unused]] const int bound = ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address);
  socklen_t length = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return address.nl_pid;
}

/// Counts port ids as this process's for as long as it lives.
class OwnedPorts {
 public:
  explicit OwnedPorts(std::vector<std::uint32_t> ports) : ports_(std::move(ports)) {
    for (const std::uint32_t port : ports_) register_port(port);
  }
  OwnedPorts(const OwnedPorts&) = delete;
  OwnedPorts& operator=(const OwnedPorts&) = delete;
  ~OwnedPorts() {
    for (const std::uint32_t port : ports_) retire_port(port);
  }

 private:
  std::vector<std::uint32_t> ports_;
};

TextResult run_here(const std::string& text, bool json) {
  // libnftables does not tell its socket: it is the one that appears with the context.
  const std::set<int> before = netfilter_sockets();
  const Context context(nft_ctx_new(NFT_CTX_DEFAULT), &nft_ctx_free);
  if (!context) throw system_failure("nft_ctx_new");
  std::vector<std::uint32_t> ports;
  for (const int descriptor : netfilter_sockets()) {
    if (!before.contains(descriptor)) ports.push_back(port_of(descriptor));
  }
  const OwnedPorts owned(std::move(ports));
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (json) nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_JSON);
  const int status = nft_run_cmd_from_buffer(context.get(), text.c_str());
  return {status == 0, nft_ctx_get_output_buffer(context.get()), nft_ctx_get_error_buffer(context.get())};
}

}  // namespace

TextResult run_text_commands(const std::string& netns_path, const std::string& text, bool json) {
  // libnftables keeps tables of names in globals, so runs in several threads must not overlap.
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  TextResult result{};
  in_network_namespace(netns_path, [&] { result = run_here(text, json); });
  return result;
}

}  // namespace nftjs
