// The pipes that loops get which all stream at once.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "measure.h"
#include "relay/pipe_pool.h"

namespace spliceway::testing {
namespace {

/// As an unprivileged user has it, with the kernel's own limit.
PipeLimits UsualLimits(std::size_t loops) {
  PipeLimits limits = PipeLimits::ForThisMachine(loops);
  limits.total_bytes = std::size_t{16'384} / 2 * 4096;
  return limits;
}

TEST("pipes of loops that all stream") {
  for (const std::size_t loops : {1U, 8U, 16U, 17U, 32U, 64U}) {
    PipeBudget budget(UsualLimits(loops), loops);
    std::vector<std::unique_ptr<PipePool>> pools;
    std::vector<std::unique_ptr<Pipe>> lent;
    std::size_t smallest = SIZE_MAX;
    for (std::size_t loop = 0; loop < loops; ++loop) {
      pools.push_back(std::make_unique<PipePool>(budget));
      lent.push_back(pools.back()->Borrow(0));
      smallest = std::min(smallest, lent.back() == nullptr ? 0 : lent.back()->capacity);
    }
    Report("the smallest first pipe of " + std::to_string(loops) + " loops",
           static_cast<double>(smallest) / 1024, "KiB");
    for (std::size_t loop = 0; loop < loops; ++loop) pools[loop]->Return(std::move(lent[loop]));
  }
}

}  // namespace
}  // namespace spliceway::testing
