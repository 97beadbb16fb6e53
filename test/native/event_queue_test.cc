// Events from the loops: kept in order, joined where nobody waits for each, announced once.

#include "engine/event_queue.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "meter.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

SessionEvent Opened(std::int32_t slot) { return {.kind = Kind::kOpened, .slot = slot}; }

SessionEvent Failure(std::int32_t backend, int error, std::int32_t port = -1) {
  return {.kind = Kind::kAttemptFailed, .backend = backend, .error = error, .port = port};
}

/// Everything that is in the queue, taken by `batch` at a time.
std::vector<SessionEvent> TakeAll(EventQueue& queue, std::size_t batch = 4) {
  std::vector<SessionEvent> all;
  std::vector<SessionEvent> some(batch);
  std::size_t taken = 0;
  do {
    taken = queue.Take(some);
    all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(taken));
  } while (taken == batch);
  return all;
}

TEST("event queue: events come in the order in which they were pushed, in batches of any size") {
  for (const std::size_t batch : {1U, 3U, 7U, 100U}) {
    EventQueue queue(0, 0, [] {});
    for (std::int32_t slot = 0; slot < 50; ++slot) queue.Push(Opened(slot));
    const std::vector<SessionEvent> all = TakeAll(queue, batch);
    CHECK_EQUAL(all.size(), 50U);
    for (std::size_t index = 0; index < all.size(); ++index)
      CHECK_EQUAL(all[index].slot, static_cast<std::int32_t>(index));
    CHECK(TakeAll(queue, batch).empty());
  }
}

TEST("event queue: the doorbell rings when it stops being empty, and stays silent until then") {
  int rings = 0;
  EventQueue queue(1, 0, [&] { ++rings; });
  queue.Push(Opened(0));
  queue.Push(Opened(1));
  queue.PushFailure(Failure(0, ECONNREFUSED));
  queue.PushFailure(Failure(0, ECONNREFUSED));
  CHECK_EQUAL(rings, 1);
  // Not emptied: whoever took these will come back for the rest.
  std::array<SessionEvent, 2> some;
  CHECK_EQUAL(queue.Take(some), 2U);
  queue.Push(Opened(2));
  CHECK_EQUAL(rings, 1);
  CHECK_EQUAL(TakeAll(queue).size(), 2U);
  queue.PushFailure(Failure(0, ECONNREFUSED));
  CHECK_EQUAL(rings, 2);
  CHECK_EQUAL(TakeAll(queue).size(), 1U);
  CHECK_EQUAL(rings, 2);
}

/// "backend:port error xcount" of each, in order.
std::vector<std::string> FailuresOf(const std::vector<SessionEvent>& events) {
  std::vector<std::string> told;
  for (const SessionEvent& event : events) {
    told.push_back(std::to_string(event.backend) + ":" + std::to_string(event.port) + " " +
                   std::to_string(event.error) + " x" + std::to_string(event.count));
  }
  return told;
}

TEST("event queue: failures of a backend are joined while they wait, by address and error") {
  EventQueue queue(2, 0, [] {});
  queue.PushFailure(Failure(0, 1, 80));
  queue.PushFailure(Failure(1, 1, 80));
  queue.PushFailure(Failure(0, 1, 81));
  queue.PushFailure(Failure(0, 2, 80));
  SessionEvent elsewhere = Failure(0, 1, 80);
  elsewhere.ip[15] = 1;
  queue.PushFailure(elsewhere);
  for (int time = 0; time < 3; ++time) queue.PushFailure(Failure(0, 1, 80));
  queue.PushFailure(Failure(0, 1, 81));
  CHECK(
      (FailuresOf(TakeAll(queue)) ==
       std::vector<std::string>{"0:80 1 x4", "1:80 1 x1", "0:81 1 x2", "0:80 2 x1", "0:80 1 x1"}));
}

TEST("event queue: a backend that fails in ever new ways has a few events, and none is uncounted") {
  EventQueue queue(2, 0, [] {});
  for (std::int32_t port = 1; port <= 1000; ++port) {
    queue.PushFailure(Failure(0, ECONNREFUSED, port));
    queue.PushFailure(Failure(1, ECONNREFUSED, port));
  }
  const std::vector<SessionEvent> all = TakeAll(queue);
  CHECK_EQUAL(all.size(), 2 * EventQueue::kFailureKinds);
  std::array<std::int32_t, 2> counts{};
  for (const SessionEvent& event : all)
    counts[static_cast<std::size_t>(event.backend)] += event.count;
  CHECK((counts == std::array<std::int32_t, 2>{1000, 1000}));
  // The last one stands for those that have none, and names the newest.
  CHECK_EQUAL(all.back().port, 1000);
}

