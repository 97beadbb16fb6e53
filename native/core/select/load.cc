#include "select/load.h"

#include <array>
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

/// More than any.
constexpr Load kNoLoad{.sessions = std::uint64_t{1} << 40, .weight = 1};

std::uint32_t DrawPlace(const Cycle& cycle, Random& random) {
  return random.Below(static_cast<std::uint32_t>(cycle.size()));
}

/// Of what has the place, `more` sessions added.
Load LoadAt(const Cycle& cycle, std::uint32_t place, const BackendRow& row, std::uint32_t more) {
  return {.sessions = std::uint64_t{row.in_use()} + more,
          .weight = cycle.WeightOf(cycle.MemberAt(place))};
}

std::uint32_t LeastOfDrawn(const Cycle& cycle, const BackendTable& table, Random& random) {
  std::uint32_t found = 0;
  Load least = kNoLoad;
  for (std::uint32_t draw = 0; draw < kPlacesDrawn; ++draw) {
    const std::uint32_t place = DrawPlace(cycle, random);
    const BackendRow& row = table.Row(cycle.RowAt(place));
    if (!row.is_open()) continue;
    const Load load = LoadAt(cycle, place, row, 1);
    if (!(load < least)) continue;
    found = place;
    least = load;
  }
  return least.sessions == kNoLoad.sessions ? cycle.Next() : found;
}

}  // namespace

std::uint32_t LeastLoaded(const Cycle& cycle, const BackendTable& table, Random& random) {
  const std::span<const std::uint16_t> members = cycle.members();
  if (members.size() > kMostLookedAt) return LeastOfDrawn(cycle, table, random);
  const std::uint32_t from = cycle.Next();
  // A bit for each member that is as good as the best so far. Whether one is, nobody could
  // foretell: so it is no branch, which would cost more than all the rest.
  std::array<std::uint64_t, kMostLookedAt / 64> equals{};
  Load least = kNoLoad;
  const auto count = static_cast<std::uint16_t>(members.size());
  for (std::uint16_t member = 0; member < count; ++member) {
    const BackendRow& row = table.Row(members[member]);
    if (!row.is_open()) continue;
    const Load load{.sessions = std::uint64_t{row.in_use()} + 1, .weight = cycle.WeightOf(member)};
    if (load < least) {
      equals = {};
      least = load;
    }
    equals[member / 64] |= std::uint64_t{!(least < load)} << member % 64;
  }
  if (least.sessions == kNoLoad.sessions) return from;
  // As many steps as there are backends, on an average of picks: a weight says how often one is the
  // least loaded, and how soon it is met.
  std::uint32_t place = from;
  const auto is_equal = [&](std::uint16_t member) {
    return (equals[member / 64] >> member % 64 & 1) != 0;
  };
  while (!is_equal(cycle.MemberAt(place))) place = cycle.After(place, 1);
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
