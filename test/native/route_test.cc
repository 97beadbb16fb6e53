// How the loops try backends for the clients that they accepted, until they ask the engine's owner.

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

std::uint64_t FailedSessions(EngineHarness& engine, std::size_t threads, std::size_t backend) {
  std::uint64_t sum = 0;
  for (std::size_t loop = 0; loop < threads; ++loop)
    sum += engine->counters()->Backend(loop, backend).failed.value();
  return sum;
}

TEST("route: a backend that refuses is skipped, and its failures wait joined in one event") {
  for (const std::size_t threads : {1U, 3U}) {
    const Refusing down;
    const Listener up = ListenTcp();
    EngineHarness engine({.threads = threads, .listeners = 1, .backends = 2});
    engine->Attend(Attention::kNone);
    engine->SetBackend(0, {down.address});
    engine->SetBackend(1, {up.address});
    engine->SetPool(0, InTurn({0, 1}));
    const SocketAddress address = engine.Listen();
    std::vector<UniqueFd> held;
    for (int index = 0; index < 20; ++index) {
      held.push_back(ConnectTo(address));
      held.push_back(AwaitClient(up));
      CHECK(held.back().valid());
    }
    engine.TakeEvents();
    // Every other client was to begin with the backend that is down, and one a second finds out.
    CHECK_EQUAL(engine.events.size(), 1U);
    const SessionEvent failed = engine.First(Kind::kAttemptFailed);
    CHECK_EQUAL(failed.slot, -1);
    CHECK_EQUAL(failed.backend, 0);
    CHECK_EQUAL(failed.error, ECONNREFUSED);
    // Ten, if each did.
    CHECK(failed.count >= 1 && failed.count < 10);
    CHECK_EQUAL(failed.port, down.address.port());
    CHECK_EQUAL(engine.rings.load(), 1);
    CHECK_EQUAL(FailedSessions(engine, threads, 0), static_cast<std::uint64_t>(failed.count));
    CHECK_EQUAL(FailedSessions(engine, threads, 1), 0U);
  }
}

TEST("route: failures are neither lost nor counted twice while somebody takes events") {
  const Refusing down;
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1});
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {down.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  std::vector<UniqueFd> held;
  for (int index = 0; index < 100; ++index) {
    held.push_back(ConnectTo(address));
    if (index % 3 == 0) engine.TakeEvents();
  }
  engine.WaitFor(Kind::kNeedBackend, 100);
  CHECK_EQUAL(engine.Failures(0), 100);
}

TEST(
    "route: the addresses of a backend are used in turn where that is asked for, one row all the "
    "same") {
  const Listener first = ListenTcp();
  const Listener second = ListenTcp();
  const Listener other = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 2});
  engine->SetBackend(0, {first.address, second.address}, AddressOrder::kInTurn);
  engine->SetBackend(1, {other.address});
  engine->SetPool(0, InTurn({0, 1}));
  const SocketAddress to = engine.Listen();
  for (const Listener* next : {&first, &other, &second, &other, &first}) {
    const UniqueFd client = ConnectTo(to);
    const UniqueFd backend = AwaitClient(*next);
  }
}

TEST("route: all addresses of a backend are tried, then those of the next rows, each once") {
  const Refusing first;
  const Refusing second;
  const Refusing third;
  const Listener up = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 3});
  engine->SetBackend(0, {first.address, second.address});
  engine->SetBackend(1, {third.address, third.address});
  engine->SetBackend(2, {third.address, up.address});
  engine->SetPool(0, InTurn({0, 0, 1, 0, 1, 2}));
  const UniqueFd client = ConnectTo(engine.Listen());
  const UniqueFd backend = AwaitClient(up);
  engine.WaitFor(Kind::kOpened, 1);
  std::vector<std::int32_t> rows;
  std::vector<std::int32_t> ports;
  for (const SessionEvent& event : engine.events) {
    if (event.kind != Kind::kAttemptFailed) continue;
    CHECK(event.slot >= 0);
    CHECK_EQUAL(event.count, 1);
    rows.push_back(event.backend);
    ports.push_back(event.port);
  }
  CHECK(rows == (std::vector<std::int32_t>{0, 0, 1, 1, 2}));
  CHECK(ports == (std::vector<std::int32_t>{first.address.port(), second.address.port(),
                                            third.address.port(), third.address.port(),
                                            third.address.port()}));
  CHECK_EQUAL(engine.First(Kind::kOpened).backend, 2);
  // A backend has failed a session when all of its addresses have.
  CHECK_EQUAL(FailedSessions(engine, 1, 0), 1U);
  CHECK_EQUAL(FailedSessions(engine, 1, 1), 1U);
  CHECK_EQUAL(FailedSessions(engine, 1, 2), 0U);
}

