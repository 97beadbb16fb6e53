// How an owner ends the sessions of a backend or of a listener: all of them, no other, and a few in
// each turn.

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "check.h"
#include "engine/session_sweep.h"
#include "engine_harness.h"
#include "plans.h"
#include "sockets.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// A client that is served, and who serves it.
struct Served {
  UniqueFd client;
  UniqueFd backend;
};

Served Serve(const SocketAddress& address, const Listener& backend) {
  UniqueFd client = ConnectTo(address);
  return {.client = std::move(client), .backend = AwaitClient(backend)};
}

bool IsServed(const Served& served) {
  WriteSome(served.client.get(), "a question");
  return Await(served.backend, 10) == "a question";
}

TEST("sweep: the sessions of one backend end, and those of others go on") {
  const Listener first = ListenTcp();
  const Listener second = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 2});
  engine->SetBackend(0, {first.address});
  engine->SetBackend(1, {second.address});
  engine->SetPool(0, InTurn({0, 1}));
  const SocketAddress address = engine.Listen();
  std::vector<Served> ending;
  std::vector<Served> others;
  for (int round = 0; round < 8; ++round) {
    ending.push_back(Serve(address, first));
    others.push_back(Serve(address, second));
  }
  engine->SetBackendState(0, BackendState::kDown);
  engine->EndSessions({.backend = 0});
  for (const Served& served : ending) {
    CHECK_EQUAL(AwaitEnd(served.client), -ECONNRESET);
    CHECK_EQUAL(AwaitEnd(served.backend), -ECONNRESET);
  }
  engine.WaitFor(Kind::kClosed, ending.size());
  CHECK_EQUAL(engine.First(Kind::kClosed).reason, static_cast<std::int32_t>(CloseReason::kEnded));
  AwaitThat([&] { return engine->IsVacant(0, 0); }, "the last session");
  for (const Served& served : others) CHECK(IsServed(served));
  CHECK_EQUAL(engine.Count(Kind::kClosed), ending.size());
}

TEST("sweep: the sessions of one listener end, wherever they are, and are counted as asked") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 2, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress goes = engine.Listen({}, 0);
  const Served other = Serve(engine.Listen({}, 1), backend);
  const Served served = Serve(goes, backend);
  engine->Attend(Attention::kHold);
  const UniqueFd held = ConnectTo(goes);
  engine.WaitFor(Kind::kNeedBackend, 1);
  // Of that listener, at whatever backend; and at that backend, of no such listener.
  engine->EndSessions({.listener = 0, .ending = Ending::kDenied});
  engine->EndSessions({.backend = 0, .listener = 2});
  CHECK_EQUAL(AwaitEnd(served.client), -ECONNRESET);
  CHECK_EQUAL(AwaitEnd(held), -ECONNRESET);
  engine.WaitFor(Kind::kClosed, 2);
  Counters& counters = *engine->counters();
  CHECK_EQUAL(counters.Listener(0, 0).rejected.value() + counters.Listener(1, 0).rejected.value(),
              2U);
  CHECK(IsServed(other));
}

/// A loop in this thread, whose clients go to the first of two backends, or to the second.
struct Turns {
  explicit Turns(std::size_t sessions)
      : crew(sessions, 2, 1, std::make_shared<Counters>(1, 1, 2, sessions),
             PipeLimits::ForThisMachine(1), 1, [] {}),
        worker(AddWorker(crew)) {
    crew.attention.store(Attention::kNone);
    Listener listener = ListenTcp(static_cast<int>(sessions));
    address = listener.address;
    ListenOn(crew, std::move(listener.fd), {.timeouts = {}});
  }

  void Publish(const SocketAddress& first, const SocketAddress& second) {
    crew.table.SetAddresses(0, {first}, AddressOrder::kAsGiven);
    crew.table.SetAddresses(1, {second}, AddressOrder::kAsGiven);
    crew.table.SetPool(0, InTurn({0, 1}));
    crew.Publish();
  }

  Crew crew;
  Worker& worker;
  SocketAddress address;
};

TEST("sweep: who is on its way to a backend sets out for another one, and blames nobody") {
  const Listener silent = ListenTcp(0);
  std::vector<UniqueFd> queue;
  for (int index = 0; index < 4; ++index) {
    queue.push_back(std::move(sys::OpenSocket(AF_INET).fd));
    sys::Connect(queue.back().get(), silent.address);
  }
  const Listener other = ListenTcp();
  Turns turns(16);
  turns.Publish(silent.address, other.address);
  BackendRow& row = turns.crew.table.Row(0);
  const UniqueFd client = ConnectTo(turns.address);
  while (row.in_use() == 0) turns.worker.RunTurn();
  turns.worker.Post(EndSessionsCommand{.backend = 0});
  while (!ClientWaits(other, 0)) turns.worker.RunTurn();
  const UniqueFd served = Accept(other);
  CHECK_EQUAL(row.in_use(), 0U);
  CHECK(!row.IsTriedLast());
  CHECK_EQUAL(turns.crew.counters->Backend(0, 0).failed.value(), 0U);
  CHECK_EQUAL(turns.worker.sessions_alive(), 1U);
}

