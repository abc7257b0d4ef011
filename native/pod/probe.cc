#include "probe.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir {

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::allowed:
      return "allowed";
    case Verdict::blocked:
      return "blocked";
    case Verdict::refused:
      return "refused";
    case Verdict::unreachable:
      return "unreachable";
  }
  return "";
}

std::optional<Verdict> verdict_of(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
      return Verdict::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case ENOPROTOOPT:
    case EPROTO:
    case EACCES:
      return Verdict::unreachable;
    // A filter on this host that drops silently shows itself to the sender as EPERM.
    case EPERM:
    case ETIMEDOUT:
      return Verdict::blocked;
    default:
      return std::nullopt;
  }
}

Probe::Probe(Loop& loop, ProbeSpec spec, Done done)
    : loop_(loop), spec_(std::move(spec)), done_(std::move(done)), started_ns_(now_ns()) {
  deadline_ = loop_.after(kDeadlineNs, [this] { on_deadline(); });
}

Probe::~Probe() {
  loop_.cancel(deadline_);
  for (const auto& resend : resends_) {
    if (resend) loop_.cancel(*resend);
  }
}

void Probe::finish(Verdict verdict, const std::string& answer) { end({spec_.id, verdict, answer, "", 0}); }

void Probe::fail(const std::string& what, int error) {
  end({spec_.id, Verdict::blocked, "", what + ": " + std::strerror(error), 0});
}

void Probe::end(ProbeResult result) {
  if (finished_) return;
  finished_ = true;
  result.ms = static_cast<double>(now_ns() - started_ns_) / 1e6;
  const Done done = done_;
  done(result);
}

void Probe::extend_deadline(int64_t by_ns) {
  loop_.cancel(deadline_);
  deadline_ = loop_.after(by_ns, [this] { on_deadline(); });
}

void Probe::schedule_resends() {
  for (int index = 0; index < 2; index++) {
    resends_[index] = loop_.after(kResendNs[index], [this] { send_again(); });
  }
}

int open_probe_socket(const ProbeSpec& spec, int type) {
  const int family = spec.destination.family();
  const int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  if (spec.mark != 0) setsockopt(fd, SOL_SOCKET, SO_MARK, &spec.mark, sizeof spec.mark);
  // One source port may talk to several destinations at a time.
  if (spec.source_port != 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!spec.source && spec.source_port == 0) return fd;
  if (spec.source_port == 0) setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  SocketAddress local = spec.source ? *spec.source : SocketAddress::any(family, 0);
  local.set_port(spec.source_port);
  if (bind(fd, local.raw(), local.length()) == 0) return fd;
  const int cause = errno;
  close(fd);
  errno = cause;
  return -1;
}

}  // namespace weir
