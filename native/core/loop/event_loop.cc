#include "loop/event_loop.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <span>

#include "sys/sys.h"

namespace spliceway {
namespace {

constexpr std::uint64_t kTokenMask = EventLoop::kMaxToken;
/// Addresses of user memory have 47 bits on x86-64 and 48 on arm64, unless a program asks the
/// kernel for more (Documentation/arch/x86/x86_64/5level-paging.rst, arch/arm64/memory.rst).
constexpr unsigned kAddressBits = 48;
constexpr std::uint64_t kAddressMask = ((std::uint64_t{1} << kAddressBits) - 1) & ~kTokenMask;
/// Events fetched at once; more stay in the kernel and come next turn.
constexpr std::size_t kEventsPerTurn = 256;

std::uint64_t Pack(const EventHandler& handler, unsigned token, std::uint16_t generation) {
  const auto address = reinterpret_cast<std::uintptr_t>(&handler);
  assert(token <= EventLoop::kMaxToken && (address & ~kAddressMask) == 0);
  return std::uint64_t{generation} << kAddressBits | address | token;
}

/// No turn takes so long, unless the process is stopped, frozen or without a processor in the midst
/// of it. Such time is nobody's: what had begun in the turn would seem as old as that.
constexpr std::uint64_t kLongestTurnMs = 1000;

}  // namespace

std::unique_ptr<EventLoop> EventLoop::Create(std::uint32_t busy_poll_us, int& error,
                                             const TurnBudget& budget) {
  sys::Opened epoll = sys::OpenEpoll();
  error = epoll.error;
  if (!epoll.fd.valid()) return nullptr;
  return std::unique_ptr<EventLoop>(
      new EventLoop(std::move(epoll.fd), busy_poll_us, budget, sys::NowUs()));
}

bool EventLoop::Watch(int fd, EventHandler& handler, unsigned token) {
  const std::uint64_t data =
      Pack(handler, token, handler.generation_.load(std::memory_order_relaxed));
  return sys::Watch(epoll_.get(), fd, data) == sys::Status::kOk;
}

bool EventLoop::WatchListener(int fd, EventHandler& handler, unsigned token) {
  const std::uint64_t data =
      Pack(handler, token, handler.generation_.load(std::memory_order_relaxed));
  return sys::WatchListener(epoll_.get(), fd, data) == sys::Status::kOk;
}

bool EventLoop::WatchWakeUp(int fd, EventHandler& handler, unsigned token) {
  const std::uint64_t data =
      Pack(handler, token, handler.generation_.load(std::memory_order_relaxed));
  return sys::WatchWakeUp(epoll_.get(), fd, data) == sys::Status::kOk;
}

void EventLoop::Unwatch(int fd) { sys::Unwatch(epoll_.get(), fd); }

std::uint64_t EventLoop::ClockUs() const { return sys::NowUs() - stood_still_ms_ * 1000; }

void EventLoop::RefreshNow() {
  const std::uint64_t now_us = ClockUs();
  const std::uint64_t now_ms = now_us / 1000;
  if (now_ms > now_ms_ + kLongestTurnMs) {
    stood_still_ms_ += now_ms - now_ms_;
  } else {
    now_us_ = now_us;
    now_ms_ = now_ms;
  }
}

void EventLoop::Enqueue(ReadyEntry& entry) {
  if (!entry.linked()) ready_.InsertBefore(entry);
}

std::size_t EventLoop::Wait(std::span<epoll_event> events) {
  has_waited_ = !ready_.linked();
  if (ready_.linked()) return sys::WaitForEvents(epoll_.get(), events, 0);
  const std::uint64_t start_us = ClockUs();
  int wait_ms = timers_.WaitMs(start_us / 1000);
  if (busy_poll_us_ > 0) {
    std::uint64_t us = busy_poll_us_;
    if (wait_ms >= 0) us = std::min<std::uint64_t>(us, static_cast<std::uint64_t>(wait_ms) * 1000);
    do {
      const std::size_t count = sys::WaitForEvents(epoll_.get(), events, 0);
      if (count > 0) return count;
    } while (ClockUs() - start_us < us);
    wait_ms = timers_.WaitMs(ClockUs() / 1000);
  }
  return sys::WaitForEvents(epoll_.get(), events, wait_ms);
}

void EventLoop::RunOnce() {
  std::array<epoll_event, kEventsPerTurn> events;
  const std::size_t count = Wait(events);
  now_us_ = ClockUs();
  now_ms_ = now_us_ / 1000;
  const std::uint64_t began_us = now_us_;
  ++turn_;
  spent_ = 0;

  for (const epoll_event& event : std::span(events).first(count)) {
    auto* handler = reinterpret_cast<EventHandler*>(event.data.u64 & kAddressMask);
    const std::uint16_t generation = handler->generation_.load(std::memory_order_relaxed);
    if (generation != event.data.u64 >> kAddressBits) continue;
    handler->OnEvents(static_cast<unsigned>(event.data.u64 & kTokenMask), event.events);
  }
  timers_.Advance(now_ms_);

  // Taken first: an entry that enqueues itself again waits for the next turn, so that fetching new
  // events is never put off by those who always have more to do.
  ListLink ready;
  ready.TakeAll(ready_);
  runs_entries_ = true;
  const std::size_t limit = std::max(budget_.turn, spent_ + budget_.events);
  while (ready.linked() && spent_ < limit) {
    auto& entry = static_cast<ReadyEntry&>(*ready.next());
    entry.Unlink();
    entry.OnReady();
  }
  runs_entries_ = false;
  ready.TakeAll(ready_);  // Behind those who had no turn.
  ready_.TakeAll(ready);
  RefreshNow();
  turn_us_ = now_us_ - std::min(began_us, now_us_);
}

}  // namespace spliceway
