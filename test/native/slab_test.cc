// The slab of sessions: slots are used again, and any thread may take and give them.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <thread>
#include <utility>
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

TEST("slab: what one loop has put by is not lost to the others, and no slot is there twice") {
  int error = 0;
  for (const std::size_t capacity : {1U, 5U, 16U, 40U, 100U}) {
    SessionSlab slab(capacity, 3);
    // A loop takes one, and puts by as many as it may; others get all that is left.
    std::set<std::uint32_t> taken = {slab.Take(error, 0).value_or(kNone)};
    for (std::size_t turn = 1; turn < capacity; ++turn) {
      const std::size_t stock = turn % 3 == 0 ? SessionSlab::kNoStock : turn % 3;
      taken.insert(slab.Take(error, stock).value_or(kNone));
    }
    CHECK_EQUAL(taken.size(), capacity);
    CHECK(!taken.contains(kNone));
    CHECK_EQUAL(slab.in_use(), capacity);
    for (const std::size_t stock : {std::size_t{0}, std::size_t{2}, SessionSlab::kNoStock}) {
      CHECK(!slab.Take(error, stock));
      CHECK_EQUAL(error, 0);
    }
    // All come back to one loop.
    for (const std::uint32_t slot : taken) slab.Give(slot, 1);
    CHECK_EQUAL(slab.in_use(), 0U);
    CHECK(slab.is_empty());
    for (std::size_t turn = 0; turn < capacity; ++turn) {
      CHECK(slab.Take(error, 2).has_value());
      CHECK(!slab.is_empty());
    }
    CHECK(!slab.Take(error, 2));
  }
}

TEST(
    "slab: what is put by is nobody's session, and a name stays one session's from stock to "
    "stock") {
  SessionSlab slab(100, 2);
  int error = 0;
  const std::uint32_t first = slab.Take(error, 0).value_or(kNone);
  for (std::uint32_t slot = 0; slot < slab.high_water(); ++slot) {
    CHECK(!slab.IsOn(slot, 0));
    if (slot != first) CHECK(!slab.LoopOf({.slot = slot, .generation = 0}));
  }
  slab.Give(first, 0);
  // Taken on one loop and given on the other, so that each slot goes round by way of both.
  std::set<std::pair<std::uint32_t, std::uint32_t>> names;
  for (int client = 0; client < 1000; ++client) {
    const std::uint32_t slot = slab.Take(error, 0).value_or(kNone);
    const SessionName name = slab.NameOf(slot);
    CHECK(names.emplace(name.slot, name.generation).second);
    slab.SetLoop(slot, 1);
    CHECK_EQUAL(slab.LoopOf(name).value_or(kNone), 1U);
    slab.Give(slot, 1);
    CHECK(slab.LoopOf(name) != 1U);
  }
}

TEST("slab: a loop that takes and gives goes to the others once in 16 times") {
  SessionSlab slab(10'000, 2);
  int error = 0;
  const std::uint64_t before = slab.shared_uses();
  // As where one loop accepts, and the sessions end on another.
  for (int client = 0; client < 1600; ++client) slab.Give(*slab.Take(error, 0), 1);
  CHECK(slab.shared_uses() - before <= 2 * 1600 / 16 + 2);
  const std::uint64_t between = slab.shared_uses();
  for (int client = 0; client < 1600; ++client) slab.Give(*slab.Take(error, 0), 0);
  CHECK(slab.shared_uses() - between <= 1);
}

TEST("slab: no slot is ever given to two threads at once") {
  constexpr std::uint32_t kCapacity = 200;
  SessionSlab slab(kCapacity, 3);
  std::vector<std::atomic<int>> holders(kCapacity);
  std::vector<std::atomic<std::uint32_t>> generations(kCapacity);  // the least that may come next
  std::atomic<int> collisions{0};
  const auto work = [&](unsigned seed) {
    std::vector<std::uint32_t> held;
    const std::size_t stock = seed < 4 ? seed - 1 : SessionSlab::kNoStock;
    for (int step = 0; step < 5000; ++step) {
      seed = seed * 1664525U + 1013904223U;
      const bool take = held.empty() || (held.size() < 80 && seed % 2 == 0);
      if (take) {
        int error = 0;
        const std::optional<std::uint32_t> slot = slab.Take(error, stock);
        if (!slot) continue;
        if (holders[*slot].fetch_add(1, std::memory_order_relaxed) != 0) ++collisions;
        const std::uint32_t generation = slab.NameOf(*slot).generation;
        if (generations[*slot].exchange(generation + 1) > generation) ++collisions;
        // A plain write, for the thread sanitizer to see that the slot was handed over properly.
        slab.At(*slot).route.EnterAt(seed);
        held.push_back(*slot);
      } else {
        const std::uint32_t slot = held.back();
        held.pop_back();
        holders[slot].fetch_sub(1, std::memory_order_relaxed);
        slab.Give(slot, stock);
      }
    }
    for (const std::uint32_t slot : held) {
      holders[slot].fetch_sub(1, std::memory_order_relaxed);
      slab.Give(slot, stock);
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
