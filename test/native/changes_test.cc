// What changes while sessions live: listeners that close and pause, backends that go, and rows that
// get another owner.

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "plans.h"
#include "sockets.h"
#include "sys/sys.h"
#include "turns.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

bool IsServed(const UniqueFd& client, const UniqueFd& backend) {
  WriteSome(client.get(), "a question");
  return Await(backend, 10) == "a question";
}

// ── Listeners ──

TEST("changes: a listener closes beside another one, and its row is vacant with its last client") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 2, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress closes = engine.Listen({}, 0);
  const SocketAddress stays = engine.Listen({}, 1);
  const UniqueFd client = ConnectTo(closes);
  const UniqueFd served = AwaitClient(backend);
  CHECK(!engine->IsListenerVacant(0));
  engine->CloseListener(0);
  // Those who come before it has closed are its last clients.
  AwaitThat([&] { return !ConnectTo(closes).valid(); }, "the listener to close");
  CHECK(!engine->IsListenerVacant(0));
  CHECK(IsServed(client, served));
  {
    const UniqueFd other = ConnectTo(stays);
    CHECK(AwaitClient(backend).valid());
  }
  engine->EndSessions({.listener = 0});
  AwaitThat([&] { return engine->IsListenerVacant(0); }, "its last client");
  CHECK_EQUAL(AwaitEnd(client), -ECONNRESET);
  CHECK(engine->IsListenerVacant(0));
  CHECK(!engine->IsListenerVacant(1));

  // The next one in the row. Clients who were its last may wait for an answer yet.
  while (ClientWaits(backend, 0)) Accept(backend);
  engine.TakeEvents();
  engine->ResetListener(0);
  const UniqueFd next = ConnectTo(engine.Listen({}, 0));
  CHECK(AwaitClient(backend).valid());
  CHECK(!engine->IsListenerVacant(0));
  std::uint64_t opened = 0;
  for (std::size_t loop = 0; loop < 2; ++loop) {
    opened += engine->counters()->Listener(loop, 0).opened.value();
  }
  CHECK_EQUAL(opened, 1U);
}

TEST("changes: a listener's row is not vacant while a client of it is under way between loops") {
  const Listener backend = ListenTcp();
  Turns turns(2);
  turns.SetBackend(0, {backend.address});
  turns.SetPool(0, InTurn({0}));
  const SocketAddress address = turns.Listen(0);
  turns.Run(0);
  const UniqueFd first = ConnectTo(address);
  turns.RunUntil([&] { return turns.alive(0) == 1; });
  turns.Run(1);
  turns.crew.CloseListener(0);
  turns.Run(1);
  // Of the loop that has closed it already.
  UniqueFd second = ConnectTo(address);
  turns.Run(0);
  CHECK_EQUAL(turns.alive(1), 1U);
  CHECK_EQUAL(turns.crew.counters->Listener(1, 0).open.value(), 0U);
  CHECK(!turns.crew.IsListenerVacant(0));
  turns.Run(0);
  CHECK(!turns.crew.IsListenerVacant(0));
  turns.crew.EndSessions({.listener = 0});
  turns.RunUntil([&] { return turns.alive(0) == 0; });
  CHECK(!turns.crew.IsListenerVacant(0));
  turns.RunUntil([&] { return turns.alive(1) == 0; }, 1);
  CHECK(turns.crew.IsListenerVacant(0));
  CHECK_EQUAL(AwaitEnd(second), -ECONNRESET);
}

TEST("changes: a listener that pauses takes nobody, beside another one, until it resumes") {
  Turns turns(1);
  const SocketAddress pauses = turns.Listen(0);
  const SocketAddress goes_on = turns.Listen(1);
  turns.crew.PauseListener(0, true);  // Before the loop has heard of it.
  turns.Run();
  const UniqueFd waiting = ConnectTo(pauses);
  const UniqueFd other = ConnectTo(goes_on);
  turns.RunUntil([&] { return turns.alive() == 1; });
  for (int turn = 0; turn < 5; ++turn) turns.Run();
  CHECK_EQUAL(turns.alive(), 1U);
  CHECK_EQUAL(turns.crew.counters->Listener(0, 0).opened.value(), 0U);
  turns.crew.PauseListener(0, false);
  turns.crew.PauseListener(0, false);
  turns.RunUntil([&] { return turns.alive() == 2; });
  for (const SessionEvent& event : turns.Told()) {
    CHECK(event.kind != Kind::kPaused && event.kind != Kind::kResumed);
  }
}

