#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "session/session.h"
#include "stats/counters.h"

namespace spliceway {

/// One session, also after its end: its slot alone would name whoever has the slot now.
struct SessionName {
  std::uint32_t slot;
  std::uint32_t generation;  ///< How often the slot had been given back before.
};

/// All sessions of an engine, by slot. Their memory comes in chunks as it is first needed, is used
/// again and again, and is given back with the slab. Any thread may take and give slots; a session
/// belongs to the loop that it is on.
///
/// Each loop has a small stock of free slots, so that one client in 16 makes it take a lock that
/// others want as well. What is in the stock of one is not lost to the others: they take it when
/// nothing else is free.
class SessionSlab {
 public:
  /// For whoever has no stock.
  static constexpr std::size_t kNoStock = SIZE_MAX;

  /// `capacity`: slots at most. `stocks`: loops that have one, numbered from 0.
  explicit SessionSlab(std::size_t capacity, std::size_t stocks = 0);

  /// A free slot, one that was used before where there is any. Else nothing, and in `error` ENOMEM
  /// when there is no memory for another, or 0 when all are taken.
  std::optional<std::uint32_t> Take(int& error, std::size_t stock = kNoStock);
  /// The name of whoever had it names nobody from here on.
  void Give(std::uint32_t slot, std::size_t stock = kNoStock);

  /// For whoever holds the slot.
  [[nodiscard]] SessionName NameOf(std::uint32_t slot) const {
    return {.slot = slot, .generation = GenerationIn(Load(slot))};
  }
  /// Whoever took the slot says which loop the session is on, before anyone else hears of it.
  void SetLoop(std::uint32_t slot, std::uint16_t loop);
  /// The loop of a session: `kNoLoop` before one was said, and nothing once its slot was given
  /// back. Any thread; its loop finds it as long as it has not given the slot back itself.
  [[nodiscard]] std::optional<std::uint32_t> LoopOf(const SessionName& name) const;
  static constexpr std::uint32_t kNoLoop = 0x7FFFFFFF;
  /// Whether the slot is that of a session of this loop. Any thread.
  [[nodiscard]] bool IsOn(std::uint32_t slot, std::size_t loop) const {
    return static_cast<std::uint32_t>(Load(slot)) == loop;
  }

  /// `slot` must have been taken at least once.
  [[nodiscard]] Session& At(std::uint32_t slot) { return chunks_[slot / kChunk][slot % kChunk]; }

  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// Slots that are taken. While others take and give some, it may be a few more or less: each
  /// stock counts for itself. Whoever gave the last one finds 0.
  [[nodiscard]] std::size_t in_use() const;
  /// Whether none is taken, at one moment.
  [[nodiscard]] bool is_empty();
  /// Few enough are taken to wake those who wait for a slot: a little below the limit, so that they
  /// do not wake up and wait again for every single one.
  [[nodiscard]] bool has_room() const { return in_use() <= capacity_ - capacity_ / 20 - 1; }
  /// Slots that were ever taken or put by: the numbers below this. Any thread.
  [[nodiscard]] std::size_t high_water() {
    const std::lock_guard lock(shared_.mutex);
    return high_water_;
  }
  /// How often the lock was taken that is nobody's own, to take or give a slot.
  [[nodiscard]] std::uint64_t shared_uses() const { return shared_uses_; }

 private:
  static constexpr std::size_t kChunk = 64;
  static constexpr std::uint32_t kNoSlot = 0x7FFFFFFF;
  /// Marks a slot that is free.
  static constexpr std::uint32_t kFree = 0x80000000;
  /// Slots that go between a stock and the others at once; a stock has twice as many at most.
  static constexpr std::uint32_t kBatch = 16;

  /// Of a slot: its generation, and below it the loop of the session that has it, or, marked as
  /// free, the next slot that is. One word, so that whoever names a session finds both or neither.
  using Entry = std::atomic<std::uint64_t>;
  static std::uint32_t GenerationIn(std::uint64_t entry) {
    return static_cast<std::uint32_t>(entry >> 32);
  }
  [[nodiscard]] std::uint64_t Load(std::uint32_t slot) const {
    return entries_[slot].load(std::memory_order_acquire);
  }
  void Store(std::uint32_t slot, std::uint32_t generation, std::uint32_t low) {
    entries_[slot].store(std::uint64_t{generation} << 32 | low, std::memory_order_release);
  }

  struct FreeList {
    std::uint32_t first = kNoSlot;
    std::uint32_t count = 0;
  };
  void Push(FreeList& list, std::uint32_t slot, std::uint32_t generation);
  std::uint32_t Pop(FreeList& list);
  void Move(FreeList& from, FreeList& to);

  /// In a cache line of its own; nearly always its loop alone takes the lock.
  struct alignas(64) Stock {
    std::mutex mutex;
    FreeList free;
    std::atomic<std::ptrdiff_t> in_use{0};  // taken less given by its loop, perhaps fewer than none
  };
  [[nodiscard]] Stock& StockOf(std::size_t stock) {
    return stock == kNoStock ? shared_ : stocks_[stock];
  }
  std::optional<std::uint32_t> TakeOwn(Stock& own, int& error);
  std::optional<std::uint32_t> TakeOfOthers();
  /// With the lock of `shared_`, which comes after that of any other stock.
  std::optional<std::uint32_t> MakeOne(int& error);

  std::size_t capacity_;
  std::vector<Stock> stocks_;
  Stock shared_;
  std::vector<std::unique_ptr<Session[]>> chunks_;
  CounterBlock<Entry> entries_;
  std::size_t high_water_ = 0;     // with the lock of `shared_`
  std::uint64_t shared_uses_ = 0;  // as well
};

}  // namespace spliceway
