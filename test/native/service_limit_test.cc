// What a listener of the configuration may have, over all of its addresses.

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plans.h"
#include "sys/sys.h"
#include "turns.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// Ends a client's session at once.
void Leave(UniqueFd& client) {
  sys::SetResetOnClose(client.get());
  client.Reset();
}

/// Loops whose listeners have a limit.
struct Limited : Turns {
  explicit Limited(std::size_t loops) : Turns(loops) {
    crew.attention.store(Attention::kNone);
    SetBackend(0, {backend.address});
    SetPool(0, InTurn({0}));
  }

  ListenerOptions Options(std::uint32_t most, std::uint32_t service = 1) {
    ListenerOptions options{.pool = 0};
    crew.LimitService(options, {.number = service, .most = most});
    return options;
  }
  /// Publishes another limit.
  void Limit(std::uint16_t listener, std::uint32_t most) {
    const ListenerOptions options = Options(most);
    if (options.service != nullptr) row = options.service;
    crew.table.SetListener(listener, options);
    crew.Publish();
  }
  void RunAll(int rounds = 1) {
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t loop = 0; loop < crew.workers.size(); ++loop) Run(loop);
    }
  }
  [[nodiscard]] std::size_t AllAlive() const {
    std::size_t count = 0;
    for (std::size_t loop = 0; loop < crew.workers.size(); ++loop) count += alive(loop);
    return count;
  }
  /// How often the owner is told, since it was asked last, of this listener.
  std::size_t CountOf(Kind kind, std::int32_t listener) {
    const std::vector<SessionEvent> told = Told();
    return static_cast<std::size_t>(
        std::count_if(told.begin(), told.end(), [&](const SessionEvent& event) {
          return event.kind == kind && event.listener == listener && event.reason == 1;
        }));
  }

  Listener backend = ListenTcp();
  std::shared_ptr<ServiceRow> row;
};

TEST("service limit: one count for all its addresses; who is too many waits, and others come in") {
  Limited loops(1);
  const SocketAddress first = loops.Listen(0, loops.Options(2));
  const SocketAddress second = loops.Listen(1, loops.Options(2));
  const SocketAddress other = loops.Listen(2, loops.Options(0, 2));
  std::vector<UniqueFd> clients;
  for (const SocketAddress& address : {first, second, second, other, other, other}) {
    clients.push_back(ConnectTo(address));
  }
  loops.RunAll(8);
  CHECK_EQUAL(loops.AllAlive(), 5U);
  CHECK_EQUAL(loops.CountOf(Kind::kPaused, 1), 1U);
  Leave(clients[0]);
  loops.RunAll(8);
  CHECK_EQUAL(loops.AllAlive(), 5U);
  Leave(clients[1]);
  loops.RunAll(8);
  CHECK_EQUAL(loops.AllAlive(), 4U);
  std::size_t resumed = 0;
  for (const SessionEvent& event : loops.Told()) resumed += event.kind == Kind::kResumed ? 1 : 0;
  CHECK_EQUAL(resumed, 1U);
}

TEST("service limit: a higher one, or none, lets in at once who waits; a lower one ends nobody") {
  Limited loops(2);
  const SocketAddress address = loops.Listen(0, loops.Options(1));
  std::vector<UniqueFd> clients;
  for (int client = 0; client < 4; ++client) clients.push_back(ConnectTo(address));
  loops.RunAll(8);
  CHECK_EQUAL(loops.AllAlive(), 1U);
  loops.Limit(0, 2);
  loops.RunAll(4);
  CHECK_EQUAL(loops.AllAlive(), 2U);
  loops.Limit(0, 0);
  loops.RunAll(4);
  CHECK_EQUAL(loops.AllAlive(), 4U);
  loops.Limit(0, 1);
  loops.RunAll(4);
  CHECK_EQUAL(loops.AllAlive(), 4U);
}

