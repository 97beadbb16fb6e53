// Whether the peers of a silent session are still there.

#include <cassert>

#include "session/keep_alive.h"
#include "session/session.h"
#include "sys/sys.h"

namespace spliceway {
namespace {

/// For how long the kernel is told to ask at once. Longer than a tick of its clock, so that it has
/// asked, and shorter than until it would ask again.
constexpr std::uint64_t kAskingMs = 250;
/// With less, the kernel's own questions are as near as they can be, and those of the loop would
/// use up their number: a peer would be given up that was away for a second or two.
constexpr std::uint16_t kLeastSeconds = 6;

/// It is told only of what is the loop's own: a socket that somebody else opened is as they want.
bool IsToBeAsked(const Endpoint& endpoint) { return endpoint.is_tcp && endpoint.is_ours_alone; }

}  // namespace

void Session::BeginToKeepAlive() {
  const bool asks = context_->keep_alive_s != 0 && (IsToBeAsked(client_) || IsToBeAsked(backend_));
  keep_alive_ = {.stage = asks ? KeepAlive::kNotYet : KeepAlive::kNobody, .periods = 0};
}

std::uint64_t Session::SilentPeriods() const {
  return quiet_ms() / AskingPeriodMs(slot_, context_->keep_alive_s);
}

/// Most sessions have ended before, and cost no call.
std::uint64_t Session::KeepAliveDeadline() const {
  assert(state_ == State::kRelaying);
  if (keep_alive_.stage == KeepAlive::kNobody) return kNever;
  if (keep_alive_.stage == KeepAlive::kAsking) return context_->loop.now_ms() + kAskingMs;
  return since_ms_ + (SilentPeriods() + 1) * AskingPeriodMs(slot_, context_->keep_alive_s);
}

/// Once in each period of silence. An answer does not end the silence.
void Session::KeepPeersAlive() {
  if (keep_alive_.stage == KeepAlive::kNobody) return;
  if (keep_alive_.stage == KeepAlive::kAsking) {
    TellOfSilence(context_->keep_alive_s);
    keep_alive_.stage = KeepAlive::kAsked;
    return;
  }
  const std::uint64_t periods = SilentPeriods() & KeepAlive::kMask;
  if (periods == 0 || periods == keep_alive_.periods) return;
  // A client has inherited it from its listener.
  if (keep_alive_.stage == KeepAlive::kNotYet && IsToBeAsked(backend_)) {
    sys::SetKeepAlive(backend_.socket.get(), context_->keep_alive_s);
  }
  if (context_->keep_alive_s < kLeastSeconds) {
    keep_alive_.stage = KeepAlive::kNobody;
    return;
  }
  TellOfSilence(1);  // There was more, so it asks.
  keep_alive_.stage = KeepAlive::kAsking;
}

void Session::TellOfSilence(int seconds) const {
  for (const Endpoint* endpoint : {&client_, &backend_}) {
    if (IsToBeAsked(*endpoint)) sys::SetKeepAliveIdle(endpoint->socket.get(), seconds);
  }
}

}  // namespace spliceway
