#pragma once

#include <atomic>
#include <cstdint>

namespace spliceway {

/// How many sessions a backend may have at once, and how many it has. Any thread. Aligned, so that
/// loops that go to different backends do not share a cache line.
class alignas(64) Places {
 public:
  enum class Answer : std::uint8_t {
    kUnlimited,  ///< Nothing was taken.
    kTaken,      ///< One place, to be given back.
    kNone,       ///< The backend is full.
  };

  /// 0 is any number. For sessions that set out for the backend afterwards.
  void Limit(std::uint32_t most) { most_.store(most, std::memory_order_relaxed); }

  /// Without a limit it costs a load of what nobody writes.
  [[nodiscard]] Answer Take() {
    const std::uint32_t most = most_.load(std::memory_order_relaxed);
    if (most == 0) return Answer::kUnlimited;
    // Not an addition that is taken back: meanwhile somebody else could find the last place gone.
    std::uint32_t taken = taken_.load(std::memory_order_relaxed);
    do {
      if (taken >= most) return Answer::kNone;
    } while (!taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed));
    return Answer::kTaken;
  }
  void GiveBack() { taken_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> most_{0};
  std::atomic<std::uint32_t> taken_{0};
};

}  // namespace spliceway
