// The end of a stream is seen whenever it comes: before, with or after the event and the read of
// the last bytes. A read that gave less than was asked for makes a relay wait for an edge, so that
// edge must come.

#include <linux/net_tstamp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "every_transfer.h"
#include "faults.h"
#include "harness.h"

namespace spliceway::testing {
namespace {

/// When the end of the stream gets to the kernel.
enum class When {
  kBeforeJoin,  // with the last bytes, before the session begins
  kWithBytes,   // with the last bytes, in one event
  kBeforeRead,  // after the event of the last bytes, before they are read
  kAfterRead,   // after the last bytes were passed on
};

/// Sends `text` and ends the stream, or resets it, at that moment. Returns what the backend read,
/// and how it ended.
std::string SendAndEnd(::spliceway::Transfer transfer, When when, bool reset,
                       const std::string& text, int& result) {
  Harness harness({.transfer = transfer});
  Pair client = TcpPair({.near_receive_buffer = 1 << 20});
  Pair backend = TcpPair({.peer_receive_buffer = 1 << 20});
  const auto join = [&] { harness.Join(std::move(client.near), std::move(backend.near)); };
  const auto end = [&] {
    if (!reset) return EndStream(client.peer);
    // A reset throws away what has not been read; only what was taken before it must arrive.
    ResetPeer(client.peer);
  };
  bool armed = false;
  const HookScope hooks({.events = [&](epoll_event*, int) {
    if (armed) end();
    armed = false;
  }});
  if (when != When::kBeforeJoin) {
    join();
    harness.RunFor(15);
  }
  armed = when == When::kBeforeRead;
  WriteSome(client.peer.get(), text);
  if (when == When::kBeforeJoin || when == When::kWithBytes) end();
  if (when == When::kBeforeJoin) join();
  std::string got;
  if (when == When::kAfterRead) {
    harness.RunUntil(
        [&] {
          ReadSome(backend.peer.get(), got);
          return got.size() == text.size();
        },
        "the bytes");
    harness.RunFor(15);
    end();
  }
  result = ReadToTheEnd(harness, backend.peer, got);
  if (!reset) {
    CHECK_EQUAL(harness.closed, 0);
    EndStream(backend.peer);
  }
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == (reset ? CloseReason::kReset : CloseReason::kFinished));
  return got;
}

constexpr std::size_t kLengths[] = {1, 1000, 65'535, 65'536, 65'537, 131'072};

EVERY_TRANSFER_TEST(
    "end: a FIN is seen before, with and after the last bytes, whatever their number") {
  for (const When when :
       {When::kBeforeJoin, When::kWithBytes, When::kBeforeRead, When::kAfterRead}) {
    for (const std::size_t length : kLengths) {
      const std::string text = Pattern(length);
      int result = 1;
      CHECK(SendAndEnd(transfer, when, false, text, result) == text);
      CHECK_EQUAL(result, 0);
    }
  }
}

EVERY_TRANSFER_TEST("end: a reset is seen before, with and after the last bytes, as a reset") {
  for (const When when :
       {When::kBeforeJoin, When::kWithBytes, When::kBeforeRead, When::kAfterRead}) {
    for (const std::size_t length : kLengths) {
      const std::string text = Pattern(length);
      int result = 1;
      const std::string got = SendAndEnd(transfer, when, true, text, result);
      CHECK_EQUAL(result, -ECONNRESET);
      CHECK(text.starts_with(got));
      if (when == When::kAfterRead) CHECK(got == text);
    }
  }
}

EVERY_TRANSFER_TEST(
    "end: bytes that arrive between the event and the read, and after it, all arrive") {
  Harness harness({.transfer = transfer});
  const Joined joined(harness);
  const std::string text = Pattern(100'000);
  std::size_t written = 0;
  // A few more bytes each time that the loop is about to read.
  const HookScope hooks({.events = [&](epoll_event*, int) {
    if (written < text.size())
      written += WriteSome(joined.client.get(), text.substr(written, 1 + written % 700));
  }});
  std::string got;
  harness.RunUntil(
      [&] {
        if (written < text.size())
          written += WriteSome(joined.client.get(), text.substr(written, 1 + written % 300));
        while (ReadSome(joined.backend.get(), got) == 1) {
        }
        return got.size() == text.size();
      },
      "all of it");
  CHECK(got == text);
}

EVERY_TRANSFER_TEST("end: both sides end at once, with bytes under way; both get all of it") {
  for (int round = 0; round < 20; ++round) {
    Harness harness({.transfer = transfer});
    const Joined joined(harness);
    harness.RunFor(round % 2 == 0 ? 0 : 12);
    const std::string up = Pattern(static_cast<std::size_t>(1 + round * 3000), 1);
    const std::string down = Pattern(static_cast<std::size_t>(1 + round * 2000), 2);
    WriteSome(joined.client.get(), up);
    WriteSome(joined.backend.get(), down);
    EndStream(joined.client);
    EndStream(joined.backend);
    std::string at_backend;
    std::string at_client;
    CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, at_backend), 0);
    CHECK_EQUAL(ReadToTheEnd(harness, joined.client, at_client), 0);
    CHECK(at_backend == up);
    CHECK(at_client == down);
    harness.RunUntil([&] { return harness.closed == 1; }, "the close");
    CHECK(harness.reason == CloseReason::kFinished);
  }
}

