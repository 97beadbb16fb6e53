// Sessions that have lived for too long: none ends before its time, or without a rest before its
// grace is over; and each that is due ends in time.

#include <algorithm>

#include "evidence.h"
#include "oracle.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint64_t kRestUs = 1'000'000;

std::uint64_t GraceUs(const Scene& scene) {
  return std::max<std::uint64_t>(Us(scene.timeouts.max_age_ms) / 10, 10'000'000);
}

/// No session is due before the one, and each is after the other.
std::uint64_t EarliestDueUs(const Scene& scene, const Pair& pair) {
  const std::uint64_t age_us = Us(scene.timeouts.max_age_ms);
  return Near(*pair.backend).open_us + age_us - age_us / 10;
}

std::uint64_t LatestDueUs(const Scene& scene, const Pair& pair) {
  const std::uint64_t age_us = Us(scene.timeouts.max_age_ms);
  return Near(*pair.backend).open_us + age_us + age_us / 10;
}

/// What the two may have said in one turn is in doubt: it is neither of the two.
enum class LastWord : std::uint8_t { kClient, kBackendOrNone, kInDoubt };

LastWord LastWordOf(const Scene& scene, const Pair& pair) {
  const Socket& to_backend = Near(*pair.backend);
  const Socket& to_client = Near(*pair.client);
  if (to_backend.written == 0) return LastWord::kBackendOrNone;
  if (to_client.written == 0) return LastWord::kClient;
  const std::uint64_t doubt_us = scene.longest_turn_us;
  if (to_backend.moved_us > to_client.moved_us + doubt_us) return LastWord::kClient;
  if (to_client.moved_us > to_backend.moved_us + doubt_us) return LastWord::kBackendOrNone;
  return LastWord::kInDoubt;
}

bool HoldsBytes(const Pair& pair) {
  return Held(*pair.client, *pair.backend) > 0 || Held(*pair.backend, *pair.client) > 0;
}

}  // namespace

/// While the loops sleep until then.
void Oracle::CheckThatItIsNotTooOld(const Pair& pair, std::uint64_t until_us) {
  if (scene_.timeouts.max_age_ms == 0 || ResetCame(pair) || UnixPeerLeft(pair)) return;
  const std::uint64_t due_us = LatestDueUs(scene_, pair);
  if (until_us > due_us + GraceUs(scene_) + Delay()) {
    kernel_.Fail("a session lives on beyond its age and its grace");
  }
  const bool rests = LastWordOf(scene_, pair) == LastWord::kBackendOrNone && !HoldsBytes(pair) &&
                     !EndsOf(pair).any() && !kernel_.shortage_was_met();
  // It is looked at each second, and may have begun to rest just after that.
  if (rests && until_us > std::max(due_us, LastMoved(pair)) + 2 * kRestUs + Delay()) {
    kernel_.Fail("a session is due and rests, and lives on");
  }
}

/// It ended so late that its age may have ended it.
bool Oracle::MayBeOfAge(const Pair& pair) const {
  if (scene_.timeouts.max_age_ms == 0) return false;
  const std::uint64_t by_us = Near(*pair.client).closed_us + Hurry(scene_);
  const std::uint64_t due_us = EarliestDueUs(scene_, pair);
  if (by_us < due_us) return false;
  if (by_us >= due_us + GraceUs(scene_)) return true;
  return by_us >= LastMoved(pair) + kRestUs && !HoldsBytes(pair) &&
         LastWordOf(scene_, pair) != LastWord::kClient;
}

/// Bytes were moving still when its age ended it.
bool Oracle::WasCut(const Pair& pair) const {
  return MayBeOfAge(pair) && Near(*pair.client).closed_us < LastMoved(pair) + kRestUs + Delay();
}

/// It is said to have ended for its age.
void Oracle::CheckAge(const Pair& pair) {
  if (!MayBeOfAge(pair)) return kernel_.Fail("a session was ended for its age before its time");
  const std::uint64_t latest_us = LatestDueUs(scene_, pair) + GraceUs(scene_);
  if (Near(*pair.client).closed_us > latest_us + Delay()) {
    kernel_.Fail("a session was ended for its age long after its time");
  }
  if (!WasCut(pair)) CheckThatNothingWaited(pair);
}

/// Somebody has asked for its backend to have fewer sessions, and it had rested for so long.
bool Oracle::MayBeRebalanced(const Pair& pair) const {
  const Socket& near = Near(*pair.client);
  return std::any_of(scene_.ended.begin(), scene_.ended.end(), [&](const Ended& ended) {
    return ended.asked.quota && RowOf(Near(*pair.backend).port) == ended.asked.backend &&
           near.closed_us >= ended.began_us && near.closed_us <= ended.over_us &&
           near.closed_us + Hurry(scene_) >= LastMoved(pair) + Us(ended.asked.rest_ms) &&
           !HoldsBytes(pair) && LastWordOf(scene_, pair) != LastWord::kClient;
  });
}

/// It is said to have ended so that its client comes back elsewhere.
void Oracle::CheckRebalanced(const Pair& pair) {
  if (!MayBeRebalanced(pair)) {
    return kernel_.Fail("a session was ended to rebalance that did not rest, or unasked");
  }
  CheckThatNothingWaited(pair);
  std::uint64_t most = 0;
  std::uint64_t count = 0;
  for (const Ended& ended : scene_.ended) most += ended.asked.quota ? kMostRebalanced : 0;
  for (const Pair& other : scene_.pairs) {
    if (other.reason && *other.reason == CloseReason::kRebalanced) ++count;
  }
  if (count > most) kernel_.Fail("more sessions were ended to rebalance than were to be");
}

}  // namespace spliceway::simulator
