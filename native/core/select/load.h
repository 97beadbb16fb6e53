#pragma once

#include <cstddef>
#include <cstdint>

#include "select/backend_table.h"
#include "select/cycle.h"
#include "select/random.h"

namespace spliceway {

/// Entries that go by how many sessions each backend has, those of all loops and pools included.
/// Of backends that could be entered now (`BackendRow::is_open`); another loop may fill one before
/// the session gets there, and then the walk goes on. The cycle must keep its weights.

/// Up to so many backends all are looked at: a look is some ten nanoseconds where other loops have
/// just written what is looked at.
inline constexpr std::size_t kMostLookedAt = 256;
/// Of more backends so many places are drawn at random.
inline constexpr std::uint32_t kPlacesDrawn = 8;

/// The place of the backend at which this client would be the least load: sessions with it, divided
/// by weight. Of equals, the one that comes first from the turn on. Of more than `kMostLookedAt`
/// backends, the best of `kPlacesDrawn`. Where none can be entered, the place whose turn it is.
std::uint32_t LeastLoaded(const Cycle& cycle, const BackendTable& table, Random& random);

/// For two backends, so many places are drawn at most: some may be of those that cannot be entered.
inline constexpr int kMostDraws = 16;

/// The place of the one that has fewer sessions, divided by weight, of two backends whose places
/// are drawn at random: "the power of two choices" (M. Mitzenmacher, 2001) evens loads out nearly
/// as well as a look at all. Where none can be entered, the place that was drawn last.
std::uint32_t BetterOfTwo(const Cycle& cycle, const BackendTable& table, Random& random);

}  // namespace spliceway
