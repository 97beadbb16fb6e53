#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "select/backend_row.h"
#include "select/pool_row.h"
#include "select/tables.h"
#include "stats/counters.h"

namespace spliceway {

/// Where the engine's owner writes what the loops are to pick by, and the numbers that all share of
/// each backend and of each pool. Changes wait for `Publish`, which publishes them together. Any
/// thread may ask for rows and turns, and enter and leave them; all else is the owner's.
class BackendTable {
 public:
  /// `rows`: of backends at most. Those that are never used cost nothing.
  explicit BackendTable(std::size_t rows)
      : published_(std::make_shared<const Tables>()),
        shared_(rows),
        pool_of_(rows),
        source_turns_(rows),
        pools_(kNoPool) {}

  [[nodiscard]] std::size_t rows() const { return shared_.size(); }
  /// What is shared of the backend in this row, which is below `rows()`.
  [[nodiscard]] BackendRow& Row(std::uint16_t row) { return shared_[row]; }
  [[nodiscard]] const BackendRow& Row(std::uint16_t row) const { return shared_[row]; }

  /// The number of the pool that it is of, in which its sessions count as well. It stays the same
  /// while there are any.
  [[nodiscard]] std::uint16_t PoolOf(std::uint16_t row) const {
    return pool_of_[row].load(std::memory_order_relaxed);
  }
  /// As it was at first, for its next backend. Nobody may be there, nor set out for it.
  void Reset(std::uint16_t row) {
    Row(row).Reset();
    TurnsOf(row).Reset();
    pool_of_[row].store(0, std::memory_order_relaxed);
  }

  /// The turns of its source addresses.
  [[nodiscard]] SourceTurns& TurnsOf(std::uint16_t row) { return source_turns_[row]; }
  /// What is shared of a pool, by its number, which is not `kNoPool`.
  [[nodiscard]] PoolRow& PoolRowOf(std::uint16_t pool) { return pools_[pool]; }
  [[nodiscard]] const PoolRow& PoolRowOf(std::uint16_t pool) const { return pools_[pool]; }

  /// As those of the row, in its pool. Any thread.
  [[nodiscard]] BackendRow::Entry Enter(std::uint16_t row, bool takes_down = false) {
    return Row(row).Enter(PoolRowOf(PoolOf(row)), takes_down);
  }
  void Leave(std::uint16_t row) { Row(row).Leave(PoolRowOf(PoolOf(row))); }

  /// `pool`: the number of the one that the backend is of.
  void SetAddresses(std::uint16_t row, Addresses addresses, AddressOrder order,
                    std::uint16_t pool = 0);
  /// It has none any more. Its sessions go on to count in its pool.
  void RemoveAddresses(std::uint16_t row);
  /// Where connections to the backend come from: IP addresses of this machine; none: as the kernel
  /// says.
  void SetSources(std::uint16_t row, const Addresses& sources);
  /// Clients of a pool are served as `plan` says. Turns go on at the part of the round where they
  /// are in the cycles of its plan before.
  void SetPool(std::uint16_t number, PickPlan plan);
  /// The pool is gone.
  void RemovePool(std::uint16_t number);
  void SetListener(std::uint16_t listener, const ListenerOptions& options);

  /// Publishes what has changed; false where nothing has.
  bool Publish();
  /// Pools for whose clients something has changed in what was published since this was asked last.
  [[nodiscard]] std::set<std::uint16_t> TakeChangedPools() {
    return std::exchange(changed_pools_, {});
  }
  /// The latest.
  [[nodiscard]] const std::shared_ptr<const Tables>& published() const { return published_; }
  /// Of what waits to be published, or else of the latest.
  [[nodiscard]] std::uint64_t generation() const { return latest().generation_; }

 private:
  /// What is published next, for a change of it.
  Tables& Next();
  [[nodiscard]] const Tables& latest() const { return next_ ? *next_ : *published_; }

  /// Whether a backend that has addresses is of a pool.
  void NoteMember(std::uint16_t row, std::uint16_t pool, bool is_there);

  std::shared_ptr<Tables> next_;
  std::shared_ptr<const Tables> published_;
  CounterBlock<BackendRow> shared_;
  /// Apart from what all loops write of a backend: a session asks for it at each step.
  CounterBlock<std::atomic<std::uint16_t>> pool_of_;
  CounterBlock<SourceTurns> source_turns_;
  std::shared_ptr<const Sources> last_sources_;  // of the backend before, most likely of its pool
  CounterBlock<PoolRow> pools_;
  std::map<std::uint16_t, std::set<std::uint16_t>> members_;  // rows by pool
  std::set<std::uint16_t> changed_members_;                   // pools
  std::set<std::uint16_t> changed_pools_;
  std::uint64_t plans_ = 0;  // that were ever set
};

}  // namespace spliceway
