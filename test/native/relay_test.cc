// The rules of moving bytes: each test fails when its rule is broken.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>
#include <string>

#include "faults.h"
#include "harness.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

int Option(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  getsockopt(fd, level, name, &value, &length);
  return value;
}

TEST(
    "rule 1: every descriptor is non-blocking and close-on-exec, and splice is told not to block "
    "on the pipe") {
  const sys::OpenedPipe pipe = sys::OpenPipe();
  const sys::Opened socket = sys::OpenSocket(AF_INET);
  const sys::Opened epoll = sys::OpenEpoll();
  const sys::Opened wake_up = sys::OpenWakeUp();
  const sys::Opened duplicate = sys::Duplicate(socket.fd.get());
  for (const int fd : {pipe.read_end.get(), pipe.write_end.get(), socket.fd.get(), wake_up.fd.get(),
                       duplicate.fd.get()}) {
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK((fcntl(epoll.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);

  Harness harness;
  int splices = 0;
  const HookScope hooks({.splice = [&](int, int, unsigned flags) {
    ++splices;
    CHECK((flags & SPLICE_F_NONBLOCK) != 0);
    return 0;
  }});
  const Joined joined(harness);
  Transfer(harness, joined.client, joined.backend, Pattern(100'000), 100'000, "100 kB");
  CHECK(splices > 0);
}

TEST("rule 2: a pipe filled by MSS-sized segments does not pass for an empty socket") {
  // 16 slots, and segments of 536 bytes: the pipe is full long before its 64 KiB.
  Harness harness({.pipes = {.large_bytes = 65536,
                             .default_bytes = 65536,
                             .total_bytes = 1024 << 12,
                             .pipes = 8,
                             .idle = 8}});
  const PairOptions small{.segment = 536};
  const Joined joined(harness, small, small);
  const std::string text = Pattern(3 << 20);
  const std::string got = Transfer(harness, joined.client, joined.backend, text, text.size(),
                                   "3 MiB in small segments");
  CHECK(got == text);
}

TEST(
    "rule 2: bytes that arrive all at once, before the sink takes any, all come through without a "
    "new edge") {
  Harness harness({.pipes = {.large_bytes = 65536,
                             .default_bytes = 65536,
                             .total_bytes = 1024 << 12,
                             .pipes = 8,
                             .idle = 8}});
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

TEST("rule 3: neither a short read nor the peer's FIN in the same event is the end of the stream") {
  Harness harness;
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

TEST("rule 4: the FIN comes after the last byte, also where the sink had stopped reading") {
  Harness harness;
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

TEST("rule 4: data that is unread when both ways are shut, and epoll says hang-up, still arrives") {
  Harness harness;
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

TEST("rule 7: nothing is corked: no SPLICE_F_MORE, and TCP_NODELAY on both sides") {
  Harness harness;
  Pair client = TcpPair();
  Pair backend = TcpPair();
  const UniqueFd client_side(dup(client.near.get()));
  const UniqueFd backend_side(dup(backend.near.get()));
  const HookScope hooks({.splice = [&](int, int, unsigned flags) {
    CHECK((flags & SPLICE_F_MORE) == 0);
    return 0;
  }});
  harness.Join(std::move(client.near), std::move(backend.near));
  Transfer(harness, client.peer, backend.peer, Pattern(1000), 1000, "a request");
  CHECK(Option(client_side.get(), IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK(Option(backend_side.get(), IPPROTO_TCP, TCP_NODELAY) != 0);
}

TEST(
    "rule 8: a relay that has used up its turn goes on without a new edge, after the others had "
    "theirs") {
  Harness harness({.pipes = {.large_bytes = 65536,
                             .default_bytes = 65536,
                             .total_bytes = 1024 << 12,
                             .pipes = 8,
                             .idle = 8},
                   .turn_bytes = 65536});
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
        // One turn moves its budget, and at most one pipe or buffer more.
        CHECK(now - before <= 65536 + 65536);
        if (now > before) ++turns;
        before = now;
        return ReadSome(backend.peer.get(), got) == 0;
      },
      "all of it");
  CHECK(got == text);
  CHECK(turns >= 8);
}

TEST("rule 9: an urgent byte does not stall the stream") {
  for (const std::size_t length : {std::size_t{1000}, std::size_t{500'000}}) {
    Harness harness;
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

TEST(
    "rule 9: an urgent byte with nothing behind it neither stalls nor ends the stream, nor makes "
    "the loop spin") {
  Harness harness;
  const Joined joined(harness);
  Transfer(harness, joined.client, joined.backend, "before", 6, "the start");
  CHECK_EQUAL(send(joined.client.get(), "!", 1, MSG_OOB), 1);
  harness.RunFor(30);
  int splices = 0;
  {
    const HookScope hooks({.splice = [&](int, int, unsigned) {
      ++splices;
      return 0;
    }});
    harness.RunFor(30);
    CHECK_EQUAL(splices, 0);
  }
  CHECK(Transfer(harness, joined.client, joined.backend, "after", 5, "what follows") == "after");
  CHECK_EQUAL(send(joined.client.get(), "!", 1, MSG_OOB), 1);
  EndStream(joined.client);
  std::string rest;
  harness.RunUntil([&] { return ReadSome(joined.backend.get(), rest) == 0; },
                   "the end of the stream");
  CHECK(rest.empty());
}

TEST("rule 9: what is behind an urgent mark arrives although the FIN is there already") {
  // Standing at the mark, a splice then answers 0 and not EAGAIN.
  for (const bool before_join : {true, false}) {
    Harness harness;
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

TEST("rule 10: a relay whose splice is refused goes on by copying") {
  for (const int error : {EINVAL, ENOSYS, EPERM, ENOMEM}) {
    Harness harness;
    const HookScope hooks({.splice = [&](int, int, unsigned) { return error; }});
    const Joined joined(harness);
    const std::string text = Pattern(500'000);
    CHECK(Transfer(harness, joined.client, joined.backend, text, text.size(), "the request") ==
          text);
    CHECK(Transfer(harness, joined.backend, joined.client, text, text.size(), "the answer") ==
          text);
    CHECK_EQUAL(harness.closed, 0);
  }
}

TEST("rule 10: what is in the pipe when the sink refuses splice is not lost") {
  Harness harness;
  int calls = 0;
  // Only out of the pipe, and not at once: some bytes have gone by splice before.
  const HookScope hooks({.splice = [&](int from, int, unsigned) {
    return IsPipe(from) && ++calls > 3 ? EINVAL : 0;
  }});
  const Joined joined(harness, {}, {.peer_receive_buffer = 8192, .near_send_buffer = 8192});
  const std::string text = Pattern(2 << 20);
  CHECK(Transfer(harness, joined.client, joined.backend, text, text.size(), "2 MiB") == text);
  CHECK(calls > 3);
  CHECK_EQUAL(harness.pipes().alive(), harness.pipes().idle());
}

TEST("rule 15: a sink that does not read stops the source, with bounded memory in between") {
  Harness harness;
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

TEST("relay: both directions at once, 8 MiB each") {
  Harness harness;
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

TEST("relay: Unix sockets") {
  Harness harness;
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

TEST("relay: a prefix goes before everything that is read") {
  Harness harness;
  Pair client = TcpPair();
  Pair backend = TcpPair();
  const std::string prefix = Pattern(200'000, 9);
  const std::string text = Pattern(100'000, 10);
  Session& session = harness.Start(std::move(client.near), prefix);
  session.Join(std::move(backend.near), {});
  CHECK(Transfer(harness, client.peer, backend.peer, text, 300'000, "prefix and text") ==
        prefix + text);
}

TEST("relay: a prefix of the backend's goes to the client first") {
  Harness harness;
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
