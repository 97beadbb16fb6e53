// What the search of one client for a backend may take, and when it ends because the client has.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "harness.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

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

Harness::Options With(const SessionTimeouts& timeouts) { return {.timeouts = timeouts}; }

TEST("search: its time is over once, however many backends are silent") {
  const Silent silent;
  constexpr std::uint16_t kBackends = 20;
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = kBackends});
  engine->Attend(Attention::kNone);
  std::vector<std::uint16_t> rows;
  for (std::uint16_t row = 0; row < kBackends; ++row) {
    engine->SetBackend(row, {silent.listener.address});
    rows.push_back(row);
  }
  engine->SetPool(0, InTurn(rows));
  const UniqueFd client =
      ConnectTo(engine.Listen({.timeouts = {.connect_ms = 60, .search = {.budget_ms = 200}}}));
  engine.WaitFor(Kind::kNeedBackend, 1);
  CHECK_EQUAL(engine.First(Kind::kNeedBackend).reason, 1);
  std::int32_t attempts = 0;
  for (std::int32_t row = 0; row < kBackends; ++row) attempts += engine.Failures(row);
  CHECK(attempts >= 1 && attempts <= 4);
  // Whatever the owner says, no backend hears of it.
  engine->Connect({.session = NameOf(engine.First(Kind::kNeedBackend)), .backend = 7});
  engine.WaitFor(Kind::kNeedBackend, 2);
  std::int32_t afterwards = 0;
  for (std::int32_t row = 0; row < kBackends; ++row) afterwards += engine.Failures(row);
  CHECK_EQUAL(afterwards, attempts);
}

TEST("search: its attempts are used up once, whatever the backends and their addresses") {
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 4});
  engine->Attend(Attention::kNone);
  const Refusing down;
  for (std::uint16_t row = 0; row < 4; ++row) engine->SetBackend(row, {down.address, down.address});
  engine->SetPool(0, InTurn({0, 1, 2, 3}));
  const UniqueFd client = ConnectTo(engine.Listen({.timeouts = {.search = {.attempts = 3}}}));
  engine.WaitFor(Kind::kNeedBackend, 1);
  CHECK_EQUAL(engine.First(Kind::kNeedBackend).reason, 1);
  std::int32_t attempts = 0;
  for (std::int32_t row = 0; row < 4; ++row) attempts += engine.Failures(row);
  CHECK_EQUAL(attempts, 3);
}

TEST("search: it is over in time also while the owner looks for another backend") {
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1});
  engine->Attend(Attention::kNone);
  const Refusing down;
  engine->SetBackend(0, {down.address});
  engine->SetPool(0, InTurn({0}));
  const UniqueFd client = ConnectTo(engine.Listen({.timeouts = {.search = {.budget_ms = 100}}}));
  engine.WaitFor(Kind::kNeedBackend, 2);
  CHECK_EQUAL(engine.First(Kind::kNeedBackend).reason, 2);
  CHECK_EQUAL(engine.events.back().reason, 1);
}

TEST("search: a backend that it had only the rest of its time for has not failed") {
  const Silent silent;
  Crew crew(16, 2, 1, std::make_shared<Counters>(1, 1, 2, 16), PipeLimits::ForThisMachine(1), 1,
            [] {});
  Worker& worker = AddWorker(crew);
  for (std::uint16_t row = 0; row < 2; ++row) {
    crew.table.SetAddresses(row, {silent.listener.address}, AddressOrder::kAsGiven);
  }
  crew.table.SetPool(0, InTurn({0, 1}));
  crew.Publish();
  Listener listener = ListenTcp();
  ListenOn(crew, std::move(listener.fd),
           {.timeouts = {.connect_ms = 200, .search = {.budget_ms = 300}}});
  const UniqueFd client = ConnectTo(listener.address);
  std::array<SessionEvent, 16> events;
  std::size_t count = 0;
  const auto is_over = [&] {
    return std::any_of(events.begin(), events.begin() + count,
                       [](const SessionEvent& event) { return event.kind == Kind::kNeedBackend; });
  };
  while (!is_over()) {
    worker.RunTurn();
    count += crew.events.Take(std::span(events).subspan(count));
  }
  CHECK_EQUAL(crew.counters->Backend(0, 0).failed.value(), 1U);
  CHECK_EQUAL(crew.counters->Backend(0, 1).failed.value(), 0U);
  CHECK(crew.table.Row(0).IsTriedLast());
  CHECK(!crew.table.Row(1).IsTriedLast());
  CHECK_EQUAL(crew.table.Row(1).in_use(), 0U);
}

TEST("search: want of a descriptor does not begin its wait again for each address") {
  Harness harness(With({.connect_ms = 60, .search = {.budget_ms = 240}}));
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  const HookScope hooks({.socket = [] { return EMFILE; }});
  const std::uint64_t start = sys::NowMs();
  Session& session = harness.Start(std::move(client.near));
  Connect(session, {listener.address, listener.address, listener.address});
  harness.RunUntil([&] { return harness.searches_over == 1; }, "the end of its time");
  CHECK(sys::NowMs() - start >= 240);
  CHECK(harness.failed_attempts.empty());
  CHECK(session.search_is_over());
  CHECK(!session.TryNextAddress());
}

TEST("search: who got a descriptor late has the whole connect time-out for the address") {
  Harness harness(With({.connect_ms = 100, .search = {.budget_ms = 60'000}}));
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  int asked = 0;
  // For longer than that.
  const HookScope hooks({.socket = [&] { return ++asked <= 5 ? EMFILE : 0; }});
  Connect(harness.Start(std::move(client.near)), {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
  CHECK(harness.failed_attempts.empty());
}

TEST("search: it ends for a client that has left without a word, while a backend is silent") {
  for (const bool leaves_first : {true, false}) {
    const Silent silent;
    Harness harness(With({.search = {.abort_on_close = true}}));
    Pair client = TcpPair();
    if (leaves_first) EndStream(client.peer);
    Session& session = harness.Start(std::move(client.near));
    Connect(session, {silent.listener.address});
    if (!leaves_first) {
      harness.RunOnce();
      EndStream(client.peer);
    }
    harness.RunUntil([&] { return harness.closed == 1; }, "the close");
    CHECK(harness.reason == CloseReason::kReset);
    CHECK(harness.failed_attempts.empty());
    std::string got;
    CHECK_EQUAL(ReadToTheEnd(harness, client.peer, got), -ECONNRESET);
  }
}

TEST("search: it goes on for who has spoken before it left, and where bytes were read before") {
  for (const bool has_prefix : {false, true}) {
    Harness harness(With({.connect_ms = 1200, .search = {.abort_on_close = true}}));
    const Silent silent;
    Pair client = TcpPair();
    if (!has_prefix) WriteSome(client.peer.get(), "question");
    EndStream(client.peer);
    Session& session = harness.Start(std::move(client.near), has_prefix ? "read before" : "");
    Connect(session, {silent.listener.address});
    harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the time-out");
    CHECK_EQUAL(harness.closed, 0);
  }
}

TEST("search: a client that only listens is served by a backend that answers in time") {
  Harness harness(With({.search = {.abort_on_close = true}}));
  const Refusing down;
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  EndStream(client.peer);
  Session& session = harness.Start(std::move(client.near));
  Connect(session, {down.address, listener.address});
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the refusal");
  CHECK(session.TryNextAddress());
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
  const UniqueFd backend = Accept(listener);
  WriteSome(backend.get(), "the time");
  CHECK_EQUAL(Transfer(harness, backend, client.peer, "", 8, "the answer"), "the time");
}

}  // namespace
}  // namespace spliceway::testing
