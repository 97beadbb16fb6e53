#include "engine/event_queue.h"

#include <algorithm>

namespace spliceway {

void SessionEvent::SetAddress(const std::optional<IpPort>& address) {
  if (!address) return;
  port = address->port;
  ip = address->ip;
}

void EventQueue::Push(const SessionEvent& event) {
  bool rings = false;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(event);
    rings = Announce();
  }
  if (rings) doorbell_();
}

void EventQueue::PushJoined(const SessionEvent& event, std::size_t& at) {
  bool rings = false;
  {
    const std::lock_guard lock(mutex_);
    if (at != kNowhere) {
      const std::int32_t count = waiting_[at].count;
      waiting_[at] = event;
      waiting_[at].count += count;
      return;
    }
    at = waiting_.size();
    waiting_.push_back(event);
    rings = Announce();
  }
  if (rings) doorbell_();
}

void EventQueue::PushListener(const SessionEvent& event) {
  bool rings = false;
  {
    const std::lock_guard lock(mutex_);
    listeners_[static_cast<std::size_t>(event.listener)].latest = event;
    rings = Announce();
  }
  if (rings) doorbell_();
}

bool EventQueue::Refill() {
  reading_.clear();
  read_ = 0;
  const std::lock_guard lock(mutex_);
  reading_.swap(waiting_);
  std::fill(failure_at_.begin(), failure_at_.end(), kNowhere);
  std::fill(outrun_at_.begin(), outrun_at_.end(), kNowhere);
  std::fill(refusal_at_.begin(), refusal_at_.end(), kNowhere);
  std::fill(came_back_at_.begin(), came_back_at_.end(), kNowhere);
  for (ListenerState& listener : listeners_) {
    if (std::exchange(listener.told, listener.latest.kind) == listener.latest.kind) continue;
    reading_.push_back(listener.latest);
  }
  announced_ = !reading_.empty();
  return announced_;
}

std::size_t EventQueue::Take(std::span<SessionEvent> into) {
  std::size_t taken = 0;
  while (taken < into.size() && (read_ < reading_.size() || Refill())) {
    const std::size_t some = std::min(into.size() - taken, reading_.size() - read_);
    std::copy_n(reading_.begin() + static_cast<std::ptrdiff_t>(read_), some,
                into.begin() + static_cast<std::ptrdiff_t>(taken));
    read_ += some;
    taken += some;
  }
  return taken;
}

}  // namespace spliceway
