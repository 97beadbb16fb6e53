// Draining: no new clients, and word when the last session is gone.

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "engine_harness.h"
#include "meter.h"
#include "plans.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

TEST("drain: with no session it is over at once, with and without listeners") {
  for (const std::size_t listeners : {0U, 1U, 5U}) {
    EngineHarness engine({.threads = 3, .listeners = 5, .backends = 1});
    for (std::uint16_t row = 0; row < listeners; ++row) engine.Listen({}, row);
    engine->Drain();
    engine.WaitFor(Kind::kDrained, 1);
    CHECK_EQUAL(engine.FreeSlots(), engine->max_sessions());
    engine.TakeEvents();
    CHECK_EQUAL(engine.events.size(), 1U);
  }
}

TEST("drain: new clients are refused, live ones finish, and it is over once, after the last") {
  for (const bool observed : {false, true}) {
    const Listener backend = ListenTcp();
    EngineHarness engine(3);
    engine->Attend(observed ? Attention::kReport : Attention::kNone);
    engine->SetBackend(0, {backend.address});
    engine->SetPool(0, InTurn({0}));
    const SocketAddress address = engine.Listen();
    std::vector<UniqueFd> clients;
    std::vector<UniqueFd> served;
    for (int index = 0; index < 9; ++index) {
      clients.push_back(ConnectTo(address));
      served.push_back(AwaitClient(backend));
    }
    engine->Drain();
    AwaitThat([&] { return !ConnectTo(address).valid(); }, "a refusal");
    for (std::size_t index = 0; index < clients.size(); ++index) {
      engine.TakeEvents();
      CHECK_EQUAL(engine.Count(Kind::kDrained), 0U);
      WriteSome(clients[index].get(), "still here");
      CHECK_EQUAL(Await(served[index], 10), "still here");
      shutdown(clients[index].get(), SHUT_WR);
      CHECK_EQUAL(AwaitEnd(served[index]), 0);
      served[index].Reset();
      CHECK_EQUAL(AwaitEnd(clients[index]), 0);
    }
    engine.WaitFor(Kind::kDrained, 1);
    CHECK_EQUAL(engine.Count(Kind::kClosed), observed ? clients.size() : 0);
    CHECK(engine.events.back().kind == Kind::kDrained);
    CHECK_EQUAL(engine.FreeSlots(), engine->max_sessions());
    engine.TakeEvents();
    CHECK_EQUAL(engine.Count(Kind::kDrained), 1U);
  }
}

TEST("drain: sessions that end while it begins do not let it be forgotten, nor told twice") {
  for (int round = 0; round < 100; ++round) {
    const Listener backend = ListenTcp();
    EngineHarness engine(2);
    const SocketAddress address = engine.ListenFor(backend);
    std::vector<UniqueFd> clients;
    std::vector<UniqueFd> served;
    for (int index = 0; index < 2; ++index) {
      clients.push_back(ConnectTo(address));
      served.push_back(AwaitClient(backend));
    }
    clients.clear();
    served.clear();
    engine->Drain();
    engine.WaitFor(Kind::kDrained, 1);
    engine.Stop();
    CHECK_EQUAL(engine.Count(Kind::kDrained), 1U);
  }
}

TEST("drain: clients who wait in the very turn in which the listener closes are served") {
  // The loop is held up in the doorbell of another session's end, so that it next finds both at
  // once: the order to close the listener, and after it clients who wait there.
  std::binary_semaphore held{0};
  std::binary_semaphore go{0};
  std::atomic<bool> hold{false};
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  engine.on_ring = [&] {
    if (!hold.exchange(false)) return;
    held.release();
    go.acquire();
  };
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  UniqueFd client = ConnectTo(address);
  UniqueFd served = AwaitClient(backend);
  engine.WaitFor(Kind::kOpened, 1);
  // The turn that opened the session is over when bytes have gone through.
  WriteSome(client.get(), "x");
  CHECK_EQUAL(Await(served, 1), "x");
  hold = true;
  client.Reset();
  served.Reset();
  held.acquire();
  const std::uint64_t before = CallsSoFar()[Call::kWrite];
  // Draining waits for the loop.
  std::thread drain([&] { engine->Drain(); });
  AwaitThat([&] { return CallsSoFar()[Call::kWrite] > before; }, "the order");
  std::vector<UniqueFd> late;
  for (int index = 0; index < 50; ++index) late.push_back(ConnectTo(address));
  go.release();
  drain.join();
  CHECK(!ConnectTo(address).valid());
  // They are sessions as all others, which draining waits for.
  for (const UniqueFd& one : late) {
    const UniqueFd late_served = AwaitClient(backend);
    if (!late_served.valid()) return;
    WriteSome(late_served.get(), "welcome");
    shutdown(late_served.get(), SHUT_WR);
    CHECK_EQUAL(Await(one, 7), "welcome");
    CHECK_EQUAL(engine.Count(Kind::kDrained), 0U);
    shutdown(one.get(), SHUT_WR);
    CHECK_EQUAL(AwaitEnd(late_served), 0);
  }
  engine.WaitFor(Kind::kDrained, 1);
  CHECK_EQUAL(engine.Count(Kind::kClosed), late.size() + 1);
}

TEST("drain: a paused listener closes too, and the clients who wait there are let go") {
  const DescriptorLimitScope few(100);
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  const SocketAddress address = engine.ListenFor(backend);
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> served;
  for (std::size_t index = 0; index < engine->max_sessions(); ++index) {
    clients.push_back(ConnectTo(address));
    served.push_back(AwaitClient(backend));
  }
  const UniqueFd late = ConnectTo(address);
  engine.WaitFor(Kind::kPaused, 1);
  engine->Drain();
  CHECK(AwaitEnd(late) <= 0);
  clients.clear();
  served.clear();
  engine.WaitFor(Kind::kDrained, 1);
}

TEST("drain: a loop that is told twice in one turn to close its listeners counts each once") {
  Crew crew(16, 1, 2, std::make_shared<Counters>(1, 2, 1, 16), PipeLimits::ForThisMachine(1), 1,
            [] {});
  Worker& worker = AddWorker(crew);
  const auto listen = [&](std::uint16_t row) { ListenOn(crew, ListenTcp().fd, {}, row); };
  listen(0);
  worker.Post(CloseListenersCommand{});
  listen(1);
  worker.Post(CloseListenersCommand{});
  worker.RunTurn();
  CHECK_EQUAL(crew.open_listeners.load(), 0U);
}

}  // namespace
}  // namespace spliceway::testing