TEST("event queue: a failure that the reader has begun to take is not added to") {
  EventQueue queue(2, 0, [] {});
  queue.PushFailure(Failure(0, ECONNREFUSED));
  queue.PushFailure(Failure(1, ECONNREFUSED));
  std::array<SessionEvent, 1> one;
  CHECK_EQUAL(queue.Take(one), 1U);
  CHECK_EQUAL(one[0].backend, 0);
  queue.PushFailure(Failure(0, ECONNREFUSED));
  queue.PushFailure(Failure(0, ECONNREFUSED));
  queue.PushFailure(Failure(1, ECONNREFUSED));
  std::vector<std::string> told;
  for (const SessionEvent& event : TakeAll(queue, 8))
    told.push_back(std::to_string(event.backend) + " x" + std::to_string(event.count));
  CHECK((told == std::vector<std::string>{"1 x1", "0 x2", "1 x1"}));
  // And after the queue was emptied it begins anew.
  queue.PushFailure(Failure(1, ECONNREFUSED));
  CHECK_EQUAL(TakeAll(queue).at(0).count, 1);
}

TEST("event queue: of a listener the reader is told what it does not know yet, not a history") {
  int rings = 0;
  EventQueue queue(0, 2, [&] { ++rings; });
  const auto paused = [&](std::int32_t listener, int error) {
    queue.PushListener({.kind = Kind::kPaused, .error = error, .listener = listener});
  };
  const auto resumed = [&](std::int32_t listener) {
    queue.PushListener({.kind = Kind::kResumed, .listener = listener});
  };
  paused(0, EMFILE);
  resumed(0);
  paused(1, 0);
  for (int time = 0; time < 100; ++time) {
    resumed(1);
    paused(1, ENFILE);
  }
  CHECK_EQUAL(rings, 1);
  const std::vector<SessionEvent> first = TakeAll(queue);
  CHECK_EQUAL(first.size(), 1U);
  if (first.size() != 1) return;
  CHECK(first[0].kind == Kind::kPaused);
  CHECK_EQUAL(first[0].listener, 1);
  CHECK_EQUAL(first[0].error, ENFILE);
  resumed(1);
  CHECK_EQUAL(rings, 2);
  CHECK(TakeAll(queue).at(0).kind == Kind::kResumed);
  CHECK(TakeAll(queue).empty());
}

TEST("event queue: it is full until it is read, and tells how many sessions were not reported") {
  EventQueue queue(0, 2, [] {}, 3);
  for (std::int32_t slot = 0; slot < 3; ++slot) {
    CHECK(!queue.is_full());
    queue.Push(Opened(slot));
  }
  CHECK(queue.is_full());
  for (int time = 0; time < 1000; ++time) {
    queue.PushUnreported({.kind = Kind::kUnreported, .listener = time % 2});
  }
  // What a session that was reported has still to tell is told.
  queue.Push({.kind = Kind::kClosed, .slot = 0});
  const std::vector<SessionEvent> all = TakeAll(queue);
  CHECK(!queue.is_full());
  CHECK_EQUAL(all.size(), 6U);
  CHECK_EQUAL(all.at(3).count, 500);
  CHECK_EQUAL(all.at(4).count, 500);
}

TEST("event queue: a reader that is always a little behind makes it no longer") {
  EventQueue queue(0, 0, [] {});
  std::array<SessionEvent, 2> some;
  std::int32_t next = 0;
  queue.Push(Opened(0));
  const std::uint64_t before = AllocatedBytesSoFar();
  {
    const MeasuredScope measured;
    for (std::int32_t slot = 1; slot < 100'000; slot += 2) {
      queue.Push(Opened(slot));
      queue.Push(Opened(slot + 1));
      CHECK_EQUAL(queue.Take(some), some.size());
      for (const SessionEvent& event : some) CHECK_EQUAL(event.slot, next++);
    }
  }
  CHECK(AllocatedBytesSoFar() - before <= 64 * sizeof(SessionEvent));
}

