#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "select/backend_row.h"
#include "select/tables.h"

namespace spliceway {

/// Where the engine's owner writes what the loops are to pick by, and the numbers that all share of
/// each backend. `Row` and `rows` may be called by any thread, the others by the owner's.
class BackendTable {
 public:
  BackendTable(std::size_t listeners, std::size_t rows)
      : published_(std::make_shared<const Tables>(listeners, rows)), shared_(rows) {}

  [[nodiscard]] std::size_t rows() const { return shared_.size(); }
  /// What is shared of the backend in this row, which is below `rows()`.
  [[nodiscard]] BackendRow& Row(std::uint16_t row) { return shared_[row]; }
  [[nodiscard]] const BackendRow& Row(std::uint16_t row) const { return shared_[row]; }

  void SetAddresses(std::uint16_t row, Addresses addresses, AddressOrder order) {
    const bool moves = !published_->AddressesOf(row).AreThoseOf(addresses);
    auto chunk = std::make_shared<Tables::Chunk>(*published_->chunks_[row / Tables::kChunk]);
    (*chunk)[row % Tables::kChunk] =
        std::make_shared<const BackendAddresses>(std::move(addresses), order);
    Next().chunks_[row / Tables::kChunk] = std::move(chunk);
    Publish();
    if (moves) Row(row).NoteMoved(published_->generation());
  }
  /// `rows`: as in `Cycle`.
  void SetCycle(std::vector<std::uint16_t> rows) {
    const std::shared_ptr<const Cycle>& current = published_->pools_.front().cycle;
    if (current && current->rows() == rows) return;
    Tables::Pool& pool = Next().pools_.front();
    if (current) current->GiveWay(*pool.turn);
    pool.cycle = std::make_shared<const Cycle>(std::move(rows));
    pool.generation = next_->generation_;
    Publish();
  }

  /// The latest.
  [[nodiscard]] const std::shared_ptr<const Tables>& published() const { return published_; }

 private:
  Tables& Next() {
    next_ = std::make_shared<Tables>(*published_);
    ++next_->generation_;
    return *next_;
  }
  void Publish() { published_ = std::move(next_); }

  std::shared_ptr<Tables> next_;
  std::shared_ptr<const Tables> published_;
  std::vector<BackendRow> shared_;
};

}  // namespace spliceway
