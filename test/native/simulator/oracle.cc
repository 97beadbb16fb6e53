#include "oracle.h"

#include <algorithm>
#include <string>
#include <utility>

namespace spliceway::simulator {
namespace {

/// How long what could be moved may wait: the core's longest retry, 50 ms, and some.
constexpr std::uint64_t kLongestWaitUs = 60'000;
/// The same for the reset of a survivor that has acknowledged everything: it is asked every second.
constexpr std::uint64_t kLongestResetWaitUs = 1'060'000;
/// How long the survivor of a reset may take where no time-out says otherwise.
constexpr std::uint64_t kSurvivalUs = 60'000'000;
/// Loops count in milliseconds: a time-out may seem so much too early.
constexpr std::uint64_t kClockStepUs = 2000;

/// How much too early a time-out may come. A loop reads its clock as a turn begins, so that a
/// time-out which begins late in a turn counts from where the turn began.
std::uint64_t Hurry(const Scene& scene) { return kClockStepUs + scene.longest_turn_us; }

std::string Name(const Peer& peer) { return "stream " + std::to_string(peer.stream()); }

std::uint64_t Us(std::uint32_t ms) { return std::uint64_t{ms} * 1000; }

/// The core's end of the connection to a peer.
const Socket& Near(const Peer& peer) { return *peer.socket().peer; }

/// Bytes of `from` that were read and not written to `to`.
std::uint64_t Held(const Peer& from, const Peer& to) {
  return Near(from).read + from.prefix() -
         std::min(Near(to).written, Near(from).read + from.prefix());
}

/// When the last byte was written to either, or they were joined.
std::uint64_t LastMoved(const Pair& pair) {
  return std::max(Near(*pair.client).moved_us, Near(*pair.backend).moved_us);
}

bool ResetCame(const Pair& pair) {
  return Near(*pair.client).reset_came() || Near(*pair.backend).reset_came();
}

bool IsSilent(const Pair& pair) {
  return Near(*pair.client).written == 0 && Near(*pair.backend).written == 0;
}

/// When the core was told first, or last, that one side has ended or was lost; `kNever` for never.
struct Ends {
  std::uint64_t first_us = kNever;
  std::uint64_t last_us = 0;
  [[nodiscard]] bool any() const { return first_us != kNever; }
};
Ends EndsOf(const Pair& pair) {
  Ends ends;
  for (const Peer* peer : {pair.client.get(), pair.backend.get()}) {
    for (const std::uint64_t us : {Near(*peer).fin_in_us, Near(*peer).reset_came_us}) {
      if (us == kNever) continue;
      ends.first_us = std::min(ends.first_us, us);
      ends.last_us = std::max(ends.last_us, us);
    }
  }
  return ends;
}

/// A Unix peer that closes is lost to those who still write to it.
bool UnixPeerLeft(const Pair& pair) {
  const auto left = [](const Peer& peer) { return !peer.socket().is_tcp && peer.socket().closed; };
  return left(*pair.client) || left(*pair.backend);
}

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
         reason == CloseReason::kHalfCloseTimeout;
}

}  // namespace

// ── While nothing happens ──

void Oracle::CheckSilence(std::uint64_t until_us) {
  const std::uint64_t for_us = until_us - kernel_.now_us();
  for (const Pair& pair : scene_.pairs) {
    if (!pair.client || !pair.backend) continue;
    if (Near(*pair.client).fd < 0 || Near(*pair.backend).fd < 0) continue;
    CheckThatNothingWaits(pair, for_us);
    CheckThatNoneIsOverdue(pair, until_us);
  }
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || socket->fd < 0 || socket->phase != Socket::Phase::kConnecting) continue;
    if (scene_.timeouts.connect_ms == 0) continue;
    if (until_us > socket->connect_us + Us(scene_.timeouts.connect_ms) + kLongestWaitUs) {
      kernel_.Fail("a connect time-out is overdue");
    }
  }
  CheckThatNobodyWaits(for_us);
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

