#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace spliceway::simulator {

/// The choices of a schedule, as they are made: in shared memory they outlive a crash.
struct Trail {
  std::size_t count;
  std::array<std::uint32_t, std::size_t{1} << 22>
      choices;  ///< The first of them, if there are more.
};

/// Everything random of a schedule, drawn from one seed. Its trail replays the schedule without the
/// seed, and a shorter or smaller record is a simpler schedule. For that, 0 is always the plainest
/// of choices.
class Choices {
 public:
  explicit Choices(std::uint64_t seed) : state_(seed), from_seed_(true) {}
  /// Replays, and chooses 0 where the record ends.
  explicit Choices(std::vector<std::uint32_t> record) : record_(std::move(record)) {}

  /// Notes every choice in `trail`, which must live as long.
  void LeaveTrail(Trail& trail) { trail_ = &trail; }

  /// A number below `count`, which must not be 0.
  std::uint32_t Below(std::uint32_t count) {
    std::uint32_t choice = 0;
    if (from_seed_) {
      choice = static_cast<std::uint32_t>(Next() % count);
    } else if (used_ < record_.size()) {
      choice = record_[used_++] % count;
    }
    if (trail_ != nullptr && trail_->count < trail_->choices.size()) {
      trail_->choices[trail_->count++] = choice;
    }
    return choice;
  }
  /// True once in `count` times, of which there must be two at least.
  bool OneIn(std::uint32_t count) { return Below(count) == 1; }
  /// From 0 to `most`; each order of magnitude is as likely as the others.
  std::size_t UpTo(std::size_t most) {
    std::uint32_t bits = 0;
    while (bits < 31 && (std::size_t{1} << bits) <= most) ++bits;
    const std::size_t number = Below(std::uint32_t{1} << Below(bits + 1));
    return number < most ? number : most;
  }

 private:
  /// SplitMix64, G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators",
  /// OOPSLA 2014.
  std::uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    return mixed ^ mixed >> 31;
  }

  Trail* trail_ = nullptr;
  std::vector<std::uint32_t> record_;
  std::size_t used_ = 0;
  std::uint64_t state_ = 0;
  bool from_seed_ = false;
};

}  // namespace spliceway::simulator
