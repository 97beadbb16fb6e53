// Urgent bytes (MSG_OOB), at whose mark every read and splice stops.

#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "every_transfer.h"
#include "faults.h"
#include "harness.h"
#include "meter.h"

namespace spliceway::testing {
namespace {

EVERY_TRANSFER_TEST("rule 9: an urgent byte does not stall the stream") {
  for (const std::size_t length : {std::size_t{1000}, std::size_t{500'000}}) {
    Harness harness({.transfer = transfer});
    const Joined joined(harness);
    const std::string first = Pattern(length, 1);
    const std::string second = Pattern(length, 2);
    Transfer(harness, joined.client, joined.backend, first.substr(0, 10), 10, "the start");
    std::string got;
    std::size_t written = 10;
    harness.RunUntil(
        [&] {
          written += WriteSome(joined.client.get(), first, written);
          while (ReadSome(joined.backend.get(), got) == 1) {
          }
          return written == first.size();
        },
        "the first part written");
    CHECK_EQUAL(send(joined.client.get(), "!", 1, MSG_OOB), 1);
    got += Transfer(harness, joined.client, joined.backend, second, 2 * length - 10 - got.size(),
                    "what follows");
    CHECK(got == first.substr(10) + second);
  }
}

EVERY_TRANSFER_TEST(
    "rule 9: an urgent byte with nothing behind it neither stalls nor ends the stream, nor makes "
    "the loop spin") {
  Harness harness({.transfer = transfer});
  const Joined joined(harness);
  Transfer(harness, joined.client, joined.backend, "before", 6, "the start");
  CHECK_EQUAL(send(joined.client.get(), "!", 1, MSG_OOB), 1);
  harness.RunFor(30);
  const CallCounts before = CallsSoFar();
  harness.RunFor(30);
  CHECK_CALLS("a relay that stands at the mark", CallsSoFar() - before, CallCounts{});
  CHECK(Transfer(harness, joined.client, joined.backend, "after", 5, "what follows") == "after");
  CHECK_EQUAL(send(joined.client.get(), "!", 1, MSG_OOB), 1);
  EndStream(joined.client);
  std::string rest;
  harness.RunUntil([&] { return ReadSome(joined.backend.get(), rest) == 0; },
                   "the end of the stream");
  CHECK(rest.empty());
}

EVERY_TRANSFER_TEST(
    "rule 9: what is behind an urgent mark arrives although the FIN is there already") {
  // Standing at the mark, a splice then answers 0 and not EAGAIN.
  for (const bool before_join : {true, false}) {
    Harness harness({.transfer = transfer});
    Pair client = TcpPair();
    Pair backend = TcpPair();
    const auto join = [&] { harness.Join(std::move(client.near), std::move(backend.near)); };
    if (!before_join) {
      join();
      harness.RunFor(20);
    }
    WriteSome(client.peer.get(), Pattern(1000, 1));
    CHECK_EQUAL(send(client.peer.get(), "!", 1, MSG_OOB), 1);
    WriteSome(client.peer.get(), Pattern(1000, 2));
    EndStream(client.peer);
    if (before_join) join();
    std::string got;
    CHECK_EQUAL(ReadToTheEnd(harness, backend.peer, got), 0);
    CHECK(got == Pattern(1000, 1) + Pattern(1000, 2));
  }
}

EVERY_TRANSFER_TEST(
    "rule 9: what is behind an urgent mark arrives although a reset is there already") {
  // Standing at the mark, a splice then reports the reset, which is told only once.
  Harness harness({.transfer = transfer});
  Pair client = TcpPair();
  Pair backend = TcpPair();
  WriteSome(client.peer.get(), Pattern(1000, 1));
  CHECK_EQUAL(send(client.peer.get(), "!", 1, MSG_OOB), 1);
  WriteSome(client.peer.get(), Pattern(1000, 2));
  Session& session = harness.Start(std::move(client.near));
  harness.RunFor(20);
  // Before its event is fetched.
  ResetPeer(client.peer);
  session.Join(std::move(backend.near), {});
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, backend.peer, got), -ECONNRESET);
  CHECK(got == Pattern(1000, 1) + Pattern(1000, 2));
}

EVERY_TRANSFER_TEST(
    "rule 9: an urgent byte that arrives after the event and before the read does not stall the "
    "stream") {
  // The event tells of no urgent byte, and the read stops short at a mark that nobody knows of.
  for (const bool with_end : {false, true}) {
    Harness harness({.transfer = transfer});
    const Joined joined(harness);
    harness.RunFor(20);
    bool sent = false;
    const HookScope hooks({.events = [&](epoll_event*, int) {
      if (sent) return;
      sent = true;
      CHECK_EQUAL(send(joined.client.get(), "!", 1, MSG_OOB), 1);
      WriteSome(joined.client.get(), "behind");
      if (with_end) EndStream(joined.client);
    }});
    CHECK(Transfer(harness, joined.client, joined.backend, "before", 12, "both parts") ==
          "beforebehind");
    CHECK(sent);
    if (!with_end) EndStream(joined.client);
    std::string rest;
    CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, rest), 0);
    CHECK(rest.empty());
  }
}

EVERY_TRANSFER_TEST("rule 9: two urgent bytes in a row, with bytes between them and behind them") {
  // As TCP has it, the second mark replaces the first, and the first urgent byte is in the stream
  // then, unless the relay stepped past it before.
  Harness harness({.transfer = transfer});
  const Joined joined(harness);
  WriteSome(joined.client.get(), "one");
  CHECK_EQUAL(send(joined.client.get(), "!", 1, MSG_OOB), 1);
  WriteSome(joined.client.get(), "two");
  CHECK_EQUAL(send(joined.client.get(), "!", 1, MSG_OOB), 1);
  WriteSome(joined.client.get(), "three");
  EndStream(joined.client);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), 0);
  CHECK(got == "one!twothree" || got == "onetwothree");
}

}  // namespace
}  // namespace spliceway::testing
