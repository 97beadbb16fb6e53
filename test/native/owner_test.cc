// When the loops ask the engine's owner about a client, and hold the client until the answer.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "plans.h"
#include "steady_clock.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

TEST(
    "route: a client for whom the owner has no backend is closed, counted, and its slot free "
    "again") {
  EngineHarness engine(1);
  engine->Attend(Attention::kNone);
  const SocketAddress address = engine.Listen();
  const UniqueFd client = ConnectTo(address);
  // No cycle was published: the owner is asked at once.
  engine.WaitFor(Kind::kNeedBackend, 1);
  engine->End({.session = NameOf(engine.First(Kind::kNeedBackend)), .ending = Ending::kNoBackend});
  CHECK_EQUAL(AwaitEnd(client), 0);
  engine.WaitFor(Kind::kClosed, 1);
  CHECK_EQUAL(engine.First(Kind::kClosed).reason, static_cast<std::int32_t>(CloseReason::kEnded));
  CHECK_EQUAL(engine->counters()->Listener(0, 0).failed.value(), 1U);
  AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "the slot");
}

TEST(
    "owner: sessions come and go though it takes no event, and each is told whole, with its "
    "bytes") {
  const DescriptorLimitScope few(100);
  const Listener backend = ListenTcp();
  EngineHarness engine(2);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  const std::size_t sessions = 10 * engine->max_sessions();
  for (std::size_t index = 0; index < sessions; ++index) {
    const UniqueFd client = ConnectTo(address);
    const UniqueFd served = AwaitClient(backend);
    WriteSome(client.get(), "a question");
    CHECK_EQUAL(Await(served, 10), "a question");
    WriteSome(served.get(), "an answer");
    shutdown(served.get(), SHUT_WR);
    CHECK_EQUAL(Await(client, 10), "an answer");
  }
  AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "the slots");
  engine.TakeEvents();
  std::map<std::pair<std::int32_t, std::uint32_t>, std::vector<Kind>> told;
  for (const SessionEvent& event : engine.events) {
    told[{event.slot, event.generation}].push_back(event.kind);
    if (event.kind != Kind::kClosed) continue;
    CHECK_EQUAL(event.moved().upstream, 10U);
    CHECK_EQUAL(event.moved().downstream, 9U);
  }
  CHECK_EQUAL(told.size(), sessions);
  for (const auto& [name, kinds] : told)
    CHECK(kinds == (std::vector{Kind::kAccepted, Kind::kOpened, Kind::kClosed}));
}

/// A loop and its listener, in this thread, whose owner takes events or does not.
struct Turns {
  Turns(Attention attention, std::size_t most_events)
      : crew(
            16, 1, 1, std::make_shared<Counters>(1, 1, 1, 16), PipeLimits::ForThisMachine(1), 1,
            [] {}, most_events),
        worker(AddWorker(crew)) {
    crew.attention.store(attention);
    crew.table.SetAddresses(0, {backend.address}, AddressOrder::kAsGiven);
    crew.table.SetPool(0, InTurn({0}));
    crew.Publish();
    Listener listener = ListenTcp();
    address = listener.address;
    ListenOn(crew, std::move(listener.fd), {.timeouts = {}});
    worker.RunTurn();
  }

  void Until(std::size_t sessions) const {
    while (worker.sessions_alive() != sessions) worker.RunTurn();
  }

  std::vector<SessionEvent> Take() {
    std::vector<SessionEvent> events(1000);
    events.resize(crew.events.Take(events));
    return events;
  }

  Listener backend = ListenTcp();
  Crew crew;
  Worker& worker;
  SocketAddress address;
};

TEST("owner: of sessions that it cannot follow it is told whole, or how many there were") {
  constexpr std::size_t kReported = 10;
  constexpr std::int32_t kUnreported = 90;
  // Three events each.
  Turns turns(Attention::kReport, 3 * kReported);
  for (std::size_t index = 0; index < kReported + kUnreported; ++index) {
    UniqueFd client = ConnectTo(turns.address);
    turns.Until(1);
    while (!ClientWaits(turns.backend, 0)) turns.worker.RunTurn();
    Accept(turns.backend).Reset();
    client.Reset();
    turns.Until(0);
  }
  std::array<std::size_t, 13> counts{};
  const std::vector<SessionEvent> events = turns.Take();
  for (const SessionEvent& event : events) ++counts.at(static_cast<std::size_t>(event.kind));
  CHECK_EQUAL(counts.at(static_cast<std::size_t>(Kind::kAccepted)), kReported);
  CHECK_EQUAL(counts.at(static_cast<std::size_t>(Kind::kOpened)), kReported);
  CHECK_EQUAL(counts.at(static_cast<std::size_t>(Kind::kClosed)), kReported);
  CHECK(events.back().kind == Kind::kUnreported);
  CHECK_EQUAL(events.back().count, kUnreported);
  CHECK_EQUAL(turns.crew.slab.in_use(), 0U);
  // Once it follows again, it is told again.
  const UniqueFd client = ConnectTo(turns.address);
  turns.Until(1);
  CHECK(turns.Take().front().kind == Kind::kAccepted);
}

