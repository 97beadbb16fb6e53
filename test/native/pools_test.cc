// Several listeners and pools on one set of loops: who goes where, and what becomes of those who
// are looked for while it changes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "plans.h"
#include "select/backend_table.h"
#include "sockets.h"
#include "sys/sys.h"
#include "turns.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

std::uint16_t Pick(const BackendTable& table, std::size_t listener) {
  const Cycle& cycle = (*table.published()->PoolOf(listener).tiers)[0];
  return cycle.RowAt(cycle.Next());
}

/// Takes each SYN, and answers none more: its queue is full.
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

TEST("pools: a pool that changes leaves the order of another one alone") {
  BackendTable table(5);
  table.SetListener(0, {.pool = 7});
  table.SetListener(1, {.pool = 300});
  table.SetPool(7, InTurn({0, 1}));
  table.SetPool(300, InTurn({2, 3, 4}));
  table.Publish();
  for (std::uint16_t turn = 0; turn < 30; ++turn) {
    CHECK_EQUAL(Pick(table, 1), 2 + turn % 3);
    CHECK(Pick(table, 0) < 2);
    table.SetPool(7, turn % 2 == 0 ? InTurn({1, 0, 1}) : InTurn({0, 1}));
    table.Publish();
  }
}

TEST("pools: a change of one among 1,000, or of a listener, copies few of the others") {
  constexpr std::uint16_t kPools = 1000;
  constexpr std::size_t kMostCopied = 32;
  BackendTable table(kPools);
  for (std::uint16_t number = 0; number < kPools; ++number) {
    table.SetPool(number, InTurn({number}));
    table.SetListener(number, {.pool = number});
  }
  table.Publish();
  const std::shared_ptr<const Tables> before = table.published();
  table.SetPool(500, InTurn({1, 2}));
  table.SetListener(800, {.pool = 1});
  table.Publish();
  const Tables& after = *table.published();
  std::size_t copied = 0;
  for (std::size_t listener = 0; listener < kPools; ++listener) {
    if (&before->PoolOf(listener) != &after.PoolOf(listener)) ++copied;
    if (&before->OptionsOf(listener) != &after.OptionsOf(listener)) ++copied;
  }
  CHECK(copied > 1 && copied <= 2 * kMostCopied);
  CHECK_EQUAL((*after.PoolOf(500).tiers)[0].size(), 2U);
  CHECK_EQUAL((*before->PoolOf(500).tiers)[0].size(), 1U);
  CHECK(&after.PoolOf(800) == &after.PoolOf(1));
}

TEST("pools: a listener, or a pool, that nobody has set has no backend") {
  BackendTable table(1);
  table.SetPool(0, InTurn({0}));
  table.SetListener(1, {.pool = 40'000});
  table.SetListener(2, {});
  table.Publish();
  for (const std::size_t listener : {0U, 1U, 2U, 3U, 1000U, unsigned{kNoRow}}) {
    CHECK(table.published()->PoolOf(listener).tiers == nullptr);
  }
}

TEST("pools: the clients of each listener go to its own pool") {
  constexpr int kClients = 10;
  const Listener first = ListenTcp();
  const Listener second = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 2, .backends = 2});
  engine->SetBackend(0, {first.address});
  engine->SetBackend(1, {second.address});
  engine->SetPool(0, InTurn({0}));
  engine->SetPool(1, InTurn({1}));
  const SocketAddress to_first = engine.Listen({.pool = 0}, 0);
  const SocketAddress to_second = engine.Listen({.pool = 1}, 1);
  for (int client = 0; client < kClients; ++client) {
    const UniqueFd one = ConnectTo(to_first);
    const UniqueFd other = ConnectTo(to_second);
    CHECK(AwaitClient(first).valid());
    CHECK(AwaitClient(second).valid());
  }
  engine.WaitFor(Kind::kClosed, std::size_t{2} * kClients);
  CHECK(!ClientWaits(first, 0));
  CHECK(!ClientWaits(second, 0));
}

