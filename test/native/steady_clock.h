#pragma once

#include <cstdint>

namespace spliceway::testing {

/// While one lives, the clock that the core reads on this thread stands still when the thread is
/// not run: of the time between two looks at it, no more counts than was waited for, and two
/// milliseconds. So a machine that is busy with other things does not run off time-outs of a tenth
/// of a second, and what a test shows of them is the same on any machine.
class SteadyClock {
 public:
  SteadyClock();
  ~SteadyClock();
  SteadyClock(const SteadyClock&) = delete;
  SteadyClock& operator=(const SteadyClock&) = delete;
};

/// For wrapped.cc: the time to tell, in microseconds.
///
/// @param real_us what the real clock says
/// @param waited_us at most this has been waited for since the last call
std::uint64_t SteadyTime(std::uint64_t real_us, std::uint64_t waited_us = 0);

}  // namespace spliceway::testing
