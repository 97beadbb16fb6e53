#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "sys/socket_address.h"

namespace spliceway {

/// A sample of the connections that an engine makes, by which it knows one that comes back to a
/// listener of its own: its backend is the engine itself, at an address that nobody knew to lead
/// here. Such a client goes round and round, so it is enough that one of its rounds is noted.
///
/// A small table, each place of which has one connection: the last one that was noted there.
class OwnConnections {
 public:
  /// `sessions`: at once, of the engine. One that goes round is to be known before it has all.
  explicit OwnConnections(std::size_t sessions);

  /// One of how many connections of a loop is to be noted. All of the next ones are once some came
  /// back.
  [[nodiscard]] std::uint32_t interval() const { return interval_.load(std::memory_order_relaxed); }
  /// Notes a connection on its way from `own` to `to`. To be called at once: another loop may
  /// accept it first, and then one of its later rounds is known. Any thread.
  void Note(const SocketAddress& own, const SocketAddress& to);
  /// Where the connection of a client that was accepted had been made to, if it was noted here and
  /// is that very one; nothing for anybody else's. It costs a client one look, and no lock. Any
  /// thread.
  std::optional<IpPort> CameBack(int client, const SocketAddress& peer);

 private:
  struct Place {
    std::atomic<std::uint64_t> fingerprint{0};  // of `from`; 0: nothing was noted
    // With the lock:
    IpPort from;
    IpPort to;
    std::uint64_t at_ms = 0;
  };

  static constexpr std::size_t kPlaces = 256;

  [[nodiscard]] std::uint64_t FingerprintOf(const IpPort& from) const;
  [[nodiscard]] Place& PlaceOf(std::uint64_t fingerprint) { return places_[fingerprint % kPlaces]; }

  std::uint64_t seed_;
  std::uint32_t few_;
  std::atomic<std::uint32_t> interval_;
  // Between what is read for each client and what is written: they share no cache line.
  std::array<Place, kPlaces> places_;
  std::mutex mutex_;
  std::uint32_t all_of_ = 0;  // the next ones; with the lock
};

}  // namespace spliceway
