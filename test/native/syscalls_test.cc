// What the data plane asks of the kernel, call by call. Loops wait as often as things happen to
// come together, so epoll_wait is not counted.

#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "engine_harness.h"
#include "harness.h"
#include "meter.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

CallCounts Calls(std::initializer_list<std::pair<Call, std::uint64_t>> list) {
  CallCounts counts;
  for (const auto& [call, count] : list) counts[call] = count;
  return counts;
}

CallCounts operator+(CallCounts left, const CallCounts& right) {
  for (std::size_t call = 0; call < kCalls; ++call) left.counts[call] += right.counts[call];
  return left;
}

/// Where the machine paces, each socket to a loopback address is told not to be.
const std::uint64_t kSwitchesPacingOff = sys::PacesUnlessTold() ? 1 : 0;

/// Of one request and one response, from accept to close.
const CallCounts kOneExchange = Calls({{Call::kAccept, 1},
                                       {Call::kEpollCtl, 2},
                                       {Call::kSocket, 1},
                                       {Call::kSetsockopt, 1 + kSwitchesPacingOff},
                                       {Call::kConnect, 1},
                                       {Call::kRecv, 4},
                                       {Call::kSend, 2},
                                       {Call::kShutdown, 1},
                                       {Call::kClose, 2}});
const CallCounts kFurtherExchange = Calls({{Call::kRecv, 2}, {Call::kSend, 2}});

/// Listens below the ports that the kernel gives to clients, as backends do.
Listener ListenLow() {
  for (std::uint16_t port = static_cast<std::uint16_t>(sys::FirstEphemeralPort() - 1); port > 1024;
       --port) {
    const SocketAddress address = *SocketAddress::FromIp("127.0.0.1", port);
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0)
      continue;
    if (listen(fd.get(), 64) == 0) return {.fd = std::move(fd), .address = address};
  }
  Fail(__FILE__, __LINE__, "no port is free");
  return ListenTcp();
}

/// One loop that accepts for a backend.
class Measured {
 public:
  explicit Measured(Listener backend, const ListenerOptions& options = {},
                    std::uint16_t keep_alive_s = 0)
      : backend_(std::move(backend)),
        engine_({.threads = 1, .listeners = 1, .backends = 1, .keep_alive_s = keep_alive_s}) {
    engine_->Attend(Attention::kNone);
    engine_->SetBackend(0, {backend_.address});
    engine_->SetPool(0, InTurn({0}));
    address_ = engine_.Listen(options);
    // The orders that were posted before are carried out when a client is served.
    Session(1, true);
  }

  /// The calls of a whole session.
  CallCounts Session(int exchanges, bool backend_ends_first, int quiet_ms = 0) {
    const CallCounts before = CallsSoFar();
    const UniqueFd client = ConnectTo(address_);
    const UniqueFd backend = AwaitClient(backend_);
    for (int exchange = 0; exchange < exchanges; ++exchange) {
      WriteSome(client.get(), "a question");
      CHECK_EQUAL(Await(backend, 10), "a question");
      WriteSome(backend.get(), "an answer");
      CHECK_EQUAL(Await(client, 9), "an answer");
    }
    if (quiet_ms > 0) poll(nullptr, 0, quiet_ms);
    const UniqueFd& first = backend_ends_first ? backend : client;
    const UniqueFd& second = backend_ends_first ? client : backend;
    shutdown(first.get(), SHUT_WR);
    CHECK_EQUAL(AwaitEnd(second), 0);
    shutdown(second.get(), SHUT_WR);
    CHECK_EQUAL(AwaitEnd(first), 0);
    // Both sockets are closed one after the other; then the slot comes back.
    if (observed_) {
      engine_.WaitFor(Kind::kClosed, 1);
      engine_.events.clear();
    }
    AwaitThat([&] { return engine_.FreeSlots() == engine_->max_sessions(); }, "the slot");
    return CallsSoFar() - before;
  }

  EngineHarness& engine() { return engine_; }
  void Observe() {
    engine_->Attend(Attention::kReport);
    observed_ = true;
  }

 private:
  Listener backend_;
  EngineHarness engine_;
  SocketAddress address_;
  bool observed_ = false;
};

TEST("system calls: 15 for a session of one request and one response that the backend ends") {
  Measured measured(ListenLow());
  for (int round = 0; round < 5; ++round)
    CHECK_CALLS("a session", measured.Session(1, true), kOneExchange);
  CHECK_EQUAL(kOneExchange.total(), 15U + kSwitchesPacingOff);
}

