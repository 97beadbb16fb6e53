#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/session_slab.h"

namespace spliceway {

/// Has a ring end when its client has left. Two balancers that are each other's backend hand a
/// client on and on, and over loopback addresses no limit of its own ends that.
///
/// One for each loop, told of sessions whose clients are at loopback addresses only: each step of
/// such a ring but the first is one. Everything that it counts was never answered, which is how a
/// ring differs from busy servers on the same machine.
class RingGuard {
 public:
  /// `silent_ends` is what the guards of all loops count together.
  RingGuard(const SessionSlab& slab, std::atomic<std::size_t>& silent_ends)
      : slab_(slab), silent_ends_(silent_ends) {}

  /// A session was reset, and its backend had not said a word. The end of a ring's sessions follows
  /// their beginning, and as fast, so it would never get there. Whoever sets out a little later is
  /// overtaken: a little later still while it goes on, for on a busy machine both wait for the same
  /// processors.
  void NoteReset(std::uint64_t now_ms) {
    if (now_ms >= since_ms_ + kWithinMs) {
      since_ms_ = now_ms;
      resets_ = 0;
    }
    if (++resets_ < kMany) return;
    if (now_ms >= until_ms_) hesitation_ms_ = 0;
    hesitation_ms_ = std::max(hesitation_ms_, std::min(resets_ / kMany, kMostHesitationMs));
    until_ms_ = now_ms + kWithinMs;
  }
  /// How much later sessions are to set out now.
  [[nodiscard]] std::uint64_t HesitationMs(std::uint64_t now_ms) const {
    return now_ms < until_ms_ ? hesitation_ms_ : 0;
  }

  /// The client of a session has ended its stream, and neither side has said a word. It may have
  /// left, or may wait for an answer. `SilentEndIsOver` follows.
  void NoteSilentEnd() { silent_ends_.fetch_add(1, std::memory_order_relaxed); }
  /// The session has been answered, or is over.
  void SilentEndIsOver() { silent_ends_.fetch_sub(1, std::memory_order_relaxed); }
  /// So many wait for an answer that they are about to take the last slots: no fewer than are free.
  [[nodiscard]] bool HasCrowd() const {
    const std::size_t waiting = silent_ends_.load(std::memory_order_relaxed);
    const std::size_t many = std::clamp<std::size_t>(slab_.capacity() / 2, 2, kMany);
    return waiting >= many && waiting + slab_.in_use() >= slab_.capacity();
  }

 private:
  /// Fewer than these are no ring, and so many resets within so long may be one.
  static constexpr std::uint32_t kMany = 32;
  static constexpr std::uint64_t kWithinMs = 1000;
  static constexpr std::uint32_t kMostHesitationMs = 64;

  const SessionSlab& slab_;
  std::atomic<std::size_t>& silent_ends_;
  std::uint32_t resets_ = 0;
  std::uint64_t since_ms_ = 0;
  std::uint64_t until_ms_ = 0;
  std::uint32_t hesitation_ms_ = 0;
};

}  // namespace spliceway
