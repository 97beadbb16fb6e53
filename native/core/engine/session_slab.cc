#include "engine/session_slab.h"

#include <cerrno>
#include <new>

namespace spliceway {

SessionSlab::SessionSlab(std::size_t capacity)
    : capacity_(capacity), chunks_((capacity + kChunk - 1) / kChunk), entries_(capacity) {}

std::optional<std::uint32_t> SessionSlab::Take(int& error) {
  error = 0;
  const std::lock_guard lock(mutex_);
  std::uint32_t slot = 0;
  if (free_ != kNoSlot) {
    slot = free_;
    free_ = static_cast<std::uint32_t>(Load(slot)) & ~kFree;
  } else {
    if (high_water_ == capacity_) return std::nullopt;
    slot = static_cast<std::uint32_t>(high_water_);
    std::unique_ptr<Session[]>& chunk = chunks_[slot / kChunk];
    if (chunk == nullptr) {
      chunk.reset(new (std::nothrow) Session[kChunk]);
      if (chunk == nullptr) {
        error = ENOMEM;
        return std::nullopt;
      }
    }
    ++high_water_;
  }
  Store(slot, GenerationIn(Load(slot)), kNoLoop);
  in_use_.fetch_add(1);
  return slot;
}

void SessionSlab::Give(std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  Store(slot, GenerationIn(Load(slot)) + 1, kFree | free_);
  free_ = slot;
  in_use_.fetch_sub(1);
}

void SessionSlab::SetLoop(std::uint32_t slot, std::uint16_t loop) {
  Store(slot, GenerationIn(Load(slot)), loop);
}

std::optional<std::uint32_t> SessionSlab::LoopOf(const SessionName& name) const {
  const std::uint64_t entry = Load(name.slot);
  if (GenerationIn(entry) != name.generation) return std::nullopt;
  return static_cast<std::uint32_t>(entry);
}

}  // namespace spliceway
