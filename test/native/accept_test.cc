// The loops accept: clients get backends by the published cycle, and sessions spread over the
// loops.

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <semaphore>
#include <string>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "meter.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// A client and what the backend has accepted for it.
struct Conversation {
  UniqueFd client;
  UniqueFd backend;
};

Conversation Converse(const SocketAddress& address, const Listener& backend) {
  UniqueFd client = ConnectTo(address);
  return {.client = std::move(client), .backend = AwaitClient(backend)};
}

/// Ends both streams, and waits until the session is gone.
void Finish(Conversation& both) {
  shutdown(both.backend.get(), SHUT_WR);
  CHECK_EQUAL(AwaitEnd(both.client), 0);
  both.client.Reset();
  CHECK_EQUAL(AwaitEnd(both.backend), 0);
}

TEST("accept: clients are spread by the cycle in its exact order, over any number of loops") {
  for (const std::size_t threads : {1U, 3U}) {
    const Listener a = ListenTcp();
    const Listener b = ListenTcp();
    EngineHarness engine({.threads = threads, .listeners = 1, .backends = 2});
    engine->SetBackend(0, {a.address});
    engine->SetBackend(1, {b.address});
    engine->SetPool(0, InTurn({0, 0, 1}));
    const SocketAddress address = engine.Listen();
    std::string order;
    std::vector<UniqueFd> held;
    for (int index = 0; index < 30; ++index) {
      held.push_back(ConnectTo(address));
      pollfd ready[] = {{.fd = a.fd.get(), .events = POLLIN, .revents = 0},
                        {.fd = b.fd.get(), .events = POLLIN, .revents = 0}};
      CHECK(poll(ready, 2, kDeadlineMs) > 0);
      order += ready[0].revents != 0 ? 'a' : 'b';
      held.push_back(Accept(ready[0].revents != 0 ? a : b));
    }
    std::string expected;
    for (int index = 0; index < 10; ++index) expected += "aab";
    CHECK_EQUAL(order, expected);
  }
}

TEST("accept: clients that all come at once are shared out exactly by weight") {
  const Listener a = ListenTcp(256);
  const Listener b = ListenTcp(256);
  EngineHarness engine({.threads = 3, .listeners = 1, .backends = 2});
  engine->SetBackend(0, {a.address});
  engine->SetBackend(1, {b.address});
  engine->SetPool(0, InTurn({0, 0, 1}));
  const SocketAddress address = engine.Listen();
  std::vector<UniqueFd> clients;
  for (int index = 0; index < 90; ++index) clients.push_back(ConnectTo(address));
  engine.WaitFor(Kind::kOpened, 90);
  std::size_t at_a = 0;
  std::size_t at_b = 0;
  while (ClientWaits(a, 0)) at_a += Accept(a).valid() ? 1U : 0U;
  while (ClientWaits(b, 0)) at_b += Accept(b).valid() ? 1U : 0U;
  CHECK_EQUAL(at_a, 60U);
  CHECK_EQUAL(at_b, 30U);
}

TEST("accept: sessions spread to the less loaded of the loops") {
  for (const std::size_t threads : {2U, 4U}) {
    const Listener backend = ListenTcp();
    EngineHarness engine({.threads = threads, .listeners = 1, .backends = 1});
    engine->SetBackend(0, {backend.address});
    engine->SetPool(0, InTurn({0}));
    const SocketAddress address = engine.Listen();
    std::vector<Conversation> held;
    for (int index = 0; index < 20; ++index) held.push_back(Converse(address, backend));
    engine.WaitFor(Kind::kOpened, 20);
    std::uint64_t sum = 0;
    for (std::size_t loop = 0; loop < threads; ++loop) {
      const std::uint64_t open = engine->counters()->Listener(loop, 0).open.value();
      CHECK(open >= 20 / threads - 2);
      CHECK(open <= 20 / threads + 2);
      sum += open;
    }
    CHECK_EQUAL(sum, 20U);
  }
}

/// Clients of which all but one are refused: nothing but accepting.
const ListenerOptions kOneSession{.timeouts = {}, .clients = {.remote = 0, .loopback = 1}};

