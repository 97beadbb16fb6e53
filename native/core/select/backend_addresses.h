#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "sys/socket_address.h"

namespace spliceway {

/// Which of a backend's addresses a session tries first. The others follow in their order.
enum class AddressOrder : std::uint8_t {
  kAsGiven,  ///< The first one.
  kInTurn,   ///< The next one after that of the session before, round and round.
};

/// Where a backend is: a list of its addresses for each order in which sessions try them, so that a
/// session need not know where it began. Immutable.
class BackendAddresses {
 public:
  BackendAddresses(Addresses addresses, AddressOrder order) {
    const std::size_t wanted = order == AddressOrder::kInTurn ? addresses.size() : 1;
    for (std::size_t count = std::clamp<std::size_t>(wanted, 1, kMostOrders); count > 0; --count) {
      orders_.push_back(order == AddressOrder::kInTurn ? Alternated(addresses) : addresses);
      if (count > 1) std::rotate(addresses.begin(), addresses.begin() + 1, addresses.end());
    }
  }

  /// Lists: one at least, to be used in turn.
  [[nodiscard]] std::size_t size() const { return orders_.size(); }
  [[nodiscard]] const Addresses& operator[](std::size_t order) const { return orders_[order]; }
  /// Whether these are the same ones, in whatever order.
  [[nodiscard]] bool AreThoseOf(const Addresses& others) const {
    const Addresses& own = orders_.front();
    return std::is_permutation(own.begin(), own.end(), others.begin(), others.end());
  }

 private:
  /// More would be more memory than a backend is worth.
  static constexpr std::size_t kMostOrders = 64;

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

  std::vector<Addresses> orders_;
};

}  // namespace spliceway
