// How a session ends when one side is lost, or when it is ended from outside.

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "every_transfer.h"
#include "faults.h"
#include "harness.h"
#include "meter.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

EVERY_TRANSFER_TEST("rule 14: a reset on one side is a reset on the other, either way") {
  for (const bool by_client : {true, false}) {
    Harness harness({.transfer = transfer});
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

EVERY_TRANSFER_TEST(
    "rule 14: what came before the reset is delivered first, however slow the other side reads") {
  Harness harness({.transfer = transfer});
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 16384});
  const std::string text = Pattern(300'000);
  // Until the near kernel has acknowledged all of it: the reset would throw away the rest.
  WriteAcknowledged(harness, joined.client, text);
  ResetPeer(joined.client);
  harness.RunFor(50);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), -ECONNRESET);
  CHECK(got == text);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kReset);
}

EVERY_TRANSFER_TEST(
    "rule 14: a reset that a write met first is not taken for a clean end by the read after it") {
  // The backend keeps sending to a client that resets: the failed write takes the socket's error
  // away, and the next read of that socket returns 0.
  for (int round = 0; round < 20; ++round) {
    Harness harness({.transfer = transfer});
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

EVERY_TRANSFER_TEST(
    "rule 14: a reset after the FIN of the same side is noticed while the other side is silent") {
  Harness harness({.transfer = transfer});
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

EVERY_TRANSFER_TEST(
    "rule 14: a survivor that ends its stream meanwhile still gets all that came before the "
    "reset") {
  Harness harness({.transfer = transfer});
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 1 << 20});
  const std::string text = Pattern(100'000);
  WriteAcknowledged(harness, joined.client, text);
  EndStream(joined.client);
  harness.RunUntil([&] { return harness.session_counters().bytes_upstream.value() == text.size(); },
                   "all bytes to be passed on, and the end");
  ResetPeer(joined.client);
  harness.RunFor(20);
  // Both ways are shut now, which epoll calls a hang-up.
  EndStream(joined.backend);
  harness.RunFor(20);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), 0);
  CHECK_EQUAL(got.size(), text.size());
  CHECK(got == text);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kReset);
}

