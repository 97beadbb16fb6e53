#pragma once

#include <netinet/in.h>

#include <chrono>

namespace load {

struct Pace {
  double seconds;
  std::chrono::milliseconds interval;
  /// A session that takes longer than this, from connect to answer, is late.
  std::chrono::milliseconds late;
};

/// Opens one session after each interval, whatever has become of those before, with one exchange on
/// each. Prints how many were opened, refused and late, and how long the slowest took.
int RunPace(const sockaddr_in& address, const Pace& pace);

}  // namespace load
