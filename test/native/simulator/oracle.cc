#include "oracle.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "evidence.h"

namespace spliceway::simulator {
namespace {

/// How long what could be moved may wait: the core's longest retry, 50 ms, and some.
constexpr std::uint64_t kLongestWaitUs = 60'000;
/// For how long the kernel may be told to ask a peer that is there.
constexpr std::uint64_t kLongestAskingUs = 500'000;
/// The same for the reset of a survivor that has acknowledged everything: it is asked every second.
constexpr std::uint64_t kLongestResetWaitUs = 1'060'000;
/// How long the survivor of a reset may take where no time-out says otherwise.
constexpr std::uint64_t kSurvivalUs = 60'000'000;
/// The shortest of the time-outs that apply; `kNever` for none.
std::uint64_t Patience(const SessionTimeouts& timeouts, const Pair& pair, bool half_closed) {
  std::uint64_t shortest = kNever;
  const auto apply = [&](std::uint32_t ms) {
    if (ms != 0) shortest = std::min(shortest, Us(ms));
  };
  apply(timeouts.idle_ms);
  if (IsSilent(pair)) apply(timeouts.handshake_ms);
  if (half_closed) apply(timeouts.half_close_ms);
  return shortest;
}

bool IsTimeout(CloseReason reason) {
  return reason == CloseReason::kHandshakeTimeout || reason == CloseReason::kIdleTimeout ||
         reason == CloseReason::kHalfCloseTimeout || reason == CloseReason::kMaxAge;
}

}  // namespace

std::uint64_t Oracle::Delay() const { return kLongestWaitUs + kernel_.stopped_us(); }

// ── While nothing happens ──

void Oracle::CheckSilence(std::uint64_t until_us) {
  const std::uint64_t for_us = until_us - kernel_.now_us();
  for (const Pair& pair : scene_.pairs) {
    if (pair.rival) kernel_.Fail("a client has two backends");
    CheckThatItIsSearchedFor(pair, for_us);
    CheckThatItsSearchEnds(pair, until_us);
    if (!pair.client || !pair.backend) continue;
    if (Near(*pair.client).fd < 0 || Near(*pair.backend).fd < 0) continue;
    CheckThatNothingWaits(pair, for_us);
    CheckThatNoneIsOverdue(pair, until_us);
    CheckThatItIsNotTooOld(pair, until_us);
    CheckThatItsPeersAreAsked(pair, until_us);
  }
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || socket->fd < 0 || socket->phase != Socket::Phase::kConnecting) continue;
    CheckThatItHasARival(*socket, until_us);
    if (scene_.timeouts.connect_ms == 0) continue;
    if (until_us > socket->connect_us + Us(scene_.timeouts.connect_ms) + Delay()) {
      kernel_.Fail("a connect time-out is overdue");
    }
  }
  CheckThatNobodyWaits(for_us);
  CheckThatTheyHaveEnded();
  CheckThatListsAreComplete();
}

/// No byte, end or reset that could go on waits: the core would not have noticed it.
void Oracle::CheckThatNothingWaits(const Pair& pair, std::uint64_t for_us) {
  if (for_us <= kLongestWaitUs) return;
  for (const auto& [from, to] : {std::pair(pair.client.get(), pair.backend.get()),
                                 {pair.backend.get(), pair.client.get()}}) {
    const Socket& source = Near(*from);
    const Socket& sink = Near(*to);
    if (sink.phase != Socket::Phase::kOpen || sink.fin_out || !Kernel::HasRoom(sink)) continue;
    const bool held = Held(*from, *to) > 0;
    const bool arrived = source.in.bytes() > 0;
    const bool ended = source.fin_in && !source.fin_read() && !source.reset_came();
    const bool reset = source.reset_came() && sink.out.empty() && for_us > kLongestResetWaitUs;
    if (!held && !arrived && !ended && !reset) continue;
    kernel_.Fail(Name(*from) + ": " +
                 (held      ? "bytes are held"
                  : arrived ? "bytes have arrived"
                  : ended   ? "the end has come"
                            : "a reset has come") +
                 ", there is room, and the loops sleep");
  }
}

