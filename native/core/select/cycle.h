#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace spliceway {

/// How far all loops together have walked round a cycle, as a part of the whole round: so it means
/// the same in the next cycle, which may be longer or shorter. Any thread. Aligned: it is written
/// at each pick, and what stands beside it is not.
class alignas(64) Turn {
 public:
  /// Of a whole round. Times the longest cycle, it fits 64 bits.
  static constexpr std::uint64_t kRound = std::uint64_t{1} << 44;

  /// Goes on by `step`, and says where it was before, below `kRound`.
  std::uint64_t GoOn(std::uint64_t step) {
    return walked_.fetch_add(step, std::memory_order_relaxed) % kRound;
  }

 private:
  std::atomic<std::uint64_t> walked_{0};
};

/// Whether a cycle is to know how often each of its rows recurs.
enum class Weights : bool { kNotKept, kKept };

/// Backend rows, which clients walk round and round. A row recurs as often as its weight says.
/// Immutable, but for the turn, which all loops share: so backends take their turns exactly,
/// whatever loop a client came to.
class Cycle {
 public:
  /// `rows` must not be empty, nor longer than `kMostPlaces`; with its weights, 65,536.
  Cycle(std::vector<std::uint16_t> rows, Weights weights, std::shared_ptr<Turn> turn);

  /// The place whose turn it is, for one client.
  [[nodiscard]] std::uint32_t Next() const {
    return static_cast<std::uint32_t>(turn_->GoOn(step_) * rows_.size() / Turn::kRound);
  }
  /// To be called when this cycle gives way to another one, which gets the turn. Goes on by the
  /// golden section of a place, which is in no simple ratio to a round. Else of two cycles that are
  /// published in turn, at each pick, the same few places could be met again and again.
  [[nodiscard]] std::shared_ptr<Turn> GiveWay() const {
    turn_->GoOn(step_ * 40'503 >> 16);
    return turn_;
  }
  /// The place so many `steps` after another, of this cycle or of one that was published before.
  [[nodiscard]] std::uint32_t After(std::uint32_t place, std::size_t steps) const {
    const std::size_t sum = place + steps;
    const std::size_t size = rows_.size();
    // A division is slow, and seldom needed.
    const std::size_t at = sum < size ? sum : sum < 2 * size ? sum - size : sum % size;
    return static_cast<std::uint32_t>(at);
  }
  [[nodiscard]] std::uint16_t RowAt(std::uint32_t place) const { return rows_[place]; }
  /// Places.
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] const std::vector<std::uint16_t>& rows() const { return rows_; }

  /// Its rows, each once.
  [[nodiscard]] std::span<const std::uint16_t> members() const { return members_; }
  /// All rows are from this one on.
  [[nodiscard]] std::uint16_t first_row() const { return first_row_; }
  [[nodiscard]] std::size_t row_span() const { return row_span_; }

  // Where weights are kept:

  /// Which of the members has this place.
  [[nodiscard]] std::uint16_t MemberAt(std::uint32_t place) const { return member_at_[place]; }
  [[nodiscard]] std::uint32_t WeightOf(std::uint16_t member) const { return weights_[member]; }

 private:
  std::vector<std::uint16_t> rows_;
  std::shared_ptr<Turn> turn_;
  std::uint64_t step_;  // one place, as a part of a round
  std::vector<std::uint16_t> members_;
  std::vector<std::uint16_t> member_at_;
  std::vector<std::uint32_t> weights_;  // by member
  std::uint16_t first_row_;
  std::size_t row_span_;
};

}  // namespace spliceway