TEST("accept: a crowd that waits is taken by all loops, each a few in a turn") {
  constexpr std::size_t kLoops = 4;
  constexpr std::uint64_t kClients = 200;
  constexpr std::uint64_t kMostInATurn = 16;
  Crew crew(16, 1, 1, std::make_shared<Counters>(kLoops, 1, 1, 16), PipeLimits::ForThisMachine(1),
            kLoops, [] {});
  std::vector<Worker*> loops;
  for (std::size_t loop = 0; loop < kLoops; ++loop) loops.push_back(&AddWorker(crew));
  Listener listener = ListenTcp(kClients);
  std::vector<UniqueFd> clients;
  for (std::uint64_t client = 0; client < kClients; ++client) {
    clients.push_back(ConnectTo(listener.address));
  }
  ListenOn(crew, std::move(listener.fd), kOneSession);
  const auto taken_by = [&](const Worker* loop) {
    const CounterRow& row = crew.counters->Listener(loop->index(), 0);
    return row.rejected.value() + row.opened.value();
  };
  const auto taken = [&] {
    std::uint64_t sum = 0;
    for (const Worker* loop : loops) sum += taken_by(loop);
    return sum;
  };
  while (taken() < kClients) {
    for (Worker* loop : loops) {
      const std::uint64_t before = taken_by(loop);
      if (taken() < kClients) loop->RunTurn();
      CHECK(taken_by(loop) - before <= kMostInATurn);
    }
  }
  for (const Worker* loop : loops) {
    CHECK(taken_by(loop) >= kClients / kLoops - kMostInATurn);
    CHECK(taken_by(loop) <= kClients / kLoops + kMostInATurn);
  }
}

TEST("accept: loops that sleep take turns, so that none accepts for all") {
  constexpr std::size_t kLoops = 4;
  constexpr int kClients = 640;
  // Whoever sleeps has as many clients before its own at most as the others take in a row.
  constexpr std::uint64_t kLeast = kClients / ((kLoops - 1) * ListeningSocket::kInARow + 1);
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = kLoops, .listeners = 1, .backends = 1});
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  const SocketAddress address = engine.Listen(kOneSession);
  engine->SetPool(0, InTurn({0}));
  // In the order in which they were told: who has these tables has the listener.
  AwaitThat([&] { return engine->taken_generation() == engine->generation(); }, "all loops");
  const Conversation held = Converse(address, backend);
  for (int client = 0; client < kClients; ++client) {
    CHECK(AwaitSleep());
    CHECK(AwaitRefusal(address) < 0);
  }
  std::uint64_t sum = 0;
  for (std::size_t loop = 0; loop < kLoops; ++loop) {
    const std::uint64_t refused = engine->counters()->Listener(loop, 0).rejected.value();
    CHECK(refused >= kLeast);
    sum += refused;
  }
  CHECK_EQUAL(sum, static_cast<std::uint64_t>(kClients));
}

TEST("accept: a session that is observed reports accepted, opened and closed, in this order") {
  const Listener backend = ListenTcp();
  EngineHarness engine(2);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  Conversation both = Converse(engine.Listen(), backend);
  const std::uint16_t port = LocalPort(both.client);
  Finish(both);
  engine.WaitFor(Kind::kClosed, 1);
  const SessionEvent accepted = engine.First(Kind::kAccepted);
  CHECK(engine.KindsOf(accepted.slot) ==
        (std::vector{Kind::kAccepted, Kind::kOpened, Kind::kClosed}));
  CHECK_EQUAL(accepted.port, port);
  CHECK_EQUAL(accepted.listener, 0);
  CHECK_EQUAL(int{accepted.ip[10]}, 0xFF);
  CHECK_EQUAL(int{accepted.ip[12]}, 127);
  CHECK_EQUAL(int{accepted.ip[15]}, 1);
  CHECK_EQUAL(engine.First(Kind::kOpened).backend, 0);
}

