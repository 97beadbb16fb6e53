// Two addresses of one backend that are tried beside each other.

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "faults.h"
#include "harness.h"
#include "sockets.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

/// An address that does not answer: its queue is full, and the kernel answers no further SYN.
class Silent {
 public:
  Silent() : listener_(ListenTcp(0)) {
    for (int index = 0; index < 4; ++index) {
      waiting_.push_back(std::move(sys::OpenSocket(AF_INET).fd));
      sys::Connect(waiting_.back().get(), listener_.address);
    }
  }
  [[nodiscard]] const SocketAddress& address() const { return listener_.address; }
  /// Answers the next SYN; those that were sent are sent again, the first a second after.
  void Answer() {
    while (Accept(listener_).valid()) continue;
    waiting_.clear();
  }

 private:
  Listener listener_;
  std::vector<UniqueFd> waiting_;
};

bool HasIpv6() { return sys::OpenSocket(AF_INET6).fd.valid(); }

/// The same listener by the other family: an IPv4 address mapped into IPv6.
SocketAddress Mapped(const SocketAddress& address) {
  return *SocketAddress::FromIp("::ffff:127.0.0.1", address.port());
}

/// Of which nobody listens.
SocketAddress Refusing() { return ListenTcp().address; }

/// A loop with one session that sets out for these addresses.
struct Race {
  explicit Race(Addresses addresses, SessionTimeouts timeouts = {})
      : harness({.timeouts = timeouts}), client(TcpPair()) {
    Connect(harness.Start(std::move(client.near)), std::move(addresses));
  }
  /// Runs until the client is joined to a backend, or the backend has failed.
  void Run() {
    harness.RunUntil([&] { return harness.opened > 0 || harness.closed > 0 || failed() > 0; },
                     "the end of the race");
  }
  [[nodiscard]] std::uint64_t failed() { return harness.backend_row().failed.value(); }

  Harness harness;
  Pair client;
};

TEST("race: an address that is silent is outrun by one of the other family") {
  if (!HasIpv6()) return;
  const Silent silent;
  const Listener listener = ListenTcp();
  for (const Addresses& addresses : {Addresses{Mapped(silent.address()), listener.address},
                                     Addresses{silent.address(), Mapped(listener.address)}}) {
    Race race(addresses);
    race.Run();
    CHECK_EQUAL(race.harness.opened, 1);
    CHECK_EQUAL(race.harness.outrun, 1);
    CHECK(race.harness.failed_attempts.empty());
    // The session, and nothing else, is left: client, backend and what the harness has.
    const UniqueFd backend = Accept(listener);
    CHECK(Transfer(race.harness, race.client.peer, backend, "hello", 5, "a byte") == "hello");
    ResetPeer(race.client.peer);
    race.harness.RunUntil([&] { return race.harness.closed == 1; }, "the end");
  }
}

TEST("race: the loser's descriptor is closed, whoever loses") {
  if (!HasIpv6()) return;
  Silent silent;
  const Silent other;
  const Listener listener = ListenTcp();
  Race outrun({Mapped(silent.address()), listener.address});
  const std::size_t one = OpenDescriptors();
  outrun.Run();
  CHECK_EQUAL(OpenDescriptors(), one);
  Race outrunning({Mapped(silent.address()), other.address()});
  const std::size_t two = OpenDescriptors();
  outrunning.harness.RunUntil([&] { return OpenDescriptors() == two + 1; }, "the rival");
  silent.Answer();
  outrunning.Run();
  CHECK_EQUAL(outrunning.harness.opened, 1);
  CHECK_EQUAL(outrunning.harness.outrun, 0);
  CHECK(outrunning.harness.failed_attempts.empty());
}

