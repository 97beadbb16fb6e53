// Who waits for room at a Unix socket whose queue of connections is full.

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "faults.h"
#include "harness.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

Harness::Options WithTimeouts(const SessionTimeouts& timeouts) { return {.timeouts = timeouts}; }

/// A Unix socket that listens, with a queue for so many.
struct UnixListener {
  explicit UnixListener(int queue) {
    const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
    CHECK_EQUAL(bind(fd.get(), to, address.length), 0);
    CHECK_EQUAL(listen(fd.get(), queue), 0);
  }
  const TempSocket path;
  const SocketAddress address = *SocketAddress::FromPath(path.path());
  const UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

TEST("room: a Unix socket whose queue is full is tried again, as long as an address may take") {
  Harness harness(WithTimeouts({.connect_ms = 120}));
  const UnixListener listener(0);
  std::vector<UniqueFd> waiting;
  for (int index = 0; index < 3; ++index) {
    waiting.push_back(std::move(sys::OpenSocket(AF_UNIX).fd));
    sys::Connect(waiting.back().get(), listener.address);
  }
  Pair client = TcpPair();
  Connect(harness.Start(std::move(client.near)), {listener.address});
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the time-out");
  CHECK_EQUAL(harness.failed_attempts.empty() ? 0 : harness.failed_attempts[0], EAGAIN);

  Pair luckier = TcpPair();
  Connect(harness.Start(std::move(luckier.near)), {listener.address});
  const UniqueFd first(accept(listener.fd.get(), nullptr, nullptr));
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
}

TEST(
    "room: of those who wait for room at a Unix socket one tries, and they get in as they "
    "came") {
  constexpr int kClients = 60;
  Harness harness;
  const UnixListener listener(kClients);
  std::vector<Pair> clients;
  for (int index = 0; index < kClients; ++index) {
    clients.push_back(TcpPair());
    const char name = static_cast<char>(index);
    CHECK_EQUAL(send(clients.back().peer.get(), &name, 1, 0), 1);
  }
  bool is_full = true;
  int tries = 0;
  const HookScope hooks({.connect = [&](int) {
    ++tries;
    return is_full ? EAGAIN : 0;
  }});
  for (Pair& client : clients) Connect(harness.Start(std::move(client.near)), {listener.address});
  CHECK_EQUAL(tries, 1);
  harness.RunFor(300);
  // After 5, 10, 20 and 40 ms, then every 50: each waiter did so before, 360 times in all.
  CHECK(tries >= 2 && tries <= 11);
  tries = 0;
  is_full = false;
  harness.RunUntil([&] { return harness.opened == kClients; }, "room for all");
  CHECK_EQUAL(tries, kClients);
  for (int index = 0; index < kClients; ++index) {
    const UniqueFd backend(accept(listener.fd.get(), nullptr, nullptr));
    char name = -1;
    harness.RunUntil([&] { return recv(backend.get(), &name, 1, MSG_DONTWAIT) == 1; }, "its name");
    CHECK_EQUAL(int{name}, index);
  }
}

TEST("room: who waits for room and leaves, or is late, holds up nobody behind") {
  Harness harness(WithTimeouts({.connect_ms = 100}));
  const UnixListener listener(8);
  std::vector<Pair> clients;
  for (int index = 0; index < 4; ++index) clients.push_back(TcpPair());
  bool is_full = true;
  const HookScope hooks({.connect = [&](int) { return is_full ? EAGAIN : 0; }});
  Connect(harness.Start(std::move(clients[0].near)), {listener.address});
  Connect(harness.Start(std::move(clients[1].near)), {listener.address});
  harness.RunUntil([&] { return harness.failed_attempts.size() == 2; }, "the time-outs");
  Session& third = harness.Start(std::move(clients[2].near));
  Connect(third, {listener.address});
  Connect(harness.Start(std::move(clients[3].near)), {listener.address});
  third.End(Ending::kReset);
  is_full = false;
  harness.RunUntil([&] { return harness.opened == 1; }, "the last one");
}

TEST("room: who finds no descriptor at its turn keeps its place, and those behind do not try") {
  constexpr int kClients = 20;
  Harness harness;
  const UnixListener listener(kClients + 1);
  std::vector<Pair> clients;
  for (int index = 0; index <= kClients; ++index) {
    clients.push_back(TcpPair());
    const char name = static_cast<char>(index);
    CHECK_EQUAL(send(clients.back().peer.get(), &name, 1, 0), 1);
  }
  int left = 0;   // descriptors
  int asked = 0;  // for one
  bool is_full = true;
  const HookScope hooks({.socket =
                             [&] {
                               ++asked;
                               return is_full || left-- > 0 ? 0 : EMFILE;
                             },
                         .connect = [&](int) { return is_full ? EAGAIN : 0; }});
  const auto connect = [&](int index) {
    Pair& client = clients[static_cast<std::size_t>(index)];
    Connect(harness.Start(std::move(client.near)), {listener.address});
  };
  for (int index = 0; index < kClients; ++index) connect(index);
  is_full = false;
  asked = 0;
  harness.RunFor(300);
  // After 5, 10, 20 and 40 ms, then every 50: each waiter did so, once the first had found none.
  CHECK(asked >= 2 && asked <= 11);
  CHECK_EQUAL(harness.shortage().sessions.load(), 1U);
  // Who comes then is the last.
  left = kClients + 1;
  connect(kClients);
  harness.RunUntil([&] { return harness.opened == kClients + 1; }, "room for all");
  CHECK_EQUAL(harness.shortage().sessions.load(), 0U);
  for (int index = 0; index <= kClients; ++index) {
    const UniqueFd backend(accept(listener.fd.get(), nullptr, nullptr));
    char name = -1;
    harness.RunUntil([&] { return recv(backend.get(), &name, 1, MSG_DONTWAIT) == 1; }, "its name");
    CHECK_EQUAL(int{name}, index);
  }
}

TEST("room: who waits for it at one address of a backend holds up nobody at another") {
  Harness harness;
  const UnixListener full(8);
  const UnixListener other(8);
  std::vector<Pair> clients;
  for (int index = 0; index < 3; ++index) clients.push_back(TcpPair());
  bool is_full = true;
  int tries = 0;
  const HookScope hooks({.connect = [&](int) { return ++tries == 1 || is_full ? EAGAIN : 0; }});
  Connect(harness.Start(std::move(clients[0].near)), {full.address});
  CHECK_EQUAL(tries, 1);
  is_full = false;
  // As after the backend has moved, or in the turn of another loop's session.
  Connect(harness.Start(std::move(clients[1].near)), {other.address});
  CHECK_EQUAL(tries, 2);
  harness.RunUntil([&] { return harness.opened >= 1; }, "the one that has room");
  is_full = true;
  Connect(harness.Start(std::move(clients[2].near)), {other.address});
  is_full = false;
  harness.RunUntil([&] { return harness.opened == 3; }, "room for all");
}

TEST("room: queues of addresses that nobody waits at any more do not pile up") {
  /// Who leaves at its turn.
  struct Waiter final : RoomWaiter {
    void OnTurnToTry() override {}
  };
  int error = 0;
  const std::unique_ptr<EventLoop> loop = EventLoop::Create(0, error);
  RoomQueues rooms(*loop);
  const auto path = [](int number) {
    return *SocketAddress::FromPath("/run/" + std::to_string(number));
  };
  Waiter stays;
  rooms.Add(path(-1), stays);
  for (int number = 0; number < 1000; ++number) {
    Waiter leaves;
    rooms.Add(path(number), leaves);
    CHECK(rooms.HasWaiter(path(number)));
  }
  CHECK(rooms.size() <= 40);
  CHECK(rooms.HasWaiter(path(-1)));
  CHECK(!rooms.HasWaiter(path(999)));
}

}  // namespace
}  // namespace spliceway::testing
