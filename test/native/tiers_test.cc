// Tiers of a pool, and backends that are down.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "faults.h"
#include "serving.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Tier = std::vector<std::uint16_t>;

constexpr std::array kEntries = {PickEntry::kTurn, PickEntry::kLeast, PickEntry::kRandom,
                                 PickEntry::kFirst, PickEntry::kHash};

PickPlan Plan(std::vector<Tier> tiers, PickEntry entry = PickEntry::kTurn,
              bool tries_down = false) {
  return {.entry = entry, .tiers = std::move(tiers), .tries_down = tries_down};
}

/// A queue that is full: the kernel answers no further SYN.
struct Silent {
  Silent() {
    for (int index = 0; index < 4; ++index) {
      waiting.push_back(std::move(sys::OpenSocket(AF_INET).fd));
      sys::Connect(waiting.back().get(), listener.address);
    }
  }
  Listener listener = ListenTcp(0);
  std::vector<UniqueFd> waiting;
};

/// Has the first backend be silent, to each client for a tenth of a second.
void Silence(Serving& serving, const Silent& silent) {
  serving.crew.table.SetAddresses(0, {silent.listener.address}, AddressOrder::kAsGiven);
  serving.crew.table.SetListener(0, {.pool = 0, .timeouts = {.connect_ms = 100}});
  serving.crew.Publish();
  serving.Run();
}

TEST("tiers: a client gets to a lower one when nobody can be entered in those above it") {
  for (const PickEntry entry : kEntries) {
    Serving serving(5, Plan({{0, 1}, {2}, {3, 4}}, entry));
    CHECK(serving.Serve() < 2);
    serving.Row(0).SetState(BackendState::kDown);
    for (int client = 0; client < 3; ++client) CHECK_EQUAL(serving.Serve(), 1U);
    serving.Row(1).Limit(1);
    CHECK_EQUAL(serving.Serve(), 2U);
    serving.Row(2).SetState(BackendState::kDrain);
    CHECK(serving.Serve() > 2);
    serving.Row(0).SetState(BackendState::kUp);
    for (int client = 0; client < 3; ++client) CHECK_EQUAL(serving.Serve(), 0U);
  }
}

TEST(
    "tiers: who is refused in one goes on in the next, and only then to those that failed lately") {
  for (const PickEntry entry : kEntries) {
    std::uint64_t now_us = 1'000'000'000;
    const HookScope hooks({.now_us = [&] { return now_us; }});
    Serving serving(4, Plan({{0, 1}, {2, 3}}, entry));
    serving.SetRefuses(0, true);
    serving.SetRefuses(1, true);
    CHECK(serving.Serve() >= 2);
    CHECK(serving.Row(0).IsTriedLast() && serving.Row(1).IsTriedLast());
    // They answer again, and the others do not: nobody knows of either.
    serving.SetRefuses(0, false);
    serving.Row(0).NoteFailed(serving.crew.table.published()->generation());
    serving.SetRefuses(2, true);
    serving.SetRefuses(3, true);
    CHECK_EQUAL(serving.Serve(), 0U);
    CHECK(serving.Row(2).IsTriedLast() && serving.Row(3).IsTriedLast());
  }
}

TEST("tiers: those of a lower one take turns by themselves") {
  Serving serving(5, Plan({{0, 1}, {2, 3, 4}}));
  serving.Row(0).SetState(BackendState::kDown);
  serving.Row(1).SetState(BackendState::kDown);
  for (int round = 0; round < 3; ++round) {
    for (const std::uint16_t row : Tier{2, 3, 4}) CHECK_EQUAL(serving.ServeOnce(), row);
  }
  // Also in tables of another cycle for the first tier.
  serving.SetPlan(Plan({{0, 1, 0}, {2, 3, 4}}));
  std::vector<int> served(5);
  for (int client = 0; client < 6; ++client) ++served[serving.ServeOnce()];
  for (std::uint16_t row = 2; row < 5; ++row) CHECK_EQUAL(served[row], 2);
}

TEST("tiers: a client that is looked for when its pool gets others begins again in the first") {
  const Silent silent;
  Serving serving(3, Plan({{1}, {0}}));
  Silence(serving, silent);
  serving.Row(1).SetState(BackendState::kDown);
  const UniqueFd client = ConnectTo(serving.address);
  while (serving.Row(0).in_use() == 0) serving.Run();
  // It is in the second tier, and the one that it has tried is in the first now.
  serving.SetPlan(Plan({{0, 2}, {1}}));
  serving.Row(1).SetState(BackendState::kUp);
  while (serving.crew.counters->Backend(0, 2).opened.value() == 0) serving.Run();
  CHECK_EQUAL(serving.Row(1).in_use(), 0U);
}

