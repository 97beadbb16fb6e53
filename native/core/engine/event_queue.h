#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "stats/counters.h"
#include "sys/socket_address.h"

namespace spliceway {

/// What the loops tell the thread that owns the engine: thirteen words, as
/// src/engine/native/binding.ts says them. −1 names nothing.
struct SessionEvent {
  enum class Kind : std::int32_t {
    kAttemptFailed = 0,
    kOpened = 1,
    kClosed = 2,
    kAccepted = 3,
    kNeedBackend = 4,
    kPaused = 5,
    kResumed = 6,
    kDrained = 7,
    kRefused = 8,
    kOutrun = 9,
    kCameBack = 10,
    kNoPort = 11,
    kUnreported = 12,
    kLate = 13,
    kEarlyReset = 14,
    kNoSource = 15,
  };
  Kind kind;
  std::int32_t slot = -1;
  std::uint32_t generation = 0;  ///< Of the slot's session.
  std::int32_t backend = -1;     ///< Of a session that was counted there when it was told.
  /// CloseReason, for kClosed. For kNeedBackend 1 where none is tried any more, and 2 where some
  /// were; for kAccepted 1 where the loop awaits the owner's word, and 2 where it has looked for a
  /// backend in vain; for kPaused and kRefused 1 where it is the limit of the listener's service.
  std::int32_t reason = 0;
  std::int32_t error = 0;  ///< errno's number, or 0.
  std::int32_t listener = -1;
  std::int32_t count = 1;
  std::int32_t port = -1;
  /// IPv6, or IPv4 mapped into it. Of kClosed, bytes that were moved: two numbers of 64 bits.
  std::array<std::uint8_t, 16> ip{};

  /// Fills in `port` and `ip`; leaves them as they are for an address that is not IP's.
  void SetAddress(const std::optional<IpPort>& address);
  void SetAddress(const SocketAddress& address) { SetAddress(address.ip_port()); }

  struct Moved {
    std::uint64_t upstream;
    std::uint64_t downstream;
  };
  /// All that the session has moved: its counters may be another session's when this is read.
  void SetMoved(const Moved& moved) { ip = std::bit_cast<decltype(ip)>(moved); }
  [[nodiscard]] Moved moved() const { return std::bit_cast<Moved>(ip); }
};
static_assert(sizeof(SessionEvent) == 13 * sizeof(std::int32_t));

/// Events from the loops to the one thread that reads them.
///
/// The doorbell rings at the first event after a `Take` that returned fewer than fit, or the first
/// of all, and is silent until the next such `Take`: once for any number of events. That `Take` has
/// found, under the lock, that nothing waits, so every event is either in what the reader has taken
/// or was announced after it.
///
/// Once it `is_full`, no other session is to be reported. Those that are reported go on to be: a
/// session is told of whole or not at all. So it is bounded by `most`, and by the slots: the
/// owner's answer is awaited before a session has more than two events of a kind, and one for each
/// address that failed. What sessions do that are not reported is joined into a few events a
/// backend, and what clients meet who are refused into one a listener; and of a listener only what
/// the reader does not know yet is told. A reader that is always a little behind costs no more than
/// one that is not: its side is used again as soon as it has read that. Rows that nobody uses cost
/// nothing.
class EventQueue {
 public:
  /// Events of failures that wait for each backend at most: a few of its addresses, and the ways
  /// in which they fail.
  static constexpr std::size_t kFailureKinds = 8;
  /// Events that wait before it is full: eight times what JavaScript takes in a turn.
  static constexpr std::size_t kMostWaiting = 8192;

  /// `doorbell` is called on the loops' threads, outside the lock.
  EventQueue(std::size_t backends, std::size_t listeners, std::function<void()> doorbell,
             std::size_t most = kMostWaiting)
      : doorbell_(std::move(doorbell)), most_(most), backends_(backends), listeners_(listeners) {}