TEST(
    "rule 17: a client that is watched waits for the owner's word, and goes on when none has come "
    "in a quarter of a second") {
  const SteadyClock clock;
  Turns turns(Attention::kWatch, EventQueue::kMostWaiting);
  const CounterRow& row = turns.crew.counters->Listener(0, 0);
  const UniqueFd first = ConnectTo(turns.address);
  turns.Until(1);
  const std::uint64_t came_ms = sys::NowMs();
  while (row.unheard.value() == 0) {
    CHECK(!ClientWaits(turns.backend, 0));
    turns.worker.RunTurn();
  }
  CHECK(sys::NowMs() >= came_ms + Session::kWordMs - 2);
  CHECK(ClientWaits(turns.backend, 1000));
  const UniqueFd first_served = Accept(turns.backend);
  // Nobody else waits for an owner that lags.
  const UniqueFd second = ConnectTo(turns.address);
  turns.Until(2);
  CHECK_EQUAL(row.unheard.value(), 2U);
  CHECK(ClientWaits(turns.backend, 1000));
  const UniqueFd second_served = Accept(turns.backend);
  std::vector<Kind> kinds;
  for (const SessionEvent& event : turns.Take()) {
    if (event.kind == Kind::kAccepted) CHECK_EQUAL(event.reason, kinds.empty() ? 1 : 0);
    if (event.kind != Kind::kOpened) kinds.push_back(event.kind);
  }
  CHECK(kinds == (std::vector{Kind::kAccepted, Kind::kNeedBackend, Kind::kLate, Kind::kAccepted}));
  // It has taken all there was.
  const UniqueFd third = ConnectTo(turns.address);
  turns.Until(3);
  CHECK_EQUAL(row.unheard.value(), 2U);
  CHECK(!ClientWaits(turns.backend, 0));
}

TEST("rule 17: a client that is watched goes on, or does not, at the owner's word") {
  const SteadyClock clock;
  Turns turns(Attention::kWatch, EventQueue::kMostWaiting);
  const UniqueFd first = ConnectTo(turns.address);
  const UniqueFd second = ConnectTo(turns.address);
  turns.Until(2);
  std::vector<SessionName> names;
  for (const SessionEvent& event : turns.Take()) {
    if (event.kind == Kind::kNeedBackend) names.push_back(NameOf(event));
  }
  turns.worker.Post(EndCommand{.session = names.at(0), .ending = Ending::kReset});
  turns.worker.Post(ConnectCommand{.session = names.at(1), .backend = kNoRow});
  turns.Until(1);
  CHECK_EQUAL(AwaitEnd(first), -ECONNRESET);
  while (!ClientWaits(turns.backend, 0)) turns.worker.RunTurn();
  const UniqueFd served = Accept(turns.backend);
  CHECK(!ClientWaits(turns.backend, 0));
  CHECK_EQUAL(turns.crew.counters->Listener(0, 0).unheard.value(), 0U);
}

TEST("rule 17: a word that comes too late is not taken for the answer to the next question") {
  const SteadyClock clock;
  const Refusing down;
  Turns turns(Attention::kWatch, EventQueue::kMostWaiting);
  turns.crew.table.SetAddresses(0, {down.address}, AddressOrder::kAsGiven);
  turns.crew.Publish();
  const UniqueFd client = ConnectTo(turns.address);
  turns.Until(1);
  const SessionName name = NameOf(turns.Take().back());
  std::vector<SessionEvent> events;
  while (events.empty() || events.back().kind != Kind::kNeedBackend) {
    turns.worker.RunTurn();
    for (const SessionEvent& event : turns.Take()) events.push_back(event);
  }
  CHECK_EQUAL(events.back().reason, 2);
  turns.worker.Post(ConnectCommand{.session = name, .backend = kNoRow});
  turns.worker.RunTurn();
  CHECK(turns.Take().empty());
  turns.crew.table.SetAddresses(0, {turns.backend.address}, AddressOrder::kAsGiven);
  turns.crew.Publish();
  turns.worker.Post(ConnectCommand{.session = name, .backend = 0});
  while (!ClientWaits(turns.backend, 0)) turns.worker.RunTurn();
}

