// The slab of sessions: slots are used again, and any thread may take and give them.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "check.h"
#include "engine/session_slab.h"
#include "faults.h"

namespace spliceway::testing {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;

std::optional<std::uint32_t> Take(SessionSlab& slab) {
  int error = 0;
  return slab.Take(error);
}

TEST("slab: slots that were given back are used before new ones") {
  SessionSlab slab(1000);
  CHECK_EQUAL(Take(slab).value_or(kNone), 0U);
  CHECK_EQUAL(Take(slab).value_or(kNone), 1U);
  CHECK_EQUAL(Take(slab).value_or(kNone), 2U);
  const Session* const second = &slab.At(1);
  slab.Give(1);
  CHECK_EQUAL(slab.in_use(), 2U);
  CHECK_EQUAL(Take(slab).value_or(kNone), 1U);
  CHECK(&slab.At(1) == second);
  CHECK_EQUAL(Take(slab).value_or(kNone), 3U);
  CHECK_EQUAL(slab.high_water(), 4U);
  CHECK_EQUAL(slab.in_use(), 4U);
}

TEST("slab: a session keeps its address while others come and go") {
  SessionSlab slab(300);
  std::vector<Session*> sessions;
  for (std::uint32_t slot = 0; slot < 300; ++slot) {
    CHECK_EQUAL(Take(slab).value_or(kNone), slot);
    sessions.push_back(&slab.At(slot));
  }
  for (std::uint32_t slot = 0; slot < 300; ++slot) CHECK(&slab.At(slot) == sessions[slot]);
  CHECK_EQUAL(std::set(sessions.begin(), sessions.end()).size(), 300U);
}

TEST("slab: when all slots are taken there is none, until one comes back") {
  for (const std::size_t capacity : {1U, 16U, 64U, 65U, 200U}) {
    SessionSlab slab(capacity);
    for (std::size_t taken = 0; taken < capacity; ++taken) CHECK(Take(slab).has_value());
    CHECK(!Take(slab).has_value());
    CHECK_EQUAL(slab.in_use(), capacity);
    slab.Give(0);
    CHECK_EQUAL(Take(slab).value_or(kNone), 0U);
    CHECK(!Take(slab).has_value());
    CHECK_EQUAL(slab.high_water(), capacity);
  }
}

TEST("slab: a name is of one session, and of no other that has its slot") {
  SessionSlab slab(2);
  CHECK_EQUAL(Take(slab).value_or(kNone), 0U);
  const SessionName first = slab.NameOf(0);
  CHECK_EQUAL(slab.LoopOf(first).value_or(0), SessionSlab::kNoLoop);
  slab.SetLoop(0, 7);
  CHECK_EQUAL(slab.LoopOf(first).value_or(0), 7U);
  slab.Give(0);
  CHECK(!slab.LoopOf(first));
  CHECK_EQUAL(Take(slab).value_or(kNone), 0U);
  CHECK(!slab.LoopOf(first));
  const SessionName second = slab.NameOf(0);
  CHECK(second.generation != first.generation);
  CHECK_EQUAL(slab.LoopOf(second).value_or(0), SessionSlab::kNoLoop);
}

TEST("slab: that memory ran out is told from that all slots are taken") {
  SessionSlab slab(1);
  int error = 0;
  {
    const HookScope hooks({.allocate = [](std::size_t) { return ENOMEM; }});
    CHECK(!slab.Take(error).has_value());
    CHECK_EQUAL(error, ENOMEM);
  }
  CHECK_EQUAL(slab.Take(error).value_or(kNone), 0U);
  CHECK(!slab.Take(error).has_value());
  CHECK_EQUAL(error, 0);
}

TEST("slab: there is room again a little below the limit, and always when nothing is taken") {
  for (const std::size_t capacity : {16U, 100U, 1000U}) {
    SessionSlab slab(capacity);
    CHECK(slab.has_room());
    while (Take(slab)) {
    }
    CHECK(!slab.has_room());
    std::uint32_t given = 0;
    while (!slab.has_room()) slab.Give(given++);
    CHECK(given >= 1);
    CHECK(given <= capacity / 20 + 1);
  }
}

TEST("slab: no slot is ever given to two threads at once") {
  constexpr std::uint32_t kCapacity = 200;
  SessionSlab slab(kCapacity);
  std::vector<std::atomic<int>> holders(kCapacity);
  std::atomic<int> collisions{0};
  const auto work = [&](unsigned seed) {
    std::vector<std::uint32_t> held;
    for (int step = 0; step < 5000; ++step) {
      seed = seed * 1664525U + 1013904223U;
      const bool take = held.empty() || (held.size() < 80 && seed % 2 == 0);
      if (take) {
        const std::optional<std::uint32_t> slot = Take(slab);
        if (!slot) continue;
        if (holders[*slot].fetch_add(1, std::memory_order_relaxed) != 0) ++collisions;
        // A plain write, for the thread sanitizer to see that the slot was handed over properly.
        slab.At(*slot).route.position = static_cast<std::uint16_t>(seed);
        held.push_back(*slot);
      } else {
        const std::uint32_t slot = held.back();
        held.pop_back();
        holders[slot].fetch_sub(1, std::memory_order_relaxed);
        slab.Give(slot);
      }
    }
    for (const std::uint32_t slot : held) {
      holders[slot].fetch_sub(1, std::memory_order_relaxed);
      slab.Give(slot);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(collisions.load(), 0);
  CHECK_EQUAL(slab.in_use(), 0U);
  std::uint32_t all = 0;
  while (Take(slab)) ++all;
  CHECK_EQUAL(all, kCapacity);
}

}  // namespace
}  // namespace spliceway::testing
