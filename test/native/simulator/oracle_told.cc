// What must hold of what the owner is told.

#include <algorithm>
#include <cerrno>

#include "evidence.h"
#include "oracle.h"

namespace spliceway::simulator {

/// A loop has tried every backend of its cycle before it asks, or they were full.
void Oracle::CheckRequest(const Pair& pair) {
  // Whoever stood still may have waited for a local port until its time was over.
  const bool may_lack_port = kernel_.conditions.hesitates && kernel_.stopped_us() > 0;
  if (!pair.picked_by_loop || may_lack_port) return;
  const Changes& changes = scene_.changes;
  if (scene_.has_changes) CheckThatDownAreTried(pair);
  if (changes.moved_pools) return;
  const std::vector<std::uint16_t>& of_pool = changes.pools[pair.service];
  for (const std::uint16_t row : scene_.has_changes ? of_pool : scene_.rows) {
    if (changes.touched.contains(row)) continue;
    const bool has_two = scene_.pairs_of_addresses.contains(row);
    const bool all_failed = pair.failed_ports.contains(row) &&
                            (!has_two || pair.failed_ports.contains(row + kSecondAddress));
    // One may have waited for a local port for as long as it may.
    const std::uint64_t waited_us = kernel_.now_us() - pair.starts_at_us;
    const bool lacked_port = kernel_.LackedPort(row) || kernel_.LackedPort(row + kSecondAddress);
    if (lacked_port && waited_us + kLongestPauseUs >= Us(scene_.timeouts.connect_ms)) continue;
    // Where a queue is, it waits for those that are full.
    const Queueing& queueing = scene_.queueing;
    const bool may_be_full = queueing.is_on ? queueing.was_off() : scene_.limits.contains(row);
    if (!all_failed && !may_be_full && !IsTurnedBackFrom(row)) {
      return kernel_.Fail("a session gave up while backends were left that it had not tried");
    }
  }
}

void Oracle::CheckAttemptsOf(const Pair& pair) {
  const std::uint32_t most = scene_.timeouts.search.attempts;
  if (most > 0 && pair.attempts_failed > most) {
    kernel_.Fail("one client costs more attempts than it may");
  }
}

void Oracle::CheckGivenUp(const Pair& pair) {
  // Of its first attempts the owner may not have been told.
  if (scene_.timeouts.search.attempts > 0) return;
  const std::uint32_t budget_ms = scene_.timeouts.search.budget_ms;
  if (budget_ms == 0 ||
      kernel_.now_us() + Hurry(scene_) < Near(*pair.client).made_us + Us(budget_ms)) {
    kernel_.Fail("a session gave up before its time to find a backend was over");
  }
}

/// No backend hears of a client before the owner has let it in.
void Oracle::CheckSetOut(const Pair& pair) {
  if (!pair.is_silent || HasWaited(pair)) return;
  kernel_.Fail(pair.denied || pair.is_kept_out
                   ? "a session set out for a backend whose client was denied"
                   : "a session set out for a backend before the owner's word");
}

bool Oracle::HasWaited(const Pair& pair) const {
  return pair.watched_us != kNever && !pair.is_kept_out &&
         kernel_.now_us() + Hurry(scene_) >= pair.watched_us + Us(Session::kWordMs);
}

/// The owner is found to lag only where somebody has waited for its word in vain.
void Oracle::CheckLag(bool lagged_before) {
  if (lagged_before || !scene_.crew->events.lags()) return;
  const bool has_cause = std::any_of(scene_.pairs.begin(), scene_.pairs.end(),
                                     [&](const Pair& pair) { return HasWaited(pair); });
  if (!has_cause) kernel_.Fail("the owner is said to lag, and nobody has waited for its word");
}

void Oracle::CheckFailed(int error) {
  if (error == EADDRNOTAVAIL) kernel_.Fail("a backend is blamed for want of a local port");
}

/// Only where each address that connections come from was without one.
void Oracle::CheckNoPort(std::uint16_t port) {
  // Those of IPv6 come from any.
  if (port != RowOf(port)) return;
  for (const std::uint8_t source : scene_.sources) {
    if (kernel_.LackedPortFrom(port, source)) continue;
    kernel_.Fail("a backend counts as without a port, and an address to come from was not tried");
  }
}

/// Those who came when all loops knew that a backend was gone do not go there, and nobody who may
/// does once its row is said to be vacant.
void Oracle::CheckRemoved() {
  if (scene_.removed.empty()) return;
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || socket->fd < 0 || socket->connect_us == 0) continue;
    const auto removed = scene_.removed.find(RowOf(socket->port));
    if (removed == scene_.removed.end()) continue;
    if (removed->second.is_vacant) {
      kernel_.Fail("a backend's row is vacant, and a session is there");
    }
    const Socket* client = kernel_.ClientOf(*socket);
    if (client == nullptr) continue;
    for (const Pair& pair : scene_.pairs) {
      if (pair.client && &Near(*pair.client) == client &&
          pair.generation >= removed->second.generation) {
        kernel_.Fail("a session set out for a backend that was gone when its client came");
      }
    }
  }
}

void Oracle::CheckTimedOut(const Pair& pair, std::int32_t port) {
  // One that had only the rest of a search's time has not failed.
  const std::uint32_t budget_ms = scene_.timeouts.search.budget_ms;
  const std::uint32_t connect_ms = scene_.timeouts.connect_ms;
  const std::uint32_t most = connect_ms > 0 ? std::max(budget_ms / connect_ms, 1U) : 1U;
  if (budget_ms > 0 && pair.silent_rows.size() > most) {
    kernel_.Fail("a backend is blamed that had only the rest of a search's time");
  }
  if (!pair.backend || Near(*pair.backend).port != port) return;
  if (Near(*pair.backend).left.open) kernel_.Fail("an attempt timed out that had been accepted");
}

void Oracle::CheckClosed(const Pair& pair, const SessionEvent::Moved& moved) {
  // A Unix backend may not have accepted yet.
  if (!pair.client || !pair.backend) return;
  if (moved.upstream != Near(*pair.backend).written ||
      moved.downstream != Near(*pair.client).written) {
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

}  // namespace spliceway::simulator
