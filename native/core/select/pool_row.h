#pragma once

#include <atomic>
#include <cstdint>

#include "select/session_count.h"

namespace spliceway {

/// What all loops share of a pool, and write: how many sessions its backends have together, and
/// what holds for those who wait until there are fewer. Any thread. Aligned, as a `BackendRow` is.
/// All zeros at first, as in a `CounterBlock`.
class alignas(64) PoolRow {
 public:
  /// Sessions that are connected to a backend of this pool, or on their way to one.
  SessionCount sessions;

  /// How many clients may wait for a place; 0 switches the queue off. Those that wait go on to.
  void LimitQueue(std::uint32_t length, std::uint32_t timeout_ms) {
    queue_length_.store(length);
    queue_timeout_ms_.store(timeout_ms);
  }
  [[nodiscard]] std::uint32_t queue_length() const { return queue_length_.load(); }
  /// For how long one waits at most; 0 is any time.
  [[nodiscard]] std::uint32_t queue_timeout_ms() const { return queue_timeout_ms_.load(); }

  /// Of the queue alone, with its lock.
  void NoteWaiting(std::uint32_t count) { waiting_.store(count); }
  /// Clients that wait for a place.
  [[nodiscard]] std::uint32_t waiting() const { return waiting_.load(); }
  /// Whoever makes room looks here afterwards; whoever begins to wait looks for room afterwards.
  /// Each of the two writes first and reads then, in one order for all (T. J. Dekker's algorithm):
  /// so no room is overlooked.
  [[nodiscard]] bool has_waiting() const { return waiting() > 0; }

  /// As it was at first, for its next owner. Nobody may be here, nor wait.
  void Reset() {
    sessions.Limit(0);
    LimitQueue(0, 0);
  }

 private:
  std::atomic<std::uint32_t> queue_length_{0};
  std::atomic<std::uint32_t> queue_timeout_ms_{0};
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace spliceway
