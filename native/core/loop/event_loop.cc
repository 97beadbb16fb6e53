#include "loop/event_loop.h"

#include <array>
#include <cassert>
#include <span>

#include "sys/sys.h"

namespace spliceway {
namespace {

constexpr std::uint64_t kTokenMask = EventLoop::kMaxToken;
/// Events fetched at once; more stay in the kernel and come next turn.
constexpr std::size_t kEventsPerTurn = 256;

}  // namespace

std::unique_ptr<EventLoop> EventLoop::Create(int& error) {
  sys::Opened epoll = sys::OpenEpoll();
  error = epoll.error;
  if (!epoll.fd.valid()) return nullptr;
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll.fd), sys::NowMs()));
}

bool EventLoop::Watch(int fd, EventHandler& handler, unsigned token) {
  assert(token <= kMaxToken);
  const auto address = reinterpret_cast<std::uintptr_t>(&handler);
  return sys::Watch(epoll_.get(), fd, address | token) == sys::Status::kOk;
}

void EventLoop::Unwatch(int fd) { sys::Unwatch(epoll_.get(), fd); }

void EventLoop::RefreshNow() { now_ms_ = sys::NowMs(); }

void EventLoop::Enqueue(ReadyEntry& entry) {
  if (!entry.linked()) ready_.InsertBefore(entry);
}

void EventLoop::RunOnce() {
  std::array<epoll_event, kEventsPerTurn> events;
  const int wait_ms = ready_.linked() ? 0 : timers_.WaitMs(sys::NowMs());
  const std::size_t count = sys::WaitForEvents(epoll_.get(), events, wait_ms);
  now_ms_ = sys::NowMs();

  // Taken before the events are handled: an entry that these events enqueue waits for the next
  // turn, so that fetching new events is never put off by those who always have more to do.
  ListLink ready;
  ready.TakeAll(ready_);

  for (const epoll_event& event : std::span(events).first(count)) {
    auto* handler = reinterpret_cast<EventHandler*>(event.data.u64 & ~kTokenMask);
    handler->OnEvents(static_cast<unsigned>(event.data.u64 & kTokenMask), event.events);
  }
  while (ready.linked()) {
    auto& entry = static_cast<ReadyEntry&>(*ready.next());
    entry.Unlink();
    entry.OnReady();
  }
  timers_.Advance(now_ms_);
}

}  // namespace spliceway
