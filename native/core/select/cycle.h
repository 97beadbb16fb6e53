#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace spliceway {

/// How far all loops together have walked round the cycle of a pool, as a part of the whole round:
/// so it means the same in the next cycle, which may be longer or shorter. Any thread. Aligned: it
/// is written at each pick, and what stands beside it is not.
class alignas(64) Turn {
 public:
  /// Of a whole round. Times the longest cycle, it fits 64 bits.
  static constexpr std::uint64_t kRound = std::uint64_t{1} << 48;

  /// Goes on by `step`, and says where it was before, below `kRound`.
  std::uint64_t GoOn(std::uint64_t step) {
    return walked_.fetch_add(step, std::memory_order_relaxed) % kRound;
  }

 private:
  std::atomic<std::uint64_t> walked_{0};
};

/// First picks as a cycle of backend rows, which all loops walk together: with one shared `Turn`,
/// backends take their turns exactly, whatever loop a client came to. Immutable.
class Cycle {
 public:
  /// `rows` must not be empty, nor longer than 65,536.
  explicit Cycle(std::vector<std::uint16_t> rows)
      // Rounded up: each place is met once a round. After 2^32 picks at least, one is passed over.
      : rows_(std::move(rows)),
        back_(rows_.size()),
        step_((Turn::kRound + rows_.size() - 1) / rows_.size()) {
    // Where each was met last. Of the numbers between theirs nothing is touched, and they may be
    // many: a pool has some of all backends.
    const auto [least, most] = std::minmax_element(rows_.begin(), rows_.end());
    const std::uint16_t first = *least;
    const auto last =
        std::make_unique_for_overwrite<std::uint32_t[]>(*most - first + std::size_t{1});
    const auto size = static_cast<std::uint32_t>(rows_.size());
    for (std::uint32_t place = 0; place < size; ++place) last[rows_[place] - first] = place;
    // Once more round, on which each meets the one before it.
    for (std::uint32_t place = 0; place < size; ++place) {
      std::uint32_t& before = last[rows_[place] - first];
      back_[place] = size + place - before;
      before = size + place;
    }
  }

  /// The position of the next first pick.
  [[nodiscard]] std::uint16_t Next(Turn& turn) const {
    return static_cast<std::uint16_t>(turn.GoOn(step_) * rows_.size() / Turn::kRound);
  }
  /// To be called when this cycle gives way to another one. Goes on by the golden section of a
  /// place, which is in no simple ratio to a round. Else of two cycles that are published in turn,
  /// at each pick, the same few places could be met again and again.
  void GiveWay(Turn& turn) const { turn.GoOn(step_ * 40'503 >> 16); }
  /// The position so many `steps` after another, of this cycle or of one that was published before.
  [[nodiscard]] std::uint16_t After(std::uint16_t position, std::size_t steps) const {
    const std::size_t sum = position + steps;
    const std::size_t size = rows_.size();
    // A division is slow, and seldom needed.
    const std::size_t at = sum < size ? sum : sum < 2 * size ? sum - size : sum % size;
    return static_cast<std::uint16_t>(at);
  }
  [[nodiscard]] std::uint16_t RowAt(std::uint16_t position) const { return rows_[position]; }
  /// Whether the row at this position is also at one of the `places` before it.
  [[nodiscard]] bool IsAmong(std::uint16_t position, std::size_t places) const {
    return back_[position] <= places;
  }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] const std::vector<std::uint16_t>& rows() const { return rows_; }

 private:
  std::vector<std::uint16_t> rows_;
  std::vector<std::uint32_t> back_;  // how far it is to the same row
  std::uint64_t step_;               // one place, as a part of a round
};

}  // namespace spliceway
