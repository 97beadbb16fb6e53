#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "select/backend_table.h"
#include "select/tables.h"

namespace spliceway {

/// Attempts to connect for one client at most: no client is a reason for more.
inline constexpr std::uint32_t kMostAttempts = 100;

/// How far a loop has looked for a backend for one client: round each tier of the pool, from where
/// it has entered it. It passes over those that have failed lately, and then goes round all tiers
/// once more and takes them as well. So one client a moment finds out that a backend is down, and
/// not each; and nobody is sent away, within the bounds of its search, while some backend answers.
/// Where none is up, it may go round once more for those that are down.
///
///     if (walk.EntersAnew(pool)) place = ...;
///     do {
///       while (row = walk.Next(...)) ...;
///     } while (walk.GoOn(...));
class Walk {
 public:
  /// To be asked before the others. Whether the client is to enter the tier before it goes on:
  /// where it has come from another one, or the pool has other tiers than before.
  [[nodiscard]] bool EntersAnew(const Tables::Pool& pool);
  /// Of the pool's tiers, the one that is walked.
  [[nodiscard]] std::size_t tier() const { return tier_; }
  /// The next row to try in this tier; none when all have had their turn. A row may be full.
  ///
  /// @param place at which the client has entered, of this tier or of one that was published before
  [[nodiscard]] std::optional<std::uint16_t> Next(const Tiers& tiers, std::uint32_t place,
                                                  const BackendTable& table);
  /// Goes on to the next tier, or round all of them once more. False when that was done.
  [[nodiscard]] bool GoOn(const Tiers& tiers);
  /// Goes round once more, for backends that are down, and for any that have come up. False when
  /// that was done, or is not to be.
  [[nodiscard]] bool TakeDown(const Tiers& tiers);
  /// The first pick is full or nowhere, and was counted as such.
  void NoteFirstMet(std::uint16_t row) { met_ = row; }
  /// No more than `kMostAttempts` times.
  void NoteTried(std::uint16_t row) { tried_[count_++] = row; }
  /// Somebody else is about to find out whether a row answers that has failed before.
  void NoteTriedLast() { passed_over_ = true; }
  /// A backend that is up has no room, or its pool has none: it is asked again when there is some.
  void NoteFull() { found_full_ = true; }
  [[nodiscard]] bool found_full() const { return found_full_; }
  /// No local port was left for a row, which has not failed.
  void NoteNoPort() { lacks_port_ = true; }
  /// Some are to be asked again, for no port was left for them.
  [[nodiscard]] bool lacks_port() const { return lacks_port_; }
  /// Whether this is the first time that it meets a row.
  [[nodiscard]] bool is_first_round() const { return round_ == Round::kInTurn && !began_again_; }
  /// It takes those that have failed lately as well.
  [[nodiscard]] bool takes_failed() const { return round_ != Round::kInTurn; }
  /// It takes those that are down as well.
  [[nodiscard]] bool takes_down() const { return round_ == Round::kDown; }
  /// How many places it has looked at since this was asked.
  [[nodiscard]] std::uint32_t TakeLooks() { return std::exchange(looks_, 0); }
  /// Goes round anew, past those that were tried.
  void BeginAgain() {
    began_again_ = true;
    passed_over_ = lacks_port_ = found_full_ = false;
    BeginRound(Round::kInTurn);
  }
  /// The same, from where a client enters that comes now. Those that it has tried are tried again,
  /// unless they have failed somebody lately: while it waited, they may have come back.
  void EnterAgain(const BackendTable& table);

 private:
  enum class Round : std::uint8_t { kInTurn, kFailed, kDown };

  void BeginRound(Round round);
  void BeginTier(std::uint16_t tier);
  [[nodiscard]] bool MeetsFirst(const Cycle& cycle, std::uint16_t row);
  [[nodiscard]] bool HasTried(std::uint16_t row) const;

  std::uint64_t serial_ = 0;             // of the tiers
  std::vector<std::uint64_t> met_rows_;  // in this tier: a bit for each from its first row on
  std::uint32_t left_ = 0;
  std::uint32_t steps_ = 0;
  std::uint32_t looks_ = 0;
  std::int32_t met_ = -1;  // row
  std::uint16_t tier_ = 0;
  Round round_ = Round::kInTurn;
  bool is_behind_ = true;  // the place of the first pick, which is known
  bool enters_anew_ = false;
  bool passed_over_ = false;
  bool lacks_port_ = false;
  bool found_full_ = false;
  bool began_again_ = false;
  std::uint8_t count_ = 0;
  std::array<std::uint16_t, kMostAttempts> tried_;
};

}  // namespace spliceway
