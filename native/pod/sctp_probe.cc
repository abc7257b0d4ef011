#include <cerrno>

#include "probe.h"

namespace weir {

namespace {

constexpr int64_t kAnsweredNs = 1'000'000'000;

// INIT → INIT ACK → COOKIE ECHO → COOKIE ACK with one DATA chunk → SACK and HEARTBEAT → HEARTBEAT ACK → ABORT.
// The heartbeat shows that later packets of the association take the same way.
class SctpProbe : public Probe {
 public:
  SctpProbe(Loop& loop, SctpSocket& socket, ProbeSpec spec, Done done)
      : Probe(loop, std::move(spec), std::move(done)), socket_(socket) {}

  ~SctpProbe() override {
    if (port_ != 0) socket_.detach(port_);
  }

  void start() override {
    port_ = socket_.attach(
        spec_.source_port,
        {[this](const sctp::Packet& packet, const SocketAddress& from) { on_packet(packet, from); },
         [this](const IcmpError& error, const sctp::Packet& quoted) { on_error(error, quoted); }});
    if (port_ == 0) {
      fail("cannot take the source port", EADDRINUSE);
      return;
    }
    schedule_resends();
    transmit(0, {sctp::init_chunk({tag_, random_number()})});
  }

 protected:
  void send_again() override { transmit(last_tag_, last_chunks_); }

  // A peer that has answered INIT was reached: the rest of the handshake, whose server shares the processors with the
  // whole lab, gets more time.
  void on_deadline() override {
    if (peer_tag_ == 0 || extended_) {
      finish(Verdict::blocked);
      return;
    }
    extended_ = true;
    send_again();
    extend_deadline(kAnsweredNs);
  }

 private:
  void transmit(uint32_t tag, std::vector<sctp::Chunk> chunks) {
    last_tag_ = tag;
    last_chunks_ = std::move(chunks);
    const int error = socket_.send(spec_.destination, source(), spec_.mark,
                                   {port_, spec_.destination.port(), tag, last_chunks_});
    if (error != 0 && verdict_of(error) == Verdict::unreachable) finish(Verdict::unreachable);
  }

  void on_packet(const sctp::Packet& packet, const SocketAddress& from) {
    if (!from.same_host(spec_.destination) || packet.source_port != spec_.destination.port()) return;
    if (packet.tag != tag_) return;
    if (packet.find(sctp::kAbort) != nullptr) {
      finish(Verdict::refused);
    } else if (const auto* init_ack = packet.find(sctp::kInitAck)) {
      on_init_ack(*init_ack);
    } else if (const auto* data = packet.find(sctp::kData)) {
      answer_ = sctp::payload_of(*data);
      transmit(peer_tag_, {sctp::sack_chunk(*data), {sctp::kHeartbeat, 0, heartbeat()}});
    } else if (packet.find(sctp::kHeartbeatAck) != nullptr && !answer_.empty()) {
      transmit(peer_tag_, {{sctp::kAbort, 0, ""}});
      finish(Verdict::allowed, answer_.substr(0, answer_.find('\n')));
    }
  }

  void on_init_ack(const sctp::Chunk& chunk) {
    sctp::Init theirs{};
    const std::string cookie = sctp::cookie_of(chunk);
    if (peer_tag_ != 0 || cookie.empty() || !sctp::parse_init(chunk, theirs)) return;
    peer_tag_ = theirs.tag;
    transmit(peer_tag_, {{sctp::kCookieEcho, 0, cookie}});
  }

  void on_error(const IcmpError& error, const sctp::Packet& quoted) {
    if (!error.destination.same_host(spec_.destination)) return;
    if (quoted.destination_port != spec_.destination.port()) return;
    if (error.port_unreachable) {
      finish(Verdict::refused);
    } else if (verdict_of(error.error)) {
      finish(Verdict::unreachable);
    }
  }

  // Heartbeat information: one parameter (type 1) with our tag in it.
  std::string heartbeat() const { return std::string("\0\1\0\10", 4) + sctp::bytes_of(tag_); }

  SctpSocket& socket_;
  const uint32_t tag_ = random_number();
  uint16_t port_ = 0;
  uint32_t peer_tag_ = 0;
  uint32_t last_tag_ = 0;
  std::vector<sctp::Chunk> last_chunks_;
  bool extended_ = false;
  std::string answer_;
};

}  // namespace

std::unique_ptr<Probe> make_sctp_probe(Loop& loop, SctpSocket& socket, ProbeSpec spec, Probe::Done done) {
  return std::make_unique<SctpProbe>(loop, socket, std::move(spec), std::move(done));
}

}  // namespace weir