/// Somebody tries backends for a client that has none, and is to have one.
void Oracle::CheckThatItIsSearchedFor(const Pair& pair, std::uint64_t for_us) {
  if (for_us <= kLongestPauseUs || !pair.client || pair.backend) return;
  if (pair.is_silent && pair.watched_us == kNever) return;
  // All its backends may have failed, and nobody answers the loop that asks for another.
  // Who finds no local port or descriptor at all has set out unseen.
  const bool may_be_unseen =
      kernel_.conditions.hesitates || scene_.few_descriptors || kernel_.shortage_was_met();
  const bool has_gone_on =
      !pair.is_silent || pair.has_set_out || may_be_unseen || scene_.crew->events.lags();
  if (scene_.owner_stands && has_gone_on) return;
  // A loop that comes late waits once more.
  if (pair.watched_us != kNever &&
      (kernel_.stopped_us() > 0 ||
       kernel_.now_us() + for_us <=
           pair.watched_us + 2 * Us(Session::kWordMs) + Delay() + scene_.longest_turn_us)) {
    return;
  }
  const Socket& near = Near(*pair.client);
  if (near.fd < 0 || !near.was_watched || kernel_.IsUnderWay(near)) return;
  if (WaitsForPlace(pair, kernel_.now_us() + for_us)) return;
  kernel_.Fail("a client has no backend, none is tried for it, and the loops sleep");
}

/// In time, and where nobody is left to find one for.
void Oracle::CheckThatItsSearchEnds(const Pair& pair, std::uint64_t until_us) {
  // Then the loop may have asked for another backend, and waits for the answer.
  if (scene_.owner_stands) return;
  if (!pair.client || pair.backend || pair.is_silent || pair.sought_since_us == kNever) return;
  const Socket& near = Near(*pair.client);
  if (near.fd < 0 || !near.was_watched) return;
  const std::uint32_t budget_ms = scene_.timeouts.search.budget_ms;
  if (budget_ms > 0 && until_us > pair.sought_since_us + Us(budget_ms) + Delay()) {
    kernel_.Fail("the search for a backend goes on beyond its budget");
  }
  if (!HasLeft(scene_, pair)) return;
  if (until_us > std::max(near.fin_in_us, pair.sought_since_us + kListensForUs) + Delay()) {
    kernel_.Fail("a client has left, and a backend is still sought for it");
  }
}

/// The session of a client that has left may end before a backend was found.
bool Oracle::GaveUpListener(const Pair& pair) const {
  const Socket& near = Near(*pair.client);
  return HasLeft(scene_, pair) && near.closed_us + Hurry(scene_) >= near.made_us + kListensForUs;
}

/// A client whose listener had no slot for it is taken as soon as there is one.
void Oracle::CheckThatNobodyWaits(std::uint64_t for_us) {
  if (for_us == 0 || kernel_.clients_waiting() == 0) return;
  const bool pauses = std::any_of(scene_.services.begin(), scene_.services.end(),
                                  [](const Service& service) { return service.is_paused; });
  if (pauses) return;
  // For want of a descriptor, listeners ask by themselves.
  if (scene_.few_descriptors || kernel_.shortage_was_met()) return;
  // So they do when the owner does not follow, and it may do so since.
  if (scene_.few_events && for_us <= kLongestPauseUs) return;
  const ServiceRow* const limited = scene_.service_limited.row.get();
  if (scene_.crew->slab.has_room() && (limited == nullptr || limited->has_room())) {
    kernel_.Fail("a client waits in front of free slots, and the loops sleep");
  }
}

void Oracle::CheckThatNoneIsOverdue(const Pair& pair, std::uint64_t until_us) {
  const bool reset = ResetCame(pair);
  const Ends ends = EndsOf(pair);
  std::uint64_t patience = Patience(scene_.timeouts, pair, ends.any());
  if (reset) patience = std::min(patience, kSurvivalUs);
  if (patience == kNever) return;
  // The survivor of a loss is given what it is owed, and then its kernel is waited for.
  if (reset || UnixPeerLeft(pair)) {
    const std::uint32_t half_close_ms = scene_.timeouts.half_close_ms;
    patience += half_close_ms == 0 ? kSurvivalUs : Us(half_close_ms);
  }
  // What it acknowledges begins that time anew.
  const std::uint64_t arrived_us =
      std::max(pair.client->socket().arrived_us, pair.backend->socket().arrived_us);
  const std::uint64_t since_us = std::max({LastMoved(pair), ends.last_us, reset ? arrived_us : 0});
  if (until_us > since_us + patience + Delay()) {
    kernel_.Fail(reset ? "the survivor of a reset is kept for too long" : "a time-out is overdue");
  }
}

