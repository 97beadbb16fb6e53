// Sessions that have lived for too long.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "every_transfer.h"
#include "faults.h"
#include "harness.h"
#include "sockets.h"

namespace spliceway::testing {
namespace {

constexpr SessionTimeouts kTwentySeconds = {.max_age_ms = 20'000};
/// Every session is due after the one, and none before the other.
constexpr std::uint64_t kLatestMs = 22'000;
constexpr std::uint64_t kEarliestMs = 18'000;
constexpr std::uint64_t kGraceMs = 10'000;

/// The core's clock, which the test moves.
struct Clock {
  std::uint64_t now_us = 1'000'000'000;
  HookScope hooks{{.now_us = [this] { return now_us; }}};

  /// As time passes for a loop that is not busy.
  void Pass(Harness& harness, std::uint64_t ms, const std::function<void()>& meanwhile = [] {}) {
    constexpr std::uint64_t kStepMs = 250;
    for (std::uint64_t passed = 0; passed < ms; passed += kStepMs) {
      now_us += kStepMs * 1000;
      meanwhile();
      harness.RunOnce();
    }
    harness.RunOnce();  // What the last step has left to the next turn.
  }
};

/// From the one to the other.
void Say(Harness& harness, const UniqueFd& from, const UniqueFd& to) {
  CHECK_EQUAL(Transfer(harness, from, to, "x", 1, "a byte"), std::string("x"));
}

TEST("age: a session that rests ends when it is due, in order") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds});
  Joined joined(harness);
  Say(harness, joined.client, joined.backend);
  Say(harness, joined.backend, joined.client);
  clock.Pass(harness, kEarliestMs - 1000);
  CHECK_EQUAL(harness.closed, 0);
  clock.Pass(harness, kLatestMs - kEarliestMs + 2000);
  CHECK_EQUAL(harness.closed, 1);
  CHECK(harness.reason == CloseReason::kMaxAge);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), 0);
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), 0);
}

TEST("age: a session in which nobody has said a word rests") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds});
  const Joined joined(harness);
  clock.Pass(harness, kLatestMs + 1000);
  CHECK_EQUAL(harness.closed, 1);
}

TEST("age: whoever waits for an answer gets it, and a moment later the session ends") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds});
  Joined joined(harness);
  Say(harness, joined.client, joined.backend);
  clock.Pass(harness, kLatestMs + kGraceMs / 2);
  CHECK_EQUAL(harness.closed, 0);
  Say(harness, joined.backend, joined.client);
  clock.Pass(harness, 750);
  CHECK_EQUAL(harness.closed, 0);
  clock.Pass(harness, 1250);
  CHECK_EQUAL(harness.closed, 1);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), 0);
}

TEST("age: whoever waits for an answer waits no longer than the grace") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds});
  Joined joined(harness);
  Say(harness, joined.client, joined.backend);
  clock.Pass(harness, kEarliestMs + kGraceMs - 1000);
  CHECK_EQUAL(harness.closed, 0);
  clock.Pass(harness, kLatestMs - kEarliestMs + 2000);
  CHECK_EQUAL(harness.closed, 1);
  CHECK(harness.reason == CloseReason::kMaxAge);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), 0);
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), 0);
}

TEST("age: of a long life the grace is a tenth") {
  Clock clock;
  Harness harness({.timeouts = {.max_age_ms = 400'000}});
  const Joined joined(harness);
  Say(harness, joined.client, joined.backend);
  clock.Pass(harness, 360'000 + 40'000 - 1000);
  CHECK_EQUAL(harness.closed, 0);
  clock.Pass(harness, 2 * 40'000 + 2000);
  CHECK_EQUAL(harness.closed, 1);
}

TEST("age: a stream that never rests is reset after the grace") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds});
  Joined joined(harness);
  std::string got;
  const auto stream = [&] {
    if (harness.closed > 0) return;
    WriteSome(joined.backend.get(), "x");
    ReadSome(joined.client.get(), got);
  };
  clock.Pass(harness, kEarliestMs + kGraceMs - 1000, stream);
  CHECK_EQUAL(harness.closed, 0);
  clock.Pass(harness, kLatestMs - kEarliestMs + 2000, stream);
  CHECK_EQUAL(harness.closed, 1);
  CHECK(harness.reason == CloseReason::kMaxAge);
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), -ECONNRESET);
  CHECK_EQUAL(ReadToTheEnd(harness, joined.backend, got), -ECONNRESET);
}

