#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "session/session.h"

namespace spliceway {

/// How many sessions all loops together may end.
class SweepQuota {
 public:
  explicit SweepQuota(std::uint32_t most) : free_(most), left_(most) {}
  /// So many were ended. One that is only taken may be given back.
  [[nodiscard]] bool is_used_up() const { return left_.load(std::memory_order_relaxed) <= 0; }
  /// False where all are taken. `Use` or `GiveBack` follows.
  [[nodiscard]] bool Take() {
    if (free_.fetch_sub(1, std::memory_order_relaxed) > 0) return true;
    GiveBack();
    return false;
  }
  void Use() { left_.fetch_sub(1, std::memory_order_relaxed); }
  void GiveBack() { free_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> free_;
  std::atomic<std::int64_t> left_;
};

/// Which sessions are to be ended, and how: those to which all applies that is said.
struct EndSessionsCommand {
  /// Row of the counters; `kNoRow`: at whatever backend, or at none. Who is still on its way to
  /// this one sets out for another, since that one has not seen it yet.
  std::uint16_t backend = kNoRow;
  /// Row of the counters; `kNoRow`: of whatever listener, or of none.
  std::uint16_t listener = kNoRow;
  Ending ending = Ending::kReset;
  /// Only those that have rested for so long, in order, and so many: whichever come first. Null:
  /// all, as `ending` says.
  std::shared_ptr<SweepQuota> quota = nullptr;
  std::uint32_t rest_ms = 0;

  [[nodiscard]] bool Means(const Session& session) const;
};

/// A walk over all slots, round and round, for as long as somebody wants it. Whoever asks meanwhile
/// joins it where it is, and leaves it after a whole round: so many who ask cost one look at each
/// slot, and sessions need no lists, which each of them would pay for. One thread's.
class SessionSweep {
 public:
  /// `slots`: the numbers below it were ever taken; no fewer than the last time.
  void Join(const EndSessionsCommand& asked, std::size_t slots);
  [[nodiscard]] bool is_over() const { return rounds_.empty(); }
  /// How many who asked are done with: the first are so first.
  [[nodiscard]] std::uint64_t over() const { return over_; }
  /// How many are asked for at once.
  [[nodiscard]] std::size_t rounds() const { return rounds_.size(); }
  /// The slot to look at.
  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  /// Calls `end(asked)` for each that was asked of the session that has the slot. What one does may
  /// keep those behind it from meaning it any more.
  template <typename End>
  void ForEachThatMeans(const Session& session, End end) const {
    for (const Round& round : rounds_) {
      if (!round.is_over && round.asked.Means(session)) end(round.asked);
    }
  }
  /// To the next slot.
  void GoOn();

 private:
  struct Round {
    EndSessionsCommand asked;
    std::uint32_t from;  // slot
    bool is_over = false;
  };

  std::vector<Round> rounds_;
  std::uint64_t over_ = 0;
  std::uint32_t slots_ = 0;
  std::uint32_t slot_ = 0;
};

}  // namespace spliceway
