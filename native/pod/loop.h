// One thread, one epoll: file descriptors with callbacks, and timers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

namespace weir {

// Nanoseconds of the monotonic clock.
int64_t now_ns();

class Loop {
 public:
  using Ready = std::function<void(uint32_t events)>;
  using TimerId = std::pair<int64_t, uint64_t>;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Watches a descriptor (level triggered); watching it again changes events and callback.
  void watch(int fd, uint32_t events, Ready ready);
  // Must come before close(): no callback of `fd` runs afterwards.
  void unwatch(int fd);
  // In time that this process could run: of one that stood still, alone or with the whole machine, hardly any has passed.
  TimerId after(int64_t delay_ns, std::function<void()> fire);
  void cancel(TimerId timer);
  void run();
  void stop() { running_ = false; }

 private:
  struct Watch {
    uint32_t generation;
    Ready ready;
  };

  int64_t now() const;
  int wait_ms() const;
  void dispatch(uint64_t token, uint32_t events);
  void fire_due();

  int epoll_;
  // Time of the loop at the beginning of the turn, and that of the monotonic clock.
  int64_t turn_ns_ = 0;
  int64_t turn_began_ns_ = now_ns();
  bool running_ = true;
  uint32_t next_generation_ = 1;
  uint64_t next_timer_ = 1;
  std::unordered_map<int, Watch> watches_;
  std::map<TimerId, std::function<void()>> timers_;
};

}  // namespace weir
