// How the ends of sessions are counted.

#include <cerrno>

#include "session/session.h"

namespace spliceway {
namespace {

EndReason ReasonOf(CloseReason reason, Ending ending) {
  if (reason != CloseReason::kEnded) return static_cast<EndReason>(reason);
  switch (ending) {
    case Ending::kReset:
      break;
    case Ending::kNoBackend:
      return EndReason::kNoBackend;
    case Ending::kDenied:
      return EndReason::kDenied;
  }
  return EndReason::kDestroyed;
}

}  // namespace

/// As long as it is what it was before. A join has no listener, and is not counted.
void Session::NoteEnd(CloseReason reason, int error, Ending ending) {
  if (listener_ == kNoRow) return;
  const EndReason counted = ReasonOf(reason, ending);
  context_->counters.Ends(context_->writer, listener_)
      .At(counted, SideOfEnd(reason, error), PhaseOfEnd(counted))
      .Add(1);
}

EndSide Session::SideOfEnd(CloseReason reason, int error) const {
  if (reason == CloseReason::kFinished) {
    return first_end_ == FirstEnd::kBackend ? EndSide::kBackend : EndSide::kClient;
  }
  if (reason != CloseReason::kReset) return EndSide::kProxy;
  if (is_open()) return client_.failed ? EndSide::kClient : EndSide::kBackend;
  // Else the kernel had no memory to watch it.
  return error == ENOMEM ? EndSide::kProxy : EndSide::kClient;
}

/// One that was lost is not half-closed for that: it was as it had been.
SessionPhase Session::PhaseOfEnd(EndReason reason) const {
  if (is_open()) {
    const bool was_half_closed =
        first_end_ == FirstEnd::kClient || first_end_ == FirstEnd::kBackend;
    return was_half_closed ? SessionPhase::kHalfClosed : SessionPhase::kData;
  }
  if (reason != EndReason::kNoBackend || !search_) return phase();
  // Its owner was asked for the last time: what had come of it before tells more.
  if (search_->queue_place.in_vain) return SessionPhase::kQueue;
  return search_->attempts > 0 ? SessionPhase::kConnect : SessionPhase::kRoute;
}

}  // namespace spliceway