  /// Any thread.
  void Push(const SessionEvent& event);
  /// The same for a failed attempt of a session that is not reported: joined with an earlier one of
  /// the same backend, address and error that nobody has begun to read. Of a backend that fails in
  /// more than `kFailureKinds` ways, the last of these events stands for the others as well, and
  /// tells the newest.
  void PushFailure(const SessionEvent& event);
  /// The same for an address that was outrun: joined with an earlier one of the same backend. The
  /// newest is enough: of another one the next batch tells, as its clients meet it again.
  void PushOutrun(const SessionEvent& event) {
    PushJoined(event, backends_[static_cast<std::size_t>(event.backend)].outrun);
  }
  /// The same for a backend that this machine had no local port for.
  void PushNoPort(const SessionEvent& event) {
    PushJoined(event, backends_[static_cast<std::size_t>(event.backend)].no_port);
  }
  /// The same for a source address that this machine does not have; of several, the newest.
  void PushNoSource(const SessionEvent& event) {
    PushJoined(event, backends_[static_cast<std::size_t>(event.backend)].no_source);
  }
  /// The same for a backend that has ended a session soon after it began.
  void PushEarlyReset(const SessionEvent& event) {
    PushJoined(event, backends_[static_cast<std::size_t>(event.backend)].early_reset);
  }
  /// The same for a client that was refused: joined with an earlier one of the same listener, and
  /// by the same limit.
  void PushRefusal(const SessionEvent& event) {
    ListenerPlaces& places = listeners_[static_cast<std::size_t>(event.listener)];
    PushJoined(event, event.reason == 1 ? places.own_refusal : places.refusal);
  }
  /// The same for a client that was a connection of the engine's own.
  void PushCameBack(const SessionEvent& event) {
    PushJoined(event, listeners_[static_cast<std::size_t>(event.listener)].came_back);
  }
  /// The same for a session that is not reported because the reader does not follow.
  void PushUnreported(const SessionEvent& event) {
    PushJoined(event, listeners_[static_cast<std::size_t>(event.listener)].unreported);
  }
  /// The same for a session that has gone on, since the reader did not say in time what was to
  /// become of it. The reader lags from here on, until it has read what waits by then: one that is
  /// always a little behind lags no longer than that.
  void PushLate(const SessionEvent& event) {
    lags_.store(true, std::memory_order_relaxed);
    PushJoined(event, listeners_[static_cast<std::size_t>(event.listener)].late);
  }
  /// Any thread: whoever waits for the reader's word now would wait in vain.
  [[nodiscard]] bool lags() const { return lags_.load(std::memory_order_relaxed); }
  /// The reader does not follow. Any thread; it may be over in the next moment.
  [[nodiscard]] bool is_full() const { return length_.load(std::memory_order_relaxed) >= most_; }
  /// A listener paused or resumed: its state, not a history. The reader is told when it differs
  /// from what was told last, so that pauses and resumptions come in turns.
  void PushListener(const SessionEvent& event);
  /// The reader's thread. The next listener in this row has not paused.
  void ForgetListener(std::size_t listener);

  /// The reader's thread. Moves the oldest events into `into` and returns how many. Call until it
  /// returns fewer than fit.
  std::size_t Take(std::span<SessionEvent> into);

 private:
  static constexpr std::size_t kNowhere = SIZE_MAX;

  /// Where in a list something of a row waits, in this round of reading alone: so nobody has to
  /// look through all rows for what was read.
  struct Place {
    std::uint64_t round = 0;
    std::size_t at = 0;
  };
  struct BackendPlaces {
    Place failure;  ///< Its first one, in `failures_`.
    Place outrun;   ///< Its outrun addresses, in `waiting_`, and so on.
    Place no_port;
    Place early_reset;
    Place no_source;
  };
  struct ListenerPlaces {
    Place refusal;
    Place own_refusal;  ///< By the limit of its service.
    Place came_back;
    Place unreported;
    Place late;
    Place pause;  ///< In `paused_`.
    bool was_told_paused;
  };

  /// One of a backend's failures that wait.
  struct WaitingFailure {
    std::size_t at;    // in `waiting_`
    std::size_t next;  // in `failures_`
  };

  /// `place`: of the one that it may be joined with, guarded by the lock.
  void PushJoined(const SessionEvent& event, Place& place);
  /// Gets the reader what waits; false where nothing does, and then the doorbell will ring.
  bool Refill();
  /// For whoever pushes, with the lock: whether the doorbell is to be rung after it.
  bool Announce() {
    length_.store(waiting_.size(), std::memory_order_relaxed);
    return !std::exchange(announced_, true);
  }

  std::function<void()> doorbell_;
  std::size_t most_;
  std::atomic<std::size_t> length_{0};  // of `waiting_`
  std::atomic<bool> lags_{false};
  std::mutex mutex_;
  // With the lock:
  std::vector<SessionEvent> waiting_;
  std::vector<WaitingFailure> failures_;
  std::vector<SessionEvent> paused_;  // of listeners: the latest of each that has changed
  CounterBlock<BackendPlaces> backends_;
  CounterBlock<ListenerPlaces> listeners_;
  std::uint64_t round_ = 1;  // counts how often all that waited was taken to be read
  bool announced_ = false;
  // The reader's:
  std::vector<SessionEvent> reading_;
  std::size_t read_ = 0;   // of `reading_`
  bool ends_lag_ = false;  // that it has read this: the lag began before
};

}  // namespace spliceway
