#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "sys/socket_address.h"

namespace spliceway {

/// Addresses of this machine, of which every connection to a backend comes from one. Immutable.
class Sources {
 public:
  /// More is more than a backend has bits for, of those that have no port left.
  static constexpr std::size_t kMost = 64;

  /// IP addresses, without a port. Those beyond `kMost` of a family are not used.
  explicit Sources(const Addresses& addresses) {
    for (const SocketAddress& address : addresses) {
      Addresses& of_family = address.family() == AF_INET6 ? v6_ : v4_;
      if (of_family.size() < kMost) of_family.push_back(address);
    }
  }

  /// For a connection to an address of that family; empty where the kernel is to pick one.
  [[nodiscard]] const Addresses& Of(int family) const {
    return family == AF_INET ? v4_ : family == AF_INET6 ? v6_ : kNone;
  }
  bool operator==(const Sources& other) const = default;

 private:
  static inline const Addresses kNone;

  Addresses v4_;
  Addresses v6_;
};

/// Whose turn it is among the source addresses of one backend, and which have no port left. Any
/// thread. All zeros at first, as in a `CounterBlock`.
class alignas(64) SourceTurns {
 public:
  /// Of `count` addresses, `Sources::kMost` at most: the next one in turn that has not been without
  /// a port lately; nothing where all have.
  [[nodiscard]] std::optional<std::uint32_t> Next(std::uint32_t count, std::uint64_t now_ms) {
    const std::uint64_t lacking = now_ms < until_ms_.load(std::memory_order_relaxed)
                                      ? lacking_.load(std::memory_order_relaxed)
                                      : 0;
    const std::uint32_t first = turn_.fetch_add(1, std::memory_order_relaxed);
    for (std::uint32_t index = 0; index < count; ++index) {
      const std::uint32_t source = (first + index) % count;
      if ((lacking >> source & 1U) == 0) return source;
    }
    return std::nullopt;
  }
  /// The kernel has looked for a port of that one, and found none. Believed for `for_ms` after the
  /// first of several: two that are noted at once may both count as the first, and one be asked
  /// again.
  void NoteNoPort(std::uint32_t source, std::uint64_t now_ms, std::uint64_t for_ms) {
    if (now_ms >= until_ms_.load(std::memory_order_relaxed)) {
      lacking_.store(0, std::memory_order_relaxed);
      until_ms_.store(now_ms + for_ms, std::memory_order_relaxed);
    }
    lacking_.fetch_or(std::uint64_t{1} << source, std::memory_order_relaxed);
  }
  /// As at first, for the next backend.
  void Reset() {
    turn_.store(0, std::memory_order_relaxed);
    until_ms_.store(0, std::memory_order_relaxed);
    lacking_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> turn_{0};
  std::atomic<std::uint64_t> until_ms_{0};
  std::atomic<std::uint64_t> lacking_{0};  // a bit for each
};

}  // namespace spliceway
