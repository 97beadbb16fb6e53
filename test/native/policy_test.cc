// Where a client enters the cycle of its pool, by each policy.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "faults.h"
#include "select/backend_table.h"
#include "select/client_hash.h"
#include "select/load.h"
#include "serving.h"

namespace spliceway::testing {
namespace {

using Rows = std::vector<std::uint16_t>;

Rows Each(std::size_t count) {
  Rows rows(count);
  std::iota(rows.begin(), rows.end(), std::uint16_t{0});
  return rows;
}

PickPlan Plan(PickEntry entry, Rows cycle) { return {.entry = entry, .tiers = {std::move(cycle)}}; }

Cycle Weighing(Rows rows) { return {std::move(rows), Weights::kKept, std::make_shared<Turn>()}; }

/// A session at a backend whatever its limit.
void Add(BackendTable& table, std::uint16_t row) {
  CHECK(table.Enter(row) == BackendRow::Entry::kCounted);
}

// ── least ──

TEST("least: where all are idle, backends of one weight take turns") {
  Serving serving(3, Plan(PickEntry::kLeast, {2, 0, 1}));
  for (int round = 0; round < 3; ++round) {
    for (const std::uint16_t row : Rows{2, 0, 1}) CHECK_EQUAL(serving.ServeOnce(), row);
  }
}

TEST("least: each client goes where there are fewest, also when others have left") {
  Serving serving(3, Plan(PickEntry::kLeast, {0, 1, 2}));
  for (const std::uint16_t row : Rows{0, 1, 2, 0, 1, 2}) CHECK_EQUAL(serving.Serve(), row);
  serving.Leave(1);
  serving.Leave(4);
  serving.Leave(5);
  // 2, 0 and 1 of them are left.
  for (int client = 0; client < 2; ++client) static_cast<void>(serving.Serve());
  CHECK_EQUAL(serving.Row(0).in_use(), 2U);
  CHECK(serving.Row(1).in_use() >= 1 && serving.Row(2).in_use() >= 1);
  static_cast<void>(serving.Serve());
  for (std::uint16_t row = 0; row < 3; ++row) CHECK_EQUAL(serving.Row(row).in_use(), 2U);
}

TEST("least: sessions that stay are spread by weight, whichever loop took the client") {
  Serving serving(3, Plan(PickEntry::kLeast, {0, 1, 0, 2, 0, 1}), 2);
  for (int client = 0; client < 60; ++client) static_cast<void>(serving.Serve());
  CHECK_EQUAL(serving.Row(0).in_use(), 30U);
  CHECK_EQUAL(serving.Row(1).in_use(), 20U);
  CHECK_EQUAL(serving.Row(2).in_use(), 10U);
}

TEST("least: it is exact for 256 backends of all weights, whatever comes and goes") {
  BackendTable table(kMostLookedAt);
  Rows rows;
  for (std::uint16_t row = 0; row < kMostLookedAt; ++row) rows.insert(rows.end(), 1 + row % 7, row);
  Random random(1);
  for (std::size_t place = rows.size(); place > 1; --place) {
    std::swap(rows[place - 1], rows[random.Below(static_cast<std::uint32_t>(place))]);
  }
  const Cycle cycle = Weighing(rows);
  Rows sessions;
  for (int step = 0; step < 20'000; ++step) {
    if (!sessions.empty() && random.Below(5) < 2) {
      std::swap(sessions[random.Below(static_cast<std::uint32_t>(sessions.size()))],
                sessions.back());
      table.Leave(sessions.back());
      sessions.pop_back();
      continue;
    }
    const std::uint16_t picked = cycle.RowAt(LeastLoaded(cycle, table, random));
    const auto load = [&](std::uint16_t row) {
      return (table.Row(row).in_use() + 1.0) / (1 + row % 7);
    };
    for (std::uint16_t row = 0; row < kMostLookedAt; ++row) CHECK(load(picked) <= load(row));
    sessions.push_back(picked);
    Add(table, picked);
  }
}

TEST("least: who cannot be entered is none of them") {
  std::uint64_t now_us = 1'000'000'000;
  const HookScope hooks({.now_us = [&] { return now_us; }});
  BackendTable table(6);
  table.Row(0).SetState(BackendState::kDown);
  table.Row(1).SetState(BackendState::kDrain);
  table.Row(2).NoteFailed(0);
  table.Row(3).NoteNoPort();
  table.Row(4).Limit(1);
  Add(table, 4);
  Random random(1);
  const Cycle cycle = Weighing(Each(6));
  for (int client = 0; client < 100; ++client) {
    CHECK_EQUAL(cycle.RowAt(LeastLoaded(cycle, table, random)), 5U);
    Add(table, 5);
  }
  table.Row(5).SetState(BackendState::kDown);
  // Nobody can: at the turn, from which the walk finds those that are tried last.
  const std::uint32_t turn = LeastLoaded(cycle, table, random);
  CHECK_EQUAL(LeastLoaded(cycle, table, random), (turn + 1) % 6);
  table.Leave(4);
  CHECK_EQUAL(LeastLoaded(cycle, table, random), 4U);
}

TEST("least: of more than 256 backends the best of eight, which is nearly as good") {
  constexpr std::size_t kBackends = 1000;
  BackendTable table(kBackends);
  Random random(1);
  const Cycle cycle = Weighing(Each(kBackends));
  for (std::size_t client = 0; client < 50 * kBackends; ++client) {
    Add(table, cycle.RowAt(LeastLoaded(cycle, table, random)));
  }
  for (std::uint16_t row = 0; row < kBackends; ++row) {
    CHECK(table.Row(row).in_use() >= 46 && table.Row(row).in_use() <= 52);
  }
  // One that has many is met seldom, and never picked beside others.
  table.Row(7).SetState(BackendState::kDown);
  for (std::size_t client = 0; client < kBackends; ++client) {
    CHECK(cycle.RowAt(LeastLoaded(cycle, table, random)) != 7);
  }
}

// ── random ──

/// How many of `clients`, who leave at once or stay, get to each backend.
std::vector<std::size_t> Drawn(const Cycle& cycle, std::size_t backends, std::size_t clients,
                               bool stay) {
  BackendTable table(backends);
  Random random(1);
  std::vector<std::size_t> served(backends);
  for (std::size_t client = 0; client < clients; ++client) {
    const std::uint16_t row = cycle.RowAt(BetterOfTwo(cycle, table, random));
    ++served[row];
    if (stay) Add(table, row);
  }
  return served;
}

TEST("random: clients who leave at once are spread by weight") {
  // Four standard deviations of a share of 10,000: 4 × sqrt(80,000 × 1/8 × 7/8).
  const std::vector<std::size_t> served =
      Drawn(Weighing({0, 0, 0, 0, 0, 1, 1, 2}), 3, 80'000, false);
  CHECK(served[0] > 50'000 - 550 && served[0] < 50'000 + 550);
  CHECK(served[1] > 20'000 - 490 && served[1] < 20'000 + 490);
  CHECK(served[2] > 10'000 - 375 && served[2] < 10'000 + 375);
}

TEST("random: of clients who stay no backend gets many more than its share") {
  // By one choice, the fullest of 1,000 would have 100 and some four times sqrt(100).
  for (const std::size_t served : Drawn(Weighing(Each(1000)), 1000, 100'000, true)) {
    CHECK(served >= 94 && served <= 104);
  }
}

TEST("random: it is between those that can be entered, and else somewhere") {
  BackendTable table(100);
  Random random(1);
  const Cycle cycle = Weighing(Each(100));
  for (std::uint16_t row = 0; row < 50; ++row) table.Row(row).SetState(BackendState::kDown);
  for (int client = 0; client < 1000; ++client) CHECK(BetterOfTwo(cycle, table, random) >= 50);
  for (std::uint16_t row = 50; row < 100; ++row) table.Row(row).Limit(1);
  for (std::uint16_t row = 50; row < 100; ++row) Add(table, row);
  std::vector<bool> met(100);
  for (int client = 0; client < 1000; ++client) met[BetterOfTwo(cycle, table, random)] = true;
  CHECK(std::count(met.begin(), met.end(), true) > 90);
}

TEST("random: real clients find the one backend that takes them") {
  Serving serving(20, Plan(PickEntry::kRandom, Each(20)));
  for (std::uint16_t row = 0; row < 20; ++row) {
    serving.Row(row).SetState(row == 13 ? BackendState::kUp : BackendState::kDown);
  }
  for (int client = 0; client < 20; ++client) CHECK_EQUAL(serving.Serve(), 13U);
}

// ── first ──

TEST("first: a backend gets all clients until it is full, and again when it is not") {
  Serving serving(3, Plan(PickEntry::kFirst, {1, 0, 2}));
  serving.Row(1).Limit(2);
  serving.Row(0).Limit(1);
  for (const std::uint16_t row : Rows{1, 1, 0, 2, 2}) CHECK_EQUAL(serving.Serve(), row);
  serving.Leave(2);
  serving.Leave(0);
  for (const std::uint16_t row : Rows{1, 0, 2}) CHECK_EQUAL(serving.Serve(), row);
  serving.Row(1).SetState(BackendState::kDown);
  serving.Leave(1);
  CHECK_EQUAL(serving.Serve(), 2U);
}

// ── hash ──

constexpr std::size_t kClients = 40;

std::string ClientIp(std::size_t client) { return "127.0.1." + std::to_string(client + 1); }

std::uint32_t HashOf(std::size_t client) {
  return *spliceway::HashOf(*SocketAddress::FromIp(ClientIp(client), 0), {});
}

TEST("hash: a client goes to the backend of its slot, on whatever loop and however often") {
  const Rows cycle = {0, 1, 2, 1, 0, 2, 2, 1, 0, 0, 1};
  Serving serving(3, Plan(PickEntry::kHash, cycle), 2);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t client = 0; client < kClients; ++client) {
      CHECK_EQUAL(serving.Serve(ClientIp(client)), cycle[HashOf(client) % cycle.size()]);
    }
    // Other tables with the same rows.
    serving.SetPlan(Plan(PickEntry::kTurn, cycle));
    serving.SetPlan(Plan(PickEntry::kHash, cycle));
  }
}

TEST("hash: where one is down, or refuses, its clients alone move, to the next slot of another") {
  const Rows cycle = {0, 1, 2, 1, 0, 2, 2, 1, 0, 0, 1};
  for (const bool refuses : {false, true}) {
    Serving serving(3, Plan(PickEntry::kHash, cycle));
    if (refuses) {
      serving.SetRefuses(1, true);
    } else {
      serving.Row(1).SetState(BackendState::kDown);
    }
    for (std::size_t client = 0; client < kClients; ++client) {
      std::size_t slot = HashOf(client) % cycle.size();
      while (cycle[slot] == 1) slot = (slot + 1) % cycle.size();
      CHECK_EQUAL(serving.Serve(ClientIp(client)), cycle[slot]);
    }
  }
}

TEST("hash: by the prefix, or with the port") {
  Rows cycle(97);
  for (std::size_t slot = 0; slot < cycle.size(); ++slot) {
    cycle[slot] = static_cast<std::uint16_t>(slot);
  }
  Serving serving(97,
                  {.entry = PickEntry::kHash, .hash_key = {.ipv4_prefix = 24}, .tiers = {cycle}});
  const std::uint16_t row = serving.Serve(ClientIp(0));
  for (std::size_t client = 1; client < 8; ++client) {
    CHECK_EQUAL(serving.Serve(ClientIp(client)), row);
  }
  const HashKey with_port{.with_port = true};
  serving.SetPlan({.entry = PickEntry::kHash, .hash_key = with_port, .tiers = {cycle}});
  for (std::size_t client = 0; client < 8; ++client) {
    const std::uint16_t served = serving.Serve("127.0.0.1");
    const SocketAddress address = *SocketAddress::FromIp("127.0.0.1", serving.client_port());
    CHECK_EQUAL(served, *spliceway::HashOf(address, with_port) % cycle.size());
  }
}

TEST("hash: a table of 655,373 slots is entered, and walked on from, at all of them") {
  constexpr std::size_t kSlots = 655'373;
  constexpr std::size_t kBackends = 1000;
  Rows cycle(kSlots);
  Random random(1);
  for (std::uint16_t& row : cycle) row = static_cast<std::uint16_t>(random.Below(kBackends));
  Serving serving(kBackends, Plan(PickEntry::kHash, cycle));
  std::size_t most = 0;
  for (std::size_t client = 0; client < kClients; ++client) {
    most = std::max<std::size_t>(most, HashOf(client) % kSlots);
    CHECK_EQUAL(serving.ServeOnce(ClientIp(client)), cycle[HashOf(client) % kSlots]);
  }
  CHECK(most > 65'536);
  for (std::uint16_t row = 0; row < kBackends; ++row) {
    serving.Row(row).SetState(row == 77 ? BackendState::kUp : BackendState::kDown);
  }
  for (std::size_t client = 0; client < 4; ++client) {
    CHECK_EQUAL(serving.ServeOnce(ClientIp(client)), 77U);
  }
}

TEST("hash: a client that moved to another pool's table is looked for from its slot there") {
  const Rows before = {0, 0, 0, 0, 0};
  const Rows cycle = {1, 2, 3, 1, 2, 3, 1};
  for (std::size_t client = 0; client < 8; ++client) {
    Serving serving(4, Plan(PickEntry::kHash, before));
    serving.Row(0).SetState(BackendState::kDown);
    // Published, and met by the loop only when nobody is left in the other one.
    serving.SetPlan(Plan(PickEntry::kHash, cycle));
    CHECK_EQUAL(serving.Serve(ClientIp(client)), cycle[HashOf(client) % cycle.size()]);
  }
}

// ── All of them ──

TEST("policies: a pool of 1,000 backends, of which one is up, serves by each of them") {
  for (const PickEntry entry : {PickEntry::kTurn, PickEntry::kLeast, PickEntry::kRandom,
                                PickEntry::kFirst, PickEntry::kHash}) {
    Serving serving(1000, Plan(entry, Each(1000)));
    for (std::uint16_t row = 0; row < 1000; ++row) {
      if (row != 421) serving.Row(row).SetState(BackendState::kDown);
    }
    for (int client = 0; client < 3; ++client) CHECK_EQUAL(serving.Serve(), 421U);
    serving.Row(421).SetState(BackendState::kDrain);
    CHECK_EQUAL(serving.Serve(), kNoRow);
  }
}

}  // namespace
}  // namespace spliceway::testing