/// A client whose listener had no slot for it is taken as soon as there is one.
void Oracle::CheckThatNobodyWaits(std::uint64_t for_us) {
  if (for_us == 0 || kernel_.clients_waiting() == 0) return;
  // For want of a descriptor, listeners ask by themselves.
  if (scene_.few_descriptors || kernel_.shortage_was_met()) return;
  if (scene_.crew->slab.has_room()) {
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
  if (until_us > since_us + patience + kLongestWaitUs) {
    kernel_.Fail(reset ? "the survivor of a reset is kept for too long" : "a time-out is overdue");
  }
}

// ── What the owner is told ──

/// A loop has tried every backend of its cycle before it asks, or they were full.
void Oracle::CheckRequest(const Pair& pair) {
  if (!pair.picked_by_loop) return;
  for (const std::uint16_t row : scene_.rows) {
    if (!pair.failed_rows.contains(row) && !scene_.limits.contains(row)) {
      return kernel_.Fail("a session gave up while backends were left that it had not tried");
    }
  }
}

void Oracle::CheckClosed(const Pair& pair, std::uint32_t slot) {
  // A Unix backend may not have accepted yet.
  if (!pair.client || !pair.backend) return;
  const SessionCounters& counted = scene_.crew->counters->Session(slot);
  if (counted.bytes_upstream.value() != Near(*pair.backend).written ||
      counted.bytes_downstream.value() != Near(*pair.client).written) {
    kernel_.Fail("the bytes counted for a session are not those that were written");
  }
}

void Oracle::CheckDrained() {
  for (const auto& socket : kernel_.sockets()) {
    if (socket->is_core && socket->fd >= 0) {
      return kernel_.Fail("a drain is reported while sessions are alive");
    }
  }
}

// ── When all is over ──

void Oracle::CheckResults() {
  for (const Pair& pair : scene_.pairs) CheckPair(pair);
  CheckAttempts();
  CheckLimits();
  CheckCounters();
  CheckCosts();
}

bool Oracle::WasDisturbed(const Pair& pair) const {
  return pair.ended_by_owner || scene_.gave_up || kernel_.shortage_was_met();
}

/// It ended so late that a time-out may have ended it.
bool Oracle::RanOutOfTime(const Pair& pair) const {
  std::uint64_t patience = Patience(scene_.timeouts, pair, EndsOf(pair).any());
  if (ResetCame(pair)) patience = std::min(patience, kSurvivalUs);
  const std::uint64_t closed_us = Near(*pair.client).closed_us;
  return patience != kNever && closed_us + Hurry(scene_) >= LastMoved(pair) + patience;
}

/// The survivor `to` of the loss of `from` was reset so late that its time may have been over.
bool Oracle::TookTooLong(const Pair& pair, const Peer& from, const Peer& to) const {
  // What is held waits for it to read, as that of any session does.
  if (Held(from, to) > 0) return RanOutOfTime(pair);
  const std::uint32_t half_close_ms = scene_.timeouts.half_close_ms;
  const std::uint64_t limit_us = half_close_ms == 0 ? kSurvivalUs : Us(half_close_ms);
  return Near(to).closed_us + Hurry(scene_) >= to.socket().arrived_us + limit_us;
}

/// What the session's owner was told; else what the time of its end allows.
bool Oracle::MayHaveTimedOut(const Pair& pair) const {
  return pair.reason ? IsTimeout(*pair.reason) : RanOutOfTime(pair);
}

void Oracle::CheckPair(const Pair& pair) {
  if (!pair.client) return;
  // A backend that resets before the core saw it accept has failed like any other.
  if (!pair.backend || pair.left_alone) return CheckLonely(pair);
  CheckEnd(pair, *pair.client, *pair.backend);
  CheckEnd(pair, *pair.backend, *pair.client);
  if (pair.reason) CheckReason(pair, *pair.reason);
}

/// A client that no backend was found for.
void Oracle::CheckLonely(const Pair& pair) {
  if (!pair.client->received().empty()) kernel_.Fail("a client got bytes from nobody");
  if (!pair.client->saw_end() && !pair.client->saw_reset()) return;
  const Socket& near = Near(*pair.client);
  const bool was_refused = near.was_accepted && !near.was_watched;  // `CheckLimits` asks why.
  const bool came_too_late = !near.was_accepted && !pair.by_owner && scene_.drain_asked;
  if (!pair.left_alone && !was_refused && !came_too_late && !near.reset_came() &&
      !WasDisturbed(pair)) {
    kernel_.Fail("a client was sent away without a cause");
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
    const bool by_time = timed_out && (loses || !near_to.reset_on_close);
    const bool has_cause = ResetCame(pair) || UnixPeerLeft(pair) || by_time || was_disturbed;
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

/// The reason that is told for an end is that of what the two sides did, and when.
void Oracle::CheckReason(const Pair& pair, CloseReason reason) {
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
    if (closed_us > std::max(since_us, ends.last_us) + Us(ms) + kLongestWaitUs) {
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
      if (!ResetCame(pair) && !UnixPeerLeft(pair) && !WasDisturbed(pair)) {
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
      return check_time("a half-close", scene_.timeouts.half_close_ms,
                        ends.any() ? std::max(moved_us, ends.first_us) : moved_us);
    case CloseReason::kEnded:
      if (!pair.ended_by_owner && !pair.left_alone) {
        kernel_.Fail("a session is said to have been ended by its owner");
      }
      return;
  }
}

/// No attempt is broken off before its time, unless its client has gone.
void Oracle::CheckAttempts() {
  const bool client_left =
      std::any_of(scene_.pairs.begin(), scene_.pairs.end(), [&](const Pair& pair) {
        return WasDisturbed(pair) || (pair.client && Near(*pair.client).reset_came());
      });
  // Its time runs while it waits for a descriptor, too.
  if (client_left || scene_.few_descriptors) return;
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || !socket->closed || socket->phase != Socket::Phase::kConnecting)
      continue;
    if (scene_.timeouts.connect_ms == 0 ||
        socket->closed_us + Hurry(scene_) < socket->connect_us + Us(scene_.timeouts.connect_ms)) {
      kernel_.Fail("a connect time-out came early");
    }
  }
}

/// Who has as many sessions as one may is refused, and nobody else.
void Oracle::CheckLimits() {
  std::uint64_t refused = 0;
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core) continue;
    if (const auto limit = scene_.limits.find(socket->port);
        limit != scene_.limits.end() && socket->others >= limit->second) {
      kernel_.Fail("a backend has more sessions than it may have");
    }
    if (!socket->was_accepted) continue;
    const bool was_refused = !socket->was_watched;
    if (was_refused) ++refused;
    const std::uint32_t most = scene_.clients.remote;
    if (was_refused != (most > 0 && socket->others >= most)) {
      kernel_.Fail(was_refused ? "a client was refused that had fewer sessions than it may have"
                               : "a client has more sessions than it may have");
    }
  }
  if (refused != scene_.refusals) kernel_.Fail("refused clients are not reported");
  for (const auto& [row, most] : scene_.limits) {
    for (std::uint32_t place = 0; place < most; ++place) {
      if (scene_.crew->table.PlacesOf(row).Take() == Places::Answer::kNone) {
        kernel_.Fail("a backend's place was not given back");
      }
    }
  }
}

