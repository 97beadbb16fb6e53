#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "select/backend_row.h"
#include "select/tables.h"
#include "stats/counters.h"

namespace spliceway {

/// Where the engine's owner writes what the loops are to pick by, and the numbers that all share of
/// each backend. Changes wait for `Publish`, which publishes them together. `Row` and `rows` may be
/// called by any thread, the others by the owner's.
class BackendTable {
 public:
  /// `rows`: of backends at most. Those that are never used cost nothing.
  explicit BackendTable(std::size_t rows)
      : published_(std::make_shared<const Tables>()), shared_(rows) {}

  [[nodiscard]] std::size_t rows() const { return shared_.size(); }
  /// What is shared of the backend in this row, which is below `rows()`.
  [[nodiscard]] BackendRow& Row(std::uint16_t row) { return shared_[row]; }
  [[nodiscard]] const BackendRow& Row(std::uint16_t row) const { return shared_[row]; }

  void SetAddresses(std::uint16_t row, Addresses addresses, AddressOrder order) {
    Tables& next = Next();
    const bool moves = !next.AddressesOf(row).AreThoseOf(addresses);
    next.backends_.Set(row, std::make_shared<const BackendAddresses>(std::move(addresses), order));
    if (moves) Row(row).NoteMoved(next.generation_);
  }
  /// First picks of a pool walk `rows`, as in `Cycle`. They go on at the part of the round where
  /// they are in its cycle before.
  void SetPool(std::uint16_t number, std::vector<std::uint16_t> rows) {
    Tables::Pool pool = latest().pools_[number];
    if (pool.cycle && pool.cycle->rows() == rows) return;
    if (pool.cycle) pool.cycle->GiveWay(*pool.turn);
    if (!pool.turn) pool.turn = std::make_shared<Turn>();
    pool.cycle = std::make_shared<const Cycle>(std::move(rows));
    pool.serial = ++cycles_;
    Next().pools_.Set(number, std::move(pool));
  }
  /// The pool is gone.
  void RemovePool(std::uint16_t number) {
    if (latest().pools_[number].cycle) Next().pools_.Set(number, {});
  }
  void SetListener(std::uint16_t listener, const ListenerOptions& options) {
    Next().listeners_.Set(listener, options);
  }

  /// Publishes what has changed; false where nothing has.
  bool Publish() {
    if (!next_) return false;
    published_ = std::move(next_);
    return true;
  }
  /// The latest.
  [[nodiscard]] const std::shared_ptr<const Tables>& published() const { return published_; }
  /// Of what waits to be published, or else of the latest.
  [[nodiscard]] std::uint64_t generation() const { return latest().generation_; }

 private:
  Tables& Next() {
    if (!next_) {
      next_ = std::make_shared<Tables>(*published_);
      ++next_->generation_;
    }
    return *next_;
  }
  [[nodiscard]] const Tables& latest() const { return next_ ? *next_ : *published_; }

  std::shared_ptr<Tables> next_;
  std::shared_ptr<const Tables> published_;
  CounterBlock<BackendRow> shared_;
  std::uint64_t cycles_ = 0;  // that were ever set
};

}  // namespace spliceway