TEST("route: a backend that is full is passed over, exactly, and is not counted as failed") {
  for (const std::size_t threads : {1U, 3U}) {
    const Listener small = ListenTcp(512);
    const Listener large = ListenTcp(512);
    EngineHarness engine({.threads = threads, .listeners = 1, .backends = 2});
    engine->Attend(Attention::kNone);
    engine->SetBackend(0, {small.address});
    engine->SetBackend(1, {large.address});
    engine->LimitBackend(0, 10);
    engine->SetPool(0, InTurn({0, 1}));
    const SocketAddress address = engine.Listen();
    for (int round = 0; round < 3; ++round) {
      std::vector<UniqueFd> held;
      for (int index = 0; index < 60; ++index) held.push_back(ConnectTo(address));
      for (int index = 0; index < 10; ++index) held.push_back(AwaitClient(small));
      for (int index = 0; index < 50; ++index) held.push_back(AwaitClient(large));
      CHECK(!ClientWaits(small, 0));
      held.clear();
      AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "the slots");
    }
    engine.TakeEvents();
    CHECK(engine.events.empty());
    CHECK_EQUAL(FailedSessions(engine, threads, 0), 0U);
    std::uint64_t rejected = 0;
    for (std::size_t loop = 0; loop < threads; ++loop)
      rejected += engine->counters()->Backend(loop, 0).rejected.value();
    CHECK_EQUAL(rejected, 3U * 20U);
  }
}

TEST("route: a backend that is not up is passed over, and one that is up again is not") {
  const Listener first = ListenTcp();
  const Listener second = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 2});
  engine->SetBackend(0, {first.address});
  engine->SetBackend(1, {second.address});
  engine->SetPool(0, InTurn({0, 1}));
  const SocketAddress address = engine.Listen();
  for (const BackendState state : {BackendState::kDrain, BackendState::kDown}) {
    engine->SetBackendState(0, state);
    std::vector<UniqueFd> ends;
    for (int client = 0; client < 4; ++client) {
      ends.push_back(ConnectTo(address));
      ends.push_back(AwaitClient(second));
    }
    engine->SetBackendState(0, BackendState::kUp);
    for (const Listener* next : {&first, &second}) {
      ends.push_back(ConnectTo(address));
      ends.push_back(AwaitClient(*next));
    }
  }
  CHECK_EQUAL(engine->counters()->Backend(0, 0).rejected.value(), 0U);
  CHECK_EQUAL(FailedSessions(engine, 1, 0), 0U);
}

TEST("route: where every backend is full, the owner is asked, and places come back") {
  const Refusing down;
  const Listener up = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 2});
  engine->SetBackend(0, {down.address, down.address});
  engine->SetBackend(1, {up.address});
  engine->LimitBackend(0, 1);
  engine->LimitBackend(1, 1);
  engine->SetPool(0, InTurn({0, 1}));
  const SocketAddress address = engine.Listen();
  UniqueFd first = ConnectTo(address);
  UniqueFd served = AwaitClient(up);
  engine.WaitFor(Kind::kOpened, 1);
  const UniqueFd second = ConnectTo(address);
  engine.WaitFor(Kind::kNeedBackend, 1);
  const SessionName session = NameOf(engine.First(Kind::kNeedBackend));
  // The owner may name one that is full as well.
  engine->Connect({.session = session, .backend = 1});
  engine.WaitFor(Kind::kNeedBackend, 2);
  first.Reset();
  served.Reset();
  engine.WaitFor(Kind::kClosed, 1);
  engine->Connect({.session = session, .backend = 1});
  engine.WaitFor(Kind::kOpened, 2);
  CHECK(AwaitClient(up).valid());
  // Both clients tried it, so the place that the first one had there came back.
  CHECK_EQUAL(FailedSessions(engine, 2, 0), 2U);
  CHECK_EQUAL(FailedSessions(engine, 2, 1), 0U);
}