void Oracle::CheckCounters() {
  const auto sum = [&](auto&& row_of, Counter CounterRow::* counter) {
    std::uint64_t total = 0;
    for (std::size_t worker = 0; worker < scene_.epolls.size(); ++worker) {
      total += (row_of(worker).*counter).value();
    }
    return total;
  };
  const auto check = [&](const char* what, std::uint64_t counted, std::uint64_t expected) {
    if (counted == expected) return;
    kernel_.Fail("counters: " + std::to_string(counted) + " " + what + " instead of " +
                 std::to_string(expected));
  };
  std::uint64_t begun = 0;
  std::uint64_t refused = 0;
  std::uint64_t alone = 0;
  std::uint64_t upstream = 0;
  std::uint64_t downstream = 0;
  std::map<std::uint16_t, std::uint64_t> upstream_of;
  std::map<std::uint16_t, std::uint64_t> downstream_of;
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core) continue;
    upstream += socket->written;
    upstream_of[socket->port] += socket->written;
  }
  for (const Pair& pair : scene_.pairs) {
    if (!pair.client) continue;
    const Socket& near = Near(*pair.client);
    if (near.was_watched) ++begun;
    if (near.was_accepted && !near.was_watched) ++refused;
    if (pair.left_alone && pair.reason == CloseReason::kEnded) ++alone;
    downstream += near.written;
    upstream -= near.written;
    if (pair.backend) downstream_of[Near(*pair.backend).port] += near.written;
  }
  const auto listener = [&](std::size_t worker) -> CounterRow& {
    return scene_.crew->counters->Listener(worker, 0);
  };
  check("sessions opened", sum(listener, &CounterRow::opened), begun);
  check("sessions open", sum(listener, &CounterRow::open), 0);
  check("clients refused", sum(listener, &CounterRow::rejected), refused);
  check("sessions without a backend", sum(listener, &CounterRow::failed), alone);
  check("bytes upstream", sum(listener, &CounterRow::bytes_upstream), upstream);
  check("bytes downstream", sum(listener, &CounterRow::bytes_downstream), downstream);
  for (const std::uint16_t row : scene_.rows) {
    const auto backend = [&](std::size_t worker) -> CounterRow& {
      return scene_.crew->counters->Backend(worker, row);
    };
    const auto failures = scene_.failures.find(row);
    check("sessions open at a backend", sum(backend, &CounterRow::open), 0);
    check("failures of a backend", sum(backend, &CounterRow::failed),
          failures == scene_.failures.end() ? 0 : failures->second);
    check("bytes upstream to a backend", sum(backend, &CounterRow::bytes_upstream),
          upstream_of[row]);
    check("bytes downstream from a backend", sum(backend, &CounterRow::bytes_downstream),
          downstream_of[row]);
  }
}

/// A bound on calls for each event and each byte: whoever works without a cause exceeds it.
void Oracle::CheckCosts() {
  const std::uint64_t most =
      200 + 60 * scene_.pairs.size() + 8 * scene_.stimuli + kernel_.bytes_moved() / 512;
  if (kernel_.calls() > most) {
    kernel_.Fail(std::to_string(kernel_.calls()) + " calls for " + std::to_string(scene_.stimuli) +
                 " events and " + std::to_string(kernel_.bytes_moved()) + " bytes");
  }
}

}  // namespace spliceway::simulator