EVERY_TRANSFER_TEST("end: Unix sockets end with the bytes, and after them") {
  for (const bool with_bytes : {true, false}) {
    Harness harness({.transfer = transfer});
    Pair client = UnixPair();
    Pair backend = UnixPair();
    harness.Join(std::move(client.near), std::move(backend.near));
    const std::string text = Pattern(50'000);
    WriteSome(client.peer.get(), text);
    if (with_bytes) client.peer.Reset();
    std::string got;
    harness.RunUntil(
        [&] {
          ReadSome(backend.peer.get(), got);
          return got.size() == text.size();
        },
        "the bytes");
    client.peer.Reset();
    CHECK_EQUAL(ReadToTheEnd(harness, backend.peer, got), 0);
    CHECK(got == text);
    backend.peer.Reset();
    harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  }
}

/// Sends a byte and waits until the time at which the peer had it is in the error queue: from now
/// on every event of the socket comes with EPOLLERR.
void FillErrorQueue(const Pair& pair) {
  const unsigned flags =
      SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
  CHECK_EQUAL(setsockopt(pair.near.get(), SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags), 0);
  WriteSome(pair.near.get(), "x");
  pollfd queue = {.fd = pair.near.get(), .events = 0, .revents = 0};
  CHECK_EQUAL(poll(&queue, 1, 60'000), 1);
  CHECK_EQUAL(queue.revents, POLLERR);
  const unsigned off = 0;
  CHECK_EQUAL(setsockopt(pair.near.get(), SOL_SOCKET, SO_TIMESTAMPING, &off, sizeof off), 0);
  std::string sent;
  CHECK_EQUAL(ReadSome(pair.peer.get(), sent), 1);
}

EVERY_TRANSFER_TEST(
    "end: a message for who had the socket before is none, and an end after it is one") {
  Harness harness({.timeouts = {.idle_ms = 60'000, .half_close_ms = 100}, .transfer = transfer});
  Pair client = TcpPair();
  Pair backend = TcpPair();
  FillErrorQueue(client);
  FillErrorQueue(backend);
  harness.Join(std::move(client.near), std::move(backend.near));
  Transfer(harness, client.peer, backend.peer, "there", 5, "a message");
  Transfer(harness, backend.peer, client.peer, "and back", 8, "the answer");
  harness.RunFor(300);
  CHECK_EQUAL(harness.closed, 0);
  EndStream(client.peer);
  std::string rest;
  CHECK_EQUAL(ReadToTheEnd(harness, backend.peer, rest), 0);
  ResetPeer(backend.peer);
  harness.RunUntil([&] { return harness.closed == 1; }, "the close");
  CHECK(harness.reason == CloseReason::kReset);
}

}  // namespace
}  // namespace spliceway::testing