TEST("event queue: pushed by many threads, nothing is lost, doubled or out of its thread's order") {
  constexpr int kThreads = 4;
  constexpr std::int32_t kEach = 5000;
  std::atomic<int> rings{0};
  EventQueue queue(2, 0, [&] { ++rings; });
  std::vector<std::thread> threads;
  for (std::int32_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&queue, thread] {
      for (std::int32_t number = 0; number < kEach; ++number) {
        SessionEvent event = Opened(number);
        event.listener = thread;
        queue.Push(event);
        queue.PushFailure(Failure(thread % 2, ECONNREFUSED));
      }
    });
  }
  std::array<std::int32_t, kThreads> next{};
  std::array<std::int64_t, 2> failures{};
  const auto look = [&](const SessionEvent& event) {
    if (event.kind == Kind::kOpened) {
      CHECK_EQUAL(event.slot, next[static_cast<std::size_t>(event.listener)]++);
    } else {
      failures[static_cast<std::size_t>(event.backend)] += event.count;
    }
  };
  const auto done = [&] {
    for (const std::int32_t number : next) {
      if (number < kEach) return false;
    }
    return true;
  };
  // As the owner does: comes when the bell has rung, and takes all.
  int heard = 0;
  while (!done()) {
    if (rings.load() == heard) {
      std::this_thread::yield();
      continue;
    }
    heard = rings.load();
    for (const SessionEvent& event : TakeAll(queue, 64)) look(event);
  }
  for (std::thread& thread : threads) thread.join();
  for (const SessionEvent& event : TakeAll(queue, 64)) look(event);
  CHECK_EQUAL(failures[0], 2 * kEach);
  CHECK_EQUAL(failures[1], 2 * kEach);
}

TEST("event: an IPv4 address is mapped into IPv6, an IPv6 one is kept, a Unix path is none") {
  SessionEvent event{.kind = Kind::kAccepted};
  event.SetAddress(*SocketAddress::FromIp("10.1.2.3", 4567));
  CHECK_EQUAL(event.port, 4567);
  CHECK((event.ip ==
         std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 1, 2, 3}));
  event.SetAddress(*SocketAddress::FromIp("2001:db8::7", 80));
  CHECK_EQUAL(event.port, 80);
  CHECK((event.ip ==
         std::array<std::uint8_t, 16>{0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}));
  SessionEvent none{.kind = Kind::kAccepted};
  none.SetAddress(*SocketAddress::FromPath("/run/socket"));
  CHECK_EQUAL(none.port, -1);
  CHECK((none.ip == std::array<std::uint8_t, 16>{}));
}

TEST("events: a reader that is always a little behind lags until it has read what waited") {
  EventQueue queue(1, 1, [] {});
  const SessionEvent late{.kind = SessionEvent::Kind::kLate, .listener = 0};
  const SessionEvent other{.kind = SessionEvent::Kind::kOpened, .slot = 1};
  std::array<SessionEvent, 3> into;
  queue.Push(other);
  queue.Push(other);
  queue.PushLate(late);
  CHECK_EQUAL(queue.Take(std::span(into).first(2)), 2U);
  CHECK(queue.lags());
  // More comes before each look.
  queue.Push(other);
  CHECK_EQUAL(queue.Take(std::span(into).first(1)), 1U);
  queue.Push(other);
  CHECK_EQUAL(queue.Take(std::span(into).first(1)), 1U);
  CHECK(!queue.lags());
  queue.PushLate(late);
  CHECK(queue.lags());
  CHECK_EQUAL(queue.Take(into), 2U);
  CHECK(!queue.lags());
}

TEST("event queue: refusals by the limit of a listener's own are not joined with others") {
  EventQueue queue(0, 2, [] {});
  for (const std::int32_t own : {0, 1, 0, 1, 1}) {
    queue.PushRefusal({.kind = Kind::kRefused, .reason = own, .listener = 1});
  }
  const std::vector<SessionEvent> all = TakeAll(queue);
  CHECK_EQUAL(all.size(), 2U);
  CHECK_EQUAL(all[0].reason, 0);
  CHECK_EQUAL(all[0].count, 2);
  CHECK_EQUAL(all[1].reason, 1);
  CHECK_EQUAL(all[1].count, 3);
}

}  // namespace
}  // namespace spliceway::testing
