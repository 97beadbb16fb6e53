#pragma once

#include <cstdint>
#include <unordered_map>

#include "loop/event_loop.h"
#include "loop/list.h"

namespace spliceway {

/// Somebody who waits for room at a backend. Leaves its queue by itself when destroyed.
class RoomWaiter : private ListLink {
 protected:
  ~RoomWaiter() = default;

 private:
  friend class RoomQueue;
  /// Is to try once more. It still waits where it is neither destroyed nor has left.
  virtual void OnTurnToTry() = 0;
};

/// Those who wait for room at one backend, first come, first served: a Unix socket whose queue of
/// connections is full tells nobody when it has room again. Only the first one tries, less and less
/// often, and when it has got in the next one does.
class RoomQueue final : private Timer {
 public:
  explicit RoomQueue(EventLoop& loop) : loop_(loop) {}

  [[nodiscard]] bool is_empty() const { return !waiting_.linked(); }
  /// Behind all others. The waiter must be in no queue.
  void Add(RoomWaiter& waiter);

 private:
  /// From one try to the next; twice as long each time, while there is no room.
  static constexpr std::uint64_t kShortestPauseMs = 5;
  static constexpr std::uint64_t kLongestPauseMs = 50;
  /// Who get in one after the other, before anybody else has a turn.
  static constexpr int kMostAtOnce = 16;

  void OnTimer() override;

  EventLoop& loop_;
  spliceway::ListLink waiting_;
  std::uint64_t pause_ms_ = kShortestPauseMs;
};

/// The queues of one loop, by the rows of the backends.
class RoomQueues {
 public:
  explicit RoomQueues(EventLoop& loop) : loop_(loop) {}

  /// Whether somebody waits for this backend, whom others are not to overtake.
  [[nodiscard]] bool HasWaiter(std::uint16_t row) const {
    const auto at = queues_.find(row);
    return at != queues_.end() && !at->second.is_empty();
  }
  void Add(std::uint16_t row, RoomWaiter& waiter) {
    queues_.try_emplace(row, loop_).first->second.Add(waiter);
  }

 private:
  EventLoop& loop_;
  // Only backends that have been full have one, and keep it.
  std::unordered_map<std::uint16_t, RoomQueue> queues_;
};

}  // namespace spliceway
