#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "select/backend_row.h"
#include "select/cycle.h"
#include "sys/socket_address.h"

namespace spliceway {

/// Which of a backend's addresses a session tries first. The others follow in their order.
enum class AddressOrder : std::uint8_t {
  kAsGiven,  ///< The first one.
  kInTurn,   ///< The next one after that of the session before, round and round.
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
  explicit BackendTable(std::size_t rows) : where_(rows), shared_(rows) {
    for (Where& where : where_) where.orders = OrdersOf({}, AddressOrder::kAsGiven);
  }

  [[nodiscard]] std::size_t rows() const { return where_.size(); }

  /// For the next session, in the order to try them; none for a backend that was never published.
  /// `row` is below `rows()`.
  [[nodiscard]] std::shared_ptr<const Addresses> NextAddressesOf(std::uint16_t row) {
    const std::lock_guard lock(mutex_);
    Where& where = where_[row];
    return where.orders[where.turn++ % where.orders.size()];
  }
  void SetAddresses(std::uint16_t row, Addresses addresses, AddressOrder order) {
    std::vector<std::shared_ptr<const Addresses>> published = OrdersOf(std::move(addresses), order);
    const std::lock_guard lock(mutex_);
    where_[row].orders.swap(published);
  }

  /// Of the backend in this row, without the lock.
  [[nodiscard]] BackendRow& Row(std::uint16_t row) { return shared_[row]; }

  /// Null before one is published.
  [[nodiscard]] std::shared_ptr<const Cycle> cycle() const {
    const std::lock_guard lock(mutex_);
    return cycle_;
  }
  /// Where the loops are in it, and will be in the next one.
  [[nodiscard]] Turn& turn() { return turn_; }
  void SetCycle(std::vector<std::uint16_t> rows) {
    auto published = std::make_shared<const Cycle>(std::move(rows));
    const std::lock_guard lock(mutex_);
    if (cycle_ && cycle_->rows() == published->rows()) return;
    if (cycle_) cycle_->GiveWay(turn_);
    cycle_.swap(published);
  }

 private:
  /// Where a backend is.
  struct Where {
    std::vector<std::shared_ptr<const Addresses>> orders;  ///< One at least, used in turn.
    std::size_t turn = 0;
  };

  /// The families take turns from the first one on, each in its own order, so that an address that
  /// is silent has one of the other family next (RFC 8305 section 4).
  static Addresses Alternated(const Addresses& addresses) {
    Addresses first;
    Addresses others;
    for (const SocketAddress& address : addresses) {
      (address.family() == addresses.front().family() ? first : others).push_back(address);
    }
    Addresses alternated;
    for (std::size_t index = 0; index < std::max(first.size(), others.size()); ++index) {
      if (index < first.size()) alternated.push_back(first[index]);
      if (index < others.size()) alternated.push_back(others[index]);
    }
    return alternated;
  }

  /// Each order is a list of its own, so that a session need not know where it began. More of them
  /// than this would be more memory than a backend is worth.
  static constexpr std::size_t kMostOrders = 64;
  static std::vector<std::shared_ptr<const Addresses>> OrdersOf(Addresses addresses,
                                                                AddressOrder order) {
    const std::size_t wanted = order == AddressOrder::kInTurn ? addresses.size() : 1;
    std::vector<std::shared_ptr<const Addresses>> orders;
    for (std::size_t count = std::clamp<std::size_t>(wanted, 1, kMostOrders); count > 0; --count) {
      orders.push_back(std::make_shared<const Addresses>(
          order == AddressOrder::kInTurn ? Alternated(addresses) : addresses));
      if (count > 1) std::rotate(addresses.begin(), addresses.begin() + 1, addresses.end());
    }
    return orders;
  }

  mutable std::mutex mutex_;
  std::vector<Where> where_;
  std::shared_ptr<const Cycle> cycle_;
  Turn turn_;
  std::vector<BackendRow> shared_;
};

}  // namespace spliceway
