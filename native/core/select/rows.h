#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace spliceway {

/// A value for each row of a table. Rows come in chunks, which a copy shares until it changes one
/// of them: so a change of one row among 10,000 copies a chunk, and a pointer for each other chunk.
/// There are chunks up to the highest row that was set.
///
/// Read by any thread once nobody changes it any more.
template <typename Value, std::size_t kChunk>
class Rows {
 public:
  /// What was set; where nothing was, `Value{}`.
  [[nodiscard]] const Value& operator[](std::size_t row) const {
    const std::size_t chunk = row / kChunk;
    return chunk < chunks_.size() ? (*chunks_[chunk])[row % kChunk] : kUnset;
  }

  void Set(std::size_t row, Value value) {
    if (chunks_.size() <= row / kChunk) chunks_.resize(row / kChunk + 1, Unset());
    std::shared_ptr<Chunk>& chunk = chunks_[row / kChunk];
    // Another copy that has it may be read by now. Whoever has the only one made it here.
    if (chunk.use_count() > 1) chunk = std::make_shared<Chunk>(*chunk);
    (*chunk)[row % kChunk] = std::move(value);
  }

  /// Calls `visit(row, before, now)` for the rows that may differ from those of an earlier copy.
  template <typename Visit>
  void VisitChanged(const Rows& before, Visit visit) const {
    for (std::size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
      if (chunk < before.chunks_.size() && chunks_[chunk] == before.chunks_[chunk]) continue;
      for (std::size_t row = chunk * kChunk; row < (chunk + 1) * kChunk; ++row) {
        visit(row, before[row], (*this)[row]);
      }
    }
  }

 private:
  using Chunk = std::array<Value, kChunk>;

  static std::shared_ptr<Chunk> Unset() { return std::make_shared<Chunk>(); }

  static inline const Value kUnset{};

  std::vector<std::shared_ptr<Chunk>> chunks_;
};

}  // namespace spliceway
