#include "loop.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace weir {

namespace {
constexpr int kEventsPerWait = 256;
// A turn ends after the first as long as there are timers, and counts as the second at most: answers that a machine held
// up while it stood still come before the deadline of who waits for them.
constexpr int64_t kWaitMs = 25;
constexpr int64_t kTurnNs = 50'000'000;
}

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Loop::~Loop() { close(epoll_); }

void Loop::watch(int fd, uint32_t events, Ready ready) {
  const auto known = watches_.find(fd);
  // Events already fetched for a descriptor that was closed and whose number was reused carry the old generation.
  const uint32_t generation = known == watches_.end() ? next_generation_++ : known->second.generation;
  epoll_event event{};
  event.events = events;
  event.data.u64 = (uint64_t{generation} << 32) | static_cast<uint32_t>(fd);
  if (epoll_ctl(epoll_, known == watches_.end() ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  watches_[fd] = Watch{generation, std::move(ready)};
}

void Loop::unwatch(int fd) {
  if (watches_.erase(fd) > 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

Loop::TimerId Loop::after(int64_t delay_ns, std::function<void()> fire) {
  const TimerId timer{now() + delay_ns, next_timer_++};
  timers_.emplace(timer, std::move(fire));
  return timer;
}

void Loop::cancel(TimerId timer) { timers_.erase(timer); }

int64_t Loop::now() const { return turn_ns_ + std::min(now_ns() - turn_began_ns_, kTurnNs); }

int Loop::wait_ms() const {
  if (timers_.empty()) return -1;
  const int64_t left = timers_.begin()->first.first - now();
  return left <= 0 ? 0 : static_cast<int>(std::min(left / 1'000'000 + 1, kWaitMs));
}

void Loop::dispatch(uint64_t token, uint32_t events) {
  const auto found = watches_.find(static_cast<int>(token & 0xffffffff));
  if (found == watches_.end() || found->second.generation != token >> 32) return;
  const Ready ready = found->second.ready;  // A copy: the callback may unwatch itself.
  ready(events);
}

void Loop::fire_due() {
  turn_ns_ = now();
  turn_began_ns_ = now_ns();
  while (!timers_.empty() && timers_.begin()->first.first <= turn_ns_) {
    const auto fire = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    fire();
  }
}

void Loop::run() {
  epoll_event events[kEventsPerWait];
  bool more = false;
  while (running_) {
    const int count = epoll_wait(epoll_, events, kEventsPerWait, more ? 0 : wait_ms());
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
    for (int index = 0; index < count; index++) dispatch(events[index].data.u64, events[index].events);
    // Answers that are already here are taken before a deadline may call them missing.
    more = count == kEventsPerWait;
    if (!more) fire_due();
  }
}

}  // namespace weir
