#include "engine/session_slab.h"

#include <cerrno>
#include <new>

namespace spliceway {

SessionSlab::SessionSlab(std::size_t capacity)
    : capacity_(capacity), chunks_((capacity + kChunk - 1) / kChunk) {}

std::optional<std::uint32_t> SessionSlab::Take(int& error) {
  error = 0;
  const std::lock_guard lock(mutex_);
  std::uint32_t slot = 0;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
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
  in_use_.fetch_add(1);
  return slot;
}

void SessionSlab::Give(std::uint32_t slot) {
  const std::lock_guard lock(mutex_);
  free_.push_back(slot);
  in_use_.fetch_sub(1);
}

}  // namespace spliceway
