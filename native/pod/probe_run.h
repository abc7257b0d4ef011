// A set of probes side by side, thousands of them, with a bound on how many are under way at once.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>

#include "probe.h"

namespace weir {

class ProbeRun {
 public:
  struct Sockets {
    SctpSocket& sctp;
    EchoSocket& echo;
  };

  ProbeRun(Loop& loop, Sockets sockets, Probe::Done on_result, std::function<void()> on_end);
  ~ProbeRun();
  ProbeRun(const ProbeRun&) = delete;
  ProbeRun& operator=(const ProbeRun&) = delete;

  // Starts the probes; `on_end` runs after the last result, never from within this call.
  void start(std::deque<ProbeSpec> specs);

 private:
  void start_more();
  void schedule();
  std::unique_ptr<Probe> make(ProbeSpec spec, size_t number);
  void on_done(size_t number, const ProbeResult& result);

  Loop& loop_;
  Sockets sockets_;
  Probe::Done on_result_;
  std::function<void()> on_end_;
  std::deque<ProbeSpec> waiting_;
  std::unordered_map<size_t, std::unique_ptr<Probe>> under_way_;
  std::deque<std::unique_ptr<Probe>> done_;
  size_t next_ = 0;
  bool scheduled_ = false;
  Loop::TimerId timer_{};
};

}  // namespace weir