TEST(
    "accept: without observers nothing is reported; sessions relay, count and give their slots "
    "back") {
  const Listener backend = ListenTcp();
  EngineHarness engine(2);
  const SocketAddress address = engine.ListenFor(backend);
  const std::string up = Pattern(100'000, 1);
  const std::string down = Pattern(200'000, 2);
  for (int round = 0; round < 10; ++round) {
    Conversation both = Converse(address, backend);
    std::size_t written = 0;
    std::string got;
    AwaitThat(
        [&] {
          if (written < up.size()) written += WriteSome(both.client.get(), up, written);
          while (ReadSome(both.backend.get(), got) == 1) {
          }
          return got.size() == up.size();
        },
        "the request");
    CHECK(got == up);
    WriteSome(both.backend.get(), down.substr(0, 1000));
    CHECK(Await(both.client, 1000) == down.substr(0, 1000));
    Finish(both);
  }
  AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "all slots");
  engine.TakeEvents();
  CHECK(engine.events.empty());
  CHECK_EQUAL(engine.rings.load(), 0);
  std::uint64_t opened = 0;
  std::uint64_t bytes = 0;
  for (std::size_t loop = 0; loop < 2; ++loop) {
    CHECK_EQUAL(engine->counters()->Listener(loop, 0).open.value(), 0U);
    CHECK_EQUAL(engine->counters()->Backend(loop, 0).open.value(), 0U);
    opened += engine->counters()->Backend(loop, 0).opened.value();
    bytes += engine->counters()->Listener(loop, 0).bytes_upstream.value();
  }
  CHECK_EQUAL(opened, 10U);
  CHECK_EQUAL(bytes, 10U * up.size());
}

TEST("accept: a slot that is used again begins with its counters at zero") {
  const DescriptorLimitScope few(100);
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  const SocketAddress address = engine.ListenFor(backend);
  for (int round = 0; round < 3; ++round) {
    Conversation both = Converse(address, backend);
    WriteSome(both.client.get(), "12345");
    CHECK_EQUAL(Await(both.backend, 5), "12345");
    AwaitThat(
        [&] {
          std::uint64_t sum = 0;
          for (SessionCounters& session : engine->counters()->sessions())
            sum = std::max(sum, session.bytes_upstream.value());
          return sum == 5;
        },
        "five bytes counted");
    Finish(both);
  }
}

TEST(
    "accept: stopping the engine resets the sessions that the loops accepted; descriptors come "
    "back") {
  const Listener backend = ListenTcp();
  const std::size_t before = OpenDescriptors();
  {
    EngineHarness engine(3);
    engine->SetBackend(0, {backend.address});
    engine->SetPool(0, InTurn({0}));
    const SocketAddress address = engine.Listen();
    std::vector<Conversation> held;
    for (int index = 0; index < 12; ++index) held.push_back(Converse(address, backend));
    engine.WaitFor(Kind::kOpened, 12);
    engine.Stop();
    for (Conversation& both : held) {
      CHECK_EQUAL(AwaitEnd(both.client), -ECONNRESET);
      CHECK_EQUAL(AwaitEnd(both.backend), -ECONNRESET);
    }
    CHECK(!ConnectTo(address).valid());
  }
  CHECK_EQUAL(OpenDescriptors(), before);
}

TEST("accept: a client who is on the way to another loop while the engine stops is reset") {
  // The second loop takes the client and gives it to the first, while that has been told to stop.
  std::atomic<bool> stopping{false};
  std::binary_semaphore taking{0};
  std::uint64_t before = 0;
  const HookScope hooks({.accept = [&](int) {
    if (!stopping) return 0;
    taking.release();
    AwaitThat([&] { return CallsSoFar()[Call::kWrite] >= before + 2; }, "the order to stop");
    return 0;
  }});
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 2, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen({}, 1);
  const Conversation stays = Converse(address, backend);
  engine.WaitFor(Kind::kOpened, 1);
  before = CallsSoFar()[Call::kWrite];
  stopping = true;
  const UniqueFd client = ConnectTo(address);
  taking.acquire();
  {
    const MeasuredScope measured;
    engine.Stop();
  }
  CHECK_EQUAL(AwaitEnd(client), -ECONNRESET);
}

TEST("accept: descriptors come back exactly when sessions end") {
  const Listener backend = ListenTcp();
  EngineHarness engine(2);
  const SocketAddress address = engine.ListenFor(backend);
  const std::size_t before = OpenDescriptors();
  std::vector<Conversation> held;
  for (int index = 0; index < 10; ++index) held.push_back(Converse(address, backend));
  AwaitThat([&] { return OpenDescriptors() == before + 40; }, "four descriptors a session");
  for (Conversation& both : held) Finish(both);
  held.clear();
  AwaitThat([&] { return OpenDescriptors() == before; }, "all descriptors back");
}

}  // namespace
}  // namespace spliceway::testing
