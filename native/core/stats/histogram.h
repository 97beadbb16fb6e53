#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "stats/counter.h"

namespace spliceway {

/// Where a value is counted: in buckets that are log-linear to the base of ten, from 10^`first` on.
///
/// A decade has 16 of them, in three linear parts: from 1 to 2 in steps of 0.2, to 5 in steps of
/// 0.5, to 10 in steps of 1. So a bucket is as wide as a quarter of where it begins, at most. And
/// each of 1, 2, 2.5 and 5 times a power of ten is an edge: the buckets that people write for
/// Prometheus' classic histograms ("le" of 0.005, 0.01, 0.025 …) are exact sums of these. Those of
/// HdrHistogram and of OpenTelemetry's exponential histograms, to the base of two, have no such
/// edge. The scheme is that of Circllhist (H. Hartmann, T. Schlossnagle, arXiv:2001.06561), which
/// has 90 buckets a decade.
///
/// A bucket has its upper edge and not its lower one, as "le" has. src/engine/histogram.ts has the
/// same edges.
struct HistogramBuckets {
  static constexpr std::size_t kDecades = 8;
  static constexpr std::size_t kOfDecade = 16;
  /// The first has all that is not above the lowest edge; the last all that is above the highest.
  static constexpr std::size_t kCount = kDecades * kOfDecade + 2;

  /// The bucket of `value`. `first`: 1 to 11.
  static std::size_t Of(std::uint64_t value, unsigned first) {
    if (value <= kPowers[first]) return 0;
    // An integer is above an edge where the one before it is there, or above.
    const std::uint64_t before = value - 1;
    const unsigned power = PowerOf(before);
    const unsigned decade = power - first;
    if (decade >= kDecades) return kCount - 1;
    return 1 + decade * kOfDecade + kPartOf[before / kPowers[power - 1] - 10];
  }

 private:
  static constexpr std::array<std::uint64_t, 20> kPowers = [] {
    std::array<std::uint64_t, 20> powers{1};
    for (std::size_t power = 1; power < powers.size(); ++power) {
      powers[power] = powers[power - 1] * 10;
    }
    return powers;
  }();
  /// Of a decade, by tenths of its lower edge, from 10 to 99.
  static constexpr std::array<std::uint8_t, 90> kPartOf = [] {
    std::array<std::uint8_t, 90> parts{};
    for (std::size_t tenths = 10; tenths < 100; ++tenths) {
      parts[tenths - 10] = static_cast<std::uint8_t>(tenths < 20   ? (tenths - 10) / 2
                                                     : tenths < 50 ? 5 + (tenths - 20) / 5
                                                                   : 11 + (tenths - 50) / 10);
    }
    return parts;
  }();

  /// Of the largest power of ten that is not above `value`, which is not 0. H. S. Warren, "Hacker's
  /// Delight", section 11-4: 1233 / 4096 is a little more than the logarithm of 2.
  static unsigned PowerOf(std::uint64_t value) {
    const unsigned guess = static_cast<unsigned>(std::bit_width(value)) * 1233 >> 12;
    return guess - (value < kPowers[guess] ? 1 : 0);
  }
};

/// How many values there were of which size. One thread writes, any thread reads.
class HistogramCounts {
 public:
  /// `first`: as of the bucket.
  void Note(std::uint64_t value, unsigned first) {
    counts_[HistogramBuckets::Of(value, first)].Add(1);
  }
  [[nodiscard]] std::uint64_t in(std::size_t bucket) const { return counts_[bucket].value(); }
  /// Of all values.
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t count = 0;
    for (const Counter& of_bucket : counts_) count += of_bucket.value();
    return count;
  }

 private:
  // Rounded up to cache lines.
  std::array<Counter, 136> counts_;
  static_assert(HistogramBuckets::kCount <= 136);
};

}  // namespace spliceway