EVERY_TRANSFER_TEST(
    "rule 14: a survivor that never reads does not hold the session for ever, nor make the loop "
    "spin") {
  Harness harness({.timeouts = {.half_close_ms = 300}, .transfer = transfer});
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
  const std::string text = Pattern(300'000);
  WriteAcknowledged(harness, joined.client, text);
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

EVERY_TRANSFER_TEST(
    "a side that fails without time-outs does not leave the session open for ever") {
  // As join() has it: no time-outs. The survivor does not read, so what the other side sent stays
  // in the pipe.
  Harness harness({.transfer = transfer});
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
  WriteAcknowledged(harness, joined.client, Pattern(300'000));
  ResetPeer(joined.client);
  harness.RunFor(50);
  CHECK_EQUAL(harness.closed, 0);
  CHECK(harness.sessions_with_time_out() == 1);
}

EVERY_TRANSFER_TEST("a survivor of a reset that stops reading is reset too, and not for idling") {
  Harness harness({.timeouts = {.idle_ms = 100}, .transfer = transfer});
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
  WriteAcknowledged(harness, joined.client, Pattern(300'000));
  ResetPeer(joined.client);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kReset);
  CHECK_EQUAL(harness.error, ECONNRESET);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), -ECONNRESET);
}

EVERY_TRANSFER_TEST("a survivor of a reset that reads slowly gets all, however long that takes") {
  constexpr std::uint32_t kHalfCloseMs = 100;
  Harness harness({.timeouts = {.half_close_ms = kHalfCloseMs}, .transfer = transfer});
  // All of it fits the survivor's send buffer, and little of it the buffer of its peer.
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 1 << 20});
  const std::string sent = Pattern(100'000);
  WriteAcknowledged(harness, joined.client, sent);
  ResetPeer(joined.client);
  std::string got;
  std::array<char, 4096> buffer;
  const std::uint64_t begin = sys::NowMs();
  ssize_t count = 1;
  while (count > 0 || (count < 0 && errno == EAGAIN)) {
    harness.RunFor(kHalfCloseMs / 5);
    count = recv(joined.backend.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) got.append(buffer.data(), static_cast<std::size_t>(count));
  }
  CHECK_EQUAL(errno, ECONNRESET);
  CHECK(got == sent);
  CHECK(sys::NowMs() > begin + 2 * kHalfCloseMs);
}

EVERY_TRANSFER_TEST(
    "a survivor that does not acknowledge what came before a reset is reset when its time is "
    "over") {
  Harness harness({.timeouts = {.half_close_ms = 200}, .transfer = transfer});
  // All of it fits the survivor's send buffer, so the relay holds nothing, but its peer takes next
  // to none of it.
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 1 << 20});
  WriteAcknowledged(harness, joined.client, Pattern(200'000));
  harness.RunUntil([&] { return harness.session_counters().bytes_upstream.value() == 200'000; },
                   "all of it in the send buffer");
  const std::uint64_t start = sys::NowMs();
  const CallCounts before = CallsSoFar();
  ResetPeer(joined.client);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(sys::NowMs() - start >= 190);
  CHECK(harness.reason == CloseReason::kReset);
  // The longer nothing is taken, the less often it is looked at: 7 times in 200 ms, begun anew when
  // the peer's kernel has taken what fits its buffer.
  CHECK((CallsSoFar() - before)[Call::kIoctl] <= 14);
}

EVERY_TRANSFER_TEST(
    "an end behind bytes that the other side does not take begins the half-close time-out") {
  Harness harness({.timeouts = {.half_close_ms = 100}, .transfer = transfer});
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
  WriteAcknowledged(harness, joined.client, Pattern(300'000));
  EndStream(joined.client);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kHalfCloseTimeout);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), -ECONNRESET);
}

EVERY_TRANSFER_TEST("an end is told at once through a socket that somebody else holds, too") {
  Harness harness({.transfer = transfer});
  Pair client = TcpPair();
  Pair backend = TcpPair();
  const UniqueFd others(dup(client.near.get()));
  harness.Join(std::move(client.near), std::move(backend.near));
  EndStream(client.peer);
  std::string got;
  harness.RunUntil([&] { return ReadSome(backend.peer.get(), got) == 0; }, "the client's end");
  EndStream(backend.peer);
  CHECK_EQUAL(ReadToTheEnd(harness, client.peer, got), 0);
}

EVERY_TRANSFER_TEST("a survivor that leaves while a reset waits for it ends the session at once") {
  Harness harness({.transfer = transfer});
  Joined joined(harness, {.near_receive_buffer = 1 << 20},
                {.peer_receive_buffer = 4096, .near_send_buffer = 1 << 20});
  WriteAcknowledged(harness, joined.client, Pattern(200'000));
  harness.RunUntil([&] { return harness.session_counters().bytes_upstream.value() == 200'000; },
                   "all of it in the send buffer");
  ResetPeer(joined.client);
  harness.RunFor(30);
  CHECK_EQUAL(harness.closed, 0);
  ResetPeer(joined.backend);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
}

TEST("sockets that a forked child still holds do not bring events for a session that is gone") {
  Harness harness;
  Pair client = TcpPair();
  Pair backend = TcpPair();
  Session& session = harness.Join(std::move(client.near), std::move(backend.near));
  harness.RunFor(20);
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
  session.End(Ending::kReset);
  harness.RunFor(20);
  CHECK_EQUAL(harness.closed, 1);
  WriteSome(client.peer.get(), "hello");
  WriteSome(backend.peer.get(), "hello");
  harness.RunFor(50);
  close(gate[1]);
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace spliceway::testing
