#include "steady_clock.h"

#include <algorithm>

namespace spliceway::testing {
namespace {

/// What the code between two looks at the clock takes, on a slow machine.
constexpr std::uint64_t kLongestStepUs = 2000;

struct State {
  int scopes = 0;
  std::uint64_t last_us = 0;
  std::uint64_t lost_us = 0;
};
thread_local State state;

}  // namespace

SteadyClock::SteadyClock() {
  // The first look begins a new count: what was lost before stays lost, so that time never goes
  // back.
  if (state.scopes++ == 0) state.last_us = 0;
}

SteadyClock::~SteadyClock() { --state.scopes; }

std::uint64_t SteadyTime(std::uint64_t real_us, std::uint64_t waited_us) {
  if (state.scopes > 0) {
    const std::uint64_t passed = state.last_us == 0 ? 0 : real_us - state.last_us;
    state.lost_us += passed - std::min(passed, waited_us + kLongestStepUs);
    state.last_us = real_us;
  }
  return real_us - state.lost_us;
}

}  // namespace spliceway::testing
