// The engine with its threads, as the addon uses it.

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "engine_harness.h"
#include "meter.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

TEST("engine: sessions on several loops relay, count live and end; descriptors come back") {
  const std::size_t before = OpenDescriptors();
  {
    EngineHarness engine(3);
    constexpr std::uint32_t kSessions = 30;
    std::vector<UniqueFd> clients;
    std::vector<UniqueFd> backends;
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      CHECK_EQUAL(engine.TakeSlot(), slot);
      Pair client = TcpPair();
      Pair backend = TcpPair();
      engine->Start({.slot = slot,
                     .client = std::move(client.near),
                     .client_prefix = {},
                     .timeouts = {},
                     .listener = 0,
                     .route = {}});
      engine->Join({.session = {.slot = slot, .generation = 0},
                    .backend = std::move(backend.near),
                    .backend_prefix = {}});
      clients.push_back(std::move(client.peer));
      backends.push_back(std::move(backend.peer));
    }
    const std::string text = Pattern(50'000);
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      WriteSome(clients[slot].get(), text);
      CHECK(Await(backends[slot], text.size()) == text);
    }
    engine.WaitFor(SessionEvent::Kind::kOpened, kSessions);
    std::size_t loops_used = 0;
    for (std::size_t loop = 0; loop < 3; ++loop) {
      if (engine->counters()->Listener(loop, 0).opened.value() == kSessions / 3) ++loops_used;
    }
    CHECK_EQUAL(loops_used, 3U);
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      shutdown(clients[slot].get(), SHUT_WR);
      shutdown(backends[slot].get(), SHUT_WR);
    }
    engine.WaitFor(SessionEvent::Kind::kClosed, kSessions);
    for (const SessionEvent& event : engine.events) {
      if (event.kind == SessionEvent::Kind::kClosed) {
        CHECK_EQUAL(event.reason, static_cast<std::int32_t>(CloseReason::kFinished));
      }
    }
    CHECK_EQUAL(engine->counters()->Session(7).bytes_upstream.value(), text.size());
  }
  CHECK_EQUAL(OpenDescriptors(), before);
}

