#include "select/walk.h"

#include <algorithm>
#include <span>

namespace spliceway {

std::optional<std::uint16_t> Walk::Next(const Tables::Pool& pool, std::uint16_t position,
                                        const BackendTable& table) {
  const Cycle& cycle = *pool.cycle;
  if (serial_ != pool.serial) {
    if (serial_ != 0) BeginAgain();
    serial_ = pool.serial;
  }
  for (;;) {
    // Its own place is the last: in a cycle that is new, that is another row's.
    while (steps_ < cycle.size()) {
      ++looks_;
      const std::uint16_t at = cycle.After(position, ++steps_);
      if (cycle.IsAmong(at, steps_ - 1)) continue;
      const std::uint16_t row = cycle.RowAt(at);
      if (HasTried(row) || (is_first_round() && row == met_)) continue;
      if (takes_failed_ || !table.Row(row).IsTriedLast()) return row;
      passed_over_ = true;
    }
    if (takes_failed_ || !passed_over_) return std::nullopt;
    takes_failed_ = true;
    steps_ = 0;
  }
}

bool Walk::HasTried(std::uint16_t row) const {
  const auto tried = std::span(tried_).first(count_);
  return std::find(tried.begin(), tried.end(), row) != tried.end();
}

}  // namespace spliceway
