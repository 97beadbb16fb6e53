#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "select/backend_row.h"
#include "select/tables.h"
#include "stats/counters.h"

namespace spliceway {

/// Where the engine's owner writes what the loops are to pick by, and the numbers that all share of
/// each backend. Changes wait for `Publish`, which publishes them together. `Row`, `TurnsOf` and
/// `rows` may be called by any thread, the others by the owner's.
class BackendTable {
 public:
  /// `rows`: of backends at most. Those that are never used cost nothing.
  explicit BackendTable(std::size_t rows)
      : published_(std::make_shared<const Tables>()), shared_(rows), source_turns_(rows) {}

  [[nodiscard]] std::size_t rows() const { return shared_.size(); }
  /// What is shared of the backend in this row, which is below `rows()`.
  [[nodiscard]] BackendRow& Row(std::uint16_t row) { return shared_[row]; }
  [[nodiscard]] const BackendRow& Row(std::uint16_t row) const { return shared_[row]; }

  /// The turns of its source addresses.
  [[nodiscard]] SourceTurns& TurnsOf(std::uint16_t row) { return source_turns_[row]; }

  void SetAddresses(std::uint16_t row, Addresses addresses, AddressOrder order);
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
  /// The latest.
  [[nodiscard]] const std::shared_ptr<const Tables>& published() const { return published_; }
  /// Of what waits to be published, or else of the latest.
  [[nodiscard]] std::uint64_t generation() const { return latest().generation_; }

 private:
  /// What is published next, for a change of it.
  Tables& Next();
  [[nodiscard]] const Tables& latest() const { return next_ ? *next_ : *published_; }

  std::shared_ptr<Tables> next_;
  std::shared_ptr<const Tables> published_;
  CounterBlock<BackendRow> shared_;
  CounterBlock<SourceTurns> source_turns_;
  std::shared_ptr<const Sources> last_sources_;  // of the backend before, most likely of its pool
  std::uint64_t plans_ = 0;                      // that were ever set
};

}  // namespace spliceway