TEST("race: who turns back lets go of both, and may try others") {
  if (!HasIpv6()) return;
  const Silent first;
  const Silent second;
  const Listener listener = ListenTcp();
  Harness harness({.timeouts = {}});
  Pair client = TcpPair();
  Session& session = harness.Start(std::move(client.near));
  const std::size_t none = OpenDescriptors();
  Connect(session, {Mapped(first.address()), second.address()});
  harness.RunUntil([&] { return OpenDescriptors() == none + 2; }, "the rival");
  session.TurnBack();
  CHECK_EQUAL(OpenDescriptors(), none);
  CHECK(!session.waits_for_backend());
  harness.RunUntil([&] { return session.waits_for_backend(); }, "its turn");
  CHECK(harness.failed_attempts.empty());
  CHECK_EQUAL(harness.backend_row().failed.value(), 0U);
  Connect(session, {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "another backend");
}

TEST("race: an address that answers has no rival, however late its loop looks") {
  if (!HasIpv6()) return;
  std::uint64_t now_us = 1'000'000'000;
  int connects = 0;
  const HookScope hooks({.connect =
                             [&](int) {
                               ++connects;
                               return 0;
                             },
                         .now_us = [&] { return now_us; }});
  const Listener one = ListenTcp();
  const Listener other = ListenTcp();
  Race race({Mapped(one.address), other.address});
  const int before = connects;
  now_us += 3'000'000;
  race.Run();
  CHECK_EQUAL(race.harness.opened, 1);
  CHECK_EQUAL(race.harness.outrun, 0);
  CHECK_EQUAL(connects, before);
}

TEST("race: addresses of one family have none") {
  if (!HasIpv6()) return;
  const Silent silent;
  const Listener listener = ListenTcp();
  Race race({silent.address(), listener.address}, {.connect_ms = 600});
  const std::size_t before = OpenDescriptors();
  race.harness.RunUntil([&] { return race.harness.failed_attempts.size() == 1; }, "the time-out");
  CHECK_EQUAL(OpenDescriptors(), before - 1);
  CHECK(!ClientWaits(listener, 0));
}

TEST("race: a rival that fails is told of, and the first goes on") {
  if (!HasIpv6()) return;
  Silent silent;
  Race race({Mapped(silent.address()), Refusing()});
  race.harness.RunUntil([&] { return race.harness.failed_attempts.size() == 1; }, "the rival");
  CHECK_EQUAL(race.harness.failed_attempts[0], ECONNREFUSED);
  CHECK_EQUAL(race.failed(), 0U);
  silent.Answer();
  race.Run();
  CHECK_EQUAL(race.harness.opened, 1);
  CHECK_EQUAL(race.harness.outrun, 0);
}

TEST("race: after a rival that failed comes the next one") {
  if (!HasIpv6()) return;
  const Silent silent;
  const Listener listener = ListenTcp();
  Race race({Mapped(silent.address()), Refusing(), listener.address});
  race.Run();
  CHECK_EQUAL(race.harness.opened, 1);
  CHECK_EQUAL(race.harness.outrun, 1);
  CHECK_EQUAL(race.harness.failed_attempts.size(), 1U);
}

TEST("race: each has its whole time, and a backend has failed when both have") {
  if (!HasIpv6()) return;
  const Silent one;
  const Silent other;
  const std::uint64_t start = sys::NowMs();
  Race race({Mapped(one.address()), other.address()}, {.connect_ms = 400});
  race.harness.RunUntil([&] { return race.harness.failed_attempts.size() == 1; }, "the first");
  CHECK_EQUAL(race.failed(), 0U);
  race.Run();
  CHECK(race.harness.failed_attempts == std::vector<int>({ETIMEDOUT, ETIMEDOUT}));
  CHECK_EQUAL(race.failed(), 1U);
  CHECK(sys::NowMs() - start >= 650);
  CHECK_EQUAL(race.harness.outrun, 0);
}

TEST("race: a rival for which there is no descriptor, or no port, has not failed") {
  if (!HasIpv6()) return;
  for (const int why : {EMFILE, EADDRNOTAVAIL}) {
    Silent silent;
    const Listener listener = ListenTcp();
    int wanted = 0;
    Race race({Mapped(silent.address()), listener.address});
    const auto refuse = [&](int call) {
      if (call != why) return 0;
      ++wanted;
      return why;
    };
    const HookScope hooks(
        {.socket = [&] { return refuse(EMFILE); },
         .connect = [&](int fd) { return IsStream(fd) ? refuse(EADDRNOTAVAIL) : 0; }});
    // Asked for again, each time that the address has been silent for long enough.
    race.harness.RunUntil([&] { return wanted == 2; }, "another try");
    CHECK(race.harness.failed_attempts.empty());
    silent.Answer();
    race.Run();
    CHECK_EQUAL(race.harness.opened, 1);
    CHECK_EQUAL(race.harness.outrun, 0);
  }
}

TEST("race: who takes the place of the first has a rival as well, at once where it is slow") {
  if (!HasIpv6()) return;
  std::optional<Silent> first(std::in_place);
  const Silent second;
  const Listener third = ListenTcp();
  Race race({Mapped(first->address()), second.address(), Mapped(third.address)});
  const std::size_t before = OpenDescriptors();
  race.harness.RunUntil([&] { return OpenDescriptors() == before + 1; }, "the rival");
  first.reset();
  race.Run();
  CHECK_EQUAL(race.harness.opened, 1);
  CHECK_EQUAL(race.harness.outrun, 1);
  CHECK(race.harness.failed_attempts == std::vector<int>({ECONNREFUSED}));
}

TEST("race: there is none while others wait for a descriptor, and one after that") {
  if (!HasIpv6()) return;
  const Silent silent;
  const Listener listener = ListenTcp();
  Race race({Mapped(silent.address()), listener.address});
  race.harness.shortage().sessions = 1;
  race.harness.RunFor(600);
  CHECK(!ClientWaits(listener, 0));
  race.harness.shortage().sessions = 0;
  race.Run();
  CHECK_EQUAL(race.harness.outrun, 1);
}

TEST("race: who waited for a descriptor has its quarter of a second all the same") {
  if (!HasIpv6()) return;
  const Silent silent;
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  Harness harness;
  std::vector<std::uint64_t> connects;
  bool has_descriptors = false;
  const HookScope hooks({.socket = [&] { return has_descriptors ? 0 : EMFILE; },
                         .connect =
                             [&](int) {
                               connects.push_back(harness.loop().now_ms());
                               return 0;
                             }});
  Connect(harness.Start(std::move(client.near)), {Mapped(silent.address()), listener.address});
  harness.RunFor(400);
  has_descriptors = true;
  harness.RunUntil([&] { return harness.opened > 0; }, "the rival");
  CHECK_EQUAL(connects.size(), 2U);
  CHECK(connects.back() >= connects.front() + 250);
}

TEST("race: a client that leaves ends both attempts") {
  if (!HasIpv6()) return;
  const Silent one;
  const Silent other;
  Race race({Mapped(one.address()), other.address()});
  const std::size_t before = OpenDescriptors();
  race.harness.RunUntil([&] { return OpenDescriptors() == before + 1; }, "the rival");
  ResetPeer(race.client.peer);
  race.harness.RunUntil([&] { return race.harness.closed == 1; }, "the end");
  // The client's two ends, and two attempts.
  CHECK_EQUAL(OpenDescriptors(), before + 1 - 4);
}

TEST("race: a client that resets is a reset for a rival, too, that has been accepted") {
  if (!HasIpv6()) return;
  const Silent silent;
  const Listener listener = ListenTcp();
  int connects = 0;
  const HookScope hooks({.connect =
                             [&](int) {
                               ++connects;
                               return 0;
                             },
                         .events =
                             [&](epoll_event* events, int count) {
                               // The client's first, by its token.
                               std::sort(events, events + count,
                                         [](const auto& one, const auto& other) {
                                           return (one.data.u64 & EventLoop::kMaxToken) <
                                                  (other.data.u64 & EventLoop::kMaxToken);
                                         });
                             }});
  Race race({Mapped(silent.address()), listener.address});
  const int before = connects;
  race.harness.RunUntil([&] { return connects == before + 1; }, "the rival");
  const UniqueFd backend = Accept(listener);
  CHECK(backend.valid());
  ResetPeer(race.client.peer);
  race.Run();
  CHECK_EQUAL(race.harness.closed, 1);
  CHECK_EQUAL(race.harness.opened, 0);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(race.harness, backend, got), -ECONNRESET);
}

