// The life of a session: connecting, closing, timing out.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "every_transfer.h"
#include "faults.h"
#include "harness.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

Harness::Options WithTimeouts(const SessionTimeouts& timeouts) { return {.timeouts = timeouts}; }

// ── Connecting ──

TEST("connect: a backend that listens is joined to the client, whose early bytes arrive") {
  Harness harness;
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  WriteSome(client.peer.get(), "early");
  Connect(harness.Start(std::move(client.near)), {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
  const UniqueFd backend = Accept(listener);
  std::string got;
  harness.RunUntil([&] { return ReadSome(backend.get(), got) == 1; }, "the early bytes");
  CHECK_EQUAL(got, "early");
  CHECK_EQUAL(harness.backend_row().opened.value(), 1U);
  CHECK_EQUAL(harness.backend_row().open.value(), 1U);
}

TEST(
    "connect: a refusal is reported, counted once the last address failed, and another backend can "
    "be tried") {
  Harness harness;
  const SocketAddress nobody = ListenTcp().address;
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  Session& session = harness.Start(std::move(client.near));
  Connect(session, {nobody, nobody});
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the refusal");
  CHECK_EQUAL(harness.failed_attempts.empty() ? 0 : harness.failed_attempts[0], ECONNREFUSED);
  CHECK_EQUAL(harness.backend_row().failed.value(), 0U);
  CHECK(session.TryNextAddress());
  harness.RunUntil([&] { return harness.failed_attempts.size() == 2; }, "the second refusal");
  CHECK_EQUAL(harness.backend_row().failed.value(), 1U);
  Connect(session, {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
}

TEST("connect: a backend that answers and resets before that is noticed has been reached") {
  for (const bool ended : {false, true}) {
    Harness harness;
    const Listener listener = ListenTcp();
    Pair client = TcpPair();
    Connect(harness.Start(std::move(client.near)), {listener.address});
    UniqueFd backend = Accept(listener);
    WriteSome(backend.get(), "too busy");
    if (ended) EndStream(backend);
    ResetPeer(backend);
    std::string got;
    CHECK_EQUAL(ReadToTheEnd(harness, client.peer, got), -ECONNRESET);
    CHECK_EQUAL(got, "too busy");
    harness.RunUntil([&] { return harness.closed == 1; }, "the close");
    CHECK(harness.failed_attempts.empty());
    CHECK(harness.reason == CloseReason::kReset);
    CHECK_EQUAL(harness.backend_row().opened.value(), 1U);
  }
}

TEST("connect: a backend that does not answer times out") {
  Harness harness(WithTimeouts({.connect_ms = 60}));
  // A queue of one that is full: the kernel answers no further SYN.
  const Listener listener = ListenTcp(0);
  std::vector<UniqueFd> waiting;
  for (int index = 0; index < 4; ++index) {
    waiting.push_back(std::move(sys::OpenSocket(AF_INET).fd));
    sys::Connect(waiting.back().get(), listener.address);
  }
  Pair client = TcpPair();
  const std::uint64_t start = sys::NowMs();
  Connect(harness.Start(std::move(client.near)), {listener.address});
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the time-out");
  CHECK_EQUAL(harness.failed_attempts.empty() ? 0 : harness.failed_attempts[0], ETIMEDOUT);
  CHECK(sys::NowMs() - start >= 60);
}

TEST("connect: the interface of a zone is looked up when it is used, by its name or number") {
  const std::optional<SocketAddress> gone = SocketAddress::FromIp("fe80::1%gone0", 9);
  CHECK(gone.has_value());
  const UniqueFd socket = std::move(sys::OpenSocket(AF_INET6).fd);
  if (!socket.valid()) return;  // A machine without IPv6.
  CHECK_EQUAL(sys::Connect(socket.get(), *gone).error, ENODEV);
  for (const char* there : {"fe80::1%lo", "fe80::1%1"}) {
    CHECK(sys::Connect(socket.get(), *SocketAddress::FromIp(there, 9)).error != ENODEV);
  }
  for (const char* none : {"fe80::1%", "fe80::1%sixteen-bytes-xx", "10.0.0.1%lo"}) {
    CHECK(!SocketAddress::FromIp(none, 9).has_value());
  }
}

TEST("connect: a Unix socket that is missing fails at once") {
  Harness harness;
  Pair client = TcpPair();
  Session& session = harness.Start(std::move(client.near));
  Connect(session, {*SocketAddress::FromPath("/nonexistent/socket")});
  CHECK_EQUAL(harness.failed_attempts.size(), 1U);
  CHECK_EQUAL(harness.failed_attempts.empty() ? 0 : harness.failed_attempts[0], ENOENT);
}

TEST(
    "connect: a client that resets meanwhile ends the session; one that only ended its stream gets "
    "its answer") {
  Harness harness(WithTimeouts({.connect_ms = 5000}));
  Pair gone = TcpPair();
  harness.Start(std::move(gone.near));
  ResetPeer(gone.peer);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kReset);

  const Listener listener = ListenTcp();
  Pair patient = TcpPair();
  WriteSome(patient.peer.get(), "question");
  EndStream(patient.peer);
  Session& session = harness.Start(std::move(patient.near));
  harness.RunFor(20);
  CHECK_EQUAL(harness.closed, 1);
  Connect(session, {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
  const UniqueFd backend = Accept(listener);
  std::string question;
  CHECK_EQUAL(ReadToTheEnd(harness, backend, question), 0);
  CHECK_EQUAL(question, "question");
}

TEST("connect: a connection to itself counts as refused") {
  // A port that nobody listens on, within the range of source ports, is tried until the kernel
  // hands out that port.
  Harness harness;
  const SocketAddress nobody = ListenTcp().address;
  const UniqueFd twin(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  CHECK_EQUAL(bind(twin.get(), reinterpret_cast<const sockaddr*>(&nobody.storage), nobody.length),
              0);
  sys::Connect(twin.get(), nobody);
  CHECK(sys::IsConnectedToItself(twin.get(), nobody.port()));
  const Pair other = TcpPair();
  CHECK(!sys::IsConnectedToItself(other.near.get(), nobody.port()));
}

TEST(
    "rule 12: without a descriptor for the backend the session waits, without spinning, and then "
    "goes on") {
  Harness harness(WithTimeouts({.connect_ms = 3000}));
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  int asked = 0;
  const HookScope hooks({.socket = [&] { return ++asked <= 3 ? EMFILE : 0; }});
  Connect(harness.Start(std::move(client.near)), {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
  CHECK_EQUAL(asked, 4);
  CHECK(harness.failed_attempts.empty());
}

TEST("rule 12: descriptors that never come back fail the attempt when its time is over") {
  Harness harness(WithTimeouts({.connect_ms = 120}));
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  int asked = 0;
  const HookScope hooks({.socket = [&] {
    ++asked;
    return ENFILE;
  }});
  Connect(harness.Start(std::move(client.near)), {listener.address});
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the failure");
  CHECK_EQUAL(harness.failed_attempts.empty() ? 0 : harness.failed_attempts[0], ENFILE);
  CHECK(asked <= 5);
}

TEST(
    "connect: TCP_NODELAY is on for the backend, and a refused address of no known kind is a "
    "failure") {
  Harness harness;
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  bool delayed = false;
  const HookScope hooks({.connect = [&](int fd) {
    int on = 0;
    socklen_t length = sizeof on;
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length);
    delayed = delayed || on == 0;
    return 0;
  }});
  Session& session = harness.Start(std::move(client.near));
  Connect(session, {SocketAddress{}});
  CHECK_EQUAL(harness.failed_attempts.size(), 1U);
  CHECK_EQUAL(harness.backend_row().failed.value(), 1U);
  Connect(session, {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
  CHECK(!delayed);
}

TEST("connect: a session that finds itself connected to itself takes it for a refusal") {
  Harness harness;
  const SocketAddress nobody = ListenTcp().address;
  Pair client = TcpPair();
  bool bound = false;
  const HookScope hooks({.connect = [&](int fd) {
    // What the kernel does by chance: the source port is the very port that is connected to.
    bound = bind(fd, reinterpret_cast<const sockaddr*>(&nobody.storage), nobody.length) == 0;
    return 0;
  }});
  Connect(harness.Start(std::move(client.near)), {nobody});
  harness.RunUntil([&] { return harness.opened > 0 || !harness.failed_attempts.empty(); },
                   "an answer");
  CHECK(bound);
  CHECK_EQUAL(harness.opened, 0);
  CHECK_EQUAL(harness.failed_attempts.size(), 1U);
}

TEST(
    "connect: what a Unix client wrote before it closed is delivered, though no backend had "
    "answered") {
  Harness harness;
  const Listener listener = ListenTcp();
  Pair client = UnixPair();
  WriteSome(client.peer.get(), "metric");
  client.peer.Reset();
  Session& session = harness.Start(std::move(client.near));
  harness.RunFor(20);
  CHECK_EQUAL(harness.closed, 0);
  Connect(session, {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
  const UniqueFd backend = Accept(listener);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, backend, got), 0);
  CHECK_EQUAL(got, "metric");
}

// ── Time-outs ──

TEST("idle time-out: a quiet session is closed cleanly, and activity puts that off") {
  Harness harness(WithTimeouts({.idle_ms = 150}));
  Joined joined(harness);
  const std::uint64_t start = sys::NowMs();
  for (int round = 0; round < 4; ++round) {
    harness.RunFor(60);
    WriteSome(joined.client.get(), "x");
  }
  CHECK_EQUAL(harness.closed, 0);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), 0);
  CHECK(sys::NowMs() - start >= 4 * 60 + 150 - 10);
  CHECK_EQUAL(got, "xxxx");
  CHECK(harness.reason == CloseReason::kIdleTimeout);
}

EVERY_TRANSFER_TEST("idle time-out: what comes in the turn in which it is due counts") {
  std::uint64_t now_us = 1'000'000'000;
  const HookScope hooks({.now_us = [&] { return now_us; }});
  Harness harness({.timeouts = {.idle_ms = 150}, .transfer = transfer});
  const Joined joined(harness);
  for (int turn = 0; turn < 10; ++turn) {
    WriteSome(joined.client.get(), "x");
    now_us += 400'000;
    harness.RunOnce();
  }
  CHECK_EQUAL(harness.closed, 0);
  CHECK_EQUAL(harness.session_counters().bytes_upstream.value(), 10U);
}

TEST("idle time-out: those of many sessions share a wake-up") {
  std::uint64_t now_us = 1'000'000'000;
  int sleeps = 0;
  const HookScope hooks({.now_us = [&] { return now_us; },
                         .wait =
                             [&](int timeout_ms) {
                               if (timeout_ms <= 0) return;
                               ++sleeps;
                               now_us += static_cast<std::uint64_t>(timeout_ms) * 1000;
                             }});
  Harness harness(WithTimeouts({.idle_ms = 150}));
  std::vector<Joined> joined;
  for (int index = 0; index < 16; ++index) {
    joined.emplace_back(harness);
    now_us += 1000;
  }
  harness.RunUntil([&] { return harness.closed > 0; }, "the first");
  const int before = sleeps;
  harness.RunUntil([&] { return harness.closed == 16; }, "the last");
  CHECK(sleeps - before <= 4);
}

TEST(
    "idle time-out: a session with bytes under way is reset, so that nobody takes the loss for an "
    "end") {
  Harness harness(WithTimeouts({.idle_ms = 150}));
  Joined joined(harness, {}, {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
  const std::string text = Pattern(1 << 20);
  std::size_t written = 0;
  harness.RunUntil(
      [&] {
        if (written < text.size()) written += WriteSome(joined.client.get(), text, written);
        return harness.closed == 1;
      },
      "the close");
  CHECK(harness.reason == CloseReason::kIdleTimeout);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), -ECONNRESET);
  CHECK(got.size() < text.size());
}

TEST("idle time-out: what could not be read for want of memory is a loss, too") {
  Harness harness({.timeouts = {.idle_ms = 100}});
  Joined joined(harness);
  const HookScope hooks({.splice = [](int, int to, unsigned) { return IsPipe(to) ? ENOMEM : 0; }});
  WriteSome(joined.client.get(), "unread");
  harness.RunUntil([&] { return harness.closed == 1; }, "the time-out");
  CHECK(harness.reason == CloseReason::kIdleTimeout);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), -ECONNRESET);
}

TEST("handshake time-out: ends a session in which neither side says anything") {
  Harness harness(WithTimeouts({.idle_ms = 60'000, .handshake_ms = 100}));
  Joined joined(harness);
  const std::uint64_t start = sys::NowMs();
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), 0);
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), 0);
  CHECK(sys::NowMs() - start >= 100 - 10);
  CHECK(harness.reason == CloseReason::kHandshakeTimeout);
}

EVERY_TRANSFER_TEST("handshake time-out: the first byte, of either side, ends it") {
  for (const bool client_first : {true, false}) {
    Harness harness({.timeouts = {.idle_ms = 250, .handshake_ms = 100}, .transfer = transfer});
    const Joined joined(harness);
    WriteSome((client_first ? joined.client : joined.backend).get(), "x");
    harness.RunUntil([&] { return harness.closed == 1; }, "the idle time-out");
    CHECK(harness.reason == CloseReason::kIdleTimeout);
  }
}

TEST("half-close time-out: starts with the half-close, not with the last byte before it") {
  Harness harness(WithTimeouts({.idle_ms = 60'000, .half_close_ms = 200}));
  Joined joined(harness);
  WriteSome(joined.client.get(), "x");
  // Quiet for longer than the half-close time-out, before anything is half-closed.
  harness.RunFor(300);
  EndStream(joined.client);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), 0);
  harness.RunFor(100);
  CHECK_EQUAL(harness.closed, 0);
  // Progress of the other direction puts it off.
  WriteSome(joined.backend.get(), "y");
  harness.RunFor(150);
  CHECK_EQUAL(harness.closed, 0);
  harness.RunUntil([&] { return harness.closed == 1; }, "the time-out");
  CHECK(harness.reason == CloseReason::kHalfCloseTimeout);
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), 0);
}

TEST(
    "half-close time-out: what the kernel has been given already still arrives, however slow the "
    "client reads") {
  Harness harness(WithTimeouts({.half_close_ms = 100}));
  Joined joined(harness, {.peer_receive_buffer = 4096, .near_send_buffer = 1 << 20},
                {.near_receive_buffer = 1 << 20});
  const std::string text = Pattern(200'000);
  std::size_t written = 0;
  while (written < text.size()) written += WriteSome(joined.backend.get(), text, written);
  EndStream(joined.backend);
  harness.RunUntil([&] { return harness.closed == 1; }, "the time-out");
  CHECK(harness.reason == CloseReason::kHalfCloseTimeout);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), 0);
  CHECK(got == text);
}

TEST("half-close: the write side may stay open for as long as bytes move") {
  Harness harness(WithTimeouts({.idle_ms = 100, .half_close_ms = 100}));
  Joined joined(harness);
  EndStream(joined.backend);
  std::string ended;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, ended), 0);
  std::string got;
  for (int round = 0; round < 6; ++round) {
    WriteSome(joined.client.get(), "abc");
    harness.RunFor(50);
    ReadSome(joined.backend.get(), got);
  }
  CHECK_EQUAL(got.size(), 18U);
  CHECK_EQUAL(harness.closed, 0);
}

TEST("a session is counted as open until its owner has heard of its end") {
  Harness harness;
  Joined joined(harness);
  ResetPeer(joined.client);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK_EQUAL(harness.open_at_close, 1U);
  CHECK_EQUAL(harness.listener_row().open.value(), 0U);
}

}  // namespace
}  // namespace spliceway::testing
