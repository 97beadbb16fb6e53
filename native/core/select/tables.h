#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "select/backend_addresses.h"
#include "select/listener_options.h"
#include "select/rows.h"
#include "select/sources.h"
#include "select/tiers.h"

namespace spliceway {

/// What the loops pick by, as it was published at one moment: a listener names its pool, the pool
/// has tiers, and the rows of their cycles have addresses. Immutable, so that a loop that holds it
/// (`HeldTables`) reads it without a lock.
class Tables {
 public:
  struct Pool {
    std::shared_ptr<const Tiers> tiers;  ///< Null where there is no such pool.
    std::uint64_t serial = 0;            ///< Of these tiers: no others of any pool have it.
  };

  /// Counts up with each that is published; 0 is empty.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// Without a pool where nobody has said so.
  [[nodiscard]] const ListenerOptions& OptionsOf(std::size_t listener) const {
    return listeners_[listener];
  }
  /// Calls `visit(listener, before, now)` for those that may have other options than in earlier
  /// tables.
  template <typename Visit>
  void VisitChangedListeners(const Tables& before, Visit visit) const {
    listeners_.VisitChanged(before.listeners_, visit);
  }
  [[nodiscard]] const Pool& PoolAt(std::uint16_t pool) const { return pools_[pool]; }
  /// The pool of a listener; one without tiers for clients that came to none.
  [[nodiscard]] const Pool& PoolOf(std::size_t listener) const {
    return pools_[listeners_[listener].pool];
  }
  /// Where a backend is: without an address where nobody has said so.
  [[nodiscard]] const BackendAddresses& AddressesOf(std::uint16_t row) const {
    const std::shared_ptr<const BackendAddresses>& addresses = backends_[row];
    return addresses == nullptr ? Nowhere() : *addresses;
  }
  /// Where connections to a backend come from; null where the kernel is to pick an address.
  [[nodiscard]] const Sources* SourcesOf(std::uint16_t row) const { return sources_[row].get(); }

  /// Backends of a pool that have an address, whether or not it has tiers, and they are in them.
  [[nodiscard]] std::span<const std::uint16_t> MembersOf(std::uint16_t pool) const {
    const Members& members = members_[pool];
    return members == nullptr ? std::span<const std::uint16_t>() : std::span(*members);
  }

 private:
  using Members = std::shared_ptr<const std::vector<std::uint16_t>>;

  /// What it takes to change it, before it is published.
  friend class BackendTable;

  static const BackendAddresses& Nowhere() {
    static const BackendAddresses kNowhere({}, AddressOrder::kAsGiven);
    return kNowhere;
  }

  std::uint64_t generation_ = 0;
  Rows<ListenerOptions, 16> listeners_;
  Rows<Pool, 32> pools_;
  Rows<Members, 32> members_;
  Rows<std::shared_ptr<const BackendAddresses>, 128> backends_;
  Rows<std::shared_ptr<const Sources>, 128> sources_;  // those of a pool share theirs
};

}  // namespace spliceway
