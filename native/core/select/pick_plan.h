#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace spliceway {

/// Where a client enters a cycle: all in which policies differ. The numbers are those of
/// src/engine/native/binding.ts.
enum class PickEntry : std::uint8_t {
  kTurn = 0,    ///< At the place whose turn it is.
  kLeast = 1,   ///< At the least loaded backend; see `LeastLoaded`.
  kRandom = 2,  ///< At the less loaded of two; see `BetterOfTwo`.
  kFirst = 3,   ///< At the first place.
  kHash = 4,    ///< At that of the client's address; see `HashOf`.
};

/// What of a client's address its hash is of: the leading bits, by family, and perhaps the port.
struct HashKey {
  std::uint8_t ipv4_prefix = 32;
  std::uint8_t ipv6_prefix = 128;
  bool with_port = false;

  bool operator==(const HashKey&) const = default;
};

/// Of a cycle.
inline constexpr std::size_t kMostPlaces = 1 << 20;

/// How the loops pick from a pool, as its owner says it.
struct PickPlan {
  PickEntry entry = PickEntry::kTurn;
  HashKey hash_key = {};
  /// Cycles of backend rows, as in `Cycle`, in the order in which a client goes round them: one at
  /// least. A row is in one of them alone.
  std::vector<std::vector<std::uint16_t>> tiers;
  /// Where no backend is up, those that are down are tried.
  bool tries_down = false;
};

}  // namespace spliceway
