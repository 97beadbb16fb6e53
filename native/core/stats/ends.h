#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stats/counter.h"

namespace spliceway {

/// Why a session ended, as it is counted. The numbers are those of `endReasons` in
/// src/model/session-end.ts, and the first eight those of `CloseReason`.
enum class EndReason : std::uint8_t {
  kFinished = 0,
  kReset = 1,
  kIdleTimeout = 2,
  kHalfCloseTimeout = 3,
  kHandshakeTimeout = 4,
  kDestroyed = 5,  ///< Its owner has reset it.
  kMaxAge = 6,
  kRebalanced = 7,
  kNoBackend = 8,  ///< Its owner has ended it, as no backend has answered.
  kDenied = 9,     ///< The same, as it does not serve the client.
};

/// Who has ended it: who ended its stream first, where the session finished; who was lost, where it
/// was reset; and this process in any other case. The numbers are those of `endSides` there.
enum class EndSide : std::uint8_t { kClient = 0, kBackend = 1, kProxy = 2 };

/// How far a session has come. The numbers are those of `phases` in src/model/session-phase.ts.
enum class SessionPhase : std::uint8_t {
  kRoute = 0,       ///< Its owner is to say what becomes of it, or which backend it gets.
  kQueue = 1,       ///< It waits for a place at a backend.
  kConnect = 2,     ///< A backend is tried for it, or is to be in a moment.
  kData = 3,        ///< Both sides may send.
  kHalfClosed = 4,  ///< One side has ended its stream, or was lost.
  kAccept = 5,      ///< Its owner has still to write to its client: no loop knows it.
};

/// What one writer counts of how the sessions of one listener end. src/engine/ends.ts reads the
/// same layout.
class alignas(64) EndRow {
 public:
  /// `phase`: how far it had come before that.
  Counter& At(EndReason reason, EndSide side, SessionPhase phase) {
    return counts_[(static_cast<std::size_t>(reason) * kSides + static_cast<std::size_t>(side)) *
                       kPhases +
                   static_cast<std::size_t>(phase)];
  }
  /// Sessions that have ended.
  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t total = 0;
    for (const Counter& count : counts_) total += count.value();
    return total;
  }

 private:
  static constexpr std::size_t kReasons = 10;
  static constexpr std::size_t kSides = 3;
  static constexpr std::size_t kPhases = 6;

  // Rounded up to cache lines.
  std::array<Counter, 184> counts_;
  static_assert(kReasons * kSides * kPhases <= 184);
};
static_assert(sizeof(EndRow) == 184 * sizeof(Counter));

}  // namespace spliceway