/// Whether they are still there, once nothing has moved for some time; and only once then.
void Oracle::CheckThatItsPeersAreAsked(const Pair& pair, std::uint64_t until_us) {
  if (scene_.keep_alive_s == 0 || ResetCame(pair) || UnixPeerLeft(pair)) return;
  const std::uint64_t since_us = std::max(LastMoved(pair), EndsOf(pair).last_us);
  for (const Peer* peer : {pair.client.get(), pair.backend.get()}) {
    const Socket& near = Near(*peer);
    // Others are as somebody else made them.
    const bool is_own = peer == pair.client.get() ? near.was_accepted : !pair.joins;
    if (!near.is_tcp || !is_own) continue;
    const std::uint64_t last_us = std::max(since_us, near.asked_us);
    if (until_us > last_us + scene_.keep_alive_s * std::uint64_t{1'000'000} + Delay()) {
      kernel_.Fail("a silent peer is not asked whether it is still there");
    }
    if (near.asks_after_s != 0 && near.asks_after_s != scene_.keep_alive_s &&
        until_us > near.asked_us + kLongestAskingUs + Delay()) {
      kernel_.Fail("a peer is asked again though it has answered");
    }
  }
}

// ── When all is over ──

void Oracle::CheckResults() {
  for (const Pair& pair : scene_.pairs) CheckPair(pair);
  CheckAttempts();
  CheckLimits();
  CheckReports();
  CheckCounters();
  CheckEnds();
  CheckHistograms();
  CheckLoops();
  CheckEarlyResets();
  CheckSources();
  CheckCosts();
}

bool Oracle::WasDisturbed(const Pair& pair) const {
  return pair.ended_by_owner || scene_.gave_up || kernel_.shortage_was_met();
}

/// It ended so late that a time-out may have ended it.
bool Oracle::RanOutOfTime(const Pair& pair, bool is_lost) const {
  std::uint64_t patience = Patience(scene_.timeouts, pair, EndsOf(pair).any());
  if (is_lost) patience = std::min(patience, kSurvivalUs);
  const std::uint64_t closed_us = Near(*pair.client).closed_us;
  const bool is_over =
      patience != kNever && closed_us + Hurry(scene_) >= LastMoved(pair) + patience;
  return is_over || MayBeOfAge(pair);
}

/// The survivor `to` of the loss of `from` was reset so late that its time may have been over.
bool Oracle::TookTooLong(const Pair& pair, const Peer& from, const Peer& to) const {
  // What is held waits for it to read, as that of any session does.
  if (Held(from, to) > 0) return RanOutOfTime(pair, true);
  const std::uint32_t half_close_ms = scene_.timeouts.half_close_ms;
  const std::uint64_t limit_us = half_close_ms == 0 ? kSurvivalUs : Us(half_close_ms);
  return Near(to).closed_us + Hurry(scene_) >= to.socket().arrived_us + limit_us;
}

/// What the session's owner was told; else what the time of its end allows.
bool Oracle::MayHaveTimedOut(const Pair& pair) const {
  if (pair.reason) return IsTimeout(*pair.reason) || *pair.reason == CloseReason::kRebalanced;
  return RanOutOfTime(pair, ResetCame(pair)) || MayBeRebalanced(pair);
}

void Oracle::CheckPair(const Pair& pair) {
  if (!pair.client) return;
  if (pair.name) kernel_.Fail("the owner was told of a session, and not of its end");
  if (pair.denied) return CheckDenied(pair);
  // A backend that resets before the core saw it accept has failed like any other.
  if (!pair.backend || pair.left_alone) return CheckLonely(pair);
  CheckEnd(pair, *pair.client, *pair.backend);
  CheckEnd(pair, *pair.backend, *pair.client);
  if (pair.reason) CheckReason(pair, *pair.reason);
}

