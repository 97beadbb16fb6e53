#include "stream.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace load {
namespace {

constexpr size_t kWordBytes = sizeof(std::uint64_t);

}  // namespace

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
std::uint64_t Stream::Word(std::uint64_t index) const {
  if (index == 0) return key_;
  std::uint64_t z = key_ + index * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void Stream::Fill(std::uint64_t offset, std::span<char> bytes) const {
  size_t at = 0;
  while (at < bytes.size()) {
    const std::uint64_t word = Word((offset + at) / kWordBytes);
    const size_t skipped = (offset + at) % kWordBytes;
    const size_t count = std::min(kWordBytes - skipped, bytes.size() - at);
    std::array<char, kWordBytes> word_bytes;
    std::memcpy(word_bytes.data(), &word, kWordBytes);
    std::memcpy(bytes.data() + at, word_bytes.data() + skipped, count);
    at += count;
  }
}

std::optional<size_t> Stream::FirstDifference(std::uint64_t offset,
                                              std::span<const char> bytes) const {
  std::array<char, 16 * 1024> expected;
  for (size_t at = 0; at < bytes.size(); at += expected.size()) {
    const std::span<const char> part =
        bytes.subspan(at, std::min(expected.size(), bytes.size() - at));
    Fill(offset + at, std::span(expected).first(part.size()));
    if (std::memcmp(part.data(), expected.data(), part.size()) == 0) continue;
    const auto [place, other] = std::ranges::mismatch(part, expected);
    return at + static_cast<size_t>(place - part.begin());
  }
  return std::nullopt;
}

}  // namespace load
