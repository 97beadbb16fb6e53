// The low-water mark of a source that streams: who gets one, and that nobody waits for it.

#include "relay/low_water_mark.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "every_transfer.h"
#include "faults.h"
#include "harness.h"
#include "meter.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

constexpr std::size_t kWindow = LowWaterMark::kBytesPerWindow;
constexpr std::uint64_t kWindowMs = LowWaterMark::kWindowMs;

int MarkOf(int socket) {
  int mark = 0;
  socklen_t length = sizeof mark;
  getsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &mark, &length);
  return mark;
}

TEST("low-water mark: raised after four windows in a row with enough, lowered after two without") {
  const Pair pair = TcpPair();
  const int socket = pair.near.get();
  LowWaterMark mark;
  std::uint64_t now = 1'000'000;
  const auto window = [&](std::size_t bytes) {
    mark.NoteTurn(socket, bytes, now);
    now += kWindowMs;
    mark.NoteTurn(socket, 0, now);
    return MarkOf(socket) > 1;
  };
  // The first one began long ago.
  mark.NoteTurn(socket, 0, now);
  for (int round = 0; round < 3; ++round) {
    CHECK(!window(kWindow));
    CHECK(!window(kWindow));
    CHECK(!window(kWindow));
    CHECK(!window(kWindow - 1024));
  }
  for (int index = 0; index < 3; ++index) CHECK(!window(kWindow));
  CHECK(window(kWindow));
  for (int round = 0; round < 3; ++round) {
    CHECK(window(0));
    CHECK(window(kWindow));
  }
  CHECK(window(100 * kWindow));
  CHECK(window(0));
  CHECK(!window(0));
  CHECK(!window(kWindow));
}

TEST("low-water mark: a pause is no window with enough, whatever came before it") {
  const Pair pair = TcpPair();
  LowWaterMark mark;
  std::uint64_t now = 1'000'000;
  for (int index = 0; index < 20; ++index) {
    mark.NoteTurn(pair.near.get(), 8 * kWindow, now);
    now += 2 * kWindowMs;
  }
  CHECK_EQUAL(MarkOf(pair.near.get()), 1);
}

/// A session whose clock stands still but for a millisecond at each turn.
struct Stream {
  explicit Stream(::spliceway::Transfer transfer)
      : hooks({.now_us = [this] { return now_us; },
               .wait = [this](int timeout_ms) { waits.push_back(timeout_ms); }}),
        harness({.transfer = transfer}) {
    Pair client_pair = TcpPair({.near_receive_buffer = 4 << 20});
    Pair backend_pair = TcpPair({.peer_receive_buffer = 4 << 20, .near_send_buffer = 4 << 20});
    source = client_pair.near.get();
    client = std::move(client_pair.peer);
    backend = std::move(backend_pair.peer);
    harness.Join(std::move(client_pair.near), std::move(backend_pair.near));
  }

  /// One turn, in which what the client sends is all that happens. Returns what the backend got.
  std::size_t Turn(const std::string& text) {
    if (!text.empty()) WriteSome(client.get(), text);
    now_us += 1000;
    harness.RunOnce();
    std::string got;
    while (ReadSome(backend.get(), got) == 1) {
    }
    return got.size();
  }

  std::uint64_t now_us = 1'000'000'000;
  std::vector<int> waits;
  HookScope hooks;
  Harness harness;
  int source = -1;
  UniqueFd client;
  UniqueFd backend;
};

EVERY_TRANSFER_TEST("low-water mark: no byte waits for it, and it goes when the stream has ended") {
  Stream stream(transfer);
  const std::string text = Pattern(256 * 1024);
  int turns = 0;
  for (; turns < 100 && MarkOf(stream.source) == 1; ++turns) stream.Turn(text);
  CHECK(MarkOf(stream.source) > 1);
  CHECK(turns >= 32);
  // It still streams, and what is below the mark is found in the next millisecond.
  for (int turn = 0; turn < 20; ++turn) {
    stream.waits.clear();
    CHECK(stream.Turn(text) > 0);
    for (const int wait : stream.waits) {
      CHECK(wait >= 0);
      CHECK_EQUAL(std::max(wait, 1), 1);
    }
  }
  while (stream.Turn("") > 0) {
  }
  // The last byte of all is below it, too.
  std::size_t got = stream.Turn("x");
  got += stream.Turn("");
  CHECK_EQUAL(got, 1U);
  for (int turn = 0; turn < 40; ++turn) stream.Turn("");
  CHECK_EQUAL(MarkOf(stream.source), 1);
  CHECK_EQUAL(stream.harness.sessions_with_time_out(), 0);
}

EVERY_TRANSFER_TEST("low-water mark: answers that are asked for one by one never meet one") {
  Stream stream(transfer);
  const std::string text = Pattern(1 << 20);
  const std::uint64_t before = CallsSoFar()[Call::kSetsockopt];
  for (int index = 0; index < 100; ++index) {
    WriteSome(stream.backend.get(), "next");
    stream.Turn(text);
    while (stream.Turn("") > 0) {
    }
  }
  CHECK_EQUAL(CallsSoFar()[Call::kSetsockopt], before);
}

EVERY_TRANSFER_TEST("low-water mark: it goes at once when the other side says something") {
  Stream stream(transfer);
  const std::string text = Pattern(256 * 1024);
  for (int turn = 0; turn < 100 && MarkOf(stream.source) == 1; ++turn) stream.Turn(text);
  CHECK(MarkOf(stream.source) > 1);
  WriteSome(stream.backend.get(), "stop");
  stream.Turn("");
  stream.Turn("");
  CHECK_EQUAL(MarkOf(stream.source), 1);
}

EVERY_TRANSFER_TEST("low-water mark: the end of a stream is passed on at once") {
  Stream stream(transfer);
  const std::string text = Pattern(256 * 1024);
  for (int turn = 0; turn < 100 && MarkOf(stream.source) == 1; ++turn) stream.Turn(text);
  while (stream.Turn("") > 0) {
  }
  WriteSome(stream.client.get(), "end");
  EndStream(stream.client);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(stream.harness, stream.backend, got), 0);
  CHECK_EQUAL(got, "end");
  // And the source is looked at no more, however long the answer takes.
  for (int turn = 0; turn < 5; ++turn) stream.Turn("");
  CHECK_EQUAL(stream.harness.sessions_with_time_out(), 0);
}

}  // namespace
}  // namespace spliceway::testing
