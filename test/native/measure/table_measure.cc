// The tables that the loops pick by.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "measure.h"
#include "plans.h"
#include "select/backend_table.h"
#include "select/client_hash.h"
#include "select/held_tables.h"
#include "select/load.h"
#include "select/random.h"
#include "select/walk.h"

namespace spliceway::testing {
namespace {

constexpr std::size_t kPicks = 1'000'000;

void Fill(BackendTable& table, PickEntry entry = PickEntry::kTurn) {
  std::vector<std::uint16_t> cycle(table.rows());
  std::iota(cycle.begin(), cycle.end(), std::uint16_t{0});
  for (const std::uint16_t row : cycle) {
    table.SetAddresses(row, {*SocketAddress::FromIp("192.0.2.1", row)}, AddressOrder::kAsGiven);
  }
  table.SetPool(0, {.entry = entry, .tiers = {cycle}});
  table.SetListener(0, {.pool = 0});
  table.Publish();
}

/// Other pools, of two backends each, which have a listener each.
void AddPools(BackendTable& table, std::uint16_t count) {
  for (std::uint16_t pool = 1; pool < count; ++pool) {
    table.SetPool(pool, InTurn({0, 1}));
    table.SetListener(pool, {.pool = pool});
  }
  table.Publish();
}

/// As a loop does it for one client after the other, but for counting it at its backend.
void PickAll(BackendTable& table) {
  HeldTables held(table.published());
  std::size_t sum = 0;
  for (std::size_t pick = 0; pick < kPicks; ++pick) {
    const Cycle& cycle = (*held.latest().PoolOf(0).tiers)[0];
    const std::uint16_t row = cycle.RowAt(cycle.Next());
    sum += held.Lend(row, table.Row(row))->size();
  }
  CHECK_EQUAL(sum, kPicks);
}

TEST("picks") {
  for (const std::size_t rows : {std::size_t{2}, std::size_t{10'000}}) {
    for (const std::uint16_t pools : {std::uint16_t{1}, std::uint16_t{1000}}) {
      BackendTable table(rows);
      Fill(table);
      AddPools(table, pools);
      const std::string what = "a pick of " + std::to_string(rows) + " backends" +
                               (pools > 1 ? ", in one of " + std::to_string(pools) + " pools" : "");
      const double alone = SecondsOf([&] { PickAll(table); });
      Report(what, alone / kPicks * 1e9, "ns");
      const double beside = SecondsOf([&] {
        std::thread other([&] { PickAll(table); });
        PickAll(table);
        other.join();
      });
      Report(what + ", beside another loop", beside / kPicks * 1e9, "ns");
    }
  }
}

/// By one of the policies that look at how many sessions backends have. The sessions of the last
/// picks stay.
void PickByLoad(BackendTable& table, PickEntry entry, std::uint32_t seed) {
  constexpr std::size_t kStay = 200;
  const Cycle& cycle = (*table.published()->PoolOf(0).tiers)[0];
  Random random(seed);
  std::vector<std::uint16_t> stay;
  for (std::size_t pick = 0; pick < kPicks / 10; ++pick) {
    const std::uint32_t place = entry == PickEntry::kTurn    ? cycle.Next()
                                : entry == PickEntry::kLeast ? LeastLoaded(cycle, table, random)
                                                             : BetterOfTwo(cycle, table, random);
    const std::uint16_t row = cycle.RowAt(place);
    static_cast<void>(table.Enter(row));
    if (stay.size() < kStay) {
      stay.push_back(row);
    } else {
      table.Leave(std::exchange(stay[pick % kStay], row));
    }
  }
  for (const std::uint16_t row : stay) table.Leave(row);
}

TEST("picks by load") {
  for (const std::size_t rows : {std::size_t{2}, kMostLookedAt, std::size_t{1000}}) {
    for (const PickEntry entry : {PickEntry::kTurn, PickEntry::kLeast, PickEntry::kRandom}) {
      BackendTable table(rows);
      Fill(table, entry);
      const std::string what = "a pick of " + std::to_string(rows) + " backends, counted, " +
                               (entry == PickEntry::kTurn    ? "in turn"
                                : entry == PickEntry::kLeast ? "the least loaded"
                                                             : "the better of two");
      const double alone = SecondsOf([&] { PickByLoad(table, entry, 1); });
      Report(what, alone / kPicks * 1e10, "ns");
      const double beside = SecondsOf([&] {
        std::thread other([&] { PickByLoad(table, entry, 2); });
        PickByLoad(table, entry, 1);
        other.join();
      });
      Report(what + ", beside another loop", beside / kPicks * 1e10, "ns");
    }
  }
}

TEST("hashes") {
  const SocketAddress client = *SocketAddress::FromIp("2001:db8::1", 80);
  std::uint32_t sum = 0;
  const double seconds = SecondsOf([&] {
    for (std::size_t pick = 0; pick < kPicks; ++pick) sum += *HashOf(client, {.with_port = true});
  });
  CHECK(sum != 1);
  Report("the hash of an IPv6 address and its port", seconds / kPicks * 1e9, "ns");
}

/// As a loop does it for one client, but for counting whom it rejects.
TEST("a pool that is full") {
  for (const std::size_t rows : {std::size_t{1000}, std::size_t{10'000}}) {
    constexpr std::size_t kClients = 1000;
    BackendTable table(rows);
    Fill(table);
    for (std::uint16_t row = 0; row < rows; ++row) {
      table.Row(row).Limit(1);
      CHECK(table.Enter(row) == BackendRow::Entry::kCounted);
    }
    HeldTables held(table.published());
    std::size_t asked = 0;
    const double seconds = SecondsOf([&] {
      asked = 0;  // of this run: the work is run more than once
      for (std::size_t client = 0; client < kClients; ++client) {
        const Tables::Pool& pool = held.latest().PoolOf(0);
        Walk walk;
        CHECK(!walk.EntersAnew(pool));
        const std::uint32_t from = (*pool.tiers)[0].Next();
        while (const auto row = walk.Next(*pool.tiers, from, table)) {
          CHECK(table.Enter(*row) == BackendRow::Entry::kFull);
          ++asked;
        }
      }
    });
    CHECK_EQUAL(asked, kClients * rows);
    Report("a client for whom all of " + std::to_string(rows) + " backends are full",
           seconds / kClients * 1e6, "us");
  }
}

TEST("changes") {
  constexpr std::size_t kChanges = 1000;
  constexpr std::uint16_t kPools = 1000;
  BackendTable table(10'000);
  Fill(table);
  const double of_backends = SecondsOf([&] {
    for (std::size_t change = 0; change < kChanges; ++change) {
      table.SetAddresses(static_cast<std::uint16_t>(change),
                         {*SocketAddress::FromIp("192.0.2.2", 80)}, AddressOrder::kAsGiven);
      table.Publish();
    }
  });
  Report("a change of one of 10,000 backends", of_backends / kChanges * 1e6, "us");
  AddPools(table, kPools);
  std::uint16_t row = 0;
  const double of_pools = SecondsOf([&] {
    for (std::uint16_t pool = 1; pool < kPools; ++pool) {
      table.SetPool(pool, InTurn({0, ++row}));
      table.Publish();
    }
  });
  Report("a change of one of 1,000 pools", of_pools / (kPools - 1) * 1e6, "us");
}

}  // namespace
}  // namespace spliceway::testing
