#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "probe.h"

namespace weir {

namespace {

// A connection that stands was let through: its server, which shares the processors with the whole lab, gets more time
// for its line.
constexpr int64_t kConnectedNs = 1'500'000'000;

class TcpProbe : public Probe {
 public:
  using Probe::Probe;

  ~TcpProbe() override {
    if (fd_ < 0) return;
    loop_.unwatch(fd_);
    // Reset instead of TIME_WAIT: thousands of probes would use up the ports, and a given source port could not be
    // used again for a minute.
    const linger abort{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close(fd_);
  }

  void start() override {
    fd_ = open_probe_socket(spec_, SOCK_STREAM);
    if (fd_ < 0) {
      fail("cannot open a TCP socket", errno);
      return;
    }
    if (connect(fd_, spec_.destination.raw(), spec_.destination.length()) != 0 && errno != EINPROGRESS) {
      const int cause = errno;
      if (const auto verdict = verdict_of(cause)) {
        finish(*verdict);
      } else {
        fail("cannot connect", cause);
      }
      return;
    }
    loop_.watch(fd_, EPOLLOUT, [this](uint32_t) { on_connect(); });
  }

 protected:
  void on_deadline() override {
    int error = 0;
    socklen_t size = sizeof error;
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    if (connected_ || getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) {
      if (!extended_) {
        extended_ = true;
        extend_deadline(kConnectedNs);
        return;
      }
      finish(Verdict::allowed, line_);
      return;
    }
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    finish(verdict_of(error).value_or(Verdict::blocked));
  }

 private:
  void on_connect() {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      finish(verdict_of(error).value_or(Verdict::unreachable));
      return;
    }
    connected_ = true;
    loop_.watch(fd_, EPOLLIN, [this](uint32_t) { on_data(); });
  }

  void on_data() {
    char buffer[4096];
    const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < 0) {
      finish(verdict_of(errno).value_or(Verdict::refused), line_);
      return;
    }
    line_.append(buffer, static_cast<size_t>(size));
    const size_t end = line_.find('\n');
    if (size == 0 || end != std::string::npos || line_.size() > sizeof buffer) {
      finish(Verdict::allowed, line_.substr(0, end));
    }
  }

  int fd_ = -1;
  bool connected_ = false;
  bool extended_ = false;
  std::string line_;
};

}  // namespace

std::unique_ptr<Probe> make_tcp_probe(Loop& loop, ProbeSpec spec, Probe::Done done) {
  return std::make_unique<TcpProbe>(loop, std::move(spec), std::move(done));
}

}  // namespace weir
