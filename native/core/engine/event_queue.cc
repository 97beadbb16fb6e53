#include "engine/event_queue.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace spliceway {

void SessionEvent::SetAddress(const SocketAddress& address) {
  if (address.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.storage, sizeof v6);
    port = address.port();
    std::memcpy(ip.data(), &v6.sin6_addr, ip.size());
  } else if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    port = address.port();
    // ::ffff:a.b.c.d, RFC 4291 section 2.5.5.2.
    ip = {};
    ip[10] = ip[11] = 0xFF;
    std::memcpy(&ip[12], &v4.sin_addr, sizeof v4.sin_addr);
  }
}

void EventQueue::Push(const SessionEvent& event) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = events_.size() == taken_;
    events_.push_back(event);
  }
  if (was_empty) doorbell_();
}

void EventQueue::PushFailure(const SessionEvent& event) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    std::size_t& at = failure_at_[static_cast<std::size_t>(event.backend)];
    if (at != kNowhere && at >= taken_) {
      const std::int32_t count = events_[at].count;
      events_[at] = event;
      events_[at].count += count;
      return;
    }
    was_empty = events_.size() == taken_;
    at = events_.size();
    events_.push_back(event);
  }
  if (was_empty) doorbell_();
}

std::size_t EventQueue::Take(std::span<SessionEvent> into) {
  const std::lock_guard lock(mutex_);
  const std::size_t count = std::min(into.size(), events_.size() - taken_);
  std::copy_n(events_.begin() + static_cast<std::ptrdiff_t>(taken_), count, into.begin());
  taken_ += count;
  if (taken_ == events_.size()) {
    events_.clear();
    std::fill(failure_at_.begin(), failure_at_.end(), kNowhere);
    taken_ = 0;
  }
  return count;
}

}  // namespace spliceway