TEST("rule 17: clients are held back, and not left out, whom the owner has yet to answer") {
  Turns turns(Attention::kHold, 3);
  // It leaves before it was answered: three events.
  UniqueFd first = ConnectTo(turns.address);
  turns.Until(1);
  sys::SetResetOnClose(first.get());
  first.Reset();
  turns.Until(0);
  const UniqueFd second = ConnectTo(turns.address);
  turns.worker.RunTurn();
  CHECK_EQUAL(turns.worker.sessions_alive(), 0U);
  const std::vector<SessionEvent> events = turns.Take();
  CHECK_EQUAL(events.size(), 4U);
  CHECK(events.back().kind == Kind::kPaused);
  CHECK_EQUAL(events.back().error, EBUSY);
  // The listener asks by itself.
  turns.Until(1);
  CHECK_EQUAL(turns.Take().size(), 3U);
  CHECK(!ClientWaits(turns.backend, 0));
}

TEST("rule 17: who waits when a drain begins is taken, though the owner does not follow") {
  Turns turns(Attention::kHold, 2);
  const UniqueFd first = ConnectTo(turns.address);
  turns.Until(1);
  const UniqueFd second = ConnectTo(turns.address);
  const UniqueFd third = ConnectTo(turns.address);
  turns.worker.RunTurn();
  CHECK_EQUAL(turns.worker.sessions_alive(), 1U);
  turns.crew.draining.store(true);
  turns.worker.Post(CloseListenersCommand{});
  turns.worker.RunTurn();
  CHECK_EQUAL(turns.worker.sessions_alive(), 3U);
  std::vector<SessionName> names;
  for (const SessionEvent& event : turns.Take()) {
    if (event.kind == Kind::kNeedBackend) names.push_back(NameOf(event));
  }
  CHECK_EQUAL(names.size(), 3U);
  for (const SessionName& name : names) {
    turns.worker.Post(ConnectCommand{.session = name, .backend = kNoRow});
  }
  for (std::size_t served = 0; served < names.size(); ++served) {
    while (!ClientWaits(turns.backend, 0)) turns.worker.RunTurn();
    CHECK(Accept(turns.backend).valid());
  }
}

TEST("owner: what it asks of a session that has ended is not done to the next one in its slot") {
  const DescriptorLimitScope few(100);
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1, .max_sessions = 1});
  engine->Attend(Attention::kHold);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  UniqueFd client = ConnectTo(address);
  engine.WaitFor(Kind::kNeedBackend, 1);
  const SessionName first = NameOf(engine.First(Kind::kNeedBackend));
  CHECK(engine->MovedBy(first).has_value());
  sys::SetResetOnClose(client.get());
  client.Reset();
  engine.WaitFor(Kind::kClosed, 1);
  CHECK(!engine->MovedBy(first).has_value());
  engine.events.clear();

  client = ConnectTo(address);
  engine.WaitFor(Kind::kNeedBackend, 1);
  const SessionName second = NameOf(engine.First(Kind::kNeedBackend));
  CHECK_EQUAL(second.slot, first.slot);
  Pair joined = TcpPair();
  engine->Connect({.session = first, .backend = kNoRow});
  engine->Join({.session = first, .backend = std::move(joined.near), .backend_prefix = {}});
  engine->End({.session = first, .ending = Ending::kDenied});
  CHECK_EQUAL(AwaitEnd(joined.peer), -ECONNRESET);
  CHECK(!ClientWaits(backend, 0));
  engine->Connect({.session = second, .backend = kNoRow});
  WriteSome(client.get(), "hello");
  CHECK_EQUAL(Await(AwaitClient(backend), 5), "hello");
  AwaitThat([&] { return engine->MovedBy(second)->upstream == 5; }, "the bytes to be counted");
}

TEST("owner: a client's socket that it keeps is not watched any more when its session has ended") {
  for (const bool resets : {false, true}) {
    std::atomic<int> unwatched{0};
    const HookScope hooks({.epoll_ctl = [&](int operation, int /*fd*/) {
      if (operation == EPOLL_CTL_DEL) ++unwatched;
      return 0;
    }});
    EngineHarness engine(1);
    Pair client = TcpPair();
    const UniqueFd kept(dup(client.near.get()));
    const SessionName session{.slot = engine.TakeSlot(), .generation = 0};
    engine->Start({.slot = session.slot,
                   .client = std::move(client.near),
                   .client_prefix = {},
                   .timeouts = {},
                   .listener = 0,
                   .route = {.is_kept = true}});
    if (resets) {
      sys::SetResetOnClose(client.peer.get());
      client.peer.Reset();
    } else {
      engine->End({.session = session, .ending = Ending::kNoBackend});
    }
    engine.WaitFor(Kind::kClosed, 1);
    CHECK_EQUAL(unwatched.load(), 1);
  }
}

