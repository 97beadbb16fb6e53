// The event loop and the mailbox that wakes it.

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "faults.h"
#include "loop/event_loop.h"
#include "loop/mailbox.h"
#include "sockets.h"
#include "steady_clock.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

std::unique_ptr<EventLoop> MakeLoop(std::uint32_t busy_poll_us = 0) {
  int error = 0;
  return EventLoop::Create(busy_poll_us, error);
}

/// Rings after a while, so that a turn in which nothing else happens comes to an end.
struct Alarm final : Timer {
  int rang = 0;
  void OnTimer() override { ++rang; }
};

/// Runs turns until nothing has happened for about 20 ms.
void RunUntilQuiet(EventLoop& loop) {
  Alarm alarm;
  loop.Arm(alarm, sys::NowMs() + 20);
  while (alarm.rang == 0) loop.RunOnce();
}

struct Handler final : EventHandler {
  std::vector<unsigned> tokens;
  std::function<void()> then;
  void OnEvents(unsigned token, std::uint32_t /*events*/) override {
    tokens.push_back(token);
    if (then) then();
  }
  using EventHandler::ForgetEvents;
};

struct Chore final : ReadyEntry {
  EventLoop* loop = nullptr;
  int runs = 0;
  int wanted = 0;
  void OnReady() override {
    if (++runs < wanted) loop->Enqueue(*this);
  }
};

TEST("event loop: a ready entry runs once a turn, and again only when it asks") {
  const std::unique_ptr<EventLoop> loop = MakeLoop();
  Chore chore;
  chore.loop = loop.get();
  chore.wanted = 3;
  loop->Enqueue(chore);
  loop->Enqueue(chore);
  loop->RunOnce();
  CHECK_EQUAL(chore.runs, 1);
  loop->RunOnce();
  loop->RunOnce();
  CHECK_EQUAL(chore.runs, 3);
}

