#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "select/backend_table.h"
#include "select/tables.h"

namespace spliceway {

/// Attempts to connect for one client at most: no client is a reason for more.
inline constexpr std::uint32_t kMostAttempts = 100;

/// How far a loop has looked for a backend for one client: round the cycle, from the place of the
/// first pick. It passes over those that have failed lately, and then goes round once more and
/// takes them as well. So one client a moment finds out that a backend is down, and not each; and
/// nobody is sent away, within the bounds of its search, while some backend answers.
class Walk {
 public:
  /// The next row to try; none when all have had their turn. A row may be full.
  ///
  /// @param position of the first pick, in the pool's cycle, in one that it had before, or in
  /// another pool's: it begins again there
  [[nodiscard]] std::optional<std::uint16_t> Next(const Tables::Pool& pool, std::uint16_t position,
                                                  const BackendTable& table);
  /// The first pick is full or nowhere, and was counted as such.
  void NoteFirstMet(std::uint16_t row) { met_ = row; }
  /// No more than `kMostAttempts` times.
  void NoteTried(std::uint16_t row) { tried_[count_++] = row; }
  /// Somebody else is about to find out whether a row answers that has failed before.
  void NoteTriedLast() { passed_over_ = true; }
  /// No local port was left for a row, which has not failed.
  void NoteNoPort() { lacks_port_ = true; }
  /// Some are to be asked again, for no port was left for them.
  [[nodiscard]] bool lacks_port() const { return lacks_port_; }
  /// Whether this is the first time that it meets a row.
  [[nodiscard]] bool is_first_round() const { return !takes_failed_ && !began_again_; }
  /// It goes round once more, and takes those that have failed lately as well.
  [[nodiscard]] bool takes_failed() const { return takes_failed_; }
  /// How many places it has looked at since this was asked.
  [[nodiscard]] std::uint32_t TakeLooks() { return std::exchange(looks_, 0); }
  /// Goes round anew, past those that were tried.
  void BeginAgain() {
    began_again_ = true;
    takes_failed_ = passed_over_ = lacks_port_ = false;
    steps_ = 0;
  }

 private:
  [[nodiscard]] bool HasTried(std::uint16_t row) const;

  std::uint64_t serial_ = 0;  // of the cycle
  std::uint32_t steps_ = 0;
  std::uint32_t looks_ = 0;
  std::int32_t met_ = -1;  // row
  bool takes_failed_ = false;
  bool passed_over_ = false;
  bool lacks_port_ = false;
  bool began_again_ = false;
  std::uint8_t count_ = 0;
  std::array<std::uint16_t, kMostAttempts> tried_;
};

}  // namespace spliceway