TEST("system calls: 16 a session for clients that were there before their listener was taken") {
  const Listener backend = ListenLow();
  EngineHarness engine(1);
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  Listener listener = ListenTcp();
  constexpr std::uint64_t kClients = 10;
  std::vector<UniqueFd> clients;
  for (std::uint64_t index = 0; index < kClients; ++index)
    clients.push_back(ConnectTo(listener.address));
  CallCounts before = CallsSoFar();
  engine.ListenOn(std::move(listener.fd), {});
  std::vector<UniqueFd> served;
  for (std::uint64_t index = 0; index < kClients; ++index) served.push_back(AwaitClient(backend));
  for (const UniqueFd& client : clients) WriteSome(client.get(), "a question");
  for (const UniqueFd& one : served) {
    CHECK_EQUAL(Await(one, 10), "a question");
    WriteSome(one.get(), "an answer");
    shutdown(one.get(), SHUT_WR);
  }
  for (const UniqueFd& client : clients) {
    CHECK_EQUAL(Await(client, 9), "an answer");
    CHECK_EQUAL(AwaitEnd(client), 0);
    shutdown(client.get(), SHUT_WR);
  }
  AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "the slots");
  CallCounts made = CallsSoFar() - before;
  // What the order to listen takes of the loop: to register the listener.
  // Nobody more is found once at most each time that the last one who waited was taken.
  CHECK(made[Call::kAccept] <= 2 * kClients);
  made[Call::kAccept] = kClients;
  // They have inherited nothing, so each is told by itself.
  CHECK_CALLS(
      "ten sessions", made,
      kOneExchange * kClients + Calls({{Call::kSetsockopt, kClients}, {Call::kEpollCtl, 1}}));
}

TEST(
    "system calls: whichever loop takes them, clients who were there before are told by "
    "themselves") {
  const Listener backend = ListenLow();
  EngineHarness engine({.threads = 3, .listeners = 1, .backends = 1});
  engine->Attend(Attention::kNone);
  Listener listener = ListenTcp();
  constexpr std::uint64_t kClients = 10;
  std::vector<UniqueFd> clients;
  for (std::uint64_t index = 0; index < kClients; ++index)
    clients.push_back(ConnectTo(listener.address));
  const CallCounts before = CallsSoFar();
  // Refused, all but one: no backend adds to the count.
  engine.ListenOn(std::move(listener.fd), {.timeouts = {}, .clients = {.loopback = 1}});
  engine.WaitFor(SessionEvent::Kind::kNeedBackend, 1);
  AwaitThat(
      [&] {
        std::uint64_t refused = 0;
        for (std::size_t loop = 0; loop < 3; ++loop)
          refused += engine->counters()->Listener(loop, 0).rejected.value();
        return refused == kClients - 1;
      },
      "the others");
  // One for each that is refused, and one for each client.
  CHECK_EQUAL((CallsSoFar() - before)[Call::kSetsockopt], kClients - 1 + kClients);
}

TEST("system calls: 15 as well where the client ends it") {
  Measured measured(ListenLow());
  for (int round = 0; round < 5; ++round)
    CHECK_CALLS("a session", measured.Session(1, false), kOneExchange);
}

TEST("system calls: 4 for each further exchange, two to read and two to write") {
  Measured measured(ListenLow());
  CHECK_CALLS("a session of 101 exchanges", measured.Session(101, true),
              kOneExchange + kFurtherExchange * 100);
  CHECK_EQUAL(kFurtherExchange.total(), 4U);
}

TEST("system calls: none for a session that is idle, and no wake-up; time-outs cost none") {
  Measured measured(ListenLow(), {.timeouts = {.connect_ms = 5000,
                                               .idle_ms = 3'600'000,
                                               .half_close_ms = 60'000,
                                               .handshake_ms = 100}});
  const std::uint64_t before = CallsSoFar()[Call::kEpollWait];
  CHECK_CALLS("a session", measured.Session(1, true, 300), kOneExchange);
  CHECK(CallsSoFar()[Call::kEpollWait] - before <= 20);
}

TEST("system calls: none more where peers that vanish are to be noticed") {
  Measured measured(ListenLow(), {}, 3600);
  CHECK_CALLS("a session", measured.Session(1, true), kOneExchange);
}

TEST("system calls: 4 once for a backend that is silent, so that it is asked") {
  constexpr std::uint64_t kOptions = 4;
  const Listener backend = ListenLow();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1, .keep_alive_s = 1});
  const CallCounts before = CallsSoFar();
  const SocketAddress address = engine.ListenFor(backend);
  AwaitThat([&] { return (CallsSoFar() - before)[Call::kEpollCtl] == 1; }, "the listener");
  const UniqueFd client = ConnectTo(address);
  const UniqueFd served = AwaitClient(backend);
  const auto made = [&] { return (CallsSoFar() - before)[Call::kSetsockopt]; };
  // Those of the backend: its client has inherited those of the listener.
  const std::uint64_t all = 1 + kSwitchesPacingOff + kOptions;
  AwaitThat([&] { return made() == all; }, "the options of the backend");
  WriteSome(client.get(), "a question");
  CHECK_EQUAL(Await(served, 10), "a question");
  poll(nullptr, 0, 1200);
  CHECK_EQUAL(made(), all);
}

