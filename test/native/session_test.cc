// The life of a session: connecting, closing, timing out.

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "faults.h"
#include "harness.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

void EndStream(const UniqueFd& fd) { shutdown(fd.get(), SHUT_WR); }

Harness::Options WithTimeouts(const SessionTimeouts& timeouts) { return {.timeouts = timeouts}; }

/// Reads until the stream ends or fails; returns 0 or the negated errno.
int ReadToTheEnd(Harness& harness, const UniqueFd& fd, std::string& into) {
  int result = 1;
  harness.RunUntil(
      [&] {
        while ((result = ReadSome(fd.get(), into)) == 1) {
        }
        return result != -EAGAIN;
      },
      "the end of the stream, or its failure");
  return result;
}

// ── Connecting ──

TEST("connect: a backend that listens is joined to the client, whose early bytes arrive") {
  Harness harness;
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  WriteSome(client.peer.get(), "early");
  harness.Start(std::move(client.near)).Connect(listener.address, harness.backend_row(), true);
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
  session.Connect(nobody, harness.backend_row(), false);
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the refusal");
  CHECK_EQUAL(harness.failed_attempts[0], ECONNREFUSED);
  CHECK_EQUAL(harness.backend_row().failed.value(), 0U);
  session.Connect(nobody, harness.backend_row(), true);
  harness.RunUntil([&] { return harness.failed_attempts.size() == 2; }, "the second refusal");
  CHECK_EQUAL(harness.backend_row().failed.value(), 1U);
  session.Connect(listener.address, harness.backend_row(), true);
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
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
  harness.Start(std::move(client.near)).Connect(listener.address, harness.backend_row(), true);
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the time-out");
  CHECK_EQUAL(harness.failed_attempts[0], ETIMEDOUT);
  CHECK(sys::NowMs() - start >= 60);
}

TEST("connect: a Unix socket that is missing, or whose queue is full, fails at once") {
  Harness harness;
  Pair client = TcpPair();
  Session& session = harness.Start(std::move(client.near));
  session.Connect(*SocketAddress::FromPath("/nonexistent/socket"), harness.backend_row(), true);
  CHECK_EQUAL(harness.failed_attempts.size(), 1U);
  CHECK_EQUAL(harness.failed_attempts[0], ENOENT);
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
  session.Connect(listener.address, harness.backend_row(), true);
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
  CHECK(sys::IsConnectedToItself(twin.get()));
  const Pair other = TcpPair();
  CHECK(!sys::IsConnectedToItself(other.near.get()));
}

TEST(
    "rule 12: without a descriptor for the backend the session waits, without spinning, and then "
    "goes on") {
  Harness harness(WithTimeouts({.connect_ms = 3000}));
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  int asked = 0;
  const HookScope hooks({.socket = [&] { return ++asked <= 3 ? EMFILE : 0; }});
  harness.Start(std::move(client.near)).Connect(listener.address, harness.backend_row(), true);
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
  harness.Start(std::move(client.near)).Connect(listener.address, harness.backend_row(), true);
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the failure");
  CHECK_EQUAL(harness.failed_attempts[0], ENFILE);
  CHECK(asked <= 5);
}

// ── Resets ──

struct Joined {
  explicit Joined(Harness& harness, const PairOptions& client_options = {},
                  const PairOptions& backend_options = {}) {
    Pair client_pair = TcpPair(client_options);
    Pair backend_pair = TcpPair(backend_options);
    client = std::move(client_pair.peer);
    backend = std::move(backend_pair.peer);
    harness.Join(std::move(client_pair.near), std::move(backend_pair.near));
  }
  UniqueFd client;
  UniqueFd backend;
};

TEST("rule 14: a reset on one side is a reset on the other, either way") {
  for (const bool by_client : {true, false}) {
    Harness harness;
    Joined joined(harness);
    harness.RunFor(20);
    ResetPeer(by_client ? joined.client : joined.backend);
    std::string got;
    CHECK_EQUAL(ReadToTheEnd(harness, by_client ? joined.backend : joined.client, got),
                -ECONNRESET);
    harness.RunUntil([&] { return harness.closed == 1; }, "the close");
    CHECK(harness.reason == CloseReason::kReset);
    CHECK_EQUAL(harness.error, ECONNRESET);
  }
}

TEST("rule 14: what came before the reset is delivered first, however slow the other side reads") {
  Harness harness;
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 16384});
  const std::string text = Pattern(300'000);
  std::size_t written = 0;
  // Until the near kernel has acknowledged all of it: the reset would throw away the rest.
  harness.RunUntil(
      [&] {
        if (written < text.size()) written += WriteSome(joined.client.get(), text, written);
        return written == text.size() && sys::UnacknowledgedBytes(joined.client.get()) == 0;
      },
      "everything acknowledged");
  ResetPeer(joined.client);
  harness.RunFor(50);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), -ECONNRESET);
  CHECK(got == text);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kReset);
}

TEST("rule 14: a reset that a write met first is not taken for a clean end by the read after it") {
  // The backend keeps sending to a client that resets: the failed write takes the socket's error
  // away, and the next read of that socket returns 0.
  for (int round = 0; round < 20; ++round) {
    Harness harness;
    Joined joined(harness);
    const std::string text = Pattern(1 << 20);
    std::size_t written = 0;
    harness.RunUntil(
        [&] {
          written += WriteSome(joined.backend.get(), text, written);
          return written > 200'000;
        },
        "a transfer under way");
    ResetPeer(joined.client);
    WriteSome(joined.backend.get(), text);
    std::string got;
    CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), -ECONNRESET);
    harness.RunUntil([&] { return harness.closed == 1; }, "the close");
    CHECK(harness.reason == CloseReason::kReset);
  }
}

TEST("rule 14: a reset after the FIN of the same side is noticed while the other side is silent") {
  Harness harness;
  Joined joined(harness);
  EndStream(joined.client);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), 0);
  ResetPeer(joined.client);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kReset);
  CHECK(WriteSome(joined.backend.get(), "x") == 0 ||
        ReadToTheEnd(harness, joined.backend, got) == -ECONNRESET);
}

TEST(
    "rule 14: a survivor that never reads does not hold the session for ever, nor make the loop "
    "spin") {
  Harness harness(WithTimeouts({.half_close_ms = 300}));
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
  const std::string text = Pattern(300'000);
  std::size_t written = 0;
  harness.RunUntil(
      [&] {
        if (written < text.size()) written += WriteSome(joined.client.get(), text, written);
        return written == text.size() && sys::UnacknowledgedBytes(joined.client.get()) == 0;
      },
      "everything acknowledged");
  ResetPeer(joined.client);
  int splices = 0;
  const HookScope hooks({.splice = [&](int, int, unsigned) {
    ++splices;
    return 0;
  }});
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(splices < 20);
  CHECK_EQUAL(harness.pipes().alive(), harness.pipes().idle());
}

TEST(
    "end: from outside, both sides are reset; without a backend, the client is closed cleanly and "
    "counted") {
  Harness harness;
  Joined joined(harness);
  harness.RunFor(20);
  Pair lonely = TcpPair();
  Session& waiting = harness.Start(std::move(lonely.near));
  waiting.End(Ending::kNoBackend);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, lonely.peer, got), 0);
  CHECK_EQUAL(harness.listener_row().failed.value(), 1U);
  CHECK_EQUAL(harness.listener_row().open.value(), 1U);
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

}  // namespace
}  // namespace spliceway::testing