/// Its Unix backend accepted it too late: the process stood still until its time was over.
bool Oracle::TimedOutInQueue(const Pair& pair) const {
  if (kernel_.stopped_us() == 0 || (pair.reason && !IsTimeout(*pair.reason))) return false;
  const auto was_met = [&](const Socket& socket) {
    return std::any_of(scene_.pairs.begin(), scene_.pairs.end(), [&](const Pair& other) {
      return other.backend && &Near(*other.backend) == &socket;
    });
  };
  return std::any_of(kernel_.sockets().begin(), kernel_.sockets().end(), [&](const auto& socket) {
    return socket->is_core && socket->connects_at_once && socket->closed && !was_met(*socket);
  });
}

/// The cycle had no backend for it, and its owner was not asked.
bool Oracle::MayLackItsOwner(const Pair& pair) const {
  return !pair.is_told && scene_.unreported > 0;
}

/// A client that no backend was found for.
void Oracle::CheckLonely(const Pair& pair) {
  if (!pair.client->received().empty()) kernel_.Fail("a client got bytes from nobody");
  if (!pair.client->saw_end() && !pair.client->saw_reset()) return;
  const Socket& near = Near(*pair.client);
  const bool was_refused = near.was_accepted && !near.was_watched;  // `CheckLimits` asks why.
  const bool came_too_late = !near.was_accepted && !pair.by_owner &&
                             (scene_.drain_asked || scene_.services[pair.service].was_closed);
  if (!pair.left_alone && !MayLackItsOwner(pair) && !was_refused && !came_too_late &&
      !TimedOutInQueue(pair) && !near.reset_came() && !WasDisturbed(pair) &&
      !GaveUpListener(pair)) {
    kernel_.Fail("a client was sent away without a cause");
  }
}

/// A client that the owner did not let in is reset, and has met nobody.
void Oracle::CheckDenied(const Pair& pair) {
  const Peer& client = *pair.client;
  if (pair.backend) kernel_.Fail("a backend has heard of a client that was denied");
  if (!client.received().empty()) kernel_.Fail("a client that was denied got bytes");
  const bool left = Near(client).phase == Socket::Phase::kDead;
  if (pair.reason && *pair.reason != CloseReason::kEnded && !left) {
    kernel_.Fail("a session is not said to have been ended by its owner, who denied it");
  }
  if (client.socket().is_tcp && client.saw_end()) {
    kernel_.Fail("a client that was denied was told of a clean end");
  }
}

/// What `to` got is what `from` sent, as far as their own ends allow.
void Oracle::CheckEnd(const Pair& pair, const Peer& from, const Peer& to) {
  const std::string who = Name(from);
  const std::string& got = to.received();
  if (got.size() > from.sent() || got != BytesOf(from.stream(), 0, got.size())) {
    return kernel_.Fail(who + ": what arrived is not what was sent");
  }
  const Socket& near_from = Near(from);
  const Socket& near_to = Near(to);
  const bool timed_out = MayHaveTimedOut(pair);
  const bool was_disturbed = WasDisturbed(pair);
  const std::uint64_t came = near_from.arrived + from.prefix();

  if (to.saw_end()) {
    // Unix sockets know no reset: their survivor reads an end.
    const bool was_lost = near_from.phase == Socket::Phase::kDead;
    if (!to.socket().is_tcp && (was_lost || timed_out || was_disturbed)) return;
    if (near_from.lost_by_reset && !timed_out) {
      return kernel_.Fail(who + ": a reset was turned into a clean end");
    }
    if (near_from.fin_in && got.size() == from.sent()) return;
    if (!timed_out) return kernel_.Fail(who + ": an end came before all that was sent");
    if (got.size() != near_from.shown() + from.prefix()) {
      return kernel_.Fail(who + ": a time-out hid that bytes were lost");
    }
  }
  if (to.saw_reset()) {
    // A time-out resets where something was held; a plain close does where something was unread.
    const bool loses = Held(from, to) > 0 || Held(to, from) > 0;
    const bool by_time = timed_out && (loses || WasCut(pair) || !near_to.reset_on_close);
    const bool has_cause =
        ResetCame(pair) || UnixPeerLeft(pair) || by_time || was_disturbed || GaveUpListener(pair);
    if (!has_cause) return kernel_.Fail(who + ": a reset that nobody sent");
    // What had come before a reset arrives, too; but a client that resets before a backend has
    // answered is gone.
    const bool was_relayed = near_from.read > 0 || near_to.read > 0;
    const bool still_reads =
        to.habits().is_steady() && (!to.has_ended() || to.habits().end == Habits::End::kFin);
    if (was_relayed && near_from.lost_by_reset && still_reads && !TookTooLong(pair, from, to) &&
        !was_disturbed && got.size() != came) {
      return kernel_.Fail(who + ": bytes that came before a reset are lost");
    }
  }
  if (!to.saw_end() && !to.saw_reset() && to.habits().end == Habits::End::kFin && !to.gave_up() &&
      !to.habits().never_reads) {
    kernel_.Fail(who + ": the other side was never told of an end");
  }
}

