// SPDX-License-Identifier: Apache-2.0
#include "change-monitor.h"

#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <utility>

namespace nftjs {

namespace {

constexpr std::size_t kDatagram = 64 << 10;
// A large commit comes as thousands of small datagrams: they are handed over in pieces of about this size.
constexpr std::size_t kPiece = 256 << 10;

}  // namespace

ChangeMonitor::ChangeMonitor(const std::string& netns_path)
    : socket_(std::make_unique<NetlinkSocket>(netns_path)), wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wakeup_.valid()) throw system_failure("eventfd");
  socket_->join(NFNLGRP_NFTABLES);
}

ChangeMonitor::~ChangeMonitor() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void ChangeMonitor::start(Deliver deliver, Ended ended) {
  thread_ = std::thread([this, deliver = std::move(deliver), ended = std::move(ended)] {
    run(deliver);
    // Closing can take the kernel a while, so it is not left to the thread that destroys the monitor.
    socket_.reset();
    ended();
  });
}

void ChangeMonitor::stop() {
  const std::uint64_t one = 1;
  // The counter cannot overflow by the few stops there are; a refused write would mean it is awake anyway.
  [[maybe_unused]] const ssize_t written = ::write(wakeup_.get(), &one, sizeof one);
}

bool ChangeMonitor::wait() {
  std::array<pollfd, 2> watched{pollfd{socket_->descriptor(), POLLIN, 0}, pollfd{wakeup_.get(), POLLIN, 0}};
  while (::poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) return false;
  }
  return watched[1].revents == 0;
}

bool ChangeMonitor::read_available(const Deliver& deliver) {
  std::vector<std::uint8_t> piece;
  bool lost = false;
  bool more = true;
  while (more && piece.size() < kPiece) {
    const std::size_t used = piece.size();
    piece.resize(used + kDatagram);
    const ssize_t size = ::recv(socket_->descriptor(), piece.data() + used, kDatagram, MSG_DONTWAIT);
    piece.resize(used + static_cast<std::size_t>(size > 0 ? size : 0));
    if (size >= 0 || errno == EINTR) continue;
    more = false;
    if (errno == ENOBUFS) lost = true;
    else if (errno != EAGAIN) return false;
  }
  if (!piece.empty()) deliver(std::move(piece));
  if (lost) deliver({});
  return true;
}

void ChangeMonitor::run(const Deliver& deliver) {
  while (wait() && read_available(deliver)) {
  }
}

}  // namespace nftjs
