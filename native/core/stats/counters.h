#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace spliceway {

/// A row of the counters that stands for none.
inline constexpr std::uint16_t kNoRow = 0xFFFF;

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
  void Reset() { value_.store(0, std::memory_order_release); }
  /// What is read after it is no older.
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(Counter) == 8 && std::atomic<std::uint64_t>::is_always_lock_free);

/// What one loop counts for one listener or one backend. src/engine/counters.ts reads the
/// same layout.
struct alignas(64) CounterRow {
  Counter opened;  ///< Sessions that began here.
  Counter open;    ///< Sessions alive.
  Counter failed;  ///< Listener: sessions that found no backend. Backend: clients that it failed,
                   ///< at all of its addresses.
  Counter bytes_upstream;    ///< Client to backend, written to the backend's socket.
  Counter bytes_downstream;  ///< Backend to client, written to the client's socket.
  Counter rejected;  ///< Listener: clients that had as many sessions as one may, or were denied.
                     ///< Backend: clients that it had no room for.
  Counter unheard;  ///< Listener: sessions that went on before the owner, who watched, had heard of
                    ///< them.
  Counter rebalanced;  ///< Sessions that were ended so that their clients come back elsewhere.
};
static_assert(sizeof(CounterRow) == 64);

/// For the row's next owner, when nobody counts in it any more.
inline void Reset(CounterRow& row) {
  for (Counter& counter :
       std::span(reinterpret_cast<Counter*>(&row), sizeof(CounterRow) / sizeof(Counter))) {
    counter.Reset();
  }
}

/// What one session has moved so far.
struct SessionCounters {
  Counter bytes_upstream;
  Counter bytes_downstream;
};

/// A block of zeroed numbers in which pages that are never touched cost nothing.
template <typename T>
class CounterBlock {
 public:
  /// Aborts when the system refuses address space: without it nothing could run.
  explicit CounterBlock(std::size_t count)
      : memory_(std::calloc(1, count * sizeof(T) + alignof(T))), count_(count) {
    if (memory_ == nullptr) std::abort();
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    first_ = reinterpret_cast<T*>((address + alignof(T) - 1) / alignof(T) * alignof(T));
  }

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] T& operator[](std::size_t index) { return first_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return first_[index]; }
  [[nodiscard]] std::span<T> all() { return {first_, count_}; }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  T* first_ = nullptr;
  std::size_t count_;
};

/// All counters of one engine. Shared with JavaScript, which may read them after the engine is
/// gone.
class Counters {
 public:
  /// `writers`: loops and, last, their engine's owner, each with its own rows. `sessions`: slots
  /// for live sessions.
  Counters(std::size_t writers, std::size_t listeners, std::size_t backends, std::size_t sessions)
      : writers_(writers),
        listeners_(listeners),
        rows_(listeners + backends),
        table_(writers * rows_),
        sessions_(sessions) {}

  [[nodiscard]] std::size_t writers() const { return writers_; }
  CounterRow& Listener(std::size_t writer, std::size_t listener) {
    return table_[writer * rows_ + listener];
  }
  CounterRow& Backend(std::size_t writer, std::size_t backend) {
    return table_[writer * rows_ + listeners_ + backend];
  }
  SessionCounters& Session(std::size_t slot) { return sessions_[slot]; }

  std::span<CounterRow> table() { return table_.all(); }
  std::span<SessionCounters> sessions() { return sessions_.all(); }

 private:
  std::size_t writers_;
  std::size_t listeners_;
  std::size_t rows_;
  CounterBlock<CounterRow> table_;
  CounterBlock<SessionCounters> sessions_;
};

}  // namespace spliceway
