// How a session waits in the queue of a pool.

#include <algorithm>

#include "session/session.h"

namespace spliceway {

void Session::WaitInQueue(std::uint32_t timeout_ms, std::uint64_t looks_in_ms) {
  const std::uint64_t now = context_->loop.now_ms();
  QueuePlace& place = queue_place();
  state_ = State::kQueued;
  since_ms_ = now & kLatestMs;
  place.until_ms = kNever;
  if (timeout_ms > 0) {
    place.until_ms = now + timeout_ms - std::min<std::uint64_t>(place.waited_ms, timeout_ms);
  }
  place.looks_at_ms = looks_in_ms > 0 ? now + looks_in_ms : kNever;
  ArmQueueTimer();
}

void Session::StopWaiting() {
  const std::uint64_t waited_ms = context_->loop.now_ms() - since_ms_;
  search_->queue_place.waited_ms += waited_ms;
  search_->began_ms += waited_ms;
  state_ = State::kIdle;
  Timer::Disarm();
}

void Session::ArmQueueTimer() {
  const QueuePlace& place = search_->queue_place;
  const std::uint64_t next = std::min({place.until_ms, place.looks_at_ms, LeaveDeadline()});
  if (next == kNever) {
    Timer::Disarm();
  } else {
    context_->loop.Arm(*this, next);
  }
}

void Session::OnQueueTimer() {
  const std::uint64_t now = context_->loop.now_ms();
  if (now >= LeaveDeadline() && HasLeft()) return Leave();
  QueuePlace& place = search_->queue_place;
  if (now >= place.until_ms) {
    StopWaiting();
    return context_->owner.OnQueuedInVain(*this);
  }
  const bool looks = now >= place.looks_at_ms;
  if (looks) place.looks_at_ms = kNever;
  ArmQueueTimer();
  if (looks) context_->owner.OnTimeToLook(*this);
}

}  // namespace spliceway
