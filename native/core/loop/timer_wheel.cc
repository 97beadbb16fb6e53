#include "loop/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace spliceway {

void TimerWheel::Arm(Timer& timer, std::uint64_t deadline_ms) {
  timer.Unlink();
  // Rounded up: a timer must not fire before its deadline.
  timer.due_ = (deadline_ms + kTickMs - 1) / kTickMs;
  Place(timer);
}

void TimerWheel::Place(Timer& timer) {
  // What is due already goes into the next tick; what is further than the wheel reaches goes to its
  // far end and is placed again when the wheel comes round.
  constexpr std::uint64_t kReach = (std::uint64_t{1} << (kLevels * kSlotBits)) - 1;
  const std::uint64_t due = std::clamp(timer.due_, now_ + 1, now_ + kReach);
  // The lowest level on which `due` and `now_` differ only within one turn of that level.
  const std::uint64_t distance = due - now_;
  unsigned level = 0;
  while (level + 1 < kLevels && distance >= (std::uint64_t{1} << ((level + 1) * kSlotBits)))
    ++level;
  const std::uint64_t slot = (due >> (level * kSlotBits)) & kSlotMask;
  levels_[level].slots[slot].InsertBefore(timer);
  levels_[level].occupied |= std::uint64_t{1} << slot;
}

void TimerWheel::TakeSlot(unsigned level, std::uint64_t slot, ListLink& into) {
  into.TakeAll(levels_[level].slots[slot]);
  levels_[level].occupied &= ~(std::uint64_t{1} << slot);
}

void TimerWheel::Advance(std::uint64_t now_ms) {
  const std::uint64_t target = now_ms / kTickMs;
  while (now_ < target) {
    // With nothing on the lowest level, jump to the tick before its next turn, where higher levels
    // move down.
    if (levels_[0].occupied == 0) now_ = std::min(target - 1, now_ | kSlotMask);
    ++now_;
    for (unsigned level = 1; level < kLevels; ++level) {
      const unsigned shift = level * kSlotBits;
      if ((now_ & ((std::uint64_t{1} << shift) - 1)) != 0) break;
      ListLink moving;
      TakeSlot(level, (now_ >> shift) & kSlotMask, moving);
      while (moving.linked()) {
        auto& timer = static_cast<Timer&>(*moving.next());
        timer.Unlink();
        // Due exactly now: Place would put it into the next tick, so it goes into this tick's slot
        // itself.
        if (timer.due_ <= now_) {
          levels_[0].slots[now_ & kSlotMask].InsertBefore(timer);
          levels_[0].occupied |= std::uint64_t{1} << (now_ & kSlotMask);
        } else {
          Place(timer);
        }
      }
    }
    ListLink due;
    TakeSlot(0, now_ & kSlotMask, due);
    while (due.linked()) {
      auto& timer = static_cast<Timer&>(*due.next());
      timer.Unlink();
      if (timer.due_ > now_) {
        Place(timer);
      } else {
        timer.OnTimer();
      }
    }
  }
}

int TimerWheel::WaitMs(std::uint64_t now_ms) const {
  std::uint64_t nearest = std::numeric_limits<std::uint64_t>::max();
  for (unsigned level = 0; level < kLevels; ++level) {
    if (levels_[level].occupied == 0) continue;
    const unsigned shift = level * kSlotBits;
    const std::uint64_t turn = now_ >> shift;
    // Slots ahead of the current one, nearest first; the current slot itself is a full turn away.
    const int current = static_cast<int>(turn & kSlotMask);
    const std::uint64_t ahead = std::rotr(levels_[level].occupied, current + 1);
    const auto slots = static_cast<std::uint64_t>(std::countr_zero(ahead)) + 1;
    nearest = std::min(nearest, (turn + slots) << shift);
  }
  if (nearest == std::numeric_limits<std::uint64_t>::max()) return -1;
  const std::uint64_t at_ms = nearest * kTickMs;
  if (at_ms <= now_ms) return 0;
  return static_cast<int>(std::min<std::uint64_t>(at_ms - now_ms, std::numeric_limits<int>::max()));
}

}  // namespace spliceway