TEST("changes: a listener that pauses closes, when it has taken who waits") {
  Turns turns(1);
  const SocketAddress address = turns.Listen(0);
  turns.crew.PauseListener(0, true);
  turns.Run();
  const UniqueFd waiting = ConnectTo(address);
  turns.crew.CloseListener(0);
  turns.Run();
  CHECK_EQUAL(turns.alive(), 1U);
  CHECK_EQUAL(turns.crew.open_listeners.load(), 0U);
  CHECK(!ConnectTo(address).valid());
}

/// A listener that has paused, since there is no slot for the client who waits.
struct Short {
  Short() : turns(1, 1) {
    const SocketAddress address = turns.Listen(0);
    int error = 0;
    slot = *turns.crew.TakeSlot(error);
    waiting = ConnectTo(address);
    while (turns.Count(Kind::kPaused) == 0) turns.Run();
  }

  Turns turns;
  std::uint32_t slot = 0;
  UniqueFd waiting;
};

TEST("changes: a pause does not end with a shortage, which is over when it ends") {
  Short is_short;
  Turns& turns = is_short.turns;
  turns.crew.PauseListener(0, true);
  turns.Run();
  turns.crew.GiveSlot(is_short.slot);
  for (int turn = 0; turn < 5; ++turn) turns.Run();
  CHECK_EQUAL(turns.alive(), 0U);
  CHECK_EQUAL(turns.Count(Kind::kResumed), 0U);
  turns.crew.PauseListener(0, false);
  turns.Run();
  CHECK_EQUAL(turns.alive(), 1U);
  CHECK_EQUAL(turns.Count(Kind::kResumed), 0U);  // Its one slot is taken again.
}

TEST("changes: a shortage does not end with a pause") {
  Short is_short;
  Turns& turns = is_short.turns;
  turns.crew.PauseListener(0, true);
  turns.crew.PauseListener(0, false);
  turns.Run();
  CHECK_EQUAL(turns.alive(), 0U);
  CHECK_EQUAL(turns.Count(Kind::kResumed), 0U);
  turns.crew.GiveSlot(is_short.slot);
  turns.RunUntil([&] { return turns.alive() == 1; });
}

TEST("changes: the next listener in the row of one that closed while it was short is not paused") {
  Short is_short;
  Turns& turns = is_short.turns;
  turns.crew.CloseListener(0);
  turns.Run();
  turns.crew.events.ForgetListener(0);
  const UniqueFd next = ConnectTo(turns.Listen(0));
  while (turns.Count(Kind::kPaused) == 0) turns.Run();
}

TEST("changes: time-outs of a listener that change hold for those who come afterwards") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  const UniqueFd before = ConnectTo(address);
  const UniqueFd before_backend = AwaitClient(backend);
  engine->SetListener(0, {.pool = 0, .timeouts = {.idle_ms = 50}});
  AwaitThat([&] { return engine->taken_generation() == engine->generation(); }, "the loop");
  const UniqueFd after = ConnectTo(address);
  const UniqueFd after_backend = AwaitClient(backend);
  engine.WaitFor(Kind::kClosed, 1);
  CHECK_EQUAL(engine.First(Kind::kClosed).reason,
              static_cast<std::int32_t>(CloseReason::kIdleTimeout));
  CHECK_EQUAL(AwaitEnd(after), 0);
  CHECK(IsServed(before, before_backend));
}

// ── Backends ──

TEST("changes: a backend's row is as new for its next owner") {
  const Listener first = ListenTcp();
  const Listener second = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1});
  engine->SetBackend(0, {first.address});
  engine->LimitBackend(0, 1);
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  UniqueFd client = ConnectTo(address);
  UniqueFd served = AwaitClient(first);
  const UniqueFd too_many = ConnectTo(address);
  engine.WaitFor(Kind::kNeedBackend, 1);
  engine->SetBackendState(0, BackendState::kDown);
  engine->Hold();
  engine->RemovePool(0);
  const std::uint64_t removed = engine->RemoveBackend(0);
  engine->Publish();
  CHECK(IsServed(client, served));
  CHECK(!engine->IsVacant(0, removed));
  client.Reset();
  served.Reset();
  AwaitThat([&] { return engine->IsVacant(0, removed); }, "its last session");

  engine.TakeEvents();
  engine->ResetBackend(0);
  engine->SetBackend(0, {second.address});
  engine->SetPool(0, InTurn({0}));
  for (std::size_t writer = 0; writer < 3; ++writer) {
    const CounterRow& row = engine->counters()->Backend(writer, 0);
    CHECK_EQUAL(row.opened.value() + row.rejected.value() + row.bytes_upstream.value(), 0U);
  }
  AwaitThat([&] { return engine->taken_generation() == engine->generation(); }, "the loops");
  const UniqueFd one = ConnectTo(address);
  const UniqueFd one_served = AwaitClient(second);
  const UniqueFd other = ConnectTo(address);
  CHECK(AwaitClient(second).valid());
}

