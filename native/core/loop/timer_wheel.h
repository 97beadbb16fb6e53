#pragma once

#include <array>
#include <cstdint>

#include "loop/list.h"

namespace spliceway {

/// One pending time-out. Its owner embeds it; destroying or disarming it takes it off the wheel.
class Timer : private ListLink {
 public:
  [[nodiscard]] bool armed() const { return linked(); }
  void Disarm() { Unlink(); }

 protected:
  ~Timer() = default;

 private:
  friend class TimerWheel;
  virtual void OnTimer() = 0;

  std::uint64_t due_ = 0;  // in ticks
};

/// A hierarchical timer wheel: four levels of 64 slots with ticks of a millisecond, so time-outs up
/// to 4.6 hours; longer ones are kept at the far end and put back. Arming and disarming take
/// constant time and no system call.
///
/// Algorithm: G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987,
/// scheme 7. One thread only.
class TimerWheel {
 public:
  /// As fine as epoll_wait can wait, for the looks at streams (see `LowWaterMark`).
  static constexpr std::uint64_t kTickMs = 1;

  explicit TimerWheel(std::uint64_t now_ms) : now_(now_ms / kTickMs) {}

  /// Fires `timer` once, when `deadline_ms` has passed and never before it. Moves it if it is armed
  /// already.
  void Arm(Timer& timer, std::uint64_t deadline_ms);
  /// Fires all that is due. A timer may arm or disarm any timer, or destroy its owner, while it
  /// fires.
  void Advance(std::uint64_t now_ms);
  /// Milliseconds from `now_ms` until the wheel wants `Advance`, or −1 when no timer is armed.
  [[nodiscard]] int WaitMs(std::uint64_t now_ms) const;

 private:
  static constexpr unsigned kLevels = 4;
  static constexpr unsigned kSlotBits = 6;
  static constexpr std::uint64_t kSlots = 1U << kSlotBits;
  static constexpr std::uint64_t kSlotMask = kSlots - 1;

  struct Level {
    std::array<ListLink, kSlots> slots;
    // A set bit may stand for a slot that was emptied since by Disarm; a clear bit is always an
    // empty slot.
    std::uint64_t occupied = 0;
  };

  void Place(Timer& timer);
  void TakeSlot(unsigned level, std::uint64_t slot, ListLink& into);

  std::array<Level, kLevels> levels_;
  std::uint64_t now_;  // ticks that have been handled
};

}  // namespace spliceway