TEST("event loop: a turn begins no entry beyond its cost, and those without a turn come first") {
  struct Stream final : ReadyEntry {
    EventLoop* loop = nullptr;
    std::vector<int>* order = nullptr;
    int name = 0;
    void OnReady() override {
      order->push_back(name);
      loop->Enqueue(*this);
      loop->Spend(3 << 20);
    }
  };
  const std::unique_ptr<EventLoop> loop = MakeLoop();
  std::vector<int> order;
  std::array<Stream, 5> streams;
  for (int name = 0; name < 5; ++name) {
    Stream& stream = streams[static_cast<std::size_t>(name)];
    stream.loop = loop.get();
    stream.order = &order;
    stream.name = name;
    loop->Enqueue(stream);
  }
  for (std::size_t turn = 1; turn <= 5; ++turn) {
    loop->RunOnce();
    CHECK_EQUAL(order.size(), 2 * turn);  // Of three mebibytes each, with four allowed.
  }
  CHECK(order == (std::vector<int>{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
}

TEST("event loop: events share a budget, have a little each past it, and leave entries theirs") {
  int error = 0;
  const TurnBudget budget{.turn = 1000, .events = 400, .crowded = 30};
  const std::unique_ptr<EventLoop> loop = EventLoop::Create(0, error, budget);
  struct Entry final : ReadyEntry {
    EventLoop* loop = nullptr;
    std::vector<std::size_t>* allowed = nullptr;
    void OnReady() override {
      allowed->push_back(loop->allowance());
      loop->Spend(250);
    }
  };
  std::array<Pair, 3> pairs = {UnixPair(), UnixPair(), UnixPair()};
  std::array<Entry, 4> entries;
  std::vector<std::size_t> by_events;
  std::vector<std::size_t> by_entries;
  Handler handler;
  std::size_t costs = 0;
  handler.then = [&] {
    by_events.push_back(loop->allowance());
    loop->Spend(costs);
  };
  for (const Pair& pair : pairs) CHECK(loop->Watch(pair.near.get(), handler, 0));
  for (Entry& entry : entries) {
    entry.loop = loop.get();
    entry.allowed = &by_entries;
  }
  const auto turn = [&](std::size_t cost) {
    costs = cost;
    by_events.clear();
    by_entries.clear();
    for (Entry& entry : entries) loop->Enqueue(entry);
    for (const Pair& pair : pairs) WriteSome(pair.peer.get(), "x");
    loop->RunOnce();
  };
  turn(100);
  CHECK(by_events == (std::vector<std::size_t>{400, 300, 200}));
  // A turn's thousand, less what the events have cost.
  CHECK(by_entries == (std::vector<std::size_t>{1000, 1000, 1000}));
  turn(300);
  CHECK(by_events == (std::vector<std::size_t>{400, 100, 30}));
  // As much as the events may have, whatever those have cost.
  CHECK(by_entries == (std::vector<std::size_t>{1000, 1000}));
}

TEST("event loop: events of a registration that was forgotten are dropped, also those in hand") {
  const std::unique_ptr<EventLoop> loop = MakeLoop();
  Pair first = UnixPair();
  Pair second = UnixPair();
  Pair third = UnixPair();
  Handler handler;
  CHECK(loop->Watch(first.near.get(), handler, 0));
  CHECK(loop->Watch(second.near.get(), handler, 1));
  // Both report in the first turn. The first ends both, as a session does, and begins anew at once.
  handler.then = [&] {
    if (handler.tokens.size() > 1) return;
    first.near.Reset();
    second.near.Reset();
    handler.ForgetEvents();
    CHECK(loop->Watch(third.near.get(), handler, 5));
  };
  loop->RunOnce();
  CHECK(handler.tokens == (std::vector<unsigned>{0}));
  RunUntilQuiet(*loop);
  CHECK(handler.tokens == (std::vector<unsigned>{0, 5}));
}

TEST("event loop: a descriptor that somebody else holds open reports to nobody once forgotten") {
  const std::unique_ptr<EventLoop> loop = MakeLoop();
  Pair pair = UnixPair();
  Handler handler;
  CHECK(loop->Watch(pair.near.get(), handler, 0));
  RunUntilQuiet(*loop);
  CHECK_EQUAL(handler.tokens.size(), 1U);
  // As a forked child has it.
  const UniqueFd copy(dup(pair.near.get()));
  pair.near.Reset();
  handler.ForgetEvents();
  int waits = 0;
  const HookScope hooks({.wait = [&](int) { ++waits; }});
  WriteSome(pair.peer.get(), "hello");
  RunUntilQuiet(*loop);
  pair.peer.Reset();
  RunUntilQuiet(*loop);
  CHECK_EQUAL(handler.tokens.size(), 1U);
  CHECK(waits <= 12);
}

TEST("event loop: generations are counted for each handler, over many lives of one") {
  const std::unique_ptr<EventLoop> loop = MakeLoop();
  Handler reused;
  Handler other;
  Pair lasting = UnixPair();
  CHECK(loop->Watch(lasting.near.get(), other, 7));
  loop->RunOnce();
  for (int life = 0; life < 70'000; ++life) reused.ForgetEvents();
  Pair pair = UnixPair();
  CHECK(loop->Watch(pair.near.get(), reused, 3));
  WriteSome(lasting.peer.get(), "x");
  RunUntilQuiet(*loop);
  CHECK(reused.tokens == (std::vector<unsigned>{3}));
  CHECK_EQUAL(other.tokens.size(), 2U);
  CHECK_EQUAL(other.tokens.back(), 7U);
}

TEST("busy polling: a loop polls before it sleeps, and only then") {
  const SteadyClock steady_clock;
  std::vector<int> waits;
  const HookScope hooks({.wait = [&](int timeout_ms) { waits.push_back(timeout_ms); }});
  for (const std::uint32_t busy_poll_us : {0U, 3000U}) {
    const std::unique_ptr<EventLoop> loop = MakeLoop(busy_poll_us);
    Alarm alarm;
    loop->Arm(alarm, sys::NowMs() + 60);
    waits.clear();
    while (alarm.rang == 0) loop->RunOnce();
    CHECK(!waits.empty());
    CHECK_EQUAL(waits.front() == 0, busy_poll_us > 0);
    CHECK(waits.back() >= 0);
    int sleeps = 0;
    for (const int timeout_ms : waits) sleeps += timeout_ms > 0 ? 1 : 0;
    CHECK(sleeps >= 1);
    CHECK(sleeps <= 3);
  }
}

TEST(
    "busy polling: what is ready is seen by the first poll, and what comes later without a sleep") {
  std::vector<int> waits;
  const HookScope hooks({.wait = [&](int timeout_ms) { waits.push_back(timeout_ms); }});
  const std::unique_ptr<EventLoop> loop = MakeLoop(5'000'000);
  Pair pair = UnixPair();
  Handler handler;
  CHECK(loop->Watch(pair.near.get(), handler, 0));
  loop->RunOnce();
  CHECK(waits == (std::vector<int>{0}));
  std::thread late([&] { WriteSome(pair.peer.get(), "x"); });
  loop->RunOnce();
  late.join();
  CHECK_EQUAL(handler.tokens.size(), 2U);
  for (const int timeout_ms : waits) CHECK_EQUAL(timeout_ms, 0);
}

TEST("busy polling: a timer that is due before the polling is over fires in time") {
  const SteadyClock steady_clock;
  const std::unique_ptr<EventLoop> loop = MakeLoop(5'000'000);
  Alarm alarm;
  const std::uint64_t start = sys::NowMs();
  loop->Arm(alarm, start + 30);
  while (alarm.rang == 0) loop->RunOnce();
  CHECK(sys::NowMs() - start >= 30);
  CHECK(sys::NowMs() - start < 1000);
}

TEST("busy polling: a loop with entries that are ready does not poll for more") {
  int waits = 0;
  const HookScope hooks({.wait = [&](int) { ++waits; }});
  const std::unique_ptr<EventLoop> loop = MakeLoop(5'000'000);
  Chore chore;
  chore.loop = loop.get();
  chore.wanted = 3;
  loop->Enqueue(chore);
  for (int turn = 0; turn < 3; ++turn) loop->RunOnce();
  CHECK_EQUAL(chore.runs, 3);
  CHECK_EQUAL(waits, 3);
}

TEST("mailbox: messages arrive in order, and one wake-up brings them all") {
  Mailbox<int> mailbox(std::move(sys::OpenWakeUp().fd));
  const std::unique_ptr<EventLoop> loop = MakeLoop();
  struct Reader final : EventHandler {
    Mailbox<int>* mailbox = nullptr;
    int wakeups = 0;
    std::vector<int> got;
    void OnEvents(unsigned /*token*/, std::uint32_t /*events*/) override {
      std::vector<int> messages;
      mailbox->Take(messages);
      ++wakeups;
      got.insert(got.end(), messages.begin(), messages.end());
    }
  } reader;
  reader.mailbox = &mailbox;
  CHECK(loop->Watch(mailbox.fd(), reader, 3));
  for (int message = 0; message < 5; ++message) mailbox.Post(message);
  while (reader.got.size() < 5) loop->RunOnce();
  CHECK_EQUAL(reader.wakeups, 1);
  CHECK_EQUAL(reader.got.back(), 4);
}

}  // namespace
}  // namespace spliceway::testing