TEST("pools: a change that is held is not seen before it is published, and then whole") {
  const Listener first = ListenTcp();
  const Listener second = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 2});
  engine->SetBackend(0, {first.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  const std::uint64_t before = engine->generation();

  engine->Hold();
  engine->SetPool(0, InTurn({1}));
  const std::uint64_t removed = engine->RemoveBackend(0);
  engine->SetBackend(1, {second.address});
  CHECK_EQUAL(engine->generation(), before);
  CHECK_EQUAL(removed, before + 1);
  CHECK(!engine->IsVacant(0, removed));
  {
    const UniqueFd early = ConnectTo(address);
    CHECK(AwaitClient(first).valid());
  }
  engine->Publish();
  CHECK_EQUAL(engine->generation(), removed);
  AwaitThat([&] { return engine->taken_generation() == removed; }, "the loop");
  const UniqueFd late = ConnectTo(address);
  CHECK(AwaitClient(second).valid());
  AwaitThat([&] { return engine->IsVacant(0, removed); }, "the row to be vacant");
  CHECK_EQUAL(engine->counters()->Backend(0, 0).failed.value(), 0U);
  // Nothing is held any more, and what has not changed is not published.
  engine->Publish();
  CHECK_EQUAL(engine->generation(), removed);
  engine->SetPool(0, InTurn({0, 1}));
  CHECK_EQUAL(engine->generation(), removed + 1);
}

/// A client who is on its way to the first of two backends of pool 0, which does not answer it.
struct Searching {
  Searching() : turns(1), address(turns.Listen(0, {.timeouts = {.connect_ms = 50}})) {
    turns.SetBackend(0, {silent.listener.address});
    turns.SetBackend(1, {not_any_more.address});
    turns.SetBackend(2, {other.address});
    turns.SetPool(0, InTurn({0, 1}));
    turns.SetPool(1, InTurn({2}));
    turns.Run();
    client = ConnectTo(address);
    turns.RunUntil([&] { return turns.crew.table.Row(0).in_use() == 1; });
  }

  const Silent silent;
  const Listener not_any_more = ListenTcp();
  const Listener other = ListenTcp();
  Turns turns;
  SocketAddress address;
  UniqueFd client;
};

TEST("pools: who is looked for when its listener gets another pool goes on in that one") {
  Searching searching;
  Turns& turns = searching.turns;
  turns.crew.table.SetListener(0, {.pool = 1});
  turns.crew.Publish();
  turns.RunUntil([&] { return turns.crew.table.Row(0).in_use() == 0; });
  turns.RunUntil([&] { return ClientWaits(searching.other, 0); });
  CHECK(!ClientWaits(searching.not_any_more, 0));
  CHECK_EQUAL(turns.crew.counters->Backend(0, 0).failed.value(), 1U);
}

TEST("pools: of a pool that is gone the owner is asked, also for who is looked for in it") {
  Searching searching;
  Turns& turns = searching.turns;
  turns.Told();
  turns.crew.table.RemovePool(0);
  turns.crew.Publish();
  std::vector<SessionEvent> told;
  turns.RunUntil([&] { return turns.crew.table.Row(0).in_use() == 0; });
  told = turns.Told();
  CHECK(told.back().kind == Kind::kNeedBackend);
  CHECK_EQUAL(told.back().reason, 2);
  turns.crew.workers[0]->Post(ConnectCommand{.session = NameOf(told.back()), .backend = 2});
  turns.RunUntil([&] { return ClientWaits(searching.other, 0); });

  const UniqueFd late = ConnectTo(searching.address);
  turns.RunUntil([&] { return turns.alive() == 2; });
  told = turns.Told();
  CHECK(told.back().kind == Kind::kNeedBackend);
  CHECK_EQUAL(told.back().reason, 0);
  CHECK_EQUAL(told.back().backend, -1);
  CHECK(!ClientWaits(searching.not_any_more, 0));
}

}  // namespace
}  // namespace spliceway::testing
