// How a loop picks past backends that have failed lately, or are full.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "plans.h"
#include "select/backend_table.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// A loop whose turns the test runs, with these backends in its cycle.
struct Picking {
  explicit Picking(const std::vector<SocketAddress>& backends, std::uint32_t connect_ms = 0)
      : crew(64, backends.size(), 1, std::make_shared<Counters>(1, 1, backends.size(), 64),
             PipeLimits::ForThisMachine(1), 1, [] {}),
        worker(AddWorker(crew)) {
    std::vector<std::uint16_t> cycle;
    for (const SocketAddress& backend : backends) {
      cycle.push_back(static_cast<std::uint16_t>(cycle.size()));
      crew.table.SetAddresses(cycle.back(), {backend}, AddressOrder::kAsGiven);
    }
    crew.table.SetPool(0, InTurn(std::move(cycle)));
    crew.Publish();
    Listener listener = ListenTcp();
    address = listener.address;
    ListenOn(crew, std::move(listener.fd), {.timeouts = {.connect_ms = connect_ms}});
    worker.RunTurn();
  }

  /// How often the owner has been asked for a backend since.
  std::size_t Requests() {
    std::vector<SessionEvent> events(256);
    events.resize(crew.events.Take(events));
    std::size_t count = 0;
    for (const SessionEvent& event : events) count += event.kind == Kind::kNeedBackend ? 1 : 0;
    return count;
  }

  Crew crew;
  Worker& worker;
  SocketAddress address;
};

/// A queue that is full: the kernel answers no further SYN.
struct Silent {
  Silent() {
    for (int index = 0; index < 4; ++index) {
      waiting.push_back(std::move(sys::OpenSocket(AF_INET).fd));
      sys::Connect(waiting.back().get(), listener.address);
    }
  }
  Listener listener = ListenTcp(0);
  std::vector<UniqueFd> waiting;
};

TEST("pick: what failed at the addresses before says nothing of a backend that has moved") {
  const SocketAddress one = *SocketAddress::FromIp("192.0.2.1", 80);
  const SocketAddress other = *SocketAddress::FromIp("192.0.2.1", 81);
  BackendTable table(1);
  BackendRow& row = table.Row(0);
  table.SetAddresses(0, {one, other}, AddressOrder::kAsGiven);
  table.Publish();
  const std::uint64_t before = table.published()->generation();
  row.NoteFailed(before);
  CHECK(row.IsTriedLast());
  // In another order it is where it was.
  table.SetAddresses(0, {other, one}, AddressOrder::kInTurn);
  table.Publish();
  CHECK(row.IsTriedLast());
  table.SetAddresses(0, {other}, AddressOrder::kAsGiven);
  table.Publish();
  CHECK(!row.IsTriedLast());
  row.NoteFailed(before);
  CHECK(!row.IsTriedLast());
  row.NoteFailed(table.published()->generation());
  CHECK(row.IsTriedLast());
}

TEST("pick: a session that was on its way when a backend moved does not have it tried last") {
  const Silent silent;
  const Listener up = ListenTcp();
  Picking picking({silent.listener.address}, 100);
  const UniqueFd client = ConnectTo(picking.address);
  BackendRow& row = picking.crew.table.Row(0);
  while (row.in_use() == 0) picking.worker.RunTurn();
  picking.crew.table.SetAddresses(0, {up.address}, AddressOrder::kAsGiven);
  picking.crew.Publish();
  while (picking.Requests() == 0) picking.worker.RunTurn();
  CHECK_EQUAL(picking.crew.counters->Backend(0, 0).failed.value(), 1U);
  CHECK(!row.IsTriedLast());
}

TEST("pick: who finds out whether a backend answers again is one that sets out for it") {
  std::uint64_t now_us = 1'000'000'000;
  const HookScope hooks({.now_us = [&] { return now_us; }});
  const std::vector<Listener> backends = [] {
    std::vector<Listener> listeners;
    listeners.push_back(ListenTcp());
    listeners.push_back(ListenTcp());
    return listeners;
  }();
  Picking picking({backends[0].address, backends[1].address});
  BackendRow& row = picking.crew.table.Row(0);
  row.Limit(1);
  CHECK(picking.crew.table.Enter(0) == BackendRow::Entry::kCounted);
  row.NoteFailed(picking.crew.table.published()->generation());
  now_us += BackendRow::kMomentMs * 1000;
  const UniqueFd first = ConnectTo(picking.address);
  while (!ClientWaits(backends[1], 0)) picking.worker.RunTurn();
  const UniqueFd served = Accept(backends[1]);
  // It is full, which that one found out, and nothing else.
  CHECK(!row.IsTriedLast());
  picking.crew.table.Leave(0);
  std::vector<UniqueFd> clients;
  for (int index = 0; index < 2; ++index) {
    clients.push_back(ConnectTo(picking.address));
    while (row.in_use() + picking.crew.table.Row(1).in_use() < 2U + static_cast<unsigned>(index)) {
      picking.worker.RunTurn();
    }
  }
  CHECK_EQUAL(row.in_use(), 1U);
}

TEST("pick: looks at many backends that are full are part of what a turn may cost") {
  constexpr std::size_t kBackends = 10'000;
  constexpr std::size_t kClients = 40;
  Picking picking(std::vector(kBackends, ListenTcp().address));
  for (std::size_t row = 0; row < kBackends; ++row) {
    picking.crew.table.Row(static_cast<std::uint16_t>(row)).Limit(1);
    static_cast<void>(picking.crew.table.Enter(static_cast<std::uint16_t>(row)));
  }
  std::vector<UniqueFd> clients;
  while (clients.size() < kClients) clients.push_back(ConnectTo(picking.address));
  for (std::size_t asked = 0; asked < kClients;) {
    picking.worker.RunTurn();
    const std::size_t requests = picking.Requests();
    // Each has looked at all of them, which takes 0.2 ms: of a turn's events some two or three.
    CHECK(requests <= 4);
    asked += requests;
  }
}

}  // namespace
}  // namespace spliceway::testing
