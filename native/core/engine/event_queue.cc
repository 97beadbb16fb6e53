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
    Place& first = backends_[static_cast<std::size_t>(event.backend)].failure;
    if (first.round != round_) first = {.round = round_, .at = kNowhere};
    std::size_t* link = &first.at;
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

void EventQueue::PushJoined(const SessionEvent& event, Place& place) {
  bool rings = false;
  {
    const std::lock_guard lock(mutex_);
    if (place.round == round_) return Join(waiting_[place.at], event);
    place = {.round = round_, .at = waiting_.size()};
    waiting_.push_back(event);
    rings = Announce();
  }
  if (rings) doorbell_();
}

void EventQueue::PushListener(const SessionEvent& event) {
  bool rings = false;
  {
    const std::lock_guard lock(mutex_);
    Place& place = listeners_[static_cast<std::size_t>(event.listener)].pause;
    if (place.round == round_) {
      paused_[place.at] = event;
    } else {
      place = {.round = round_, .at = paused_.size()};
      paused_.push_back(event);
    }
    rings = Announce();
  }
  if (rings) doorbell_();
}

void EventQueue::ForgetListener(std::size_t listener) {
  const std::lock_guard lock(mutex_);
  listeners_[listener].was_told_paused = false;
}

bool EventQueue::Refill() {
  reading_.clear();
  read_ = 0;
  if (std::exchange(ends_lag_, false)) lags_.store(false, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  reading_.swap(waiting_);
  length_.store(0, std::memory_order_relaxed);
  failures_.clear();
  for (const SessionEvent& event : paused_) {
    bool& was_told = listeners_[static_cast<std::size_t>(event.listener)].was_told_paused;
    const bool is_paused = event.kind == SessionEvent::Kind::kPaused;
    if (std::exchange(was_told, is_paused) != is_paused) reading_.push_back(event);
  }
  paused_.clear();
  ++round_;
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