TEST("route: where the owner picks, it is asked for each client, with the client's address") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1});
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen({.picks = Picks::kByOwner, .timeouts = {}});
  std::vector<UniqueFd> clients;
  std::vector<std::int32_t> ports;
  for (int index = 0; index < 10; ++index) {
    clients.push_back(ConnectTo(address));
    ports.push_back(LocalPort(clients.back()));
  }
  engine.WaitFor(Kind::kNeedBackend, 10);
  std::vector<std::int32_t> told;
  for (const SessionEvent& event : engine.events) {
    if (event.kind == Kind::kAccepted) told.push_back(event.port);
    if (event.kind != Kind::kNeedBackend) continue;
    CHECK(engine.KindsOf(event.slot) == (std::vector{Kind::kAccepted, Kind::kNeedBackend}));
    engine->Connect({.session = NameOf(event), .backend = 0});
  }
  std::sort(told.begin(), told.end());
  std::sort(ports.begin(), ports.end());
  CHECK(told == ports);
  engine.WaitFor(Kind::kOpened, 10);
}

TEST(
    "rule 17: a client that is held reaches no backend before the owner's word, then the cycle's") {
  const Refusing down;
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 2});
  engine->Attend(Attention::kHold);
  engine->SetBackend(0, {down.address});
  engine->SetBackend(1, {backend.address});
  engine->SetPool(0, InTurn({0, 1}));
  const SocketAddress address = engine.Listen();
  std::vector<UniqueFd> clients;
  for (int index = 0; index < 4; ++index) {
    clients.push_back(ConnectTo(address));
    WriteSome(clients.back().get(), "hello");
  }
  engine.WaitFor(Kind::kNeedBackend, 4);
  CHECK(!ClientWaits(backend, 0));
  for (const SessionEvent& event : std::vector(engine.events)) {
    if (event.kind != Kind::kNeedBackend) continue;
    CHECK_EQUAL(event.backend, -1);
    CHECK(engine.KindsOf(event.slot) == (std::vector{Kind::kAccepted, Kind::kNeedBackend}));
    engine->Connect({.session = NameOf(event), .backend = kNoRow});
  }
  // One or two of them set out for the one that is down, and went on by the cycle without a
  // question.
  for (int index = 0; index < 4; ++index) CHECK_EQUAL(Await(AwaitClient(backend), 5), "hello");
  engine.WaitFor(Kind::kOpened, 4);
  CHECK(engine.Failures(0) >= 1 && engine.Failures(0) <= 2);
  CHECK_EQUAL(engine.Count(Kind::kNeedBackend), 4U);
  engine.Stop();
}

TEST(
    "rule 17: whoever is reported is held, also while the owner begins and ceases to hold "
    "clients") {
  constexpr std::uint64_t kClients = 300;
  const Listener backend = ListenTcp(kClients);
  EngineHarness engine(1);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  engine->Attend(Attention::kNone);
  const SocketAddress address = engine.Listen();
  const CounterRow& row = engine->counters()->Listener(0, 0);
  std::vector<UniqueFd> clients;
  while (clients.size() < kClients) {
    engine->Attend(clients.size() % 2 == 0 ? Attention::kNone : Attention::kHold);
    clients.push_back(ConnectTo(address));
    while (row.opened.value() < clients.size()) {
      // The first two meet nothing but one or the other, so that each has its client for sure.
      if (clients.size() <= 2) continue;
      engine->Attend(Attention::kHold);
      engine->Attend(Attention::kNone);
    }
  }
  engine->Attend(Attention::kNone);
  // With one more, all that the loop had to say of the others is said.
  clients.push_back(ConnectTo(address));
  AwaitThat([&] { return row.opened.value() == clients.size(); }, "the last client");
  engine.TakeEvents();
  const std::size_t accepted = engine.Count(Kind::kAccepted);
  CHECK(0 < accepted && accepted < kClients);
  CHECK_EQUAL(accepted, engine.Count(Kind::kNeedBackend));
}

TEST("rule 17: a client that is denied is reset and counted, and no backend has heard of it") {
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  engine->Attend(Attention::kHold);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const UniqueFd client = ConnectTo(engine.Listen());
  WriteSome(client.get(), "hello");
  engine.WaitFor(Kind::kNeedBackend, 1);
  engine->End({.session = NameOf(engine.First(Kind::kNeedBackend)), .ending = Ending::kDenied});
  CHECK_EQUAL(AwaitEnd(client), -ECONNRESET);
  engine.WaitFor(Kind::kClosed, 1);
  CHECK_EQUAL(engine.First(Kind::kClosed).reason, static_cast<std::int32_t>(CloseReason::kEnded));
  const CounterRow& row = engine->counters()->Listener(0, 0);
  CHECK_EQUAL(row.rejected.value(), 1U);
  CHECK_EQUAL(row.failed.value(), 0U);
  CHECK_EQUAL(row.open.value(), 0U);
  CHECK(!ClientWaits(backend, 0));
  engine.Stop();
}

}  // namespace
}  // namespace spliceway::testing
