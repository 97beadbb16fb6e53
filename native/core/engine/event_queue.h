#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace spliceway {

/// What a session tells the thread that owns the engine. The numbers are those of
/// src/engine/native/binding.ts.
struct SessionEvent {
  enum class Kind : std::int32_t { kAttemptFailed = 0, kOpened = 1, kClosed = 2 };
  Kind kind;
  std::int32_t slot;
  std::int32_t reason;  ///< CloseReason, for kClosed.
  std::int32_t error;   ///< errno's number, or 0.
};
static_assert(sizeof(SessionEvent) == 4 * sizeof(std::int32_t));

/// Events from the loops to the one thread that reads them. The doorbell rings when the queue stops
/// being empty, so once for any number of events that come before it is emptied.
///
/// Bounded without a cap of its own: a session has at most one event of each kind in the queue
/// before its owner acts, and sessions are bounded by the engine's slots.
class EventQueue {
 public:
  /// `doorbell` is called on the loops' threads, outside the lock.
  explicit EventQueue(std::function<void()> doorbell) : doorbell_(std::move(doorbell)) {}

  /// Any thread.
  void Push(const SessionEvent& event) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = events_.size() == taken_;
      events_.push_back(event);
    }
    if (was_empty) doorbell_();
  }

  /// Moves the oldest events into `into` and returns how many. Call until it returns fewer than
  /// fit: the doorbell stays silent until the queue has been emptied.
  std::size_t Take(std::span<SessionEvent> into) {
    const std::lock_guard lock(mutex_);
    const std::size_t count = std::min(into.size(), events_.size() - taken_);
    std::copy_n(events_.begin() + static_cast<std::ptrdiff_t>(taken_), count, into.begin());
    taken_ += count;
    if (taken_ == events_.size()) {
      events_.clear();
      taken_ = 0;
    }
    return count;
  }

 private:
  std::function<void()> doorbell_;
  std::mutex mutex_;
  std::vector<SessionEvent> events_;
  std::size_t taken_ = 0;
};

}  // namespace spliceway