TEST("race: an event of the loser that was fetched already is nobody's") {
  if (!HasIpv6()) return;
  Silent one;
  Silent other;
  std::vector<pollfd> attempts;
  bool has_both = false;
  const HookScope hooks({.connect =
                             [&](int fd) {
                               attempts.push_back({.fd = fd, .events = POLLOUT, .revents = 0});
                               return 0;
                             },
                         .events =
                             [&](epoll_event* events, int count) {
                               if (count != 2) return;
                               // The second attempt's, by its token.
                               if ((events[0].data.u64 & EventLoop::kMaxToken) != 2) {
                                 std::swap(events[0], events[1]);
                               }
                               has_both = true;
                             }});
  Race race({Mapped(one.address()), other.address()});
  attempts.erase(attempts.begin(), attempts.end() - 1);
  race.harness.RunUntil([&] { return attempts.size() == 2; }, "the rival");
  one.Answer();
  other.Answer();
  for (pollfd& attempt : attempts) CHECK_EQUAL(poll(&attempt, 1, 60'000), 1);
  race.harness.RunOnce();
  CHECK(has_both);
  CHECK_EQUAL(race.harness.opened, 1);
  CHECK_EQUAL(race.harness.outrun, 1);
  CHECK(race.harness.failed_attempts.empty());
  race.harness.RunFor(50);
  CHECK_EQUAL(race.harness.closed, 0);
}

}  // namespace
}  // namespace spliceway::testing
