// What must hold while the owner changes listeners, pools and backends.

#include <algorithm>

#include "evidence.h"
#include "oracle.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint16_t kFirstClient = 40;

}  // namespace

/// A loop has had a turn. Who set out in it went to a backend that was up, had room, and was in the
/// pool of its listener in some tables since its client came.
void Oracle::CheckPicked(const Socket& socket, const Pair* pair) {
  const std::uint16_t row = RowOf(socket.port);
  const Changes& changes = scene_.changes;
  const auto state = changes.states.find(row);
  if (state != changes.states.end() && state->second != BackendState::kUp) {
    return kernel_.Fail("a session set out for a backend that is out of service");
  }
  const auto limit = changes.limits.find(row);
  // Who has waited for a descriptor, or for room, was counted before the limit fell.
  const bool may_have_waited = scene_.few_descriptors || kernel_.shortage_was_met();
  if (limit != changes.limits.end() && limit->second > 0 && socket.others >= limit->second &&
      !may_have_waited) {
    return kernel_.Fail("a session set out for a backend that is full");
  }
  if (pair == nullptr || pair->by_owner || pair->owner_rows.contains(row)) return;
  const auto missing = changes.missing_since.find({pair->service, row});
  if (missing != changes.missing_since.end() && missing->second <= pair->generation) {
    kernel_.Fail("a session set out for a backend that the pool of its listener does not have");
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
