// What must hold while the owner changes listeners, pools and backends.

#include <algorithm>

#include "evidence.h"
#include "oracle.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint16_t kFirstClient = 40;

}  // namespace

/// A loop has had a turn. Who set out in it went to a backend that was up, or could be tried
/// nevertheless, had room, and was in the pool of its listener in some tables since its client
/// came.
void Oracle::CheckPicked(const Socket& socket, const Pair* pair, std::uint64_t generation) {
  const std::uint16_t row = RowOf(socket.port);
  const Changes& changes = scene_.changes;
  const BackendState state = changes.StateOf(row);
  if (state == BackendState::kDrain) {
    return kernel_.Fail("a session set out for a backend that drains");
  }
  const bool is_owners = pair == nullptr || pair->by_owner || pair->owner_rows.contains(row);
  // Who has waited for a descriptor, or for room, was counted before the limit fell, and sent there
  // when others were not up.
  const bool may_have_waited = scene_.few_descriptors || kernel_.shortage_was_met();
  if (!is_owners && !may_have_waited) {
    bool may_go = false;
    auto plans = changes.published.upper_bound(generation);
    if (plans != changes.published.begin()) --plans;
    for (; plans != changes.published.end() && !may_go; ++plans) {
      may_go = MayGoTo(row, plans->second[pair->service], pair, socket);
    }
    if (!may_go) {
      return kernel_.Fail(state == BackendState::kDown
                              ? "a session set out for a backend that is down"
                              : "a session set out for a backend though one before it was left");
    }
  }
  const auto limit = changes.limits.find(row);
  if (limit != changes.limits.end() && limit->second > 0 && socket.others >= limit->second &&
      !may_have_waited) {
    return kernel_.Fail("a session set out for a backend that is full");
  }
  if (is_owners) return;
  const auto missing = changes.missing_since.find({pair->service, row});
  if (missing != changes.missing_since.end() && missing->second <= pair->generation) {
    kernel_.Fail("a session set out for a backend that the pool of its listener does not have");
  }
}

/// By one of the plans that its loop may have had.
bool Oracle::MayGoTo(std::uint16_t row, const PickPlan& plan, const Pair* pair,
                     const Socket& socket) const {
  bool is_met = false;
  bool any_is_up = false;
  bool has_passed_over = true;  // All in the tiers before its own.
  for (const std::vector<std::uint16_t>& tier : plan.tiers) {
    const bool is_here = std::find(tier.begin(), tier.end(), row) != tier.end();
    is_met = is_met || is_here;
    for (const std::uint16_t other : tier) {
      const bool is_up = scene_.changes.StateOf(other) == BackendState::kUp;
      any_is_up = any_is_up || is_up;
      if (is_up && !is_met) {
        has_passed_over = has_passed_over && MayBePassedOver(other, *pair, socket);
      }
    }
  }
  if (!is_met) return false;
  if (scene_.changes.StateOf(row) == BackendState::kUp) return has_passed_over;
  return plan.tries_down && !any_is_up;
}

/// By a session whose first attempt this is, though it is up.
bool Oracle::MayBePassedOver(std::uint16_t row, const Pair& pair, const Socket& socket) const {
  const Changes& changes = scene_.changes;
  if (changes.limits.contains(row) || scene_.removed.contains(row)) return true;
  if (kernel_.LackedPort(row) || kernel_.backends[row] != Backend::kAccepts) return true;
  if (scene_.crew->table.Row(row).IsTriedLast() || kernel_.stopped_us() > 0) return true;
  // Of a search that has lasted, it is not known what was up when it came by.
  if (pair.attempts_failed > 0) return true;
  return std::any_of(kernel_.sockets().begin(), kernel_.sockets().end(), [&](const auto& other) {
    return other->is_core && other->connect_us != 0 && other->handler == socket.handler &&
           other->number < socket.number;
  });
}

/// A session of whose pool nobody was up since before it came has tried those that are down, where
/// it was to: by whatever tables its loop may have had. A change that waits to be published is not
/// in them.
void Oracle::CheckThatDownAreTried(const Pair& pair) {
  const Changes& changes = scene_.changes;
  const std::uint64_t since_us = changes.states_since_us;
  if (changes.moved_pools || !pair.client || since_us >= Near(*pair.client).made_us) return;
  auto plans = changes.published.upper_bound(pair.generation);
  if (plans != changes.published.begin()) --plans;
  for (; plans != changes.published.end(); ++plans) {
    const PickPlan& plan = plans->second[pair.service];
    if (!plan.tries_down) return;
    for (const std::vector<std::uint16_t>& tier : plan.tiers) {
      const auto is_up = [&](std::uint16_t row) {
        return changes.StateOf(row) == BackendState::kUp;
      };
      if (std::any_of(tier.begin(), tier.end(), is_up)) return;
    }
  }
  for (const std::uint16_t row : changes.pools[pair.service]) {
    if (changes.StateOf(row) != BackendState::kDown || changes.limits.contains(row)) continue;
    if (scene_.removed.contains(row) || changes.first_socket.contains(row)) continue;
    if (kernel_.LackedPort(row) || pair.failed_ports.contains(row) || IsTurnedBackFrom(row))
      continue;
    kernel_.Fail("a session gave up though nobody was up, and has not tried one that is down");
  }
}

void Oracle::CheckAccepted(const Pair& pair) {
  if (scene_.services[pair.service].pause_is_heard) {
    kernel_.Fail("a listener that pauses has taken a client");
  }
}

void Oracle::CheckClosedListeners() {
  for (const Service& service : scene_.services) {
    if (service.is_open || !service.was_closed || !scene_.crew->HavePassed(service.barrier))
      continue;
    if (kernel_.Listens(service.port)) {
      kernel_.Fail("a listener is closed, and a loop still has it");
    }
  }
}

bool Oracle::IsToldLater(const Ended& ended) const {
  return ended.last_socket == SIZE_MAX && !scene_.crew->HavePassed(ended.barrier);
}

void Oracle::CheckVacant(std::uint16_t row) {
  for (const Ended& ended : scene_.ended) {
    if (ended.asked.backend == row && IsToldLater(ended)) {
      kernel_.Fail("a backend's row is vacant, and a loop is yet to end sessions there");
    }
  }
}

void Oracle::CheckVacant(const Service& service) {
  const auto row = static_cast<std::size_t>(&service - scene_.services.data());
  for (const Ended& ended : scene_.ended) {
    if (ended.asked.listener == row && IsToldLater(ended)) {
      kernel_.Fail("a listener's row is vacant, and a loop is yet to end its sessions");
    }
  }
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || socket->fd < 0 || socket->port < kFirstClient) continue;
    const Pair& pair = scene_.pairs[socket->port - std::size_t{kFirstClient}];
    if (&scene_.services[pair.service] == &service && socket->number >= service.first_socket) {
      kernel_.Fail("a listener's row is vacant, and a client of it is there");
    }
  }
}

void Oracle::CheckThatRowsAreVacant() {
  for (const Service& service : scene_.services) {
    if (service.was_closed && !service.is_open && !service.is_vacant) {
      kernel_.Fail("a listener's row is not vacant though its last client has left");
    }
  }
  for (const auto& [row, removed] : scene_.removed) {
    if (!removed.is_vacant) {
      kernel_.Fail("a backend's row is not vacant though its last session has left");
    }
  }
}

}  // namespace spliceway::simulator
