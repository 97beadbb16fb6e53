// A process that was stopped or frozen, or had no processor: its clock has run on, and what came
// meanwhile waits in the kernel.

#include <sys/resource.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "faults.h"
#include "harness.h"
#include "sockets.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

/// More than a loop fetches the events of in one turn.
constexpr int kMany = 300;
constexpr std::uint64_t kSixHoursUs = 6 * std::uint64_t{3'600'000'000};
constexpr SessionTimeouts kTwoSeconds = {
    .connect_ms = 2000, .idle_ms = 2000, .half_close_ms = 2000, .handshake_ms = 2000};

/// Four descriptors a session are more than some shells allow.
void AllowManyDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// The core's clock, which the test moves.
struct Clock {
  std::uint64_t now_us = 1'000'000'000;
  HookScope hooks{{.now_us = [this] { return now_us; }}};
};

TEST("standing still: no session is cut for which bytes wait") {
  AllowManyDescriptors();
  Clock clock;
  Harness harness({.timeouts = kTwoSeconds});
  std::vector<Joined> joined;
  for (int index = 0; index < kMany; ++index) joined.emplace_back(harness);
  for (const Joined& session : joined) WriteSome(session.client.get(), "x");
  clock.now_us += kSixHoursUs;
  int arrived = 0;
  std::string got;
  for (const Joined& session : joined) {
    harness.RunUntil([&] { return harness.closed > 0 || ReadSome(session.backend.get(), got) > 0; },
                     "a byte");
    ++arrived;
  }
  CHECK_EQUAL(harness.closed, 0);
  CHECK_EQUAL(got.size(), static_cast<std::size_t>(arrived));
}

TEST("standing still: no session is cut that an end waits for, and then its time begins anew") {
  AllowManyDescriptors();
  Clock clock;
  Harness harness({.timeouts = kTwoSeconds});
  std::vector<Joined> joined;
  for (int index = 0; index < kMany; ++index) joined.emplace_back(harness);
  for (Joined& session : joined) EndStream(session.client);
  clock.now_us += kSixHoursUs;
  std::string got;
  for (const Joined& session : joined) {
    CHECK_EQUAL(ReadToTheEnd(harness, session.backend, got), 0);
  }
  CHECK_EQUAL(harness.closed, 0);
  clock.now_us += 2'100'000;
  harness.RunUntil([&] { return harness.closed == kMany; }, "the half-close time-outs");
  CHECK(harness.reason == CloseReason::kHalfCloseTimeout);
}

TEST("standing still: no attempt is given up that the backend has accepted") {
  AllowManyDescriptors();
  Clock clock;
  Harness harness({.timeouts = kTwoSeconds});
  const Listener listener = ListenTcp(kMany);
  std::vector<UniqueFd> clients;
  for (int index = 0; index < kMany; ++index) {
    Pair client = TcpPair();
    clients.push_back(std::move(client.peer));
    Connect(harness.Start(std::move(client.near)), {listener.address});
  }
  clock.now_us += kSixHoursUs;
  harness.RunUntil(
      [&] { return harness.opened + static_cast<int>(harness.failed_attempts.size()) == kMany; },
      "all attempts");
  CHECK_EQUAL(harness.opened, kMany);
  CHECK_EQUAL(harness.closed, 0);
}

TEST("standing still: who has nothing waiting is cut at once") {
  Clock clock;
  Harness harness({.timeouts = kTwoSeconds});
  const Joined joined(harness);
  WriteSome(joined.client.get(), "x");
  std::string got;
  harness.RunUntil([&] { return ReadSome(joined.backend.get(), got) > 0; }, "the byte");
  clock.now_us += kSixHoursUs;
  harness.RunUntil([&] { return harness.closed == 1; }, "the time-out");
  CHECK(harness.reason == CloseReason::kIdleTimeout);
}

TEST("standing still: what begins in a turn in whose midst the process stood still is not old") {
  struct Alarm final : Timer {
    int rang = 0;
    void OnTimer() override { ++rang; }
  } alarm;
  struct Handler final : EventHandler {
    std::function<void()> then;
    void OnEvents(unsigned /*token*/, std::uint32_t /*events*/) override { then(); }
  } handler;
  Clock clock;
  int error = 0;
  const std::unique_ptr<EventLoop> loop = EventLoop::Create(0, error);
  const Pair pair = UnixPair();
  CHECK(loop->Watch(pair.near.get(), handler, 0));
  int turns = 0;
  handler.then = [&] {
    if (++turns > 1) return;
    loop->Arm(alarm, loop->now_ms() + 50);
    clock.now_us += kSixHoursUs;
  };
  loop->RunOnce();
  for (int turn = 0; turn < 3; ++turn) {
    WriteSome(pair.peer.get(), "x");
    loop->RunOnce();
  }
  CHECK_EQUAL(turns, 4);
  CHECK_EQUAL(alarm.rang, 0);
  clock.now_us += 60'000;
  loop->RunOnce();
  CHECK_EQUAL(alarm.rang, 1);
}

}  // namespace
}  // namespace spliceway::testing
