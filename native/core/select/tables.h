#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "select/backend_addresses.h"
#include "select/cycle.h"
#include "select/listener_options.h"
#include "select/rows.h"

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
    std::shared_ptr<const Cycle> cycle;  ///< Null where there is no such pool.
    std::uint64_t serial = 0;            ///< Of this cycle: no other one of any pool has it.
    std::shared_ptr<Turn> turn;          ///< Of this cycle, and of those before and after it.
  };

  /// Counts up with each that is published; 0 is empty.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// Without a pool where nobody has said so.
  [[nodiscard]] const ListenerOptions& OptionsOf(std::size_t listener) const {
    return listeners_[listener];
  }
  /// The pool of a listener; one without a cycle for clients that came to none.
  [[nodiscard]] const Pool& PoolOf(std::size_t listener) const {
    return pools_[listeners_[listener].pool];
  }
  /// Where a backend is: without an address where nobody has said so.
  [[nodiscard]] const BackendAddresses& AddressesOf(std::uint16_t row) const {
    const std::shared_ptr<const BackendAddresses>& addresses = backends_[row];
    return addresses == nullptr ? Nowhere() : *addresses;
  }

 private:
  /// What it takes to change it, before it is published.
  friend class BackendTable;

  static const BackendAddresses& Nowhere() {
    static const BackendAddresses kNowhere({}, AddressOrder::kAsGiven);
    return kNowhere;
  }

  std::uint64_t generation_ = 0;
  Rows<ListenerOptions, 16> listeners_;
  Rows<Pool, 32> pools_;
  Rows<std::shared_ptr<const BackendAddresses>, 128> backends_;
};

}  // namespace spliceway
