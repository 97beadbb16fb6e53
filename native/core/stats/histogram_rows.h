#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "stats/counter_block.h"
#include "stats/histogram.h"

namespace spliceway {

/// What there are histograms of. Times in microseconds. `Measured` in src/engine/histogram.ts has
/// the same order.
enum class Measured : std::uint8_t {
  /// From when the address that has answered was tried until its loop knew. Of each that opened.
  kConnect,
  /// Of the backend's first byte: since the client spoke last, or else since it opened.
  kFirstByte,
  /// In the queue, of each that then got a place, each time.
  kQueue,
  /// From accept to end; in milliseconds, counted as microseconds.
  kDuration,
  /// That were passed on, both ways.
  kBytes,
};

/// What one loop counts of the sessions that had a backend of one pool. src/engine/histogram.ts
/// reads the same layout.
class alignas(64) HistogramRow {
 public:
  /// All sums share a cache line: so a session touches that one, and one more for each value.
  void Note(Measured what, std::uint64_t value) {
    sums_[At(what)].Add(value);
    counts_[At(what)].Note(value, kFirst[At(what)]);
  }
  [[nodiscard]] std::uint64_t sum(Measured what) const { return sums_[At(what)].value(); }
  [[nodiscard]] std::uint64_t count(Measured what) const { return counts_[At(what)].count(); }

 private:
  /// Powers of ten, of the lowest edges.
  static constexpr std::array<unsigned, 5> kFirst = {1, 1, 1, 3, 2};
  static constexpr std::size_t At(Measured what) { return static_cast<std::size_t>(what); }

  std::array<Counter, 8> sums_;
  std::array<HistogramCounts, kFirst.size()> counts_;
};
static_assert(sizeof(HistogramRow) == (8 + 5 * 136) * sizeof(Counter));

/// Such rows, of all pools and writers. Memory is taken for a pool when somebody counts in it for
/// the first time, as there may be 65,535 pools; and given back with all of them.
class HistogramRows {
 public:
  explicit HistogramRows(std::size_t writers) : writers_(writers), pools_(kMostPools) {}
  ~HistogramRows() {
    for (const Pool& pool : pools_.all()) delete pool.load();
  }
  HistogramRows(const HistogramRows&) = delete;
  HistogramRows& operator=(const HistogramRows&) = delete;

  /// For the writer's own thread. `pool` is the number of one.
  [[nodiscard]] HistogramRow& Row(std::size_t writer, std::uint16_t pool) {
    CounterBlock<HistogramRow>* const rows = pools_[pool].load(std::memory_order_acquire);
    return (rows == nullptr ? Make(pool) : *rows)[writer];
  }
  /// Any thread. Of all writers; none where nobody has counted.
  [[nodiscard]] std::span<HistogramRow> Of(std::uint16_t pool) {
    CounterBlock<HistogramRow>* const rows = pools_[pool].load(std::memory_order_acquire);
    return rows == nullptr ? std::span<HistogramRow>() : rows->all();
  }

 private:
  using Pool = std::atomic<CounterBlock<HistogramRow>*>;
  /// The last number of 16 bits names none.
  static constexpr std::size_t kMostPools = std::numeric_limits<std::uint16_t>::max();

  CounterBlock<HistogramRow>& Make(std::uint16_t pool) {
    auto* const made = new CounterBlock<HistogramRow>(writers_);
    CounterBlock<HistogramRow>* first = nullptr;
    if (pools_[pool].compare_exchange_strong(first, made)) return *made;
    delete made;  // Another loop was faster.
    return *first;
  }

  std::size_t writers_;
  CounterBlock<Pool> pools_;
};

}  // namespace spliceway
