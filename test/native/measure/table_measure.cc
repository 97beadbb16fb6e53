// The table that the loops pick by.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "check.h"
#include "measure.h"
#include "select/backend_table.h"

namespace spliceway::testing {
namespace {

TEST("picks") {
  constexpr std::size_t kPicks = 1'000'000;
  for (const std::size_t rows : {std::size_t{2}, std::size_t{10'000}}) {
    BackendTable table(rows);
    std::vector<std::uint16_t> cycle(rows);
    std::iota(cycle.begin(), cycle.end(), std::uint16_t{0});
    table.SetCycle(cycle);
    std::size_t sum = 0;
    const double seconds = SecondsOf([&] {
      for (std::size_t pick = 0; pick < kPicks; ++pick) {
        const std::shared_ptr<const Cycle> current = table.cycle();
        const std::uint16_t row = current->RowAt(current->Next(table.turn()));
        sum += row + table.NextAddressesOf(row)->size();
      }
    });
    CHECK(sum > 0);
    Report("a pick of " + std::to_string(rows) + " backends", seconds / kPicks * 1e9, "ns");
  }
}

}  // namespace
}  // namespace spliceway::testing
