// One question to the network: does this address answer at this port?
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "echo_socket.h"
#include "identity.h"
#include "loop.h"
#include "sctp_socket.h"

namespace weir {

enum class Verdict { allowed, blocked, refused, unreachable };

const char* name_of(Verdict verdict);

struct ProbeSpec {
  std::string id;
  Protocol protocol;
  SocketAddress destination;
  // Port 0: any.
  std::optional<SocketAddress> source;
  uint16_t source_port;
  uint32_t mark;
};

struct ProbeResult {
  std::string id;
  Verdict verdict;
  // What the server said, without the newline; may be empty.
  std::string answer;
  // Why the probe could not be made at all; then the verdict means nothing.
  std::string failure;
  double ms;
};

// No answer after this long is `blocked`; with room up to the 500 ms that a blocked probe may cost, for a busy machine.
constexpr int64_t kDeadlineNs = 450'000'000;
// Datagrams are sent again as a resolver would.
constexpr int64_t kResendNs[] = {150'000'000, 300'000'000};

// The verdict that an errno of connect, send or an ICMP error stands for; nothing for those that say nothing.
std::optional<Verdict> verdict_of(int error);

class Probe {
 public:
  using Done = std::function<void(const ProbeResult& result)>;

  Probe(Loop& loop, ProbeSpec spec, Done done);
  virtual ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // May finish at once.
  virtual void start() = 0;

 protected:
  // Called at most once with effect; the probe may be destroyed when it returns.
  void finish(Verdict verdict, const std::string& answer = "");
  void fail(const std::string& what, int error);
  // What to do when the time is over: `blocked`, unless a kind of probe knows better.
  virtual void on_deadline() { finish(Verdict::blocked); }
  void extend_deadline(int64_t by_ns);
  // Calls send_again() at the times above.
  void schedule_resends();
  virtual void send_again() {}
  const SocketAddress* source() const { return spec_.source ? &*spec_.source : nullptr; }

  Loop& loop_;
  const ProbeSpec spec_;

 private:
  void end(ProbeResult result);

  Done done_;
  const int64_t started_ns_;
  bool finished_ = false;
  Loop::TimerId deadline_;
  std::optional<Loop::TimerId> resends_[2];
};

std::unique_ptr<Probe> make_tcp_probe(Loop& loop, ProbeSpec spec, Probe::Done done);
std::unique_ptr<Probe> make_udp_probe(Loop& loop, ProbeSpec spec, Probe::Done done);
std::unique_ptr<Probe> make_sctp_probe(Loop& loop, SctpSocket& socket, ProbeSpec spec, Probe::Done done);
std::unique_ptr<Probe> make_echo_probe(Loop& loop, EchoSocket& socket, ProbeSpec spec, Probe::Done done);

// A non-blocking socket with the mark, source address and source port of `spec`; -1 and errno.
int open_probe_socket(const ProbeSpec& spec, int type);

}  // namespace weir
