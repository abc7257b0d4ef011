#include <cerrno>

#include "probe.h"

namespace weir {

namespace {

class EchoProbe : public Probe {
 public:
  EchoProbe(Loop& loop, EchoSocket& socket, ProbeSpec spec, Done done)
      : Probe(loop, std::move(spec), std::move(done)), socket_(socket) {}

  ~EchoProbe() override { socket_.detach(id_); }

  void start() override {
    id_ = socket_.attach({[this](const SocketAddress& from) {
                            if (from.same_host(spec_.destination)) finish(Verdict::allowed);
                          },
                          [this](const IcmpError& error) { on_error(error); }});
    schedule_resends();
    send_again();
  }

 protected:
  void send_again() override {
    const int error = socket_.send(spec_.destination, source(), spec_.mark, id_);
    if (error != 0 && verdict_of(error) == Verdict::unreachable) finish(Verdict::unreachable);
  }

 private:
  void on_error(const IcmpError& error) {
    if (!error.destination.same_host(spec_.destination)) return;
    if (error.port_unreachable) {
      finish(Verdict::refused);
    } else if (verdict_of(error.error)) {
      finish(Verdict::unreachable);
    }
  }

  EchoSocket& socket_;
  EchoSocket::Id id_{};
};

}  // namespace

std::unique_ptr<Probe> make_echo_probe(Loop& loop, EchoSocket& socket, ProbeSpec spec, Probe::Done done) {
  return std::make_unique<EchoProbe>(loop, socket, std::move(spec), std::move(done));
}

}  // namespace weir
