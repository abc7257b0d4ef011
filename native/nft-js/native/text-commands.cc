// SPDX-License-Identifier: Apache-2.0
#include "text-commands.h"

#include <dirent.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "file-descriptor.h"
#include "network-namespace.h"
#include "port-registry.h"

namespace nftjs {

namespace {

using Context = std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)>;
using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

/// libnftables does not tell its socket; all netfilter sockets of this process are ours by definition.
std::vector<std::uint32_t> netfilter_ports() {
  std::vector<std::uint32_t> ports;
  const Directory directory(::opendir("/proc/self/fd"), &::closedir);
  if (!directory) return ports;
  while (const dirent* entry = ::readdir(directory.get())) {
    const int descriptor = std::atoi(entry->d_name);
    int protocol = 0;
    socklen_t length = sizeof protocol;
    sockaddr_nl address{};
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) != 0) continue;
    length = sizeof address;
    if (protocol != NETLINK_NETFILTER) continue;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) continue;
    if (address.nl_family == AF_NETLINK && address.nl_pid != 0) ports.push_back(address.nl_pid);
  }
  return ports;
}

TextResult run_here(const std::string& text, bool json) {
  const Context context(nft_ctx_new(NFT_CTX_DEFAULT), &nft_ctx_free);
  if (!context) throw system_failure("nft_ctx_new");
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (json) nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_JSON);
  const std::vector<std::uint32_t> ports = netfilter_ports();
  for (const std::uint32_t port : ports) register_port(port);
  const int status = nft_run_cmd_from_buffer(context.get(), text.c_str());
  for (const std::uint32_t port : ports) retire_port(port);
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
