#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "message.h"
#include "probe.h"

namespace weir {

namespace {

constexpr char kQuestion[] = "who are you?\n";

// A connected socket, so that an answer from another address than the dialled one is not taken for one.
class UdpProbe : public Probe {
 public:
  using Probe::Probe;

  ~UdpProbe() override {
    if (fd_ < 0) return;
    loop_.unwatch(fd_);
    close(fd_);
  }

  void start() override {
    fd_ = open_probe_socket(spec_, SOCK_DGRAM);
    if (fd_ < 0) {
      fail("cannot open a UDP socket", errno);
      return;
    }
    ask_for_icmp_errors(fd_, spec_.destination.family());
    if (connect(fd_, spec_.destination.raw(), spec_.destination.length()) != 0) {
      const int cause = errno;
      if (const auto verdict = verdict_of(cause)) {
        finish(*verdict);
      } else {
        fail("cannot connect", cause);
      }
      return;
    }
    loop_.watch(fd_, EPOLLIN, [this](uint32_t) { on_ready(); });
    schedule_resends();
    send_again();
  }

 protected:
  void send_again() override {
    if (send(fd_, kQuestion, sizeof kQuestion - 1, MSG_NOSIGNAL) >= 0) return;
    const auto verdict = verdict_of(errno);
    // `refused` is told with its ICMP type by the error queue; `blocked` may change until the deadline.
    if (verdict == Verdict::unreachable) {
      if (!read_errors()) finish(Verdict::unreachable);
    }
  }

 private:
  bool read_errors() {
    while (const auto error = receive_error(fd_, spec_.destination.family())) {
      const auto verdict = verdict_of(error->error);
      if (error->port_unreachable) {
        finish(Verdict::refused);
      } else if (verdict == Verdict::unreachable || verdict == Verdict::refused) {
        finish(Verdict::unreachable);
      } else {
        continue;
      }
      return true;
    }
    return false;
  }

  void on_ready() {
    if (read_errors()) return;
    const auto received = receive(fd_, spec_.destination.family());
    if (!received) return;
    finish(Verdict::allowed, received->data.substr(0, received->data.find('\n')));
  }

  int fd_ = -1;
};

}  // namespace

std::unique_ptr<Probe> make_udp_probe(Loop& loop, ProbeSpec spec, Probe::Done done) {
  return std::make_unique<UdpProbe>(loop, std::move(spec), std::move(done));
}

}  // namespace weir
