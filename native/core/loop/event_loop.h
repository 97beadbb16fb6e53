#pragma once

#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

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

  /// Drops the events of all registrations made so far, those that were fetched already included.
  /// It spares a system call for each descriptor that is closed anyway, which ends its registration
  /// unless another process holds it: between fork and exec a child has all of them, and epoll
  /// keeps what a child holds. A handler that relies on this must outlive the loop.
  void ForgetEvents() { generation_.fetch_add(1, std::memory_order_relaxed); }

 private:
  friend class EventLoop;
  // Atomic, since a handler may have moved to another loop when this one meets an old event of it.
  // Wraps around. A registration that a child has kept for 65,536 lives of its handler may be taken
  // for the present one: it then says "ready" of a descriptor that is not, which costs one call.
  std::atomic<std::uint16_t> generation_ = 0;
};

/// What a turn may cost, in bytes moved. Whoever has an event meanwhile waits as long.
struct TurnBudget {
  /// Of all entries together, after what the events have cost: one to two milliseconds.
  std::size_t turn = 4 * 1024 * 1024;
  /// Of all events together; the entries have as much in any case.
  std::size_t events = 1024 * 1024;
  /// What each event may still move once that is spent, one way: a message of 16 KiB and its
  /// headers at once, and of more so much that a byte behind 255 others is not kept for long.
  std::size_t crowded = 20 * 1024;
};

/// Something that has much to do, and does some of it in each turn, after those who have little.
/// With edge triggering no event would remind the loop of the rest.
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

  /// Nothing, and errno's number in `error`, when the kernel gives no epoll instance. A loop that
  /// has nothing to do polls for `busy_poll_us` microseconds before it sleeps.
  static std::unique_ptr<EventLoop> Create(std::uint32_t busy_poll_us, int& error,
                                           const TurnBudget& budget = {});

  /// Registers `fd` for all events, edge-triggered. `handler` must stay valid until the end of the
  /// turn in which `fd` is unwatched, or outlive the loop: events that were fetched may still name
  /// it. False when the kernel refuses (out of memory or watches).
  [[nodiscard]] bool Watch(int fd, EventHandler& handler, unsigned token);
  /// Registers a listening socket, which reports in every turn as long as somebody waits there.
  [[nodiscard]] bool WatchListener(int fd, EventHandler& handler, unsigned token);
  /// Registers the descriptor of a `Mailbox`.
  [[nodiscard]] bool WatchWakeUp(int fd, EventHandler& handler, unsigned token);
  /// Ends the registration; must come before `fd` is closed, see `EventHandler::ForgetEvents`.
  void Unwatch(int fd);

  /// Calls `entry.OnReady()` once, when those before it had their turn: in this turn when it is
  /// called from a handler, in the next when from `OnReady`. A second call before that changes
  /// nothing.
  void Enqueue(ReadyEntry& entry);
  /// Takes the entry back. Its destruction does the same.
  static void Dequeue(ReadyEntry& entry) { entry.Unlink(); }

  /// A handler, a timer or an entry has moved so many bytes, or done what takes as long.
  void Spend(std::size_t bytes) { spent_ += bytes; }
  [[nodiscard]] std::size_t spent() const { return spent_; }
  /// The events of this turn have cost what they may: what can wait waits.
  [[nodiscard]] bool is_crowded() const { return spent_ >= budget_.events; }
  /// What one that has an event, or whose time is over, may move now, one way. The rest is for an
  /// entry.
  [[nodiscard]] std::size_t allowance() const {
    if (runs_entries_) return budget_.turn;
    return std::max(budget_.events - std::min(spent_, budget_.events), budget_.crowded);
  }

  void Arm(Timer& timer, std::uint64_t deadline_ms) { timers_.Arm(timer, deadline_ms); }

  /// Counts the turns.
  [[nodiscard]] std::uint64_t turn() const { return turn_; }
  /// The time of this turn in milliseconds: CLOCK_MONOTONIC's, less what passed while the process
  /// stood still in the midst of a turn.
  [[nodiscard]] std::uint64_t now_ms() const { return now_ms_; }
  /// The same in microseconds, for what is measured. It may go back by one millisecond where the
  /// process stood still.
  [[nodiscard]] std::uint64_t now_us() const { return now_us_; }
  /// How long the last turn took, in microseconds, without its wait. A time in which the process
  /// stood still is no part of it.
  [[nodiscard]] std::uint64_t turn_us() const { return turn_us_; }
  /// It had nothing to do before that turn, and waited for something.
  [[nodiscard]] bool has_waited() const { return has_waited_; }
  /// Reads the clock again, for a handler whose time-outs must not start before it was called.
  void RefreshNow();

  /// One turn: waits until something is ready or due, then handles it; of the entries, those whose
  /// work fits into a turn.
  void RunOnce();

 private:
  EventLoop(UniqueFd epoll, std::uint32_t busy_poll_us, const TurnBudget& budget,
            std::uint64_t now_us)
      : epoll_(std::move(epoll)),
        busy_poll_us_(busy_poll_us),
        budget_(budget),
        now_us_(now_us),
        now_ms_(now_us / 1000),
        timers_(now_ms_) {}

  [[nodiscard]] std::uint64_t ClockUs() const;
  [[nodiscard]] std::size_t Wait(std::span<epoll_event> events);

  UniqueFd epoll_;
  std::uint32_t busy_poll_us_;
  TurnBudget budget_;
  std::size_t spent_ = 0;  // in this turn, bytes
  bool runs_entries_ = false;
  std::uint64_t now_us_;
  std::uint64_t now_ms_;
  std::uint64_t stood_still_ms_ = 0;
  TimerWheel timers_;
  ListLink ready_;
  std::uint64_t turn_ = 0;
  std::uint64_t turn_us_ = 0;
  bool has_waited_ = false;
};

}  // namespace spliceway