TEST("tiers: where nobody is up, those that are down are tried if that is wanted, in order") {
  for (const PickEntry entry : kEntries) {
    for (const bool tries_down : {false, true}) {
      Serving serving(4, Plan({{0, 1}, {2, 3}}, entry, tries_down));
      for (std::uint16_t row = 0; row < 4; ++row) serving.Row(row).SetState(BackendState::kDown);
      serving.SetRefuses(0, true);
      serving.Row(1).SetState(BackendState::kDrain);
      serving.Row(2).SetState(BackendState::kDrain);
      CHECK_EQUAL(serving.Serve(), tries_down ? 3U : kNoRow);
      CHECK_EQUAL(serving.crew.counters->Backend(0, 0).failed.value(), tries_down ? 1U : 0U);
    }
  }
}

TEST("tiers: while anybody is up, nobody gets to one that is down") {
  for (const PickEntry entry : kEntries) {
    Serving serving(3, Plan({{0, 1}, {2}}, entry, true));
    serving.Row(0).SetState(BackendState::kDown);
    serving.Row(1).SetState(BackendState::kDown);
    for (int client = 0; client < 3; ++client) CHECK_EQUAL(serving.Serve(), 2U);
    // Full, or failing, it is up.
    serving.Row(2).Limit(3);
    CHECK_EQUAL(serving.Serve(), kNoRow);
    serving.Row(2).Limit(0);
    serving.SetRefuses(2, true);
    CHECK_EQUAL(serving.Serve(), kNoRow);
    serving.Row(2).SetState(BackendState::kDrain);
    CHECK(serving.Serve() < 2);
  }
}

TEST("tiers: who has tried one that is down, in vain, goes to one that has come up meanwhile") {
  Serving serving(2, Plan({{0}, {1}}, PickEntry::kTurn, true));
  const Silent silent;
  Silence(serving, silent);
  serving.Row(0).SetState(BackendState::kDown);
  serving.Row(1).SetState(BackendState::kDown);
  const UniqueFd client = ConnectTo(serving.address);
  while (serving.Row(0).in_use() == 0) serving.Run();
  serving.Row(1).SetState(BackendState::kUp);
  while (serving.crew.counters->Backend(0, 1).opened.value() == 0) serving.Run();
  CHECK_EQUAL(serving.crew.counters->Backend(0, 0).failed.value(), 1U);
}

TEST("tiers: who waits at one that is down, as it was sent there, stays; but not where it drains") {
  Serving serving(2, Plan({{0, 1}}, PickEntry::kFirst, true));
  serving.Row(0).SetState(BackendState::kDown);
  serving.Row(1).SetState(BackendState::kDown);
  const UniqueFd client = ConnectTo(serving.address);
  bool lacks = true;
  int asked = 0;
  const HookScope hooks({.socket = [&] {
    ++asked;
    return lacks ? EMFILE : 0;
  }});
  while (asked < 3) serving.Run();
  CHECK_EQUAL(serving.Row(0).in_use(), 1U);
  serving.Row(0).SetState(BackendState::kDrain);
  while (serving.Row(1).in_use() == 0) serving.Run();
  CHECK_EQUAL(serving.Row(0).in_use(), 0U);
  lacks = false;
  while (serving.crew.counters->Backend(0, 1).opened.value() == 0) serving.Run();
}

TEST("tiers: who waits at one that was up leaves it when it goes down") {
  Serving serving(2, Plan({{0, 1}}, PickEntry::kFirst, true));
  const UniqueFd client = ConnectTo(serving.address);
  bool lacks = true;
  int asked = 0;
  const HookScope hooks({.socket = [&] {
    ++asked;
    return lacks ? EMFILE : 0;
  }});
  while (asked < 3) serving.Run();
  serving.Row(0).SetState(BackendState::kDown);
  lacks = false;
  while (serving.crew.counters->Backend(0, 1).opened.value() == 0) serving.Run();
  CHECK_EQUAL(serving.Row(0).in_use(), 0U);
}

TEST("tiers: of 1,000 backends in ten tiers the last is found") {
  std::vector<Tier> tiers(10);
  for (std::uint16_t row = 0; row < 1000; ++row) tiers[row / 100].push_back(row);
  for (const PickEntry entry : kEntries) {
    Serving serving(1000, Plan(tiers, entry));
    for (std::uint16_t row = 0; row < 999; ++row) {
      serving.Row(row).SetState(row % 2 == 0 ? BackendState::kDown : BackendState::kDrain);
    }
    for (int client = 0; client < 3; ++client) CHECK_EQUAL(serving.Serve(), 999U);
  }
}

}  // namespace
}  // namespace spliceway::testing
