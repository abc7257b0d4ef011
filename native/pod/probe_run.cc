#include "probe_run.h"

namespace weir {

namespace {
constexpr size_t kUnderWayMax = 4096;
// So few per turn that answers to earlier ones are read in between: servers share the processors with us.
constexpr size_t kStartsPerTurn = 64;
}  // namespace

ProbeRun::ProbeRun(Loop& loop, Sockets sockets, Probe::Done on_result, std::function<void()> on_end)
    : loop_(loop), sockets_(sockets), on_result_(std::move(on_result)), on_end_(std::move(on_end)) {}

ProbeRun::~ProbeRun() {
  if (scheduled_) loop_.cancel(timer_);
}

void ProbeRun::start(std::deque<ProbeSpec> specs) {
  waiting_ = std::move(specs);
  schedule();
}

// One step from the loop, so that probes are neither started nor destroyed inside their own callbacks.
void ProbeRun::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  timer_ = loop_.after(0, [this] {
    scheduled_ = false;
    start_more();
  });
}

void ProbeRun::start_more() {
  done_.clear();
  for (size_t started = 0; started < kStartsPerTurn; started++) {
    if (waiting_.empty() || under_way_.size() >= kUnderWayMax) break;
    const size_t number = next_++;
    auto probe = make(std::move(waiting_.front()), number);
    waiting_.pop_front();
    Probe& started_probe = *probe;
    under_way_[number] = std::move(probe);
    started_probe.start();
  }
  if (!waiting_.empty() && under_way_.size() < kUnderWayMax) schedule();
  if (!waiting_.empty() || !under_way_.empty()) return;
  const auto on_end = on_end_;
  on_end();
}

std::unique_ptr<Probe> ProbeRun::make(ProbeSpec spec, size_t number) {
  const auto done = [this, number](const ProbeResult& result) { on_done(number, result); };
  switch (spec.protocol) {
    case Protocol::tcp:
      return make_tcp_probe(loop_, std::move(spec), done);
    case Protocol::udp:
      return make_udp_probe(loop_, std::move(spec), done);
    case Protocol::sctp:
      return make_sctp_probe(loop_, sockets_.sctp, std::move(spec), done);
    case Protocol::icmp:
      break;
  }
  return make_echo_probe(loop_, sockets_.echo, std::move(spec), done);
}

void ProbeRun::on_done(size_t number, const ProbeResult& result) {
  on_result_(result);
  const auto found = under_way_.find(number);
  done_.push_back(std::move(found->second));
  under_way_.erase(found);
  schedule();
}

}  // namespace weir
