// The rules of moving bytes, however they are moved: each test fails when its rule is broken.

#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "every_transfer.h"
#include "faults.h"
#include "harness.h"

namespace spliceway::testing {
namespace {

EVERY_TRANSFER_TEST(
    "rule 2: a pipe filled by MSS-sized segments does not pass for an empty socket") {
  // 16 slots, and segments of 536 bytes: the pipe is full long before its 64 KiB.
  Harness harness({.pipes = {.large_bytes = 65536,
                             .default_bytes = 65536,
                             .total_bytes = 1024 << 12,
                             .pipes = 8,
                             .idle = 8},
                   .transfer = transfer});
  const PairOptions small{.segment = 536};
  const Joined joined(harness, small, small);
  const std::string text = Pattern(3 << 20);
  const std::string got = Transfer(harness, joined.client, joined.backend, text, text.size(),
                                   "3 MiB in small segments");
  CHECK(got == text);
}

EVERY_TRANSFER_TEST(
    "rule 2: bytes that arrive all at once, before the sink takes any, all come through without a "
    "new edge") {
  Harness harness({.pipes = {.large_bytes = 65536,
                             .default_bytes = 65536,
                             .total_bytes = 1024 << 12,
                             .pipes = 8,
                             .idle = 8},
                   .transfer = transfer});
  const Joined joined(harness, {.near_receive_buffer = 4 << 20, .segment = 536},
                      {.peer_receive_buffer = 4096});
  const std::string text = Pattern(400'000);
  WriteAcknowledged(harness, joined.client, text);
  EndStream(joined.client);
  harness.RunFor(30);
  std::string got;
  int last = 1;
  harness.RunUntil([&] { return (last = ReadSome(joined.backend.get(), got)) == 0; },
                   "the end of the stream");
  CHECK(got == text);
}

EVERY_TRANSFER_TEST(
    "rule 3: neither a short read nor the peer's FIN in the same event is the end of the stream") {
  Harness harness({.transfer = transfer});
  const Joined joined(harness, {.near_receive_buffer = 1 << 20}, {.peer_receive_buffer = 4096});
  // The FIN is there before the relay reads for the first time, behind more than one pipe or buffer
  // takes at once.
  const std::string text = Pattern(600'000);
  std::size_t written = 0;
  std::string got;
  bool ended = false;
  harness.RunUntil(
      [&] {
        if (written < text.size()) {
          written += WriteSome(joined.client.get(), text, written);
          if (written == text.size()) EndStream(joined.client);
        }
        int result = 1;
        while ((result = ReadSome(joined.backend.get(), got)) == 1) {
        }
        ended = result == 0;
        return ended;
      },
      "the end of the stream");
  CHECK(got == text);
  CHECK_EQUAL(harness.closed, 0);
}

EVERY_TRANSFER_TEST(
    "rule 4: the FIN comes after the last byte, also where the sink had stopped reading") {
  Harness harness({.transfer = transfer});
  const Joined joined(harness, {.near_receive_buffer = 1 << 20},
                      {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
  const std::string text = Pattern(300'000);
  WriteAcknowledged(harness, joined.client, text);
  EndStream(joined.client);
  // The relay has read the FIN or could have; the sink has taken next to nothing.
  harness.RunFor(50);
  std::string got;
  harness.RunUntil([&] { return ReadSome(joined.backend.get(), got) == 0; },
                   "the end of the stream");
  CHECK_EQUAL(got.size(), text.size());
  CHECK(got == text);
  // Half-closed: the other direction still works.
  CHECK(Transfer(harness, joined.backend, joined.client, "late answer", 11, "the late answer") ==
        "late answer");
  CHECK_EQUAL(harness.closed, 0);
  EndStream(joined.backend);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kFinished);
}

EVERY_TRANSFER_TEST(
    "rule 4: data that is unread when both ways are shut, and epoll says hang-up, still arrives") {
  Harness harness({.transfer = transfer});
  const Joined joined(harness);
  EndStream(joined.backend);
  std::string nothing;
  harness.RunUntil([&] { return ReadSome(joined.client.get(), nothing) == 0; },
                   "the FIN of the backend");
  const std::string text = Pattern(200'000);
  std::size_t written = 0;
  std::string got;
  harness.RunUntil(
      [&] {
        if (written < text.size()) {
          written += WriteSome(joined.client.get(), text, written);
          if (written == text.size()) EndStream(joined.client);
        }
        return ReadSome(joined.backend.get(), got) == 0;
      },
      "the end of the stream");
  CHECK(got == text);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kFinished);
}

EVERY_TRANSFER_TEST(
    "rule 8: a relay that has used up its turn goes on without a new edge, after the others had "
    "theirs") {
  Harness harness({.pipes = {.large_bytes = 65536,
                             .default_bytes = 65536,
                             .total_bytes = 1024 << 12,
                             .pipes = 8,
                             .idle = 8},
                   .turn_bytes = 65536,
                   .transfer = transfer});
  // All is in the kernel before the session starts: one edge, and none after it.
  Pair client = TcpPair({.near_receive_buffer = 8 << 20});
  Pair backend = TcpPair({.peer_receive_buffer = 8 << 20, .near_send_buffer = 8 << 20});
  const std::string text = Pattern(1 << 20);
  std::size_t written = 0;
  while (written < text.size()) written += WriteSome(client.peer.get(), text, written);
  EndStream(client.peer);
  harness.Join(std::move(client.near), std::move(backend.near));
  std::uint64_t before = 0;
  int turns = 0;
  std::string got;
  harness.RunUntil(
      [&] {
        const std::uint64_t now = harness.session_counters().bytes_upstream.value();
        // One turn moves its budget, and at most one pipe or buffer more; and where the relay first
        // has to prove itself a stream, what that takes.
        CHECK(now - before <= 3 * 65536);
        if (now > before) ++turns;
        before = now;
        return ReadSome(backend.peer.get(), got) == 0;
      },
      "all of it");
  CHECK(got == text);
  CHECK(turns >= 8);
}

EVERY_TRANSFER_TEST("rule 8: a turn is bounded, however many streams are ready, and all go on") {
  constexpr std::size_t kSessions = 16;
  constexpr std::size_t kBytes = 1 << 20;
  Harness harness({.transfer = transfer});
  const std::string start = Pattern(256 * 1024);
  const std::string text = Pattern(kBytes);
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> backends;
  for (std::size_t index = 0; index < kSessions; ++index) {
    Pair client = TcpPair({.near_receive_buffer = 4 << 20});
    Pair backend = TcpPair({.peer_receive_buffer = 4 << 20, .near_send_buffer = 4 << 20});
    CHECK_EQUAL(WriteSome(client.peer.get(), start), start.size());
    clients.push_back(std::move(client.peer));
    backends.push_back(std::move(backend.peer));
    harness.Join(std::move(client.near), std::move(backend.near));
  }
  const auto moved = [&] { return harness.listener_row().bytes_upstream.value(); };
  harness.RunUntil([&] { return moved() == kSessions * start.size(); }, "the start");
  for (const UniqueFd& client : clients) CHECK_EQUAL(WriteSome(client.get(), text), text.size());
  std::uint64_t before = moved();
  harness.RunUntil(
      [&] {
        const std::uint64_t now = moved();
        // A turn ends within its four MiB, but the stream that reaches them goes through its own.
        CHECK(now - before <= (4 << 20) + kBytes);
        before = now;
        return now == kSessions * (start.size() + text.size());
      },
      "all of it");
}

TEST("rule 8: messages go before streams") {
  // Both are ready in the same turn, the stream first.
  Harness harness({.transfer = ::spliceway::Transfer::kAuto});
  Pair stream = TcpPair({.near_receive_buffer = 4 << 20});
  Pair sink = TcpPair({.peer_receive_buffer = 4 << 20, .near_send_buffer = 4 << 20});
  Pair client = TcpPair();
  Pair backend = TcpPair();
  const std::array<int, 2> sinks = {sink.near.get(), backend.near.get()};
  harness.Join(std::move(stream.near), std::move(sink.near));
  const std::string text = Pattern(1 << 20);
  CHECK_EQUAL(WriteSome(stream.peer.get(), text), text.size());
  harness.RunUntil([&] { return harness.session_counters().bytes_upstream.value() == text.size(); },
                   "the start of the stream");
  harness.Join(std::move(client.near), std::move(backend.near));
  harness.RunFor(20);
  CHECK_EQUAL(WriteSome(stream.peer.get(), text), text.size());
  CHECK_EQUAL(WriteSome(client.peer.get(), "hello"), 5U);
  std::vector<int> order;
  const HookScope hooks({.splice =
                             [&](int /*from*/, int to, unsigned /*flags*/) {
                               if (to == sinks[0]) order.push_back(0);
                               return 0;
                             },
                         .send =
                             [&](int fd) {
                               if (fd == sinks[1]) order.push_back(1);
                               return 0;
                             }});
  harness.RunUntil([&] { return order.size() >= 2; }, "both");
  CHECK_EQUAL(order.empty() ? 0 : order[0], 1);
}

TEST("rule 8: what has streamed and ended is no stream any more") {
  Harness harness({.transfer = ::spliceway::Transfer::kAuto});
  Pair client = TcpPair({.near_receive_buffer = 4 << 20});
  Pair backend = TcpPair({.peer_receive_buffer = 4 << 20, .near_send_buffer = 4 << 20});
  Pair other_client = TcpPair();
  Pair other_backend = TcpPair();
  const int uploader = client.near.get();
  const int other = other_backend.near.get();
  harness.Join(std::move(client.near), std::move(backend.near));
  const std::string text = Pattern(1 << 20);
  CHECK(Transfer(harness, client.peer, backend.peer, text, text.size(), "the upload") == text);
  EndStream(client.peer);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, backend.peer, got), 0);
  harness.Join(std::move(other_client.near), std::move(other_backend.near));
  harness.RunFor(20);
  std::vector<int> answered;
  const HookScope hooks({.send = [&](int fd) {
    if (fd == uploader || fd == other) answered.push_back(fd);
    return 0;
  }});
  // Ready in this order, in one turn.
  WriteSome(backend.peer.get(), "stored");
  WriteSome(other_client.peer.get(), "hello");
  harness.RunUntil([&] { return answered.size() == 2; }, "both");
  CHECK_EQUAL(answered.empty() ? -1 : answered[0], uploader);
}

EVERY_TRANSFER_TEST("rule 8: a source that gives next to nothing at each read has turns, too") {
  Harness harness({.transfer = transfer});
  Pair client = UnixPair();
  Pair backend = TcpPair();
  // A read of a Unix socket stops at each message that brings descriptors.
  constexpr std::size_t kMessages = 200;
  for (std::size_t index = 0; index < kMessages; ++index) SendWithDescriptor(client.peer, "x");
  Session& session = harness.Start(std::move(client.near));
  std::uint64_t before = 0;
  session.Join(std::move(backend.near), {});
  harness.RunUntil(
      [&] {
        const std::uint64_t now = harness.session_counters().bytes_upstream.value();
        CHECK(now - before <= 3 * 64);  // Both ends may have an event, and then there is more.
        before = now;
        return now == kMessages;
      },
      "all of it");
}

TEST("relay: a kernel that has no memory for the sink is asked again") {
  Harness harness({.transfer = ::spliceway::Transfer::kCopy});
  Pair client = TcpPair();
  Pair backend = TcpPair();
  const int sink = backend.near.get();
  harness.Join(std::move(client.near), std::move(backend.near));
  harness.RunFor(20);
  int sends = 0;
  const HookScope hooks({.send = [&](int fd) { return fd == sink && ++sends <= 2 ? ENOBUFS : 0; }});
  WriteSome(client.peer.get(), "hello");
  harness.RunUntil([&] { return sends == 1; }, "the first refusal");
  // What happens meanwhile must not make it forget to ask again.
  CHECK_EQUAL(Transfer(harness, backend.peer, client.peer, "other way", 9, "an answer"),
              "other way");
  CHECK_EQUAL(Transfer(harness, client.peer, backend.peer, " again", 11, "the bytes"),
              "hello again");
  CHECK(sends >= 3);
  CHECK_EQUAL(harness.closed, 0);
}

EVERY_TRANSFER_TEST(
    "rule 15: a sink that does not read stops the source, with bounded memory in between") {
  Harness harness({.transfer = transfer});
  const Joined joined(harness, {.near_receive_buffer = 65536},
                      {.peer_receive_buffer = 65536, .near_send_buffer = 65536});
  const std::string text = Pattern(32 << 20);
  std::size_t written = 0;
  std::size_t settled = 1;
  harness.RunUntil(
      [&] {
        const std::size_t before = written;
        written += WriteSome(joined.client.get(), text, written);
        settled = written == before ? settled + 1 : 0;
        return settled > 20;
      },
      "the source to be stopped");
  // Four socket buffers and one pipe.
  CHECK(written < (8U << 20));
  std::string got;
  got.reserve(text.size());
  harness.RunUntil(
      [&] {
        if (written < text.size()) written += WriteSome(joined.client.get(), text, written);
        while (ReadSome(joined.backend.get(), got) == 1) {
        }
        return got.size() == text.size();
      },
      "all of it, once the sink reads");
  CHECK(got == text);
}

EVERY_TRANSFER_TEST("relay: both directions at once, 8 MiB each") {
  Harness harness({.transfer = transfer});
  const Joined joined(harness);
  const std::string up = Pattern(8 << 20, 3);
  const std::string down = Pattern(8 << 20, 4);
  std::size_t up_written = 0;
  std::size_t down_written = 0;
  std::string at_backend;
  std::string at_client;
  harness.RunUntil(
      [&] {
        if (up_written < up.size()) up_written += WriteSome(joined.client.get(), up, up_written);
        if (down_written < down.size())
          down_written += WriteSome(joined.backend.get(), down, down_written);
        ReadSome(joined.backend.get(), at_backend);
        ReadSome(joined.client.get(), at_client);
        return at_backend.size() == up.size() && at_client.size() == down.size();
      },
      "both");
  CHECK(at_backend == up);
  CHECK(at_client == down);
  CHECK_EQUAL(harness.session_counters().bytes_upstream.value(), up.size());
  CHECK_EQUAL(harness.backend_row().opened.value(), 0U);
  CHECK_EQUAL(harness.listener_row().bytes_downstream.value(), down.size());
}

EVERY_TRANSFER_TEST("relay: Unix sockets") {
  Harness harness({.transfer = transfer});
  Pair client = UnixPair();
  Pair backend = UnixPair();
  harness.Join(std::move(client.near), std::move(backend.near));
  const std::string text = Pattern(1 << 20);
  CHECK(Transfer(harness, client.peer, backend.peer, text, text.size(), "1 MiB") == text);
  EndStream(client.peer);
  EndStream(backend.peer);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kFinished);
}

EVERY_TRANSFER_TEST("relay: a prefix goes before everything that is read") {
  Harness harness({.transfer = transfer});
  Pair client = TcpPair();
  Pair backend = TcpPair();
  const std::string prefix = Pattern(200'000, 9);
  const std::string text = Pattern(100'000, 10);
  Session& session = harness.Start(std::move(client.near), prefix);
  session.Join(std::move(backend.near), {});
  CHECK(Transfer(harness, client.peer, backend.peer, text, 300'000, "prefix and text") ==
        prefix + text);
}

EVERY_TRANSFER_TEST("relay: a prefix of the backend's goes to the client first") {
  Harness harness({.transfer = transfer});
  Pair client = TcpPair();
  Pair backend = TcpPair();
  const std::string prefix = Pattern(200'000, 9);
  const std::string text = Pattern(100'000, 10);
  harness.Start(std::move(client.near))
      .Join(std::move(backend.near), PendingBytes(std::as_bytes(std::span(prefix))));
  CHECK(Transfer(harness, backend.peer, client.peer, text, 300'000, "prefix and text") ==
        prefix + text);
}

}  // namespace
}  // namespace spliceway::testing
