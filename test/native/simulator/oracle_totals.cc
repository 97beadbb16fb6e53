// What must hold of all sessions together.

#include <algorithm>
#include <map>
#include <string>

#include "evidence.h"
#include "oracle.h"

namespace spliceway::simulator {

/// No attempt is broken off before its time, unless its client has gone.
void Oracle::CheckAttempts() {
  const bool client_left =
      std::any_of(scene_.pairs.begin(), scene_.pairs.end(), [&](const Pair& pair) {
        return WasDisturbed(pair) ||
               (pair.client && (Near(*pair.client).reset_came() || HasLeft(scene_, pair)));
      });
  // Its time runs while it waits for a descriptor, too.
  if (client_left || scene_.few_descriptors) return;
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || !socket->closed || socket->phase != Socket::Phase::kConnecting)
      continue;
    if (WasOutrun(*socket) || WasTurnedBack(*socket)) continue;
    const std::uint32_t budget_ms = scene_.timeouts.search.budget_ms;
    const auto client =
        std::find_if(kernel_.sockets().begin(), kernel_.sockets().end(),
                     [&](const auto& other) { return other->handler == socket->handler; });
    if (budget_ms > 0 && socket->closed_us + Hurry(scene_) >= (*client)->made_us + Us(budget_ms)) {
      continue;
    }
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
  if (scene_.crew->silent_ends.load() != 0) kernel_.Fail("silent ends are miscounted");
  CheckServiceRow();
  BackendTable& table = scene_.crew->table;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (table.Row(static_cast<std::uint16_t>(row)).in_use() != 0) {
      kernel_.Fail("a backend's place was not given back");
    }
  }
  const PoolRow& pool = table.PoolRowOf(0);
  if (pool.sessions.in_use() != 0) kernel_.Fail("a pool's place was not given back");
  if (pool.waiting() != 0) kernel_.Fail("a session that has ended waits in a queue");
}

/// Whom a listener took when all loops had its limit had a place there.
void Oracle::CheckServiceLimit(const Socket& client, std::uint64_t taken_generation) {
  const ServiceLimited& limited = scene_.service_limited;
  if (limited.row == nullptr || taken_generation < limited.generation) return;
  if (client.all_others >= limited.most) kernel_.Fail("a listener has more sessions than it may");
}

/// Nobody is there any more.
void Oracle::CheckServiceRow() {
  const ServiceLimited& limited = scene_.service_limited;
  if (limited.row != nullptr && limited.row->sessions.in_use() != 0) {
    kernel_.Fail("a listener's place was not given back");
  }
}

/// Of each client that a listener took, the owner knows, or knows that there is one.
void Oracle::CheckReports() {
  if (!scene_.few_events && scene_.unreported > 0) {
    kernel_.Fail("sessions are not reported though the owner follows");
  }
  const Attention attention = scene_.crew->attention.load();
  if (attention != Attention::kReport && attention != Attention::kWatch) return;
  std::uint64_t silent = 0;
  for (const Pair& pair : scene_.pairs) {
    if (pair.client && Near(*pair.client).was_watched && !pair.by_owner && !pair.is_told) ++silent;
  }
  if (silent > scene_.unreported) kernel_.Fail("a session was neither reported nor counted");
}

