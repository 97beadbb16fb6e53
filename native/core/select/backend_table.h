#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "select/places.h"
#include "sys/socket_address.h"

namespace spliceway {

/// First picks as a cycle of backend rows, which all loops walk together: with one shared position,
/// backends take their turns exactly, whatever loop a client came to.
class Cycle {
 public:
  /// `rows` must not be empty, nor longer than 65,536.
  explicit Cycle(std::vector<std::uint16_t> rows) : rows_(std::move(rows)) {}

  /// The position of the next first pick. Any thread.
  std::uint16_t Next() {
    return static_cast<std::uint16_t>(next_.fetch_add(1, std::memory_order_relaxed) % rows_.size());
  }
  /// The position so many `steps` after another, of this cycle or of one that was published before.
  [[nodiscard]] std::uint16_t After(std::uint16_t position, std::size_t steps) const {
    return static_cast<std::uint16_t>((position + steps) % rows_.size());
  }
  [[nodiscard]] std::uint16_t RowAt(std::uint16_t position) const { return rows_[position]; }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

 private:
  std::vector<std::uint16_t> rows_;
  std::atomic<std::uint64_t> next_{0};
};

/// What the engine's owner publishes and the loops pick by. It holds as well for a policy that
/// picks by weight (a cycle in which rows recur) as it would for one that hashes (a ring of rows,
/// entered at the hash instead of at the shared position).
///
/// Any thread. What was read stays as it was, whatever is published afterwards. One short lock for
/// each pick costs nothing beside the connection that follows; and a backend whose addresses change
/// costs the loops nothing before somebody picks it.
class BackendTable {
 public:
  explicit BackendTable(std::size_t rows)
      : addresses_(rows, std::make_shared<const Addresses>()), places_(rows) {}

  [[nodiscard]] std::size_t rows() const { return addresses_.size(); }

  /// In the order to try them; none for a backend that was never published. `row` is below
  /// `rows()`.
  [[nodiscard]] std::shared_ptr<const Addresses> AddressesOf(std::uint16_t row) const {
    const std::lock_guard lock(mutex_);
    return addresses_[row];
  }
  void SetAddresses(std::uint16_t row, Addresses addresses) {
    auto published = std::make_shared<const Addresses>(std::move(addresses));
    const std::lock_guard lock(mutex_);
    addresses_[row].swap(published);
  }

  /// Of the backend in this row, without the lock.
  [[nodiscard]] Places& PlacesOf(std::uint16_t row) { return places_[row]; }

  /// Null before one is published.
  [[nodiscard]] std::shared_ptr<Cycle> cycle() const {
    const std::lock_guard lock(mutex_);
    return cycle_;
  }
  void SetCycle(std::vector<std::uint16_t> rows) {
    auto published = std::make_shared<Cycle>(std::move(rows));
    const std::lock_guard lock(mutex_);
    cycle_.swap(published);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Addresses>> addresses_;
  std::shared_ptr<Cycle> cycle_;
  std::vector<Places> places_;
};

}  // namespace spliceway