TEST("service limit: those count that are there when it begins, on whatever loop, and no longer") {
  for (const std::size_t count : {1U, 3U}) {
    Limited loops(count);
    const SocketAddress address = loops.Listen(0, loops.Options(0));
    std::vector<UniqueFd> clients;
    for (int client = 0; client < 6; ++client) clients.push_back(ConnectTo(address));
    loops.RunAll(8);
    CHECK_EQUAL(loops.AllAlive(), 6U);
    loops.Limit(0, 10);
    CHECK_EQUAL(loops.row->sessions.in_use(), 0U);
    loops.RunAll(2);
    CHECK_EQUAL(loops.row->sessions.in_use(), 6U);
    Leave(clients.back());
    clients.pop_back();
    loops.RunAll(2);
    CHECK_EQUAL(loops.row->sessions.in_use(), 5U);
    // None of them knows of one that is taken away before it was told of it.
    loops.Limit(0, 0);
    loops.RunAll(2);
    CHECK_EQUAL(loops.row->sessions.in_use(), 0U);
    for (UniqueFd& client : clients) Leave(client);
    loops.RunAll(4);
    CHECK_EQUAL(loops.AllAlive(), 0U);
    CHECK_EQUAL(loops.row->sessions.in_use(), 0U);
  }
}

TEST("service limit: a client on its way to a loop that goes by other tables counts once") {
  for (const bool has_limit : {false, true}) {
    Limited loops(2);
    const SocketAddress address = loops.Listen(0, loops.Options(has_limit ? 10 : 0));
    if (has_limit) loops.Limit(0, 10);
    loops.RunAll(2);
    // The first loop sends every other client to the second, which is not told of it yet.
    std::vector<UniqueFd> clients;
    for (int client = 0; client < 6; ++client) clients.push_back(ConnectTo(address));
    for (int turn = 0; turn < 8; ++turn) loops.Run(0);
    CHECK(loops.alive(1) > 0);
    loops.Limit(0, has_limit ? 0 : 10);
    loops.Run(0);
    loops.RunAll(4);
    CHECK_EQUAL(loops.AllAlive(), 6U);
    CHECK_EQUAL(loops.row->sessions.in_use(), has_limit ? 0U : 6U);
    for (UniqueFd& client : clients) Leave(client);
    loops.RunAll(4);
    CHECK_EQUAL(loops.AllAlive(), 0U);
    CHECK_EQUAL(loops.row->sessions.in_use(), 0U);
  }
}

TEST("service limit: a place is given back for whom there is no slot, no backend, or too many") {
  Limited loops(1);
  loops.crew.table.RemovePool(0);
  ListenerOptions options = loops.Options(4);
  options.service_clients = {.remote = 2, .loopback = 2};
  loops.row = options.service;
  const SocketAddress address = loops.Listen(0, options);
  std::vector<UniqueFd> clients;
  for (int client = 0; client < 3; ++client) clients.push_back(ConnectTo(address));
  loops.RunAll(8);
  CHECK_EQUAL(loops.AllAlive(), 2U);
  CHECK_EQUAL(loops.row->sessions.in_use(), 2U);
  CHECK_EQUAL(loops.CountOf(Kind::kRefused, 0), 1U);
  for (UniqueFd& client : clients) Leave(client);
  loops.RunAll(4);
  CHECK_EQUAL(loops.row->sessions.in_use(), 0U);
  int error = 0;
  while (loops.crew.TakeSlot(error)) continue;
  const UniqueFd late = ConnectTo(address);
  loops.RunAll(4);
  CHECK_EQUAL(loops.row->sessions.in_use(), 0U);
}

TEST("service limit: the rows of services last as long as tables name them") {
  ServiceRows rows;
  std::shared_ptr<ServiceRow> row = rows.Of(7);
  CHECK(rows.Of(7) == row);
  CHECK(rows.Of(8) != row);
  CHECK(rows.Find(7) == row);
  row.reset();
  CHECK(rows.Find(7) == nullptr);
}

}  // namespace
}  // namespace spliceway::testing
