#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "stats/counters.h"
#include "sys/socket_address.h"

namespace spliceway {

/// Sessions that one client may have at once; 0 is any number. Unix clients have no limit.
struct ClientLimits {
  std::uint32_t remote = 0;
  std::uint32_t loopback = 0;  ///< For 127.0.0.0/8 and ::1.
};

/// Counts the sessions of each client, over all listeners and loops of an engine.
///
/// A client is an IPv4 address, or the /64 that an IPv6 address is in: that is the least that a
/// network is given (RFC 6177), and every host in it may use as many addresses of it as it likes
/// (RFC 8981), so that counting those would limit nobody.
///
/// A hash table of a fixed size, with linear probing and without tombstones: clients who come and
/// go leave nothing behind, and a flood from any number of addresses takes no more memory than the
/// sessions that it gets. The hash is seeded, so nobody can choose addresses that collide. Pages
/// that no client ever needed cost nothing.
class ClientTable {
 public:
  /// For sessions in slots below `sessions`.
  explicit ClientTable(std::size_t sessions);

  /// Counts the session in `slot` for the client at `address`. False, and nothing is counted, when
  /// that one has as many as it may. Any thread.
  [[nodiscard]] bool Enter(std::uint32_t slot, const SocketAddress& address,
                           const ClientLimits& limits);
  /// The session in `slot` has ended; nothing happens where none was counted. The thread that the
  /// session belongs to.
  void Leave(std::uint32_t slot);

 private:
  struct Entry {
    std::uint64_t client;  // 0: nobody's
    std::uint32_t sessions;
  };

  [[nodiscard]] std::size_t HomeOf(std::uint64_t client) const;
  [[nodiscard]] std::size_t Next(std::size_t at) const { return (at + 1) & mask_; }
  /// Where the client's entry is, or would be.
  [[nodiscard]] std::size_t Find(std::uint64_t client);
  void Remove(std::size_t at);

  std::size_t mask_;
  std::uint64_t seed_;
  std::mutex mutex_;
  CounterBlock<Entry> entries_;                 // with the lock
  CounterBlock<std::uint64_t> client_of_slot_;  // the slot's holder's
};

}  // namespace spliceway
