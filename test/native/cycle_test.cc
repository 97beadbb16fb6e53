// The cycle of first picks, and what becomes of its position when another one is published.

#include "select/cycle.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "check.h"
#include "plans.h"
#include "select/backend_table.h"

namespace spliceway::testing {
namespace {

using Rows = std::vector<std::uint16_t>;

/// Publishes a cycle for the clients of the first listener.
void Publish(BackendTable& table, const Rows& cycle) {
  table.SetListener(0, {.pool = 0});
  table.SetPool(0, InTurn(cycle));
  table.Publish();
}

std::uint16_t Pick(const BackendTable& table) {
  const Cycle& cycle = (*table.published()->PoolOf(0).tiers)[0];
  return cycle.RowAt(cycle.Next());
}

Rows Picks(const BackendTable& table, std::size_t count) {
  Rows picks;
  for (std::size_t pick = 0; pick < count; ++pick) picks.push_back(Pick(table));
  return picks;
}

/// The rows 0 to `count` - 1, once each.
Rows Each(std::size_t count) {
  Rows rows(count);
  std::iota(rows.begin(), rows.end(), std::uint16_t{0});
  return rows;
}

/// Publishes one of `cycles` after the other, again and again, for one pick each: how often each of
/// `backends` is picked.
std::vector<std::size_t> Served(const std::vector<Rows>& cycles, std::size_t backends,
                                std::size_t picks) {
  BackendTable table(backends);
  std::vector<std::size_t> served(backends);
  for (std::size_t pick = 0; pick < picks; ++pick) {
    Publish(table, cycles[pick % cycles.size()]);
    ++served[Pick(table)];
  }
  return served;
}

TEST("cycle: every place is met once a round, in order, whatever its length") {
  for (const std::size_t length : {1U, 2U, 3U, 7U, 1000U, 9973U, 65'535U, 65'536U}) {
    BackendTable table(length);
    Publish(table, Each(length));
    for (int round = 0; round < 3; ++round) CHECK(Picks(table, length) == Each(length));
  }
}

TEST("cycle: the count of all picks may run over") {
  const auto turn = std::make_shared<Turn>();
  turn->GoOn(std::uint64_t{0} - Turn::kRound);
  const Cycle cycle({0, 1, 2}, Weights::kNotKept, turn);
  for (std::uint32_t pick = 0; pick < 7; ++pick) CHECK_EQUAL(cycle.Next(), pick % 3);
}

TEST("cycle: one that is published again for each client goes on where it was") {
  const std::vector<std::size_t> served = Served({{0, 1, 2, 3}}, 4, 12'000);
  for (const std::size_t sessions : served) CHECK_EQUAL(sessions, 3000U);
}

TEST("cycle: where there are more or fewer backends for each client, all have their share") {
  // Of 10,000 places the one after the other; the last backend is in every other cycle only.
  const std::vector<std::size_t> served = Served({Each(100), Each(99)}, 100, 40'000);
  for (std::size_t row = 0; row < 99; ++row) {
    // 200 × (1/100 + 1/99) of each hundred picks.
    CHECK(served[row] >= 395 && served[row] <= 410);
  }
  CHECK(served[99] >= 195 && served[99] <= 205);
}

TEST("cycle: weights that change for each client are kept to") {
  // 3:1 and 1:3 in turn. By the same step each time, the places that are met would be few: three
  // quarters would go to one of them.
  for (const std::size_t sessions : Served({{0, 0, 1, 0}, {1, 1, 0, 1}}, 2, 4000)) {
    CHECK(sessions >= 1980 && sessions <= 2020);
  }
  for (const std::size_t sessions : Served({{0, 1}, {1, 0}}, 2, 4000)) {
    CHECK(sessions >= 1980 && sessions <= 2020);
  }
  // A newcomer whose weight grows: 1 to 8 beside another one's 8.
  std::vector<Rows> cycles;
  double share = 0;
  for (std::size_t weight = 1; weight <= 8; ++weight) {
    Rows rows(8, 0);
    for (std::size_t place = 0; place < weight; ++place) {
      rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(2 * place), 1);
    }
    cycles.push_back(rows);
    share += static_cast<double>(weight) / static_cast<double>(weight + 8) / 8;
  }
  const auto newcomer = static_cast<double>(Served(cycles, 2, 8000)[1]);
  CHECK(newcomer >= 8000 * share - 80 && newcomer <= 8000 * share + 80);
}

}  // namespace
}  // namespace spliceway::testing
