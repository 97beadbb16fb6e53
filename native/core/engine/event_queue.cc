#include "engine/event_queue.h"

#include <algorithm>

namespace spliceway {
namespace {

bool IsSameFailure(const SessionEvent& one, const SessionEvent& other) {
  return one.error == other.error && one.port == other.port && one.ip == other.ip;
}

/// Makes it the newer one, which stands for both.
void Join(SessionEvent& earlier, const SessionEvent& event) {
  const std::int32_t count = earlier.count;
  earlier = event;
  earlier.count += count;
}

}  // namespace

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

void EventQueue::PushFailure(const SessionEvent& event) {
  bool rings = false;
  {
    const std::lock_guard lock(mutex_);
    std::size_t* link = &failure_at_[static_cast<std::size_t>(event.backend)];
    for (std::size_t kinds = 1; *link != kNowhere; ++kinds) {
      WaitingFailure& failure = failures_[*link];
      SessionEvent& earlier = waiting_[failure.at];
      if (kinds == kFailureKinds || IsSameFailure(earlier, event)) return Join(earlier, event);
      link = &failure.next;
    }
    *link = failures_.size();
    failures_.push_back({.at = waiting_.size(), .next = kNowhere});
    waiting_.push_back(event);
    rings = Announce();
  }
  if (rings) doorbell_();
}

void EventQueue::PushJoined(const SessionEvent& event, std::size_t& at) {
  bool rings = false;
  {
    const std::lock_guard lock(mutex_);
    if (at != kNowhere) return Join(waiting_[at], event);
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
  if (std::exchange(ends_lag_, false)) lags_.store(false, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  reading_.swap(waiting_);
  length_.store(0, std::memory_order_relaxed);
  failures_.clear();
  std::fill(failure_at_.begin(), failure_at_.end(), kNowhere);
  std::fill(outrun_at_.begin(), outrun_at_.end(), kNowhere);
  std::fill(no_port_at_.begin(), no_port_at_.end(), kNowhere);
  std::fill(refusal_at_.begin(), refusal_at_.end(), kNowhere);
  std::fill(came_back_at_.begin(), came_back_at_.end(), kNowhere);
  std::fill(unreported_at_.begin(), unreported_at_.end(), kNowhere);
  std::fill(late_at_.begin(), late_at_.end(), kNowhere);
  for (ListenerState& listener : listeners_) {
    if (std::exchange(listener.told, listener.latest.kind) == listener.latest.kind) continue;
    reading_.push_back(listener.latest);
  }
  announced_ = !reading_.empty();
  ends_lag_ = lags_.load(std::memory_order_relaxed);
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