TEST("changes: a row is not vacant while a loop may look for sessions to end there") {
  const Listener backend = ListenTcp();
  Turns turns(2);
  turns.SetBackend(0, {backend.address});
  turns.SetPool(0, InTurn({0}));
  const UniqueFd client = ConnectTo(turns.Listen(0));
  turns.RunUntil([&] { return turns.crew.table.Row(0).in_use() == 1; });
  turns.Run(1);
  turns.SetPool(0, InTurn({1}));
  turns.SetBackend(0, {});
  const std::uint64_t removed = turns.crew.table.generation();
  for (const std::size_t loop : {0U, 1U}) turns.Run(loop);
  CHECK_EQUAL(turns.crew.TakenGeneration(), removed);
  turns.crew.EndSessions({.backend = 0});
  turns.RunUntil([&] { return turns.alive() == 0; });
  CHECK_EQUAL(turns.crew.table.Row(0).in_use(), 0U);
  CHECK(!turns.crew.IsVacant(0, removed));
  turns.RunUntil([&] { return turns.crew.workers[1]->sweeps_over() == 1; }, 1);
  CHECK(turns.crew.IsVacant(0, removed));
  // Of another row they may look for as long as they like.
  turns.crew.EndSessions({.backend = 1});
  CHECK(turns.crew.IsVacant(0, removed));
}

TEST("changes: a limit that falls below what a backend has lets nobody in before it has fewer") {
  BackendRow row;
  PoolRow pool;
  for (int session = 0; session < 3; ++session) {
    CHECK(row.Enter(pool) == BackendRow::Entry::kCounted);
  }
  row.Limit(2);
  CHECK(row.Enter(pool) == BackendRow::Entry::kFull);
  row.Leave(pool);
  CHECK(row.Enter(pool) == BackendRow::Entry::kFull);
  row.Leave(pool);
  CHECK(row.Enter(pool) == BackendRow::Entry::kCounted);
  CHECK(row.Enter(pool) == BackendRow::Entry::kFull);
  row.Limit(0);
  CHECK(row.Enter(pool) == BackendRow::Entry::kCounted);
}

/// A client who waits for room at a Unix backend, beside another backend.
struct WaitingForRoom {
  WaitingForRoom() : turns(1) {
    const auto* at = reinterpret_cast<const sockaddr*>(&full_address.storage);
    CHECK_EQUAL(bind(full.get(), at, full_address.length), 0);
    CHECK_EQUAL(listen(full.get(), 0), 0);
    queue = std::move(sys::OpenSocket(AF_UNIX).fd);
    sys::Connect(queue.get(), full_address);
    turns.SetBackend(0, {full_address});
    turns.SetBackend(1, {other.address});
    turns.SetPool(0, InTurn({0, 1}));
    client = ConnectTo(turns.Listen(0));
    turns.RunUntil([&] { return turns.crew.table.Row(0).in_use() == 1; });
  }
  void CheckThatItGoesElsewhere() {
    turns.RunUntil([&] { return ClientWaits(other, 0); });
    CHECK_EQUAL(turns.crew.table.Row(0).in_use(), 0U);
    CHECK(!turns.crew.table.Row(0).IsTriedLast());
    CHECK_EQUAL(turns.crew.counters->Backend(0, 0).failed.value(), 0U);
  }

  const TempSocket path;
  const SocketAddress full_address = *SocketAddress::FromPath(path.path());
  const UniqueFd full{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const Listener other = ListenTcp();
  UniqueFd queue;
  Turns turns;
  UniqueFd client;
};

TEST("changes: who waits for room at a backend goes elsewhere when it drains") {
  WaitingForRoom waiting;
  waiting.turns.crew.table.Row(0).SetState(BackendState::kDrain);
  waiting.CheckThatItGoesElsewhere();
}

TEST("changes: who waits for room at a backend goes elsewhere when it is removed") {
  WaitingForRoom waiting;
  waiting.turns.SetPool(0, InTurn({1}));
  waiting.turns.SetBackend(0, {});
  waiting.CheckThatItGoesElsewhere();
  CHECK(waiting.turns.crew.IsVacant(0, waiting.turns.crew.table.generation()));
}

}  // namespace
}  // namespace spliceway::testing
