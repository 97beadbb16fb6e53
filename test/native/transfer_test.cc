// When a relay copies and when it splices.

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <random>
#include <string>
#include <utility>

#include "faults.h"
#include "harness.h"
#include "meter.h"

namespace spliceway::testing {
namespace {

constexpr std::size_t kScratch = 65536;

Harness::Options Auto() { return {.transfer = ::spliceway::Transfer::kAuto}; }

std::uint64_t SplicesSoFar() { return CallsSoFar()[Call::kSplice]; }

/// A session whose client side can hold a megabyte before the relay runs, so that what one turn
/// finds is what the test has written, and whose backend side takes all of it.
Joined Roomy(Harness& harness) {
  return Joined(harness, {.near_receive_buffer = 8 << 20},
                {.peer_receive_buffer = 8 << 20, .near_send_buffer = 8 << 20});
}

/// Sends so many bytes upstream as one burst: all are in the kernel before the relay runs.
void Burst(Harness& harness, const Joined& joined, std::size_t bytes, unsigned seed = 1) {
  const std::string text = Pattern(bytes, seed);
  std::size_t written = 0;
  while (written < bytes) written += WriteSome(joined.client.get(), text, written);
  std::string got;
  harness.RunUntil(
      [&] {
        while (ReadSome(joined.backend.get(), got) == 1) {
        }
        return got.size() >= bytes;
      },
      "the burst at the backend");
  CHECK(got == text);
}

TEST("auto: requests and answers that are small are copied; no pipe is ever made") {
  Harness harness(Auto());
  const Joined joined(harness);
  harness.RunFor(20);
  const CallCounts before = CallsSoFar();
  for (unsigned turn = 0; turn < 100; ++turn) {
    const std::string question = Pattern(1 + turn * 97 % 16'000, turn);
    const std::string answer = Pattern(1 + turn * 131 % 16'000, turn + 1);
    CHECK(Transfer(harness, joined.client, joined.backend, question, question.size(),
                   "a question") == question);
    CHECK(Transfer(harness, joined.backend, joined.client, answer, answer.size(), "an answer") ==
          answer);
  }
  const CallCounts made = CallsSoFar() - before;
  CHECK_EQUAL(made[Call::kSplice], 0U);
  CHECK_EQUAL(made[Call::kPipe], 0U);
  CHECK_EQUAL(harness.pipes().alive(), 0U);
}

TEST("auto: a request that is there before the session begins is copied, and so are the next") {
  // The event that tells of it comes before the one that tells that the other side takes bytes.
  Harness harness(Auto());
  Pair client = TcpPair();
  Pair backend = TcpPair();
  WriteSome(client.peer.get(), "early");
  harness.Join(std::move(client.near), std::move(backend.near));
  const CallCounts before = CallsSoFar();
  CHECK_EQUAL(Transfer(harness, client.peer, backend.peer, "", 5, "the early request"), "early");
  CHECK_EQUAL(Transfer(harness, client.peer, backend.peer, "late", 4, "another"), "late");
  CHECK_EQUAL((CallsSoFar() - before)[Call::kSplice], 0U);
}

TEST("auto: two reads in a row that fill the buffer make a relay splice") {
  Harness harness(Auto());
  const Joined joined = Roomy(harness);
  harness.RunFor(20);
  // One full read and a short one are not enough.
  std::uint64_t before = SplicesSoFar();
  Burst(harness, joined, kScratch + 100);
  CHECK_EQUAL(SplicesSoFar(), before);
  // Nor are two full reads with a short one between them.
  Burst(harness, joined, kScratch + 100, 2);
  CHECK_EQUAL(SplicesSoFar(), before);
  Burst(harness, joined, 1 << 20, 3);
  CHECK(SplicesSoFar() > before);
  CHECK_EQUAL(harness.pipes().alive(), harness.pipes().idle());
}

TEST("auto: a relay that splices copies again after sixteen small turns, and not after fewer") {
  Harness harness(Auto());
  const Joined joined = Roomy(harness);
  harness.RunFor(20);
  Burst(harness, joined, 1 << 20);
  for (int round = 0; round < 3; ++round) {
    // Small turns, then a large one: still bulk.
    for (int turn = 0; turn < 15; ++turn) {
      const std::uint64_t before = SplicesSoFar();
      Burst(harness, joined, 100);
      CHECK(SplicesSoFar() > before);
    }
    Burst(harness, joined, 300'000);
  }
  for (int turn = 0; turn < 16; ++turn) Burst(harness, joined, 100);
  const std::uint64_t before = SplicesSoFar();
  for (int turn = 0; turn < 5; ++turn) Burst(harness, joined, 100);
  CHECK_EQUAL(SplicesSoFar(), before);
  // And back.
  Burst(harness, joined, 1 << 20);
  CHECK(SplicesSoFar() > before);
}

TEST("auto: a stream that uses up its turns goes on by splice") {
  // A turn that is used up is followed by one that finds nothing more: that is no small message.
  Harness harness({.turn_bytes = 256 * 1024, .transfer = ::spliceway::Transfer::kAuto});
  const Joined joined = Roomy(harness);
  harness.RunFor(20);
  Burst(harness, joined, 1 << 20);
  harness.RunFor(20);
  const std::uint64_t before = CallsSoFar()[Call::kRecv];
  for (int round = 0; round < 8; ++round) {
    Burst(harness, joined, 256 * 1024);
    harness.RunFor(12);
  }
  CHECK_EQUAL(CallsSoFar()[Call::kRecv] - before, 0U);
}

TEST("auto: the two directions decide for themselves") {
  Harness harness(Auto());
  const Joined joined = Roomy(harness);
  Burst(harness, joined, 1 << 20);
  harness.RunFor(20);
  const std::uint64_t before = SplicesSoFar();
  CHECK(Transfer(harness, joined.backend, joined.client, "thanks", 6, "the answer") == "thanks");
  CHECK_EQUAL(SplicesSoFar(), before);
}

TEST("auto: a sink that runs full while copying makes the relay splice; what was read goes first") {
  Harness harness(Auto());
  const Joined joined(harness, {.near_receive_buffer = 1 << 20},
                      {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
  harness.RunFor(20);
  const std::uint64_t before = SplicesSoFar();
  // Less than one read of the buffer, so that only the full sink tells.
  const std::string text = Pattern(60'000);
  WriteAcknowledged(harness, joined.client, text);
  harness.RunFor(20);
  CHECK_EQUAL(SplicesSoFar(), before);
  const std::string more = Pattern(200'000, 2);
  CHECK(Transfer(harness, joined.client, joined.backend, more, text.size() + more.size(), "all") ==
        text + more);
  CHECK(SplicesSoFar() > before);
}

TEST("auto: a refused splice falls back to copying for the rest of the session") {
  for (const int error : {EINVAL, ENOSYS, EPERM}) {
    Harness harness(Auto());
    int refused = 0;
    const HookScope hooks({.splice = [&](int, int, unsigned) {
      ++refused;
      return error;
    }});
    const Joined joined = Roomy(harness);
    Burst(harness, joined, 2 << 20);
    CHECK_EQUAL(refused, 1);
    Burst(harness, joined, 2 << 20);
    CHECK_EQUAL(refused, 1);
  }
}

TEST("auto: where there are no pipes, bulk is copied") {
  Harness harness(Auto());
  const HookScope hooks({.pipe = [] { return EMFILE; }});
  const Joined joined = Roomy(harness);
  const std::uint64_t before = SplicesSoFar();
  Burst(harness, joined, 4 << 20);
  CHECK_EQUAL(SplicesSoFar(), before);
}

TEST("copy: never a splice, nor a pipe, however much is moved") {
  Harness harness({.transfer = ::spliceway::Transfer::kCopy});
  const Joined joined = Roomy(harness);
  const CallCounts before = CallsSoFar();
  Burst(harness, joined, 4 << 20);
  const CallCounts made = CallsSoFar() - before;
  CHECK_EQUAL(made[Call::kSplice], 0U);
  CHECK_EQUAL(made[Call::kPipe], 0U);
}

TEST("splice: from the first byte on, and none is read into memory") {
  Harness harness;
  const Joined joined(harness);
  const CallCounts before = CallsSoFar();
  CHECK(Transfer(harness, joined.client, joined.backend, "x", 1, "one byte") == "x");
  const CallCounts made = CallsSoFar() - before;
  CHECK(made[Call::kSplice] >= 2);
  CHECK_EQUAL(made[Call::kRecv], 0U);
  CHECK_EQUAL(made[Call::kSend], 0U);
}

/// One direction of a conversation: pieces of random size, with pauses, until all is written.
struct Talker {
  const std::string text;
  std::mt19937 random;
  std::size_t written = 0;
  std::size_t piece_end = 0;
  int pause = 0;
  std::string got{};

  void Write(int fd) {
    if (pause > 0) {
      --pause;
      return;
    }
    if (written == piece_end) {
      // Uniform in the logarithm: 1 byte to 300 KiB.
      const double size = std::pow(300.0 * 1024, std::uniform_real_distribution<>(0, 1)(random));
      piece_end = std::min(text.size(), written + static_cast<std::size_t>(size) + 1);
      pause = static_cast<int>(random() % 4);
    }
    if (written < piece_end) written += WriteSome(fd, text.substr(written, piece_end - written));
  }
};

TEST("auto: no byte is lost or moved by many changes between copying and splicing, both ways") {
  for (const unsigned seed : {1U, 2U, 3U, 4U}) {
    Harness harness(Auto());
    const int small = seed % 2 == 0 ? 8192 : 0;
    const PairOptions options{.peer_receive_buffer = small, .near_send_buffer = small};
    const Joined joined(harness, options, options);
    Talker up{.text = Pattern(4 << 20, seed), .random = std::mt19937(seed)};
    Talker down{.text = Pattern(4 << 20, seed + 10), .random = std::mt19937(seed + 10)};
    const CallCounts before = CallsSoFar();
    harness.RunUntil(
        [&] {
          up.Write(joined.client.get());
          down.Write(joined.backend.get());
          if (up.random() % 3 != 0) ReadSome(joined.backend.get(), up.got);
          if (down.random() % 3 != 0) ReadSome(joined.client.get(), down.got);
          return up.got.size() == up.text.size() && down.got.size() == down.text.size();
        },
        "both texts");
    CHECK(up.got == up.text);
    CHECK(down.got == down.text);
    const CallCounts made = CallsSoFar() - before;
    CHECK(made[Call::kSplice] > 0);
    CHECK(made[Call::kRecv] > 0);
  }
}

}  // namespace
}  // namespace spliceway::testing
