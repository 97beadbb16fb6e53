// Two addresses of a backend that are tried beside each other.

#include <algorithm>
#include <string>
#include <utility>

#include "evidence.h"
#include "oracle.h"
#include "world.h"

namespace spliceway::simulator {
namespace {

bool WasUsed(const Peer& backend) {
  const Socket& near = Near(backend);
  return near.read > 0 || near.written > 0 || near.fin_read() || near.reset_came();
}

bool IsConnecting(const Socket& socket) {
  return socket.is_core && socket.fd >= 0 && socket.connect_us != 0 &&
         socket.phase == Socket::Phase::kConnecting;
}

}  // namespace

/// Of two backends that had answered, the core has let go of one, or of both with their client.
void World::SettleRaces() {
  for (Pair& pair : scene_.pairs) {
    if (!pair.rival) continue;
    const bool has_first = Near(*pair.backend).fd >= 0;
    const bool has_rival = Near(*pair.rival).fd >= 0;
    if (has_first && has_rival) continue;
    const bool rival_won =
        has_rival || (!has_first && !WasUsed(*pair.backend) && WasUsed(*pair.rival));
    if (rival_won) std::swap(pair.backend, pair.rival);
    pair.rival->GiveUp();
    pair.given_up.push_back(std::move(pair.rival));
  }
  if (!scene_.pairs_of_addresses.empty()) oracle_.CheckRaces();
}

/// Nobody is hurried.
void Oracle::CheckRaces() {
  for (const auto& socket : kernel_.sockets()) {
    if (!IsConnecting(*socket)) continue;
    const Socket* rival = kernel_.RivalOf(*socket);
    if (rival == nullptr || rival->connect_us < socket->connect_us) continue;
    if (RowOf(rival->port) != RowOf(socket->port)) {
      kernel_.Fail("a session tries two backends at once");
    } else if (rival->connect_us + Hurry(scene_) < socket->connect_us + kAttemptDelayUs) {
      kernel_.Fail("an address was tried beside another too early");
    }
  }
}

void Oracle::CheckThatItHasARival(const Socket& first, std::uint64_t until_us) {
  if (!scene_.pairs_of_addresses.contains(first.port)) return;
  // Of one that fails at once, nothing is left to be seen; and for want of anything there is none.
  const Backend second = kernel_.backends[first.port + kSecondAddress];
  if (second != Backend::kAccepts && second != Backend::kSilent) return;
  if (scene_.few_descriptors || kernel_.shortage_was_met()) return;
  if (kernel_.LackedPort(first.port + kSecondAddress)) return;
  if (until_us > first.connect_us + kAttemptDelayUs + Delay() && !kernel_.RivalOf(first)) {
    kernel_.Fail("an address is silent, and the other one is not tried beside it");
  }
}

/// Who was outrun is told, and nobody else.
void Oracle::CheckOutrun(const Pair& pair) {
  // A Unix backend may not have accepted yet; and of some, what came before is not told.
  const bool is_told = pair.by_owner || pair.picked_by_loop || scene_.picks == Picks::kByOwner;
  if (!pair.backend || pair.joins || !is_told) return;
  const std::uint16_t port = Near(*pair.backend).port;
  const std::uint16_t first = RowOf(port);
  // For want of a local port there was nothing to be outrun, or no race.
  if (kernel_.LackedPort(first) || kernel_.LackedPort(first + kSecondAddress)) return;
  const bool expected = port != first && !pair.lately_failed_ports.contains(first);
  const bool told = pair.outrun_ports.contains(first);
  if (told != expected || pair.outrun_ports.contains(first + kSecondAddress)) {
    kernel_.Fail(expected ? "an address was outrun, and nobody is told"
                          : "an address is said to be outrun that was not");
  }
}

/// Another address of its session had answered when it was closed.
bool Oracle::WasOutrun(const Socket& socket) const {
  return std::any_of(kernel_.sockets().begin(), kernel_.sockets().end(), [&](const auto& other) {
    return other->is_core && other->handler == socket.handler && other->port != socket.port &&
           RowOf(other->port) == RowOf(socket.port) && other->peer != nullptr &&
           (!other->closed || other->closed_us >= socket.closed_us);
  });
}

/// A backend has failed when all of its addresses have, each of which is told.
void Oracle::CheckFailures(std::uint16_t row, std::uint64_t failed, std::uint64_t opened) {
  const auto failures = scene_.failures.find(row);
  const std::uint64_t told = failures == scene_.failures.end() ? 0 : failures->second;
  const bool has_two = scene_.pairs_of_addresses.contains(row);
  // Sessions that opened, or ended, may have met one that failed; and once more after each wait for
  // a local port.
  std::uint64_t sessions = std::max<std::uint64_t>(opened, scene_.pairs.size());
  for (const auto& socket : kernel_.sockets()) {
    if (socket->lacked_port) sessions += 2;
  }
  const bool is_right =
      has_two ? told >= 2 * failed && told <= 2 * failed + sessions : told == failed;
  if (is_right) return;
  kernel_.Fail("counters: " + std::to_string(failed) + " failures of a backend, and " +
               std::to_string(told) + " of its addresses");
}

}  // namespace spliceway::simulator
