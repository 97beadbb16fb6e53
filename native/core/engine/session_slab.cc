#include "engine/session_slab.h"

#include <cerrno>
#include <new>

namespace spliceway {

SessionSlab::SessionSlab(std::size_t capacity, std::size_t stocks)
    : capacity_(capacity),
      stocks_(stocks),
      chunks_((capacity + kChunk - 1) / kChunk),
      entries_(capacity) {}

std::optional<std::uint32_t> SessionSlab::Take(int& error, std::size_t stock) {
  error = 0;
  Stock& own = StockOf(stock);
  std::optional<std::uint32_t> slot = TakeOwn(own, error);
  if (!slot) slot = TakeOfOthers();
  if (!slot) return slot;
  error = 0;
  Store(*slot, GenerationIn(Load(*slot)), kNoLoop);
  own.in_use.fetch_add(1);
  return slot;
}

std::optional<std::uint32_t> SessionSlab::TakeOwn(Stock& own, int& error) {
  const std::lock_guard lock(own.mutex);
  if (&own == &shared_) {
    ++shared_uses_;
    return own.free.count > 0 ? Pop(own.free) : MakeOne(error);
  }
  if (own.free.count == 0) {
    const std::lock_guard shared(shared_.mutex);
    ++shared_uses_;
    while (shared_.free.count > 0 && own.free.count < kBatch) Move(shared_.free, own.free);
    while (own.free.count < kBatch) {
      const std::optional<std::uint32_t> made = MakeOne(error);
      if (!made) break;
      Push(own.free, *made, 0);
    }
  }
  if (own.free.count == 0) return std::nullopt;
  return Pop(own.free);
}

/// Nothing else is free: whatever other loops have put by.
std::optional<std::uint32_t> SessionSlab::TakeOfOthers() {
  for (Stock& stock : stocks_) {
    const std::lock_guard lock(stock.mutex);
    if (stock.free.count > 0) return Pop(stock.free);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> SessionSlab::MakeOne(int& error) {
  if (high_water_ == capacity_) return std::nullopt;
  const auto slot = static_cast<std::uint32_t>(high_water_);
  std::unique_ptr<Session[]>& chunk = chunks_[slot / kChunk];
  if (chunk == nullptr) {
    chunk.reset(new (std::nothrow) Session[kChunk]);
    if (chunk == nullptr) {
      error = ENOMEM;
      return std::nullopt;
    }
  }
  ++high_water_;
  return slot;
}

void SessionSlab::Give(std::uint32_t slot, std::size_t stock) {
  Stock& own = StockOf(stock);
  {
    const std::lock_guard lock(own.mutex);
    if (&own == &shared_) {
      ++shared_uses_;
    } else if (own.free.count == 2 * kBatch) {
      const std::lock_guard shared(shared_.mutex);
      ++shared_uses_;
      while (own.free.count > kBatch) Move(own.free, shared_.free);
    }
    Push(own.free, slot, GenerationIn(Load(slot)) + 1);
  }
  own.in_use.fetch_sub(1);
}

std::size_t SessionSlab::in_use() const {
  std::ptrdiff_t count = shared_.in_use.load();
  for (const Stock& stock : stocks_) count += stock.in_use.load();
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(count, 0));
}

bool SessionSlab::is_empty() {
  for (Stock& stock : stocks_) stock.mutex.lock();
  shared_.mutex.lock();
  std::size_t free = shared_.free.count;
  for (const Stock& stock : stocks_) free += stock.free.count;
  const bool is_empty = free == high_water_;
  shared_.mutex.unlock();
  for (Stock& stock : stocks_) stock.mutex.unlock();
  return is_empty;
}

void SessionSlab::Push(FreeList& list, std::uint32_t slot, std::uint32_t generation) {
  Store(slot, generation, kFree | list.first);
  list.first = slot;
  ++list.count;
}

std::uint32_t SessionSlab::Pop(FreeList& list) {
  const std::uint32_t slot = list.first;
  list.first = static_cast<std::uint32_t>(Load(slot)) & ~kFree;
  --list.count;
  return slot;
}

void SessionSlab::Move(FreeList& from, FreeList& to) {
  const std::uint32_t slot = Pop(from);
  Push(to, slot, GenerationIn(Load(slot)));
}

void SessionSlab::SetLoop(std::uint32_t slot, std::uint16_t loop) {
  Store(slot, GenerationIn(Load(slot)), loop);
}

std::optional<std::uint32_t> SessionSlab::LoopOf(const SessionName& name) const {
  const std::uint64_t entry = Load(name.slot);
  if (GenerationIn(entry) != name.generation || (entry & kFree) != 0) return std::nullopt;
  return static_cast<std::uint32_t>(entry);
}

}  // namespace spliceway