/// A time-out cut nobody for whom something waited in the kernel, however late the loop was.
void Oracle::CheckThatNothingWaited(const Pair& pair) {
  // Calls that say EAGAIN without a need, or that fail, excuse it.
  if (kernel_.conditions.hesitates || WasDisturbed(pair)) return;
  for (const auto& [from, to] : {std::pair(pair.client.get(), pair.backend.get()),
                                 {pair.backend.get(), pair.client.get()}}) {
    const Socket& source = Near(*from);
    const Socket& sink = Near(*to);
    if (sink.reset_came() || !sink.left.room || sink.out_of_space) continue;
    if (source.left.unread > 0) {
      kernel_.Fail(Name(*from) + ": a time-out came though bytes waited");
    } else if (source.left.fin && !source.reset_came()) {
      kernel_.Fail(Name(*from) + ": a time-out came though the end waited");
    } else if (Held(*from, *to) > 0) {
      kernel_.Fail(Name(*from) + ": a time-out came though there was room for what was held");
    }
  }
}

/// The reason that is told for an end is that of what the two sides did, and when.
void Oracle::CheckReason(const Pair& pair, CloseReason reason) {
  if (IsTimeout(reason) && reason != CloseReason::kMaxAge) CheckThatNothingWaited(pair);
  const Socket& client = Near(*pair.client);
  const Socket& backend = Near(*pair.backend);
  const Ends ends = EndsOf(pair);
  const std::uint64_t closed_us = client.closed_us;
  const std::uint64_t moved_us = LastMoved(pair);
  // A half-close begins every time-out anew.
  const auto check_time = [&](const char* name, std::uint32_t ms, std::uint64_t since_us) {
    if (ms == 0 || closed_us + Hurry(scene_) < since_us + Us(ms)) {
      kernel_.Fail(std::string(name) + " time-out came early");
    }
    if (closed_us > std::max(since_us, ends.last_us) + Us(ms) + Delay()) {
      kernel_.Fail(std::string(name) + " time-out came late");
    }
  };
  switch (reason) {
    case CloseReason::kFinished:
      if (!client.fin_in || !client.fin_read() || !backend.fin_in || !backend.fin_read()) {
        kernel_.Fail("a session is said to have finished whose sides had not both ended");
      }
      return;
    case CloseReason::kReset:
      if (!ResetCame(pair) && !UnixPeerLeft(pair) && !WasDisturbed(pair) && !GaveUpListener(pair)) {
        kernel_.Fail("a reset is reported that nobody sent");
      }
      return;
    case CloseReason::kIdleTimeout:
      return check_time("an idle", scene_.timeouts.idle_ms, moved_us);
    case CloseReason::kHandshakeTimeout:
      if (!IsSilent(pair)) kernel_.Fail("a handshake time-out came though bytes had moved");
      return check_time("a handshake", scene_.timeouts.handshake_ms, moved_us);
    case CloseReason::kHalfCloseTimeout:
      if (!ends.any() && !UnixPeerLeft(pair)) {
        return kernel_.Fail("a half-close time-out came though no side had ended");
      }
      // In a crowd of silent ends it is a second, and nobody else says whether there was one.
      if (kernel_.conditions.local_clients && IsSilent(pair) && client.fin_read() &&
          closed_us + Hurry(scene_) >= ends.first_us + Us(1000)) {
        return;
      }
      return check_time("a half-close", scene_.timeouts.half_close_ms,
                        ends.any() ? std::max(moved_us, ends.first_us) : moved_us);
    case CloseReason::kMaxAge:
      return CheckAge(pair);
    case CloseReason::kRebalanced:
      return CheckRebalanced(pair);
    case CloseReason::kEnded:
      if (!pair.ended_by_owner && !pair.left_alone) {
        kernel_.Fail("a session is said to have been ended by its owner");
      }
      return;
  }
}

}  // namespace spliceway::simulator
