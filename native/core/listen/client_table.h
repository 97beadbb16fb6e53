#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "select/listener_options.h"
#include "stats/counters.h"
#include "sys/socket_address.h"

namespace spliceway {

/// Counts the sessions of each client, over all listeners and loops of an engine; or those of each
/// client at each service.
///
/// A client is an IPv4 address, or the /64 that an IPv6 address is in: that is the least that a
/// network is given (RFC 6177), and every host in it may use as many addresses of it as it likes
/// (RFC 8981), so that counting those would limit nobody.
///
/// A hash table of a fixed size, with linear probing and without tombstones: clients who come and
/// go leave nothing behind, and a flood from any number of addresses takes no more memory than the
/// sessions that it gets. The hash is seeded, so nobody can choose addresses that collide. Pages
/// that no client ever needed cost nothing.
///
/// Where there are many sessions the table is in up to 64 parts, each with a lock of its own and
/// the clients of some hashes, so that loops seldom wait for each other.
class ClientTable {
 public:
  /// For sessions in slots below `sessions`.
  explicit ClientTable(std::size_t sessions);

  /// Counts the session in `slot` for the client at `address`. False, and nothing is counted, when
  /// that one has as many as it may, or its part is full: it has room for twice as many clients as
  /// fall to it. Who comes to services of different numbers is a client for each of them. Any
  /// thread.
  [[nodiscard]] bool Enter(std::uint32_t slot, const SocketAddress& address,
                           const ClientLimits& limits, std::uint32_t service = 0);
  /// The session in `slot` has ended; nothing happens where none was counted. The thread that the
  /// session belongs to.
  void Leave(std::uint32_t slot);

  [[nodiscard]] std::size_t parts() const { return parts_; }

 private:
  static constexpr std::size_t kMostParts = 64;

  struct Entry {
    std::uint64_t client;  // 0: nobody's
    std::uint32_t sessions;
  };
  /// In a cache line of its own.
  struct alignas(64) Part {
    std::mutex mutex;
    std::size_t clients = 0;  // with the lock
  };

  [[nodiscard]] std::uint64_t Hash(std::uint64_t client) const;
  /// The part that counts whoever has this hash.
  [[nodiscard]] Part& PartOf(std::uint64_t hash) { return parts_of_[hash & (parts_ - 1)]; }
  /// All entries of a part are beside each other.
  [[nodiscard]] std::size_t HomeOf(std::uint64_t hash) const {
    return (hash & (parts_ - 1)) * (mask_ + 1) + (hash / kMostParts & mask_);
  }
  [[nodiscard]] std::size_t Next(std::size_t at) const {
    return (at & ~mask_) | ((at + 1) & mask_);
  }
  /// Where the entry of the client with this hash is, or would be.
  [[nodiscard]] std::size_t Find(std::uint64_t client, std::uint64_t hash);
  void Remove(std::size_t at);

  std::size_t parts_;  // a power of two
  std::size_t mask_;   // of a place within a part
  std::uint64_t seed_;
  std::array<Part, kMostParts> parts_of_;
  CounterBlock<Entry> entries_;                 // with the lock of their part
  CounterBlock<std::uint64_t> client_of_slot_;  // the slot's holder's
};

}  // namespace spliceway