/// Of those who were its clients since its row is its own.
Oracle::ListenerTotals Oracle::TotalsOf(const Service& service) const {
  ListenerTotals totals;
  for (const Pair& pair : scene_.pairs) {
    if (!pair.client || &scene_.services[pair.service] != &service) continue;
    const Socket& near = Near(*pair.client);
    if (near.number < service.first_socket) continue;
    if (near.was_watched) ++totals.begun;
    if (near.was_accepted && !near.was_watched) ++totals.refused;
    if (pair.denied && pair.reason == CloseReason::kEnded) ++totals.denied;
    if (pair.left_alone && pair.reason == CloseReason::kEnded) ++totals.alone;
    totals.downstream += near.written;
    for (const auto& socket : kernel_.sockets()) {
      const bool is_its = socket->is_core && socket->handler == near.handler && near.handler != 0;
      if (is_its && socket.get() != &near) totals.upstream += socket->written;
    }
  }
  return totals;
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
  std::map<std::uint16_t, std::uint64_t> upstream_of;
  std::map<std::uint16_t, std::uint64_t> downstream_of;
  const auto is_of_row = [&](const Socket& socket) {
    return socket.number >= scene_.changes.FirstSocketOf(RowOf(socket.port));
  };
  for (const auto& socket : kernel_.sockets()) {
    if (socket->is_core && is_of_row(*socket)) upstream_of[RowOf(socket->port)] += socket->written;
  }
  for (const Pair& pair : scene_.pairs) {
    if (!pair.client || !pair.backend || !is_of_row(Near(*pair.backend))) continue;
    downstream_of[RowOf(Near(*pair.backend).port)] += Near(*pair.client).written;
  }
  for (std::size_t row = 0; row < scene_.services.size(); ++row) {
    const ListenerTotals totals = TotalsOf(scene_.services[row]);
    const auto listener = [&](std::size_t worker) -> CounterRow& {
      return scene_.crew->counters->Listener(worker, row);
    };
    check("sessions opened", sum(listener, &CounterRow::opened), totals.begun);
    check("sessions open", sum(listener, &CounterRow::open), 0);
    // Else it is not known who of them was ended by what.
    if (!EndedListeners()) {
      check("clients refused or denied", sum(listener, &CounterRow::rejected),
            totals.refused + totals.denied);
    }
    if (scene_.unreported == 0 && !EndedListeners()) {
      check("sessions without a backend", sum(listener, &CounterRow::failed), totals.alone);
    }
    check("bytes upstream", sum(listener, &CounterRow::bytes_upstream), totals.upstream);
    check("bytes downstream", sum(listener, &CounterRow::bytes_downstream), totals.downstream);
  }
  for (const std::uint16_t row : scene_.rows) {
    const auto backend = [&](std::size_t worker) -> CounterRow& {
      return scene_.crew->counters->Backend(worker, row);
    };
    check("sessions open at a backend", sum(backend, &CounterRow::open), 0);
    CheckFailures(row, sum(backend, &CounterRow::failed), sum(backend, &CounterRow::opened));
    check("bytes upstream to a backend", sum(backend, &CounterRow::bytes_upstream),
          upstream_of[row]);
    check("bytes downstream from a backend", sum(backend, &CounterRow::bytes_downstream),
          downstream_of[row]);
  }
}

/// A backend is blamed for sessions that it ended first, without a byte, and for all of them. Where
/// both sides ended, only what the core was told before the other end came tells who was first.
void Oracle::CheckEarlyResets() {
  std::map<std::uint16_t, std::uint64_t> surely;
  std::map<std::uint16_t, std::uint64_t> perhaps;
  for (const Pair& pair : scene_.pairs) {
    if (!pair.client || !pair.backend || pair.joins) continue;
    const Socket& client = Near(*pair.client);
    const Socket& backend = Near(*pair.backend);
    const std::uint64_t ended_us = std::min(backend.fin_in_us, backend.reset_came_us);
    if (backend.read > 0 || ended_us == kNever || client.fin_read_us < ended_us) continue;
    const std::uint16_t row = RowOf(backend.port);
    ++perhaps[row];
    const bool client_stayed = !client.fin_in && !client.reset_came() && !client.lost_by_reset;
    if (client_stayed && backend.fin_read() && !WasDisturbed(pair)) ++surely[row];
  }
  for (const std::uint16_t row : scene_.rows) {
    const auto told = scene_.early_resets.find(row);
    const std::uint64_t count = told == scene_.early_resets.end() ? 0 : told->second;
    if (scene_.timeouts.early_reset_ms > 0 && count < surely[row]) {
      kernel_.Fail("a backend ended a session early, and is not blamed");
    }
    if (count > perhaps[row]) {
      kernel_.Fail("a backend is blamed for a session that it did not end early");
    }
    if (scene_.crew->table.Row(row).early_resets() > count) {
      kernel_.Fail("a backend has ended more sessions early than were told of");
    }
  }
}

/// Connections come from the addresses that they are to come from, and from no other.
void Oracle::CheckSources() {
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || !socket->is_tcp || socket->connect_us == 0) continue;
    const bool is_v6 = socket->port != RowOf(socket->port);
    const auto& sources = scene_.sources;
    const bool is_one = std::find(sources.begin(), sources.end(), socket->source) != sources.end();
    if (is_one != (!sources.empty() && !is_v6)) {
      kernel_.Fail("a connection comes from an address that it was not to come from");
    }
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
