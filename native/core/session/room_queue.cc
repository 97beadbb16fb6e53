#include "session/room_queue.h"

#include <algorithm>

namespace spliceway {

void RoomQueue::Add(RoomWaiter& waiter) {
  if (is_empty()) {
    pause_ms_ = kShortestPauseMs;
    loop_.Arm(*this, loop_.now_ms() + pause_ms_);
  }
  waiting_.InsertBefore(waiter);
}

void RoomQueue::OnTimer() {
  for (int served = 0; !is_empty(); ++served) {
    if (served == kMostAtOnce) return loop_.Arm(*this, loop_.now_ms());
    spliceway::ListLink* const first = waiting_.next();
    static_cast<RoomWaiter*>(first)->OnTurnToTry();
    if (waiting_.next() == first) {
      pause_ms_ = std::min(2 * pause_ms_, kLongestPauseMs);
      return loop_.Arm(*this, loop_.now_ms() + pause_ms_);
    }
    pause_ms_ = kShortestPauseMs;
  }
}

}  // namespace spliceway
