#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "select/backend_addresses.h"
#include "select/cycle.h"

namespace spliceway {

/// What the loops pick by, as it was published at one moment: a listener names its pool, the pool
/// has a cycle, and the cycle's rows have addresses. Immutable, so that a loop that holds it
/// (`HeldTables`) reads it without a lock.
///
/// It holds as well for a policy that picks by weight (a cycle in which rows recur) as it would for
/// one that hashes (a ring of rows, entered at the hash instead of at the shared turn).
class Tables {
 public:
  struct Pool {
    std::shared_ptr<const Cycle> cycle;  ///< Null before one is published.
    std::uint64_t generation = 0;        ///< Of the tables with which it was.
    std::shared_ptr<Turn> turn;          ///< Of this cycle, and of those before and after it.
  };

  Tables(std::size_t listeners, std::size_t rows)
      : pool_of_listener_(listeners, 0),
        pools_{{.cycle = nullptr, .generation = 0, .turn = std::make_shared<Turn>()}},
        chunks_((rows + kChunk - 1) / kChunk, Nowhere()) {}

  /// Counts up with each that is published; 0 is empty.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// The pool of a listener; the first one for clients that came to none.
  [[nodiscard]] const Pool& PoolOf(std::size_t listener) const {
    return pools_[listener < pool_of_listener_.size() ? pool_of_listener_[listener] : 0];
  }
  /// Where a backend is: without an address where nobody has said so.
  [[nodiscard]] const BackendAddresses& AddressesOf(std::uint16_t row) const {
    return *(*chunks_[row / kChunk])[row % kChunk];
  }

 private:
  /// What it takes to change it, before it is published.
  friend class BackendTable;

  /// Rows come in chunks, of which the next tables share those that have not changed: so a change
  /// of one among 10,000 copies some two hundred pointers.
  static constexpr std::size_t kChunk = 128;
  using Chunk = std::array<std::shared_ptr<const BackendAddresses>, kChunk>;

  static std::shared_ptr<const Chunk> Nowhere() {
    auto chunk = std::make_shared<Chunk>();
    chunk->fill(std::make_shared<const BackendAddresses>(Addresses{}, AddressOrder::kAsGiven));
    return chunk;
  }

  std::uint64_t generation_ = 0;
  std::vector<std::uint16_t> pool_of_listener_;
  std::vector<Pool> pools_;
  std::vector<std::shared_ptr<const Chunk>> chunks_;
};

}  // namespace spliceway
