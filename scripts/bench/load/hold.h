#pragma once

#include <netinet/in.h>

#include <cstddef>

namespace load {

/// Opens sessions, up to `wanted`, with one exchange on each, and stops early where a proxy takes
/// no more. Prints how many it holds, and after each line on standard input how many of them still
/// answer. Holds them until standard input ends.
int Hold(const sockaddr_in& address, size_t wanted);

}  // namespace load