TEST("sweep: a turn ends a few sessions, however many there are") {
  constexpr std::size_t kSessions = 200;
  constexpr std::size_t kMostInATurn = 16;
  const Listener backend = ListenTcp(kSessions);
  Turns turns(kSessions);
  turns.Publish(backend.address, backend.address);
  std::vector<UniqueFd> clients;
  while (clients.size() < kSessions) clients.push_back(ConnectTo(turns.address));
  const CounterRow& row = turns.crew.counters->Backend(0, 0);
  while (row.open.value() + turns.crew.counters->Backend(0, 1).open.value() < kSessions) {
    turns.worker.RunTurn();
  }
  CHECK(!turns.crew.IsSwept(0));
  turns.crew.EndSessions({.backend = 0});
  std::size_t count = 0;
  for (std::size_t left = kSessions; left > kSessions / 2; ++count) {
    turns.worker.RunTurn();
    CHECK(left - turns.worker.sessions_alive() <= kMostInATurn);
    left = turns.worker.sessions_alive();
    CHECK(left <= kSessions / 2 || turns.crew.IsSwept(0));
  }
  CHECK(!turns.crew.IsSwept(1));
  while (turns.crew.IsSwept(0)) turns.worker.RunTurn();
  CHECK(count <= kSessions / 2 / kMostInATurn + 2);
  CHECK_EQUAL(turns.crew.table.Row(0).in_use(), 0U);
}

TEST("sweep: so many of a backend end that rest, in order, and none that waits for an answer") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  std::vector<Served> resting;
  std::vector<Served> waiting;
  for (int round = 0; round < 8; ++round) {
    resting.push_back(Serve(address, backend));
    waiting.push_back(Serve(address, backend));
    WriteSome(waiting.back().client.get(), "?");
    CHECK_EQUAL(Await(waiting.back().backend, 1), std::string("?"));
  }
  engine->EndSessions({.backend = 0, .quota = std::make_shared<SweepQuota>(5), .rest_ms = 0});
  engine.WaitFor(Kind::kClosed, 5);
  CHECK_EQUAL(engine.First(Kind::kClosed).reason,
              static_cast<std::int32_t>(CloseReason::kRebalanced));
  // Those that rest are fewer than may end now, and are all ended.
  engine->EndSessions({.backend = 0, .quota = std::make_shared<SweepQuota>(100), .rest_ms = 0});
  for (const Served& served : resting) {
    CHECK_EQUAL(AwaitEnd(served.client), 0);
    CHECK_EQUAL(AwaitEnd(served.backend), 0);
  }
  engine.WaitFor(Kind::kClosed, resting.size());
  for (const Served& served : waiting) {
    WriteSome(served.backend.get(), "!");
    CHECK_EQUAL(Await(served.client, 1), std::string("!"));
  }
  CHECK_EQUAL(engine.Count(Kind::kClosed), resting.size());
  Counters& counters = *engine->counters();
  CHECK_EQUAL(counters.Backend(0, 0).rebalanced.value() + counters.Backend(1, 0).rebalanced.value(),
              resting.size());
}

TEST("sweep: none ends that has not rested for so long") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const Served served = Serve(engine.Listen(), backend);
  engine->EndSessions(
      {.backend = 0, .quota = std::make_shared<SweepQuota>(1), .rest_ms = 3'600'000});
  engine->EndSessions({.backend = 0, .listener = 1});
  CHECK(IsServed(served));
  CHECK_EQUAL(engine.Count(Kind::kClosed), 0U);
}

TEST("sweep: who has ended enough looks no further, and waits for those before it") {
  SessionSweep sweep;
  const auto quota = std::make_shared<SweepQuota>(1);
  sweep.Join({.backend = 1}, 4);
  sweep.Join({.backend = 2, .quota = quota}, 4);
  CHECK(quota->Take());
  CHECK(!quota->Take());
  // One that is only taken may be given back.
  CHECK(!quota->is_used_up());
  quota->GiveBack();
  CHECK(quota->Take());
  quota->Use();
  CHECK(quota->is_used_up());
  sweep.GoOn();
  CHECK_EQUAL(sweep.over(), 0U);
  for (int step = 0; step < 3; ++step) sweep.GoOn();
  CHECK_EQUAL(sweep.over(), 2U);
  CHECK(sweep.is_over());
  sweep.Join({.backend = 2, .quota = quota}, 4);
  sweep.GoOn();
  CHECK(sweep.is_over());
}

TEST("sweep: who joins one leaves it after a whole round, though slots were added") {
  SessionSweep sweep;
  sweep.Join({}, 0);
  CHECK(sweep.is_over());
  sweep.Join({.backend = 1}, 10);
  for (int step = 0; step < 4; ++step) sweep.GoOn();
  sweep.Join({.backend = 2}, 12);
  std::multiset<std::uint32_t> met;
  while (sweep.rounds() == 2) {
    met.insert(sweep.slot());
    sweep.GoOn();
  }
  CHECK_EQUAL(met.size(), 8U);
  while (!sweep.is_over()) {
    met.insert(sweep.slot());
    sweep.GoOn();
  }
  for (std::uint32_t slot = 0; slot < 12; ++slot) CHECK_EQUAL(met.count(slot), 1U);
  CHECK_EQUAL(met.size(), 12U);
}

}  // namespace
}  // namespace spliceway::testing