TEST("engine: idle pipes are closed when nobody needs them any more") {
  EngineHarness engine(1);
  const std::size_t before = OpenDescriptors();
  Pair client = TcpPair();
  Pair backend = TcpPair();
  CHECK_EQUAL(engine.TakeSlot(), 0U);
  engine->Start({.slot = 0,
                 .client = std::move(client.near),
                 .client_prefix = {},
                 .timeouts = {},
                 .listener = 0,
                 .route = {}});
  engine->Join({.session = {.slot = 0, .generation = 0},
                .backend = std::move(backend.near),
                .backend_prefix = {}});
  const std::string text = Pattern(50'000);
  WriteSome(client.peer.get(), text);
  CHECK(Await(backend.peer, text.size()) == text);
  const std::uint64_t deadline = sys::NowMs() + kDeadlineMs;
  // Four sockets of the session and the test, nothing else.
  while (OpenDescriptors() != before + 4 && sys::NowMs() < deadline) poll(nullptr, 0, 10);
  CHECK_EQUAL(OpenDescriptors(), before + 4);
}

TEST(
    "engine: stopping it resets what is left, and commands for sessions that are gone do nothing") {
  EngineHarness engine(2);
  Pair client = TcpPair();
  Pair backend = TcpPair();
  CHECK_EQUAL(engine.TakeSlot(), 0U);
  engine->Start({.slot = 0,
                 .client = std::move(client.near),
                 .client_prefix = {},
                 .timeouts = {},
                 .listener = kNoRow,
                 .route = {}});
  engine->Join({.session = {.slot = 0, .generation = 0},
                .backend = std::move(backend.near),
                .backend_prefix = {}});
  engine.WaitFor(SessionEvent::Kind::kOpened, 1);
  engine->Connect({.session = {.slot = 0, .generation = 0}, .backend = 0});
  engine.Stop();
  std::string got;
  pollfd ready{.fd = client.peer.get(), .events = POLLIN, .revents = 0};
  CHECK_EQUAL(poll(&ready, 1, kDeadlineMs), 1);
  CHECK_EQUAL(ReadSome(client.peer.get(), got), -ECONNRESET);
}

TEST("engine: stopping it has each loop reset its own sessions, and its owner none") {
  constexpr std::size_t kSessions = 20;
  const Listener backend = ListenTcp();
  EngineHarness engine(2);
  const SocketAddress address = engine.ListenFor(backend);
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> served;
  while (clients.size() < kSessions) {
    clients.push_back(ConnectTo(address));
    served.push_back(AwaitClient(backend));
    WriteSome(served.back().get(), "x");
    CHECK_EQUAL(Await(clients.back(), 1), "x");
  }
  // Calls of this thread are not counted.
  const CallCounts before = CallsSoFar();
  engine.Stop();
  CHECK_EQUAL((CallsSoFar() - before)[Call::kSetsockopt], 2 * kSessions);
  for (const UniqueFd& client : clients) CHECK_EQUAL(AwaitEnd(client), -ECONNRESET);
}

TEST("rule 11: a splice into a socket that is gone does not end the process by SIGPIPE") {
  // As in a program that never heard of the signal.
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  {
    EngineHarness engine(1);
    Pair client = TcpPair();
    Pair backend = UnixPair();
    CHECK_EQUAL(engine.TakeSlot(), 0U);
    engine->Start({.slot = 0,
                   .client = std::move(client.near),
                   .client_prefix = {},
                   .timeouts = {},
                   .listener = 0,
                   .route = {}});
    engine->Join({.session = {.slot = 0, .generation = 0},
                  .backend = std::move(backend.near),
                  .backend_prefix = {}});
    // A Unix peer that reads no more raises the signal at the next write, and no event comes before
    // it. (TCP reports ECONNRESET first, so there it takes a second write after that.)
    shutdown(backend.peer.get(), SHUT_RD);
    WriteSome(client.peer.get(), Pattern(200'000));
    // The write has been tried when the other direction, which comes after it in the same turn, has
    // worked.
    WriteSome(backend.peer.get(), "last words");
    CHECK_EQUAL(Await(client.peer, 10), "last words");
    backend.peer.Reset();
    engine.WaitFor(SessionEvent::Kind::kClosed, 1);
  }
  std::signal(SIGPIPE, before);
}

TEST("engine: what a child still holds of a session that ended does not disturb the next one") {
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  const SocketAddress address = engine.ListenFor(backend);
  UniqueFd client = ConnectTo(address);
  UniqueFd served = AwaitClient(backend);
  WriteSome(client.get(), "x");
  CHECK_EQUAL(Await(served, 1), "x");
  // The child has a copy of every descriptor until it is told to go, as between fork and exec.
  std::array<int, 2> gate{};
  CHECK_EQUAL(pipe(gate.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(gate[1]);
    char byte = 0;
    [[maybe_unused]] const ssize_t got = read(gate[0], &byte, 1);
    _exit(0);
  }
  close(gate[0]);
  shutdown(client.get(), SHUT_WR);
  CHECK_EQUAL(AwaitEnd(served), 0);
  shutdown(served.get(), SHUT_WR);
  // The slot is free, and the next client gets it. The connections live on in the child.
  AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "the slot");
  const UniqueFd next = ConnectTo(address);
  const UniqueFd next_served = AwaitClient(backend);
  ResetPeer(client);
  ResetPeer(served);
  for (int exchange = 0; exchange < 20; ++exchange) {
    WriteSome(next.get(), "question");
    CHECK_EQUAL(Await(next_served, 8), "question");
    WriteSome(next_served.get(), "answer");
    CHECK_EQUAL(Await(next, 6), "answer");
  }
  close(gate[1]);
  waitpid(child, nullptr, 0);
}

TEST("engine: holds as many sessions as it is told to, and no more than descriptors allow") {
  EngineHarness few({.threads = 1, .listeners = 1, .backends = 1, .max_sessions = 3});
  CHECK_EQUAL(few->max_sessions(), 3U);
  CHECK_EQUAL(few.FreeSlots(), 3U);
  EngineHarness any(1);
  EngineHarness many({.threads = 1, .listeners = 1, .backends = 1, .max_sessions = 1 << 20});
  CHECK_EQUAL(many->max_sessions(), any->max_sessions());
}

TEST("engine: loops that poll busily relay, and stop when they are told to") {
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1, .busy_poll_us = 2000});
  const Listener backend = ListenTcp();
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const UniqueFd client = ConnectTo(engine.Listen());
  const UniqueFd served = AwaitClient(backend);
  for (int exchange = 0; exchange < 20; ++exchange) {
    WriteSome(client.get(), "question");
    CHECK_EQUAL(Await(served, 8), "question");
  }
  engine.Stop();
  CHECK_EQUAL(AwaitEnd(client), -ECONNRESET);
}

}  // namespace
}  // namespace spliceway::testing
