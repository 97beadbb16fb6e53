#include "relay/pipe_budget.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// Pages of a pipe as the kernel makes it (fs/pipe.c, PIPE_DEF_BUFFERS).
constexpr std::size_t kDefaultPages = 16;
/// What an unprivileged process may ask for (`pipe-max-size`). One slot, a page, holds one fragment
/// of a packet, whatever its size, so a pipe of 16 slots fills at some 23 KiB of MSS-sized
/// segments; 256 slots cost half the CPU a byte.
constexpr std::size_t kLargeBytes = 1024 * 1024;
/// For processes that the kernel does not limit, should all pipes be full at once.
constexpr std::size_t kUnlimitedBytes = 256 * 1024 * 1024;
constexpr std::size_t kIdlePipes = 32;
/// As many as are counted.
constexpr std::size_t kMostPipes = std::numeric_limits<std::uint16_t>::max();

}  // namespace

PipeLimits PipeLimits::ForThisMachine(std::size_t pools) {
  const std::size_t page = sys::PageSize();
  const std::size_t soft = sys::PipePagesSoftLimit();
  const bool unlimited = soft == 0 || sys::IsExemptFromPipeLimits();
  return {.large_bytes = std::max(kLargeBytes, kDefaultPages * page),
          .default_bytes = kDefaultPages * page,
          .total_bytes = unlimited ? kUnlimitedBytes : std::min(soft / 2 * page, kUnlimitedBytes),
          .pipes = std::clamp(sys::DescriptorLimit() / 64, pools, kMostPipes),
          .idle = kIdlePipes};
}

PipeBudget::PipeBudget(const PipeLimits& limits, std::size_t pools)
    : limits_(limits),
      pools_(pools),
      // The kernel rounds sizes up to a power of two.
      kept_for_first_(
          std::min(std::bit_floor(limits.total_bytes / 2 / pools), limits.large_bytes)) {
  if (kept_for_first_ < limits.default_bytes) kept_for_first_ = 0;
}

std::size_t PipeBudget::MayTake(const Taken& taken, bool is_first) const {
  const std::size_t used = taken.kib * kKiB;
  const std::size_t free = limits_.total_bytes - std::min(used, limits_.total_bytes);
  const std::size_t without = pools_ - taken.pools;  // That have no pipe, the asking one included.
  if (is_first) {
    const std::size_t share = std::bit_floor(free / without);
    const std::size_t bytes = std::clamp(share, limits_.default_bytes, limits_.large_bytes);
    return taken.pipes < limits_.pipes && bytes <= free ? bytes : 0;
  }
  if (taken.pipes + without >= limits_.pipes) return 0;
  const std::size_t kept = without * kept_for_first_;
  const bool half_is_free = used + limits_.large_bytes <= limits_.total_bytes / 2;
  const std::size_t bytes = half_is_free && kept + limits_.large_bytes <= free
                                ? limits_.large_bytes
                                : limits_.default_bytes;
  return kept + bytes <= free ? bytes : 0;
}

std::size_t PipeBudget::Take(bool is_first) {
  Taken before = taken_.load();
  while (true) {
    const std::size_t bytes = MayTake(before, is_first);
    if (bytes == 0) return 0;
    Taken after = before;
    after.kib += InKiB(bytes);
    ++after.pipes;
    if (is_first) ++after.pools;
    if (taken_.compare_exchange_weak(before, after)) return bytes;
  }
}

void PipeBudget::Correct(std::size_t granted, std::size_t bytes) {
  if (bytes == granted) return;
  Change([&](Taken& taken) { taken.kib += InKiB(bytes) - InKiB(granted); });
}

void PipeBudget::Give(std::size_t bytes, bool was_last) {
  Change([&](Taken& taken) {
    taken.kib -= InKiB(bytes);
    --taken.pipes;
    if (was_last) --taken.pools;
  });
}

}  // namespace spliceway
