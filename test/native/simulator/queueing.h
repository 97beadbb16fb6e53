#pragma once

#include <algorithm>
#include <cstdint>

namespace spliceway::simulator {

/// The limit of the only pool, and its queue, as the owner has set them.
struct Queueing {
  bool is_on = false;            ///< Of such a scene.
  std::uint32_t most = 0;        ///< Sessions of the pool; 0 for any number.
  std::uint32_t length = 0;      ///< Of the queue; 0 where it is off.
  std::uint32_t timeout_ms = 0;  ///< 0 for any time.
  // Of all that were ever set:
  std::uint32_t shortest = UINT32_MAX;
  std::uint32_t longest = 0;
  std::uint32_t earliest_ms = UINT32_MAX;  ///< Time-outs, of which 0 is the latest.
  std::uint32_t latest_ms = 0;

  void Set(std::uint32_t sessions, std::uint32_t waiting, std::uint32_t ms) {
    most = sessions;
    length = waiting;
    timeout_ms = ms;
    shortest = std::min(shortest, length);
    longest = std::max(longest, length);
    const std::uint32_t waits_ms = ms == 0 ? UINT32_MAX : ms;
    earliest_ms = std::min(earliest_ms, waits_ms);
    latest_ms = std::max(latest_ms, waits_ms);
  }
  [[nodiscard]] bool was_off() const { return shortest == 0; }
  [[nodiscard]] bool may_last_for_ever() const { return latest_ms == UINT32_MAX; }
};

}  // namespace spliceway::simulator
