#include "select/load.h"

#include <bitset>
#include <span>

namespace spliceway {
namespace {

struct Load {
  std::uint64_t sessions;
  std::uint64_t weight;
  bool operator<(const Load& other) const {
    return sessions * other.weight < other.sessions * weight;
  }
};

std::uint32_t DrawPlace(const Cycle& cycle, Random& random) {
  return random.Below(static_cast<std::uint32_t>(cycle.size()));
}

/// Of what has the place, `more` sessions added.
Load LoadAt(const Cycle& cycle, std::uint32_t place, const BackendRow& row, std::uint32_t more) {
  return {.sessions = std::uint64_t{row.in_use()} + more,
          .weight = cycle.WeightOf(cycle.MemberAt(place))};
}

std::uint32_t LeastOfDrawn(const Cycle& cycle, const BackendTable& table, Random& random) {
  bool has_found = false;
  std::uint32_t found = 0;
  Load least{};
  for (std::uint32_t draw = 0; draw < kPlacesDrawn; ++draw) {
    const std::uint32_t place = DrawPlace(cycle, random);
    const BackendRow& row = table.Row(cycle.RowAt(place));
    if (!row.is_open()) continue;
    const Load load = LoadAt(cycle, place, row, 1);
    if (has_found && !(load < least)) continue;
    has_found = true;
    found = place;
    least = load;
  }
  return has_found ? found : cycle.Next();
}

}  // namespace

std::uint32_t LeastLoaded(const Cycle& cycle, const BackendTable& table, Random& random) {
  const std::span<const std::uint16_t> members = cycle.members();
  if (members.size() > kMostLookedAt) return LeastOfDrawn(cycle, table, random);
  const std::uint32_t from = cycle.Next();
  std::bitset<kMostLookedAt> equals;
  Load least{};
  for (std::uint16_t member = 0; member < members.size(); ++member) {
    const BackendRow& row = table.Row(members[member]);
    if (!row.is_open()) continue;
    const Load load{.sessions = std::uint64_t{row.in_use()} + 1, .weight = cycle.WeightOf(member)};
    if (equals.any() && least < load) continue;
    if (load < least) equals.reset();
    least = load;
    equals.set(member);
  }
  if (equals.none()) return from;
  // As many steps as there are backends, on an average of picks: a weight says how often one is the
  // least loaded, and how soon it is met.
  std::uint32_t place = from;
  while (!equals[cycle.MemberAt(place)]) place = cycle.After(place, 1);
  return place;
}

std::uint32_t BetterOfTwo(const Cycle& cycle, const BackendTable& table, Random& random) {
  bool has_found = false;
  std::uint32_t found = 0;
  Load less{};
  std::uint32_t place = 0;
  for (int draw = 0; draw < kMostDraws; ++draw) {
    place = DrawPlace(cycle, random);
    const BackendRow& row = table.Row(cycle.RowAt(place));
    if (!row.is_open()) continue;
    const Load load = LoadAt(cycle, place, row, 0);
    if (has_found) return load < less ? place : found;
    has_found = true;
    found = place;
    less = load;
  }
  return has_found ? found : place;
}

}  // namespace spliceway
