#pragma once

#include <cstdint>
#include <memory>

#include "loop/list.h"
#include "loop/timer_wheel.h"
#include "sys/unique_fd.h"

namespace spliceway {

/// Receives the readiness of descriptors. Aligned so that a pointer to it has three low bits to
/// spare, in which the loop keeps the token of a registration.
class alignas(8) EventHandler {
 public:
  /// `token` is what `EventLoop::Watch` was given; `events` are epoll's.
  virtual void OnEvents(unsigned token, std::uint32_t events) = 0;

 protected:
  ~EventHandler() = default;
};

/// Something that stopped before its work was done and wants to go on after the others had their
/// turn. With edge triggering no event would remind the loop of it.
class ReadyEntry : private ListLink {
 protected:
  ~ReadyEntry() = default;

 private:
  friend class EventLoop;
  virtual void OnReady() = 0;
};

/// One epoll instance, edge-triggered, with a timer wheel and a list of entries that are ready
/// without an event. Used by one thread only; other threads reach it through a `Mailbox`.
class EventLoop {
 public:
  /// Tokens are 0 to 7.
  static constexpr unsigned kMaxToken = 7;

  /// Nothing, and errno's number in `error`, when the kernel gives no epoll instance.
  static std::unique_ptr<EventLoop> Create(int& error);

  /// Registers `fd` for all events. `handler` must stay valid until the end of the turn in which
  /// `fd` is unwatched: events of that turn may still name it. False when the kernel refuses (out
  /// of memory or watches).
  [[nodiscard]] bool Watch(int fd, EventHandler& handler, unsigned token);
  /// Ends the registration; must come before `fd` is closed. Closing alone does not do: epoll keeps
  /// the registration for as long as any process has the open file, and between fork and exec a
  /// child has them all.
  void Unwatch(int fd);

  /// Calls `entry.OnReady()` once, in the next turn; a second call before that changes nothing.
  void Enqueue(ReadyEntry& entry);
  /// Takes the entry back. Its destruction does the same.
  static void Dequeue(ReadyEntry& entry) { entry.Unlink(); }

  void Arm(Timer& timer, std::uint64_t deadline_ms) { timers_.Arm(timer, deadline_ms); }

  /// The time of this turn, CLOCK_MONOTONIC in milliseconds, read once a turn.
  [[nodiscard]] std::uint64_t now_ms() const { return now_ms_; }
  /// Reads the clock again, for a handler whose time-outs must not start before it was called.
  void RefreshNow();

  /// One turn: waits until something is ready or due, then handles all of it.
  void RunOnce();

 private:
  EventLoop(UniqueFd epoll, std::uint64_t now_ms)
      : epoll_(std::move(epoll)), now_ms_(now_ms), timers_(now_ms) {}

  UniqueFd epoll_;
  std::uint64_t now_ms_;
  TimerWheel timers_;
  ListLink ready_;
};

}  // namespace spliceway
