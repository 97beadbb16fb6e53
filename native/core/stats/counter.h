#pragma once

#include <atomic>
#include <cstdint>
#include <span>

namespace spliceway {

/// One number that one thread writes and any thread reads. A plain addition, no locked instruction.
class Counter {
 public:
  void Add(std::uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  /// Whoever reads what is left reads what was written before, too.
  void Subtract(std::uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_release);
  }
  void Set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Reset() { value_.store(0, std::memory_order_release); }
  /// What is read after it is no older.
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(Counter) == 8 && std::atomic<std::uint64_t>::is_always_lock_free);

/// Of a row that is made of counters alone: for its next owner, when nobody counts in it any more.
template <typename Row>
void Reset(Row& row) {
  static_assert(sizeof(Row) % sizeof(Counter) == 0);
  for (Counter& counter :
       std::span(reinterpret_cast<Counter*>(&row), sizeof(Row) / sizeof(Counter))) {
    counter.Reset();
  }
}

}  // namespace spliceway