TEST("route: the owner is asked when all rows have failed, and told of the client first") {
  const Refusing down;
  const Listener spare = ListenTcp();
  for (const bool observed : {false, true}) {
    EngineHarness engine({.threads = 2, .listeners = 1, .backends = 3});
    engine->Attend(observed ? Attention::kReport : Attention::kNone);
    engine->SetBackend(0, {down.address});
    engine->SetBackend(2, {spare.address});
    engine->SetPool(0, InTurn({0, 1, 0}));  // row 1 has no address
    const UniqueFd client = ConnectTo(engine.Listen());
    engine.WaitFor(Kind::kNeedBackend, 1);
    const SessionEvent accepted = engine.First(Kind::kAccepted);
    const SessionEvent need = engine.First(Kind::kNeedBackend);
    CHECK_EQUAL(accepted.port, LocalPort(client));
    CHECK_EQUAL(int{accepted.ip[15]}, 1);
    CHECK_EQUAL(accepted.listener, 0);
    CHECK_EQUAL(need.slot, accepted.slot);
    CHECK_EQUAL(engine.Failures(0), 1);
    CHECK_EQUAL(FailedSessions(engine, 2, 0), 1U);
    CHECK_EQUAL(FailedSessions(engine, 2, 1), 1U);
    // A row that is down again: reported to the session now, and asked again.
    const SessionName session = NameOf(need);
    engine->Connect({.session = session, .backend = 0});
    engine.WaitFor(Kind::kNeedBackend, 2);
    CHECK_EQUAL(engine.Failures(0), 2);
    engine->Connect({.session = session, .backend = 2});
    const UniqueFd backend = AwaitClient(spare);
    engine.WaitFor(Kind::kOpened, 1);
    CHECK_EQUAL(engine.First(Kind::kOpened).backend, 2);
    WriteSome(client.get(), "hello");
    CHECK_EQUAL(Await(backend, 5), "hello");
    engine.Stop();
  }
}

TEST("route: a thousand backends that fail at once do not pile up calls") {
  // No socket for a family that nobody knows; and none may connect to the broadcast address.
  for (const SocketAddress& address :
       {SocketAddress{}, *SocketAddress::FromIp("255.255.255.255", 9)}) {
    constexpr std::uint16_t kBackends = 1000;
    std::uintptr_t deepest = std::numeric_limits<std::uintptr_t>::max();
    std::uintptr_t highest = 0;
    int attempts = 0;
    std::atomic<int> in_this_turn{0};  // This thread makes sockets, too.
    int most_in_a_turn = 0;
    const HookScope hooks({.socket =
                               [&] {
                                 const char here = 0;
                                 const auto at = reinterpret_cast<std::uintptr_t>(&here);
                                 deepest = std::min(deepest, at);
                                 highest = std::max(highest, at);
                                 most_in_a_turn = std::max(most_in_a_turn, ++in_this_turn);
                                 return ++attempts > 0 ? 0 : EMFILE;
                               },
                           .wait = [&](int) { in_this_turn = 0; }});
    EngineHarness engine({.threads = 1, .listeners = 1, .backends = kBackends});
    std::vector<std::uint16_t> rows;
    for (std::uint16_t row = 0; row < kBackends; ++row) {
      engine->SetBackend(row, {address});
      rows.push_back(row);
    }
    engine->SetPool(0, InTurn(rows));
    Listener listener = ListenTcp();
    UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    attempts = 0;
    deepest = std::numeric_limits<std::uintptr_t>::max();
    highest = 0;
    engine->Attend(Attention::kNone);
    engine.ListenOn(std::move(listener.fd), {});
    CHECK_EQUAL(connect(client.get(), reinterpret_cast<const sockaddr*>(&listener.address.storage),
                        listener.address.length),
                0);
    engine.WaitFor(Kind::kNeedBackend, 1);
    CHECK_EQUAL(attempts, int{kMostAttempts});
    CHECK_EQUAL(engine.First(Kind::kNeedBackend).reason, 1);
    // One call after the other, from a handler or from a turn; a call in a call would be ten times
    // as deep.
    CHECK(highest - deepest < 16 * 1024);
    int failures = 0;
    for (std::int32_t row = 0; row < kBackends; ++row) {
      CHECK(engine.Failures(row) <= 1);
      failures += engine.Failures(row);
    }
    CHECK_EQUAL(failures, attempts);
    // Four in a call, and as many when it first has its turn.
    CHECK(most_in_a_turn <= 8);
    engine.Stop();
  }
}

