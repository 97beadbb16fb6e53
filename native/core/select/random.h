#pragma once

#include <cstdint>

namespace spliceway {

/// Random numbers of one loop: xorshift32, G. Marsaglia, "Xorshift RNGs", 2003. Good enough to
/// spread clients, and one multiplication each.
class Random {
 public:
  /// Of another `seed` come other numbers. Multiplied by the golden section of 2^32, which spreads
  /// the bits of small ones: the first numbers would be small otherwise.
  explicit Random(std::uint32_t seed) : state_((2 * seed + 1) * 0x9E3779B9) {}

  /// Below `count`, which must not be 0.
  std::uint32_t Below(std::uint32_t count) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return static_cast<std::uint32_t>(std::uint64_t{state_} * count >> 32);
  }

 private:
  std::uint32_t state_;  // never 0
};

}  // namespace spliceway
