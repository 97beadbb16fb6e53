#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "loop/event_loop.h"
#include "loop/list.h"
#include "sys/socket_address.h"

namespace spliceway {

/// Somebody who waits for room at an address. Leaves its queue by itself when destroyed.
class RoomWaiter : private ListLink {
 protected:
  ~RoomWaiter() = default;

 private:
  friend class RoomQueue;
  /// Is to try once more. It still waits where it is neither destroyed nor has left.
  virtual void OnTurnToTry() = 0;
};

/// Those who wait for room at one address, first come, first served: a Unix socket whose queue of
/// connections is full tells nobody when it has room again. Only the first one tries, less and less
/// often, and when it has got in the next one does. Who finds no descriptor at its turn still
/// waits, and so do those behind: they would find none either.
class RoomQueue final : private Timer {
 public:
  explicit RoomQueue(EventLoop& loop) : loop_(loop) {}

  [[nodiscard]] bool is_empty() const { return !waiting_.linked(); }
  /// Nobody waits, nor has a turn.
  [[nodiscard]] bool is_idle() const { return is_empty() && !is_serving_; }
  /// Behind all others. The waiter must be in no queue.
  void Add(RoomWaiter& waiter);

 private:
  /// From one try to the next; twice as long each time, while there is no room.
  static constexpr std::uint64_t kShortestPauseMs = 5;
  static constexpr std::uint64_t kLongestPauseMs = 50;
  /// Who get in one after the other, before anybody else has a turn.
  static constexpr int kMostAtOnce = 16;

  void OnTimer() override;
  void Serve();

  EventLoop& loop_;
  spliceway::ListLink waiting_;
  bool is_serving_ = false;
  std::uint64_t pause_ms_ = kShortestPauseMs;
};

/// The queues of one loop, by what is connected to: a backend may have several addresses, and other
/// ones later, which have room or have not each by itself.
class RoomQueues {
 public:
  explicit RoomQueues(EventLoop& loop) : loop_(loop) {}

  /// Whether somebody waits for room at this address, whom others are not to overtake.
  [[nodiscard]] bool HasWaiter(const SocketAddress& address) const {
    if (queues_.empty()) return false;
    const auto at = queues_.find(address.bytes());
    return at != queues_.end() && !at->second.is_empty();
  }
  void Add(const SocketAddress& address, RoomWaiter& waiter);
  /// Kept, though nobody may wait there now.
  [[nodiscard]] std::size_t size() const { return queues_.size(); }

 private:
  /// So many are kept without a look at whether somebody waits there.
  static constexpr std::size_t kFew = 16;

  EventLoop& loop_;
  std::map<std::string, RoomQueue, std::less<>> queues_;
  std::size_t looks_at_ = kFew;  // when there are so many, at which ones nobody waits
};

}  // namespace spliceway