TEST("route: what has failed lately is tried last, and is tried before a client is sent away") {
  Refusing down;
  EngineHarness engine({.threads = 3, .listeners = 1, .backends = 3});
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {down.address});
  engine->SetBackend(1, {down.address});
  engine->SetPool(0, InTurn({0, 1}));
  const SocketAddress address = engine.Listen();
  const UniqueFd first = ConnectTo(address);
  engine.WaitFor(Kind::kNeedBackend, 1);
  CHECK_EQUAL(FailedSessions(engine, 3, 0) + FailedSessions(engine, 3, 1), 2U);
  // It is there again, and nobody knows.
  CHECK_EQUAL(listen(down.fd.get(), 8), 0);
  const Listener back{.fd = std::move(down.fd), .address = down.address};
  const UniqueFd second = ConnectTo(address);
  const UniqueFd served = AwaitClient(back);
  CHECK(served.valid());
}

TEST("route: a backend that has failed is asked at once when it is to be found elsewhere") {
  const Refusing down;
  const Listener up = ListenTcp();
  const Listener moved = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 2});
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {down.address});
  engine->SetBackend(1, {up.address});
  engine->SetPool(0, InTurn({0, 1}));
  const SocketAddress address = engine.Listen();
  std::vector<UniqueFd> held;
  for (int index = 0; index < 2; ++index) {
    held.push_back(ConnectTo(address));
    held.push_back(AwaitClient(up));
  }
  engine->SetBackend(0, {moved.address});
  AwaitThat([&] { return engine->taken_generation() == engine->generation(); }, "the new table");
  for (int index = 0; index < 2; ++index) held.push_back(ConnectTo(address));
  held.push_back(AwaitClient(moved));
  CHECK(held.back().valid());
}

TEST("route: addresses that are published during an attempt neither take its blame nor its turn") {
  // A queue that is full: the kernel answers no further SYN.
  const Listener silent = ListenTcp(0);
  std::vector<UniqueFd> waiting;
  for (int index = 0; index < 4; ++index) {
    waiting.push_back(std::move(sys::OpenSocket(AF_INET).fd));
    sys::Connect(waiting.back().get(), silent.address);
  }
  const Listener other = ListenTcp();
  const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Engine* publisher = nullptr;
  const HookScope hooks({.connect = [&](int fd) {
    // A look-up ends while the loop waits for the first address.
    if (fd != client.get()) publisher->SetBackend(0, {other.address, silent.address});
    return 0;
  }});
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1});
  publisher = &*engine;
  engine->SetBackend(0, {silent.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen({.timeouts = {.connect_ms = 60}});
  const auto* at = reinterpret_cast<const sockaddr*>(&address.storage);
  CHECK_EQUAL(connect(client.get(), at, address.length), 0);
  engine.WaitFor(Kind::kNeedBackend, 1);
  CHECK_EQUAL(engine.Count(Kind::kAttemptFailed), 1U);
  CHECK_EQUAL(engine.First(Kind::kAttemptFailed).port, silent.address.port());
  engine.Stop();
}

TEST("route: a new table is used for the clients that come after it") {
  const Listener a = ListenTcp();
  const Listener b = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 2});
  engine->SetBackend(0, {a.address});
  engine->SetBackend(1, {b.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  std::vector<UniqueFd> held;
  // A client that comes at the same moment may still be served by the table before.
  const auto arrive_at = [&](const Listener& wanted, const Listener& other) {
    AwaitThat(
        [&] {
          held.push_back(ConnectTo(address));
          AwaitThat([&] { return ClientWaits(wanted, 0) || ClientWaits(other, 0); }, "a backend");
          const bool arrived = ClientWaits(wanted, 0);
          held.push_back(Accept(arrived ? wanted : other));
          return arrived;
        },
        "a client at the new backend");
  };
  arrive_at(a, b);
  engine->SetPool(0, InTurn({1}));
  arrive_at(b, a);
  engine->SetBackend(1, {a.address});
  arrive_at(a, b);
}

}  // namespace
}  // namespace spliceway::testing