EVERY_TRANSFER_TEST("age: bytes that nobody takes keep it from resting, and are not hidden") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds, .transfer = transfer});
  Joined joined(harness);
  const std::string much(1 << 20, 'x');
  for (int round = 0; round < 32; ++round) {
    WriteSome(joined.backend.get(), much);
    harness.RunOnce();
  }
  clock.Pass(harness, kEarliestMs + kGraceMs - 1000);
  CHECK_EQUAL(harness.closed, 0);
  clock.Pass(harness, kLatestMs - kEarliestMs + 2000);
  CHECK_EQUAL(harness.closed, 1);
  CHECK(harness.reason == CloseReason::kMaxAge);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), -ECONNRESET);
}

TEST("age: an answer that follows the client's end is waited for") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds});
  Joined joined(harness);
  Say(harness, joined.client, joined.backend);
  Say(harness, joined.backend, joined.client);
  EndStream(joined.client);
  clock.Pass(harness, kLatestMs + kGraceMs / 4);
  CHECK_EQUAL(harness.closed, 0);
  Say(harness, joined.backend, joined.client);
  EndStream(joined.backend);
  std::string got;
  CHECK_EQUAL(ReadToTheEnd(harness, joined.client, got), 0);
  CHECK(harness.reason == CloseReason::kFinished);
}

TEST("age: sessions that began together do not end together") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds});
  std::vector<Joined> joined;
  for (int index = 0; index < 60; ++index) joined.emplace_back(harness);
  clock.Pass(harness, kEarliestMs - 1000);
  int most = 0;
  for (std::uint64_t passed = 0; passed < kLatestMs - kEarliestMs + 2000; passed += 1000) {
    const int before = harness.closed;
    clock.Pass(harness, 1000);
    most = std::max(most, harness.closed - before);
  }
  CHECK_EQUAL(harness.closed, 60);
  // Fifteen a second, if they were spread evenly.
  CHECK(most <= 30);
}

TEST("age: another time-out that comes first keeps its name") {
  Clock clock;
  Harness harness({.timeouts = {.idle_ms = 5000, .max_age_ms = 20'000}});
  const Joined joined(harness);
  clock.Pass(harness, 6000);
  CHECK(harness.reason == CloseReason::kIdleTimeout);
}

TEST("age: what waits in the kernel counts as moved for a loop that stood still") {
  Clock clock;
  Harness harness({.timeouts = kTwentySeconds});
  Joined joined(harness);
  Say(harness, joined.client, joined.backend);
  Say(harness, joined.backend, joined.client);
  WriteSome(joined.client.get(), "x");
  clock.now_us += kLatestMs * 1000;
  std::string got;
  harness.RunUntil([&] { return harness.closed > 0 || ReadSome(joined.backend.get(), got) > 0; },
                   "a byte");
  CHECK_EQUAL(harness.closed, 0);
}

TEST("age: a session that is to make room for others does not rest while a question waits") {
  Harness harness;
  Pair client = TcpPair();
  Pair backend = TcpPair();
  Session& session = harness.Join(std::move(client.near), std::move(backend.near));
  CHECK(!session.has_rested_for(1000));
  WriteSome(client.peer.get(), "x");
  CHECK(!session.EndAtRest(0));
  CHECK_EQUAL(harness.closed, 0);
  std::string got;
  harness.RunUntil([&] { return ReadSome(backend.peer.get(), got) > 0; }, "the question");
  WriteSome(backend.peer.get(), "y");
  harness.RunUntil([&] { return ReadSome(client.peer.get(), got) > 0; }, "the answer");
  CHECK(session.EndAtRest(0));
  CHECK(harness.reason == CloseReason::kRebalanced);
  CHECK_EQUAL(ReadToTheEnd(harness, client.peer, got), 0);
  CHECK_EQUAL(ReadToTheEnd(harness, backend.peer, got), 0);
}

}  // namespace
}  // namespace spliceway::testing
