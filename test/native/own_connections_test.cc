// An engine whose backend leads back to a listener of its own, though nobody could know.

#include "listen/own_connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// More than a client goes round.
constexpr std::size_t kSessions = 1000;

SocketAddress At(const std::string& ip, std::uint16_t port) {
  return *SocketAddress::FromIp(ip, port);
}

/// A connection to `to` from a port that another socket of this machine may have as well; invalid
/// where somebody has it alone.
UniqueFd ConnectFrom(const SocketAddress& from, const SocketAddress& to) {
  UniqueFd fd(socket(from.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto* own = reinterpret_cast<const sockaddr*>(&from.storage);
  if (bind(fd.get(), own, from.length) != 0) return UniqueFd();
  const auto* there = reinterpret_cast<const sockaddr*>(&to.storage);
  CHECK_EQUAL(connect(fd.get(), there, to.length), 0);
  return fd;
}

/// Accepts, and asks whether it is one of the own.
std::optional<IpPort> CameBack(OwnConnections& own, const Listener& listener) {
  const UniqueFd client = AwaitClient(listener);
  return own.CameBack(client.get(), sys::PeerAddress(client.get()));
}

Listener ListenEverywhere() {
  Listener listener{.fd = UniqueFd(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
                    .address = At("::", 0)};
  auto* address = reinterpret_cast<sockaddr*>(&listener.address.storage);
  CHECK_EQUAL(bind(listener.fd.get(), address, listener.address.length), 0);
  CHECK_EQUAL(listen(listener.fd.get(), 16), 0);
  listener.address = sys::LocalAddress(listener.fd.get());
  return listener;
}

/// Clients that the listeners of the engine have refused.
std::uint64_t Rejected(EngineHarness& engine, std::size_t threads) {
  std::uint64_t rejected = 0;
  for (std::size_t loop = 0; loop < threads; ++loop)
    rejected += engine->counters()->Listener(loop, 0).rejected.value();
  return rejected;
}

std::uint64_t Opened(EngineHarness& engine, std::size_t threads) {
  std::uint64_t opened = 0;
  for (std::size_t loop = 0; loop < threads; ++loop)
    opened += engine->counters()->Listener(loop, 0).opened.value();
  return opened;
}

TEST("own connections: one that comes back is known, and where it had been sent") {
  OwnConnections own(kSessions);
  const Listener listener = ListenTcp();
  const UniqueFd stranger = ConnectTo(listener.address);
  CHECK(!CameBack(own, listener));
  const UniqueFd noted = ConnectTo(listener.address);
  own.Note(sys::LocalAddress(noted.get()), listener.address);
  CHECK(CameBack(own, listener) == listener.address.ip_port());
}

TEST("own connections: a client is served that has the port of one of them by chance") {
  OwnConnections own(kSessions);
  const Listener backend = ListenTcp();
  const Listener listener = ListenTcp();
  const SocketAddress any_port = At("127.0.0.1", 0);
  const UniqueFd noted = ConnectFrom(any_port, backend.address);
  const SocketAddress from = sys::LocalAddress(noted.get());
  own.Note(from, backend.address);
  const UniqueFd client = ConnectFrom(from, listener.address);
  CHECK_EQUAL(LocalPort(client), LocalPort(noted));
  CHECK(!CameBack(own, listener));
  CHECK(CameBack(own, backend) == backend.address.ip_port());
}

TEST("own connections: IPv4 is IPv4 at a listener of IPv6, and no address is the own one") {
  OwnConnections own(kSessions);
  const Listener listener = ListenEverywhere();
  const std::uint16_t port = listener.address.port();
  const std::array<std::array<const char*, 2>, 5> ways{{{"127.0.0.1", "127.0.0.1"},
                                                        {"::ffff:127.0.0.1", "127.0.0.1"},
                                                        {"0.0.0.0", "127.0.0.1"},
                                                        {"::", "::1"},
                                                        {"::1", "::1"}}};
  for (const auto& [to, arrives] : ways) {
    const UniqueFd noted = ConnectTo(At(to, port));
    own.Note(sys::LocalAddress(noted.get()), At(to, port));
    const std::optional<IpPort> there = CameBack(own, listener);
    CHECK(there == At(arrives, port).ip_port());
    if (there) CHECK_EQUAL(there->ip_text(), arrives);
  }
}

TEST("own connections: Unix sockets have none") {
  OwnConnections own(kSessions);
  const Pair pair = UnixPair();
  own.Note(sys::LocalAddress(pair.near.get()), *SocketAddress::FromPath("/run/a"));
  CHECK(!own.CameBack(pair.peer.get(), sys::PeerAddress(pair.peer.get())));
}

TEST("own connections: one comes back, so all are looked at, until a thousand have not") {
  OwnConnections own(kSessions);
  const std::uint32_t few = own.interval();
  CHECK(few > 1);
  const Listener listener = ListenTcp();
  const UniqueFd noted = ConnectTo(listener.address);
  const SocketAddress from = sys::LocalAddress(noted.get());
  own.Note(from, listener.address);
  CHECK_EQUAL(own.interval(), few);
  CHECK(CameBack(own, listener));
  for (int count = 0; count < 1024; ++count) {
    CHECK_EQUAL(own.interval(), 1U);
    own.Note(from, listener.address);
  }
  CHECK_EQUAL(own.interval(), few);
}

TEST("an engine that is its own backend: a client goes round some tens of times, and is cut") {
  for (const std::size_t threads : {1U, 3U}) {
    EngineHarness engine(threads);
    engine->Attend(Attention::kNone);
    const SocketAddress address = engine.Listen();
    engine->SetBackend(0, {address});
    engine->SetPool(0, InTurn({0}));
    const auto rounds_of_a_client = [&] {
      const std::uint64_t before = Opened(engine, threads);
      const std::uint64_t rejected = Rejected(engine, threads);
      const UniqueFd client = ConnectTo(address);
      AwaitEnd(client);
      AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "the end of all");
      CHECK(Rejected(engine, threads) > rejected);
      return Opened(engine, threads) - before;
    };
    // Of a loop it may be the next one: another loop may accept it before it is noted.
    CHECK(rounds_of_a_client() <= 500);
    CHECK(rounds_of_a_client() <= 100);
    engine.TakeEvents();
    const SessionEvent told = engine.First(Kind::kCameBack);
    CHECK_EQUAL(told.listener, 0);
    CHECK_EQUAL(told.port, int{address.port()});
    CHECK(told.ip == address.ip_port()->ip);
    CHECK_EQUAL(engine.Count(Kind::kRefused), 0U);
  }
}

TEST("an engine that is its own backend: few sessions and many loops are no hindrance") {
  for (const auto& [threads, sessions] : {std::pair(1U, 20U), {16U, 200U}}) {
    EngineHarness engine(
        {.threads = threads, .listeners = 1, .backends = 1, .max_sessions = sessions});
    engine->Attend(Attention::kNone);
    const SocketAddress address = engine.Listen();
    engine->SetBackend(0, {address});
    engine->SetPool(0, InTurn({0}));
    const UniqueFd client = ConnectTo(address);
    AwaitEnd(client);
    CHECK(Rejected(engine, threads) > 0);
  }
}

TEST("an engine serves a client that has the port of its own connection to a backend") {
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  const SocketAddress address = engine.ListenFor(backend);
  UniqueFd client;
  // The last one of so many is noted. Another program may be quicker to take its port.
  const std::uint32_t sessions = OwnConnections(kSessions).interval();
  for (std::uint32_t count = 1; !client.valid(); ++count) {
    const UniqueFd other = ConnectTo(address);
    const UniqueFd served = AwaitClient(backend);
    const std::uint16_t port = sys::PeerAddress(served.get()).port();
    // So that this end waits (TIME_WAIT), and that port is free.
    shutdown(served.get(), SHUT_WR);
    CHECK_EQUAL(AwaitEnd(other), 0);
    shutdown(other.get(), SHUT_WR);
    CHECK_EQUAL(AwaitEnd(served), 0);
    AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions(); }, "the end");
    if (count % sessions == 0) client = ConnectFrom(At("127.0.0.1", port), address);
  }
  const UniqueFd served = AwaitClient(backend);
  WriteSome(client.get(), "a question");
  CHECK_EQUAL(Await(served, 10), "a question");
  CHECK_EQUAL(Rejected(engine, 1), 0U);
}

}  // namespace
}  // namespace spliceway::testing
