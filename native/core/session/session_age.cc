// Sessions that have lived for too long.

#include <algorithm>

#include "session/session.h"

namespace spliceway {
namespace {

/// What a session's age may differ from the setting either way, so that sessions that began
/// together do not end together; and what it may live on when it is due. As parts of that age. gRPC
/// spreads its MAX_CONNECTION_AGE by as much (proposal A9, "Server-side Connection Management").
constexpr std::uint32_t kAgeJitterPart = 10;
constexpr std::uint32_t kGracePart = 10;
constexpr std::uint64_t kShortestGraceMs = 10'000;
/// How long a session that is due has to be silent.
constexpr std::uint64_t kRestMs = 1000;

}  // namespace

/// Nobody seems to wait for anything: all has been passed on, neither side has ended, and the
/// client was not the last to speak. It may wait for an answer then, for as long as that takes.
bool Session::rests() const {
  return !client_spoke_last_ && !half_closed() && upstream_.held() == 0 &&
         downstream_.held() == 0 && !starved_;
}

/// When it will be of an age that is its own; 0 for never.
std::uint64_t Session::DrawDue() const {
  const std::uint32_t age_ms = timeouts_->max_age_ms;
  if (age_ms == 0) return 0;
  const std::uint32_t jitter_ms = age_ms / kAgeJitterPart;
  return context_->loop.now_ms() + age_ms - jitter_ms + context_->random.Below(2 * jitter_ms + 1);
}

std::uint64_t Session::AgeDeadline() const {
  if (!ages()) return kNever;
  const std::uint64_t grace_ms =
      std::max<std::uint64_t>(timeouts_->max_age_ms / kGracePart, kShortestGraceMs);
  const std::uint64_t latest = due_ms_ + grace_ms;
  return rests() ? std::clamp<std::uint64_t>(since_ms_ + kRestMs, due_ms_, latest) : latest;
}

/// Nothing else tells that a session rests, once it is due.
std::uint64_t Session::NextLookAtAge() const {
  if (!ages()) return kNever;
  return std::max<std::uint64_t>(due_ms_, context_->loop.now_ms() + kRestMs);
}

bool Session::has_rested_for(std::uint64_t ms) const {
  return state_ == State::kRelaying && rests() && context_->loop.now_ms() >= since_ms_ + ms;
}

bool Session::EndAtRest(std::uint64_t ms) {
  if (!has_rested_for(ms)) return false;
  MoveWhatWaits();
  if (!has_rested_for(ms)) return false;
  for (CounterRow* row : {listener_counters(), backend_counters()}) {
    if (row != nullptr) row->rebalanced.Add(1);
  }
  Close(CloseReason::kRebalanced, 0, false);
  return true;
}

bool Session::moved_lately() const { return context_->loop.now_ms() < since_ms_ + kRestMs; }

}  // namespace spliceway