TEST("system calls: 4 where the peers of a silent session are asked, and 4 once before") {
  constexpr std::uint64_t kOptions = 4;
  // Of both peers: to ask at once, and later again.
  constexpr std::uint64_t kQuestion = 4;
  const Listener backend = ListenLow();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1, .keep_alive_s = 6});
  const CallCounts before = CallsSoFar();
  const SocketAddress address = engine.ListenFor(backend);
  AwaitThat([&] { return (CallsSoFar() - before)[Call::kEpollCtl] == 1; }, "the listener");
  const std::uint64_t since_ms = sys::NowMs();
  const UniqueFd client = ConnectTo(address);
  const UniqueFd served = AwaitClient(backend);
  const auto made = [&] { return (CallsSoFar() - before)[Call::kSetsockopt]; };
  // Those of the backend: its client has inherited those of the listener.
  const std::uint64_t once = 1 + kSwitchesPacingOff + kOptions;
  AwaitThat([&] { return made() >= once + kQuestion; }, "a question");
  shutdown(served.get(), SHUT_WR);
  CHECK_EQUAL(AwaitEnd(client), 0);
  shutdown(client.get(), SHUT_WR);
  AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "the slot");
  // Once in three seconds at most.
  CHECK(made() <= once + kQuestion * ((sys::NowMs() - since_ms) / 3000));
}

TEST("system calls: one more where the backend's port could be given to a client") {
  Measured measured(ListenTcp());
  CHECK_CALLS("a session", measured.Session(1, true),
              kOneExchange + Calls({{Call::kGetsockname, 1}}));
}

TEST("system calls: one more in 32 sessions, by which one that comes back would be known") {
  Measured measured(ListenLow());
  constexpr std::uint64_t kSessions = 32;
  const CallCounts before = CallsSoFar();
  for (std::uint64_t index = 0; index < kSessions; ++index) measured.Session(1, true);
  CHECK_CALLS("32 sessions", CallsSoFar() - before,
              kOneExchange * kSessions + Calls({{Call::kGetsockname, 1}}));
}

TEST("system calls: none more where sessions of a client and of a backend are limited") {
  Measured measured(ListenLow(), {.timeouts = {}, .clients = {.remote = 0, .loopback = 10}});
  measured.engine()->LimitBackend(0, 10);
  CHECK_CALLS("a session", measured.Session(1, true), kOneExchange);
}

TEST("system calls: 3 for a client that is refused") {
  const Listener backend = ListenLow();
  EngineHarness engine(1);
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address =
      engine.Listen({.timeouts = {}, .clients = {.remote = 0, .loopback = 1}});
  const UniqueFd holds = ConnectTo(address);
  const UniqueFd served = AwaitClient(backend);
  CHECK_EQUAL(AwaitRefusal(address), -ECONNRESET);
  const CallCounts before = CallsSoFar();
  CHECK_EQUAL(AwaitRefusal(address), -ECONNRESET);
  CallCounts made = CallsSoFar() - before;
  // Whoever comes right after another may be followed by a look at whether one more waits.
  CHECK(made[Call::kAccept] <= 2);
  made[Call::kAccept] = 1;
  CHECK_CALLS("a refusal", made,
              Calls({{Call::kAccept, 1}, {Call::kSetsockopt, 1}, {Call::kClose, 1}}));
}

TEST("system calls: a session that is observed costs none more") {
  Measured measured(ListenLow());
  measured.Observe();
  constexpr std::uint64_t kSessions = 10;
  const CallCounts before = CallsSoFar();
  for (std::uint64_t index = 0; index < kSessions; ++index) measured.Session(1, true);
  CHECK_CALLS("ten sessions", CallsSoFar() - before, kOneExchange * kSessions);
}

TEST("system calls: 7 more for a backend that refuses") {
  const Refusing down;
  Listener up = ListenLow();
  const SocketAddress address = up.address;
  Measured measured(std::move(up));
  measured.engine()->SetBackend(0, {down.address, address});
  measured.Session(1, true);
  CHECK_CALLS("a session", measured.Session(1, true),
              kOneExchange + Calls({{Call::kSocket, 1},
                                    {Call::kSetsockopt, 1 + kSwitchesPacingOff},
                                    {Call::kConnect, 1},
                                    {Call::kEpollCtl, 2},
                                    {Call::kGetsockopt, 1},
                                    {Call::kClose, 1}}));
}

TEST("system calls: a megabyte in bulk takes two splices or a few more, and nothing else") {
  Harness harness;
  const Joined joined(harness, {.near_receive_buffer = 8 << 20},
                      {.peer_receive_buffer = 8 << 20, .near_send_buffer = 8 << 20});
  const std::string text = Pattern(1 << 20);
  // The first one makes the pipe. A kernel that is short of memory for TCP brings one in more
  // pieces, which it is not always.
  int few = 0;
  for (int round = 0; few < 3 && round <= 10; ++round) {
    harness.RunFor(20);
    const CallCounts before = CallsSoFar();
    CHECK(Transfer(harness, joined.client, joined.backend, text, text.size(), "a megabyte") ==
          text);
    const CallCounts made = CallsSoFar() - before;
    if (round == 0) continue;
    CHECK(made[Call::kSplice] >= 2);
    CHECK_EQUAL(made.total(), made[Call::kSplice]);
    if (made[Call::kSplice] <= 8) ++few;
  }
  CHECK_EQUAL(few, 3);
}

}  // namespace
}  // namespace spliceway::testing
