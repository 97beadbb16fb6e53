#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "session/session.h"

namespace spliceway {

/// All sessions of an engine, by slot. Their memory comes in chunks as it is first needed, is used
/// again and again, and is given back with the slab. Any thread may take and give slots; a session
/// belongs to the loop that it is on.
class SessionSlab {
 public:
  /// `capacity`: slots at most.
  explicit SessionSlab(std::size_t capacity);

  /// A free slot, one that was used before where there is any. Else nothing, and in `error` ENOMEM
  /// when there is no memory for another, or 0 when all are taken.
  std::optional<std::uint32_t> Take(int& error);
  void Give(std::uint32_t slot);

  /// `slot` must have been taken at least once.
  [[nodiscard]] Session& At(std::uint32_t slot) { return chunks_[slot / kChunk][slot % kChunk]; }

  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t in_use() const { return in_use_.load(); }
  /// Few enough are taken to wake those who wait for a slot: a little below the limit, so that they
  /// do not wake up and wait again for every single one.
  [[nodiscard]] bool has_room() const { return in_use() <= capacity_ - capacity_ / 20 - 1; }
  /// Slots that were ever taken: the numbers below this.
  [[nodiscard]] std::size_t high_water() const { return high_water_; }

 private:
  static constexpr std::size_t kChunk = 64;

  std::size_t capacity_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::size_t high_water_ = 0;
  std::atomic<std::size_t> in_use_{0};
};

}  // namespace spliceway
