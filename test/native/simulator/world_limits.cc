// A listener that has a limit of its own, at times, and its owner, who changes it.

#include <algorithm>
#include <cstdint>

#include "world.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint32_t kMostLimits = 10;
constexpr std::uint32_t kStepsBetween = 80;
constexpr std::uint32_t kMostSessions = 3;
constexpr std::uint32_t kService = 1;

}  // namespace

/// Their choices are drawn apart, as those of `SetUpListing`.
void World::SetUpServiceLimits() {
  std::uint64_t seed = 7 * scene_.pairs.size();
  for (const Pair& pair : scene_.pairs) {
    seed = seed * 31 + pair.backend_habits.bytes + pair.starts_at_us;
  }
  service_choices_ = Choices(seed);
  service_limits_left_ = 1 + service_choices_.Below(kMostLimits);
  LimitService();
}

/// Also where it has none: then nothing is counted from when the loops hear of it.
void World::LimitService() {
  if (service_limits_left_ == 0 || outcome_.steps < service_limit_at_step_) return;
  --service_limits_left_;
  ++scene_.stimuli;
  service_limit_at_step_ = outcome_.steps + service_choices_.Below(kStepsBetween);
  const std::uint32_t most =
      service_choices_.OneIn(4) ? 0 : 1 + service_choices_.Below(kMostSessions);
  kernel_.Trace("the listener may have %u sessions", most);
  ListenerOptions options{
      .pool = 0, .picks = scene_.picks, .timeouts = scene_.timeouts, .clients = scene_.clients};
  scene_.crew->LimitService(options, {.number = kService, .most = most});
  ServiceLimited& limited = scene_.service_limited;
  limited.row = options.service;
  limited.most = most;
  scene_.crew->table.SetListener(0, options);
  scene_.crew->Publish();
  limited.generation = scene_.crew->table.generation();
}

}  // namespace spliceway::simulator
