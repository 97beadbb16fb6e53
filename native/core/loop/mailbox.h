#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "sys/sys.h"

namespace spliceway {

/// Work handed to a loop by other threads. An eventfd wakes the loop; one wake-up may bring many
/// messages.
///
/// Its length is bounded by what is posted: a message belongs to a session or a listener, which the
/// limit of descriptors bounds, or to a backend, or is posted again only once it was taken.
template <typename Message>
class Mailbox {
 public:
  explicit Mailbox(UniqueFd wake_up) : wake_up_(std::move(wake_up)) {}

  /// Any thread. Messages of one thread arrive in the order in which they were posted.
  void Post(Message message) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = messages_.empty();
      messages_.push_back(std::move(message));
    }
    if (was_empty) sys::RaiseWakeUp(wake_up_.get());
  }

  /// The loop's thread. Swaps all messages into `into`, which must be empty.
  void Take(std::vector<Message>& into) {
    const std::lock_guard lock(mutex_);
    messages_.swap(into);
  }

  /// Any thread. Whoever finds messages that the loop has not taken knows that it will wake up.
  [[nodiscard]] bool is_empty() {
    const std::lock_guard lock(mutex_);
    return messages_.empty();
  }

  /// For `EventLoop::WatchWakeUp`.
  [[nodiscard]] int fd() const { return wake_up_.get(); }

 private:
  UniqueFd wake_up_;
  std::mutex mutex_;
  std::vector<Message> messages_;
};

}  // namespace spliceway
